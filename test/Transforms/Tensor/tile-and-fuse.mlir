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

// CHECK-LABEL: func.func @leaves_attention(
//   CHECK-NOT:   scf.forall
//       CHECK:   mla.online_attention {{.+}}{peermla.schedule = #tile.schedule<block = [64, 1]>}
func.func @leaves_attention(%q: tensor<?x3x12xf32>, %k: tensor<?x12xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [64, 1]>}
      ins(%q, %k : tensor<?x3x12xf32>, tensor<?x12xf32>) ragged(%cu : tensor<?xi32>)
      outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// CHECK-LABEL: func.func private @declaration()
func.func private @declaration()
