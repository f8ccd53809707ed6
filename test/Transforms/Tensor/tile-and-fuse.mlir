// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-tile-and-fuse),resolve-shaped-type-result-dims,canonicalize)' | FileCheck %s

// Ops with a schedule become one loop; their producers without one are computed
// inside it, tile by tile, and not outside.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// CHECK-LABEL: func.func @fuses_producers(
//  CHECK-SAME:   %[[A:.+]]: tensor<?x7xf32>, %[[B:.+]]: tensor<7x10xf32>, %[[E:.+]]: tensor<?x10xf32>
//   CHECK-NOT:   linalg
//       CHECK:   scf.forall (%[[I:.+]], %[[J:.+]]) = (0, 0) to (%{{.+}}, 10) step (6, 5) shared_outs(%[[O:.+]] = %[[E]])
//       CHECK:     %[[ROWS:.+]] = tensor.extract_slice %[[A]][%[[I]], 0] [%{{.+}}, 7]
//       CHECK:     %[[COLUMNS:.+]] = tensor.extract_slice %[[B]][0, %[[J]]] [7, 5]
//       CHECK:     %[[ZERO:.+]] = linalg.fill
//       CHECK:     %[[P:.+]] = linalg.matmul ins(%[[ROWS]], %[[COLUMNS]] : {{.+}}) outs(%[[ZERO]] :
//       CHECK:     linalg.exp {peermla.id = "proj"} ins(%[[P]] :
//       CHECK:   } {peermla.id = "proj"}
//   CHECK-NOT:   linalg
//       CHECK:   return
func.func @fuses_producers(%a: tensor<?x7xf32>, %b: tensor<7x10xf32>, %e: tensor<?x10xf32>) -> tensor<?x10xf32> {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x10xf32>) -> tensor<?x10xf32>
  %p = linalg.matmul ins(%a, %b : tensor<?x7xf32>, tensor<7x10xf32>) outs(%z : tensor<?x10xf32>) -> tensor<?x10xf32>
  %y = linalg.exp {peermla.id = "proj", peermla.schedule = #tile.schedule<block = [6, 5]>} ins(%p : tensor<?x10xf32>) outs(%e : tensor<?x10xf32>) -> tensor<?x10xf32>
  return %y : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @keeps_scheduled_producers_apart(
//       CHECK:   %[[A:.+]] = scf.forall
//       CHECK:     linalg.exp
//       CHECK:   scf.forall
//       CHECK:     tensor.extract_slice %[[A]]
//       CHECK:     linalg.sqrt
func.func @keeps_scheduled_producers_apart(%x: tensor<?x5xf32>, %e: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %a = linalg.exp {peermla.schedule = #tile.schedule<block = [2, 0]>} ins(%x : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) -> tensor<?x5xf32>
  %b = linalg.sqrt {peermla.schedule = #tile.schedule<block = [3, 0]>} ins(%a : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) -> tensor<?x5xf32>
  return %b : tensor<?x5xf32>
}

// The lowering of the tile reads what is left of the schedule.

// CHECK-LABEL: func.func @rest_of_schedule_stays(
//       CHECK:   scf.forall
//       CHECK:     linalg.matmul {peermla.schedule = #tile.schedule<inner = [4], registers = [3, 8]>}
func.func @rest_of_schedule_stays(%a: tensor<?x7xf32>, %b: tensor<7x10xf32>, %e: tensor<?x10xf32>) -> tensor<?x10xf32> {
  %p = linalg.matmul {peermla.schedule = #tile.schedule<block = [6, 0, 0], inner = [4], registers = [3, 8]>}
      ins(%a, %b : tensor<?x7xf32>, tensor<7x10xf32>) outs(%e : tensor<?x10xf32>) -> tensor<?x10xf32>
  return %p : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @zero_blocks_are_no_loop(
//   CHECK-NOT:   scf.forall
//       CHECK:   linalg.exp
func.func @zero_blocks_are_no_loop(%x: tensor<?x5xf32>, %e: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %a = linalg.exp {peermla.schedule = #tile.schedule<block = [0, 0]>} ins(%x : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) -> tensor<?x5xf32>
  return %a : tensor<?x5xf32>
}

// Both sides of a choice between kernels are cut.

// CHECK-LABEL: func.func @both_sides_of_a_choice(
//       CHECK:   scf.if
//       CHECK:     scf.forall {{.+}} step (2)
//       CHECK:       linalg.exp
//       CHECK:   } else {
//       CHECK:     scf.forall {{.+}} step (3)
//       CHECK:       linalg.fill
//       CHECK:       linalg.exp
func.func @both_sides_of_a_choice(%few: i1, %x: tensor<?x5xf32>, %e: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %y = scf.if %few -> tensor<?x5xf32> {
    %a = linalg.exp {peermla.schedule = #tile.schedule<block = [2, 0]>} ins(%x : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) -> tensor<?x5xf32>
    scf.yield %a : tensor<?x5xf32>
  } else {
    %zero = arith.constant 0.0 : f32
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x5xf32>) -> tensor<?x5xf32>
    %a = linalg.exp {peermla.schedule = #tile.schedule<block = [3, 0]>} ins(%z : tensor<?x5xf32>) outs(%e : tensor<?x5xf32>) -> tensor<?x5xf32>
    scf.yield %a : tensor<?x5xf32>
  }
  return %y : tensor<?x5xf32>
}

// Tokens of attention belong to sequences, which only its lowering knows.

// Attention is cut by a table of runs of tokens that belong to one sequence, and
// its tile says which one it is and where it begins; the last group of heads is
// smaller. The tile keeps the schedule.

// CHECK-LABEL: func.func @attention_by_sequence(
//  CHECK-SAME:   %[[Q:.+]]: tensor<?x3x12xf32>, %[[K:.+]]: tensor<?x12xf32>, %[[CU:.+]]: tensor<?xi32>, %[[I:.+]]: tensor<?x3x6xf32>
//       CHECK:   %[[ITEMS:.+]] = mla.work_items tokens(4 of %{{.+}}) ins(%[[CU]] : tensor<?xi32>) outs(%{{.+}} : tensor<?x3xi32>)
//       CHECK:   scf.forall (%[[N:.+]], %[[H:.+]]) = (0, 0) to (%{{.+}}, 3) step (1, 2) shared_outs(%[[OUT:.+]] = %[[I]])
//       CHECK:     %[[S32:.+]] = tensor.extract %[[ITEMS]][%[[N]], %c0
//       CHECK:     %[[S:.+]] = arith.index_cast %[[S32]]
//       CHECK:     %[[F32:.+]] = tensor.extract %[[ITEMS]][%[[N]], %c1
//       CHECK:     %[[F:.+]] = arith.index_cast %[[F32]]
//       CHECK:     %[[C32:.+]] = tensor.extract %[[ITEMS]][%[[N]], %c2
//       CHECK:     %[[C:.+]] = arith.minsi
//       CHECK:     %[[G:.+]] = affine.min #{{.+}}(%[[H]])
//       CHECK:     %[[QT:.+]] = tensor.extract_slice %[[Q]][%[[F]], %[[H]], 0] [%[[C]], %[[G]], 12]
//       CHECK:     %[[OT:.+]] = tensor.extract_slice %[[OUT]][%[[F]], %[[H]], 0] [%[[C]], %[[G]], 6]
//       CHECK:     %[[T:.+]] = mla.online_attention scale({{.+}}) {peermla.schedule = #tile.schedule<block = [4, 2], inner = [32]>} ins(%[[QT]], %[[K]] : {{.+}}) ragged(%[[CU]] : {{.+}}) item(%[[S]], %[[F]]) outs(%[[OT]] :
//       CHECK:     tensor.parallel_insert_slice %[[T]] into %[[OUT]][%[[F]], %[[H]], 0] [%[[C]], %[[G]], 6]
func.func @attention_by_sequence(%q: tensor<?x3x12xf32>, %k: tensor<?x12xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [4, 2], inner = [32]>}
      ins(%q, %k : tensor<?x3x12xf32>, tensor<?x12xf32>) ragged(%cu : tensor<?xi32>)
      outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// Parts of keys are a loop too, the innermost one; ops in branches are cut there.

// CHECK-LABEL: func.func @parts_in_a_branch(
//       CHECK:   scf.if
//       CHECK:     scf.forall (%[[N:.+]], %[[PART:.+]]) in (%{{.+}}, 8)
//       CHECK:       %[[OT:.+]] = tensor.extract_slice %{{.+}}[%[[PART]], %[[F:.+]], 0, 0] [1, %{{.+}}, 3, 6]
//       CHECK:       mla.online_attention {{.+}} parts(8 by 32) {{.+}} item(%{{.+}}, %[[F]], %[[PART]])
func.func @parts_in_a_branch(%c: i1, %q: tensor<?x3x12xf32>, %k: tensor<?x12xf32>, %cu: tensor<?xi32>, %i: tensor<8x?x3x6xf32>, %l: tensor<8x?x3xf32>) -> (tensor<8x?x3x6xf32>, tensor<8x?x3xf32>) {
  %o:2 = scf.if %c -> (tensor<8x?x3x6xf32>, tensor<8x?x3xf32>) {
    %p:2 = mla.online_attention scale(0.25) parts(8 by 32) {peermla.schedule = #tile.schedule<block = [1, 4, 3], inner = [32]>}
        ins(%q, %k : tensor<?x3x12xf32>, tensor<?x12xf32>) ragged(%cu : tensor<?xi32>)
        outs(%i, %l : tensor<8x?x3x6xf32>, tensor<8x?x3xf32>) -> tensor<8x?x3x6xf32>, tensor<8x?x3xf32>
    scf.yield %p#0, %p#1 : tensor<8x?x3x6xf32>, tensor<8x?x3xf32>
  } else {
    scf.yield %i, %l : tensor<8x?x3x6xf32>, tensor<8x?x3xf32>
  }
  return %o#0, %o#1 : tensor<8x?x3x6xf32>, tensor<8x?x3xf32>
}

// A join of partial results has the loop over runs if attention without a schedule
// computes them: one kernel, with all parts in a tile.

// CHECK-LABEL: func.func @parts_where_they_are_joined(
//       CHECK:   mla.work_items tokens(4 of
//       CHECK:   scf.forall (%{{.+}}, %[[H:.+]]) = (0, 0) to (%{{.+}}, 3) step (1, 2)
//       CHECK:     %[[P:.+]]:2 = mla.online_attention scale({{.+}}) parts(8 by 32) {peermla.schedule = #tile.schedule<block = [4, 2], inner = [32]>}
//  CHECK-SAME:       item(%{{.+}}, %{{.+}}, %c0{{.*}}) outs({{.+}} : tensor<8x?x?x6xf32>, tensor<8x?x?xf32>)
//       CHECK:     mla.merge ins(%[[P]]#0, %{{.+}} : tensor<8x?x?x6xf32>, tensor<8x?x?xf32>)
//   CHECK-NOT:   scf.forall (
//       CHECK:   return
func.func @parts_where_they_are_joined(%T: index, %q: tensor<?x3x12xf32>, %k: tensor<?x12xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %oi = tensor.empty(%T) : tensor<8x?x3x6xf32>
  %li = tensor.empty(%T) : tensor<8x?x3xf32>
  %p:2 = mla.online_attention scale(0.25) parts(8 by 32)
      ins(%q, %k : tensor<?x3x12xf32>, tensor<?x12xf32>) ragged(%cu : tensor<?xi32>)
      outs(%oi, %li : tensor<8x?x3x6xf32>, tensor<8x?x3xf32>) -> tensor<8x?x3x6xf32>, tensor<8x?x3xf32>
  %o = mla.merge {peermla.schedule = #tile.schedule<block = [4, 2], inner = [32]>}
      ins(%p#0, %p#1 : tensor<8x?x3x6xf32>, tensor<8x?x3xf32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// Rotated rows are computed where they are written to the cache, which is updated
// as a whole.

// CHECK-LABEL: func.func @rotation_of_appended_rows(
//  CHECK-SAME:   %[[X:.+]]: tensor<?x20xf32>, {{.+}}, %[[CACHE:.+]]: tensor<?x?x20xf32>
//       CHECK:   scf.forall (%[[FIRST:.+]]) = (0) to (%{{.+}}) step (8) shared_outs(%[[OUT:.+]] = %[[CACHE]])
//       CHECK:     %[[Y:.+]] = mla.rope
//       CHECK:     %[[WHOLE:.+]] = tensor.extract_slice %[[OUT]][0, 0, 0]
//       CHECK:     %[[NEW:.+]] = mla.cache_append ins(%[[Y]], {{.+}}) first(%[[FIRST]]) outs(%[[WHOLE]] :
//       CHECK:     tensor.parallel_insert_slice %[[NEW]] into %[[OUT]][0, 0, 0]
func.func @rotation_of_appended_rows(%x: tensor<?x20xf32>, %t: tensor<?x4xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %y: tensor<?x20xf32>, %cache: tensor<?x?x20xf32>) -> tensor<?x?x20xf32> {
  %r = mla.rope ins(%x, %t : tensor<?x20xf32>, tensor<?x4xf32>) outs(%y : tensor<?x20xf32>) -> tensor<?x20xf32>
  %n = mla.cache_append {peermla.schedule = #tile.schedule<block = [8]>}
      ins(%r, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return %n : tensor<?x?x20xf32>
}

// Columns of these rows that ops without a schedule compute are computed there, too;
// what has a schedule is a kernel of its own.

// CHECK-LABEL: func.func @columns_of_appended_rows(
//       CHECK:   %[[LAST:.+]] = scf.forall
//       CHECK:     linalg.sqrt
//       CHECK:   scf.forall (%[[FIRST:.+]]) = (0) to (%{{.+}}) step (8)
//       CHECK:     %[[A:.+]] = linalg.exp
//       CHECK:     %[[ROWS:.+]] = tensor.insert_slice %[[A]] into %{{.+}}[0, 0] [%[[N:.+]], 16] [1, 1] : tensor<?x16xf32> into tensor<?x22xf32>
//       CHECK:     %[[C:.+]] = tensor.extract_slice %[[LAST]]
//       CHECK:     %[[MORE:.+]] = tensor.insert_slice %[[C]] into %[[ROWS]][0, 20] [%[[N]], 2] [1, 1]
//       CHECK:     %[[B:.+]] = linalg.floor
//       CHECK:     %[[MOST:.+]] = tensor.insert_slice %[[B]] into %[[MORE]][0, 16] [%[[N]], 4] [1, 1]
//       CHECK:     mla.rope ins(%[[MOST]],
func.func @columns_of_appended_rows(%T: index, %x: tensor<?x16xf32>, %z: tensor<?x4xf32>, %w: tensor<?x2xf32>, %t: tensor<?x4xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %cache: tensor<?x?x22xf32>) -> tensor<?x?x22xf32> {
  %a = linalg.exp ins(%x : tensor<?x16xf32>) outs(%x : tensor<?x16xf32>) -> tensor<?x16xf32>
  %b = linalg.floor ins(%z : tensor<?x4xf32>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
  %c = linalg.sqrt {peermla.schedule = #tile.schedule<block = [8, 0]>} ins(%w : tensor<?x2xf32>) outs(%w : tensor<?x2xf32>) -> tensor<?x2xf32>
  %e = tensor.empty(%T) : tensor<?x22xf32>
  %with_a = tensor.insert_slice %a into %e[0, 0] [%T, 16] [1, 1] : tensor<?x16xf32> into tensor<?x22xf32>
  %with_c = tensor.insert_slice %c into %with_a[0, 20] [%T, 2] [1, 1] : tensor<?x2xf32> into tensor<?x22xf32>
  %rows = tensor.insert_slice %b into %with_c[0, 16] [%T, 4] [1, 1] : tensor<?x4xf32> into tensor<?x22xf32>
  %r = mla.rope ins(%rows, %t : tensor<?x22xf32>, tensor<?x4xf32>) outs(%e : tensor<?x22xf32>) -> tensor<?x22xf32>
  %n = mla.cache_append {peermla.schedule = #tile.schedule<block = [8]>}
      ins(%r, %cu, %past, %blocks : tensor<?x22xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x?x22xf32>) -> tensor<?x?x22xf32>
  return %n : tensor<?x?x22xf32>
}

// CHECK-LABEL: func.func private @declaration()
func.func private @declaration()
