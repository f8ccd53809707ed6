// RUN: peermla-opt %s -split-input-file -pass-pipeline="builtin.module(func.func(peermla-lower-contractions,canonicalize,cse))" | FileCheck %s

// Sums stay in registers: they are carried by the loop over terms, and that loop
// touches memory only to read operands. They begin with zero and meet the
// accumulator when they are complete.

module attributes {peermla.level = "x86-64-v3"} {
  // CHECK-LABEL: func.func @six_rows_of_two_vectors(
  //  CHECK-SAME:   %[[A:[a-z0-9]+]]: memref<12x64xf32>, %[[B:[a-z0-9]+]]: memref<64x16xf32>, %[[C:[a-z0-9]+]]: memref<12x16xf32>
  //   CHECK-NOT:   alloc
  //       CHECK:   scf.for %[[ROW:.+]] = %{{.+}} to %c12 step %c6
  //   CHECK-NOT:     vector.load %[[C]]
  //       CHECK:     %[[SUMS:.+]]:12 = scf.for %[[K:.+]] = %{{.+}} to %c64 step %c1 iter_args({{(%.+ = %cst[_0-9]*, ){11}%.+ = %cst[_0-9]*}}) -> (
  // CHECK-COUNT-2:     vector.load %[[B]][%[[K]], %{{.+}}] : memref<64x16xf32>, vector<8xf32>
  //       CHECK:       memref.load %[[A]][%[[ROW]], %[[K]]]
  // CHECK-COUNT-12:    vector.fma
  //   CHECK-NOT:       vector.store
  //       CHECK:       scf.yield
  //       CHECK:     %[[HELD:.+]] = vector.load %[[C]][%[[ROW]], %{{.+}}] : memref<12x16xf32>, vector<8xf32>
  //       CHECK:     %[[TOTAL:.+]] = arith.addf %[[HELD]], %[[SUMS]]#0
  //       CHECK:     vector.store %[[TOTAL]], %[[C]][%[[ROW]], %{{.+}}]
  // CHECK-COUNT-11:  vector.store %{{.+}}, %[[C]]
  //   CHECK-NOT:   linalg
  func.func @six_rows_of_two_vectors(%a: memref<12x64xf32>, %b: memref<64x16xf32>, %c: memref<12x16xf32>) {
    linalg.matmul ins(%a, %b : memref<12x64xf32>, memref<64x16xf32>) outs(%c : memref<12x16xf32>)
    return
  }

  // What static extents leave over is one smaller tile: 1 row, 8 + 4 + 1 columns.
  // CHECK-LABEL: func.func @rest_of_static_extents(
  //       CHECK:   scf.for {{.+}} to %c64
  //       CHECK:     vector.fma {{.+}} : vector<8xf32>
  //       CHECK:     vector.fma {{.+}} : vector<4xf32>
  //       CHECK:     vector.fma {{.+}} : vector<1xf32>
  //  CHECK-NEXT:     scf.yield
  func.func @rest_of_static_extents(%a: memref<1x64xf32>, %b: memref<64x13xf32>, %c: memref<1x13xf32>) {
    linalg.matmul ins(%a, %b : memref<1x64xf32>, memref<64x13xf32>) outs(%c : memref<1x13xf32>)
    return
  }

  // Dynamic extents: panels, then single vectors, then columns; each with
  // descending numbers of rows.
  // CHECK-LABEL: func.func @dynamic_extents(
  //       CHECK:   scf.for {{.+}} step %c16
  //       CHECK:     scf.for {{.+}} step %c6
  //       CHECK:     scf.for {{.+}} step %c4
  //       CHECK:     scf.for {{.+}} step %c2
  //       CHECK:     scf.for {{.+}} step %c1
  //       CHECK:   scf.for {{.+}} step %c8
  //       CHECK:     scf.for {{.+}} step %c12
  //       CHECK:   scf.for {{.+}} step %c1
  //       CHECK:     scf.for {{.+}} step %c12
  //       CHECK:       vector.fma {{.+}} : vector<1xf32>
  func.func @dynamic_extents(%a: memref<?x64xf32>, %b: memref<64x?xf32>, %c: memref<?x?xf32>) {
    linalg.matmul ins(%a, %b : memref<?x64xf32>, memref<64x?xf32>) outs(%c : memref<?x?xf32>)
    return
  }

  // CHECK-LABEL: func.func @fill_is_folded(
  //  CHECK-SAME:   %[[C:[a-z0-9]+]]: memref<1x8xf32>)
  //   CHECK-NOT:   linalg.fill
  //       CHECK:   %[[SUM:.+]] = scf.for
  //   CHECK-NOT:   vector.load %[[C]]
  //       CHECK:   vector.store %[[SUM]], %[[C]]
  func.func @fill_is_folded(%a: memref<1x64xf32>, %b: memref<64x8xf32>, %c: memref<1x8xf32>) {
    %zero = arith.constant 0.0 : f32
    linalg.fill ins(%zero : f32) outs(%c : memref<1x8xf32>)
    linalg.matmul ins(%a, %b : memref<1x64xf32>, memref<64x8xf32>) outs(%c : memref<1x8xf32>)
    return
  }

  // CHECK-LABEL: func.func @fill_with_one_is_not(
  //       CHECK:   linalg.fill
  func.func @fill_with_one_is_not(%a: memref<1x64xf32>, %b: memref<64x8xf32>, %c: memref<1x8xf32>) {
    %one = arith.constant 1.0 : f32
    linalg.fill ins(%one : f32) outs(%c : memref<1x8xf32>)
    linalg.matmul ins(%a, %b : memref<1x64xf32>, memref<64x8xf32>) outs(%c : memref<1x8xf32>)
    return
  }

  // A store in between may change the accumulator.
  // CHECK-LABEL: func.func @fill_before_a_store_is_not(
  //       CHECK:   linalg.fill
  func.func @fill_before_a_store_is_not(%a: memref<1x64xf32>, %b: memref<64x8xf32>, %c: memref<1x8xf32>) {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %one = arith.constant 1.0 : f32
    linalg.fill ins(%zero : f32) outs(%c : memref<1x8xf32>)
    memref.store %one, %c[%c0, %c0] : memref<1x8xf32>
    linalg.matmul ins(%a, %b : memref<1x64xf32>, memref<64x8xf32>) outs(%c : memref<1x8xf32>)
    return
  }

  // Blocks of terms are added up in memory, so the fill stays.
  // CHECK-LABEL: func.func @schedule_sets_tile_and_block(
  //       CHECK:   linalg.fill
  //       CHECK:   scf.for %[[BLOCK:.+]] = %{{.+}} to %c64 step %c16
  //       CHECK:     scf.for {{.+}} step %c3
  //       CHECK:       scf.for %{{.+}} = %[[BLOCK]] to %{{.+}} step %c1 iter_args({{(%.+ = %.+, ){2}%.+ = %.+}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>)
  func.func @schedule_sets_tile_and_block(%a: memref<6x64xf32>, %b: memref<64x8xf32>, %c: memref<6x8xf32>) {
    %zero = arith.constant 0.0 : f32
    linalg.fill ins(%zero : f32) outs(%c : memref<6x8xf32>)
    linalg.matmul {peermla.schedule = #tile.schedule<inner = [16], registers = [3, 8]>}
        ins(%a, %b : memref<6x64xf32>, memref<64x8xf32>) outs(%c : memref<6x8xf32>)
    return
  }

  // Operands change roles when the left one has the innermost columns.
  // CHECK-LABEL: func.func @vectors_of_the_left_operand(
  //  CHECK-SAME:   %[[A:[a-z0-9]+]]: memref<64x8xf32>, %[[B:[a-z0-9]+]]: memref<3x64xf32>
  //       CHECK:   vector.load %[[A]]
  //       CHECK:   memref.load %[[B]]
  func.func @vectors_of_the_left_operand(%a: memref<64x8xf32>, %b: memref<3x64xf32>, %c: memref<3x8xf32>) {
    linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (n, m)>]
        ins(%a, %b : memref<64x8xf32>, memref<3x64xf32>) outs(%c : memref<3x8xf32>)
    return
  }

  // Narrow rows are widened once for all columns, in the frame of the function.
  // CHECK-LABEL: func.func @narrow_rows(
  //       CHECK:   %[[ROWS:.+]] = memref.alloca() {{.*}}: memref<6x72xf32>
  //       CHECK:   arith.extf {{.+}} : vector<8xf16> to vector<8xf32>
  //       CHECK:   vector.store %{{.+}}, %[[ROWS]]
  //       CHECK:   scf.for {{.+}} iter_args
  //       CHECK:     vector.load {{.+}} vector<8xf16>
  //       CHECK:     arith.extf {{.+}} : vector<8xf16> to vector<8xf32>
  //       CHECK:     memref.load %[[ROWS]]
  //   CHECK-NOT:     arith.extf
  //       CHECK:   vector.store
  func.func @narrow_rows(%a: memref<6x64xf16>, %b: memref<64x8xf16>, %c: memref<6x8xf32>) {
    linalg.matmul ins(%a, %b : memref<6x64xf16>, memref<64x8xf16>) outs(%c : memref<6x8xf32>)
    return
  }

  // CHECK-LABEL: func.func @columns_are_not_innermost(
  //       CHECK:   linalg.matmul
  func.func @columns_are_not_innermost(%a: memref<6x64xf32>, %b: memref<8x64xf32>, %c: memref<6x8xf32>) {
    linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%a, %b : memref<6x64xf32>, memref<8x64xf32>) outs(%c : memref<6x8xf32>)
    return
  }

  // CHECK-LABEL: func.func @columns_with_a_stride(
  //       CHECK:   linalg.matmul
  func.func @columns_with_a_stride(%a: memref<6x64xf32>, %b: memref<64x8xf32, strided<[16, 2]>>, %c: memref<6x8xf32>) {
    linalg.matmul ins(%a, %b : memref<6x64xf32>, memref<64x8xf32, strided<[16, 2]>>) outs(%c : memref<6x8xf32>)
    return
  }

  // CHECK-LABEL: func.func @another_sum(
  //       CHECK:   linalg.generic
  func.func @another_sum(%a: memref<6x64xf32>, %b: memref<64x8xf32>, %c: memref<6x8xf32>) {
    linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : memref<6x64xf32>, memref<64x8xf32>) outs(%c : memref<6x8xf32>) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %0 = arith.subf %x, %y : f32
      %1 = arith.addf %z, %0 : f32
      linalg.yield %1 : f32
    }
    return
  }
}

// -----

#a = affine_map<(m, panel, k, n, pair) -> (m, k, pair)>
#b = affine_map<(m, panel, k, n, pair) -> (panel, k, n, pair)>
#c = affine_map<(m, panel, k, n, pair) -> (m, panel, n)>

module attributes {peermla.level = "x86-64-v4-bf16"} {
  // CHECK-LABEL: func.func @pairs_of_panels(
  //  CHECK-SAME:   %[[A:[a-z0-9]+]]: memref<?x16x2xbf16>, %[[B:[a-z0-9]+]]: memref<3x16x48x2xbf16>
  //       CHECK:   %[[COLUMNS:.+]] = memref.collapse_shape %[[B]] {{.+}} into memref<3x16x96xbf16>
  //       CHECK:   scf.for {{.+}} to %c3 step %c1
  //       CHECK:     scf.for {{.+}} step %c8
  //       CHECK:       scf.for {{.+}} iter_args({{(%.+ = %.+, ){23}%.+ = %.+}}) -> (
  // CHECK-COUNT-3:       vector.load %[[COLUMNS]]{{.+}} vector<32xbf16>
  //       CHECK:         %[[PAIR:.+]] = vector.load %[[A]]{{.+}} vector<2xbf16>
  //       CHECK:         vector.bitcast %[[PAIR]] : vector<2xbf16> to vector<1xi32>
  // CHECK-COUNT-24:      x86vector.avx512.dot {{.+}} : vector<32xbf16> -> vector<16xf32>
  //       CHECK:     scf.for {{.+}} step %c4
  //   CHECK-NOT:   linalg
  func.func @pairs_of_panels(%a: memref<?x16x2xbf16>, %b: memref<3x16x48x2xbf16>, %c: memref<?x3x48xf32>) {
    linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "parallel", "reduction"]}
        ins(%a, %b : memref<?x16x2xbf16>, memref<3x16x48x2xbf16>) outs(%c : memref<?x3x48xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }
}

// -----

module attributes {peermla.level = "x86-64-v4"} {
  // Batches of heads; the rows are those of the dynamic dimension.
  // CHECK-LABEL: func.func @rows_per_head(
  //       CHECK:   scf.for %[[H:.+]] = %{{.+}} to %c5 step %c1
  //       CHECK:     scf.for %[[T:.+]] = {{.+}} step %c6
  //       CHECK:       scf.for %[[K:.+]] = {{.+}} iter_args({{(%.+ = %.+, ){23}%.+ = %.+}}) -> (
  //       CHECK:         memref.load %{{.+}}[%[[T]], %[[H]], %[[K]]]
  func.func @rows_per_head(%a: memref<?x5x32xf32>, %b: memref<5x32x64xf32>, %c: memref<?x5x64xf32>) {
    linalg.generic {indexing_maps = [affine_map<(t, h, n, k) -> (t, h, k)>, affine_map<(t, h, n, k) -> (h, k, n)>, affine_map<(t, h, n, k) -> (t, h, n)>],
                    iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%a, %b : memref<?x5x32xf32>, memref<5x32x64xf32>) outs(%c : memref<?x5x64xf32>) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %0 = arith.mulf %y, %x : f32
      %1 = arith.addf %0, %z : f32
      linalg.yield %1 : f32
    }
    return
  }
}

// -----

#rows = affine_map<(m, n, k, pair) -> (m, k, pair)>
#down = affine_map<(m, n, k, pair) -> (k, m, pair)>
#columns = affine_map<(m, n, k, pair) -> (k, n, pair)>
#sums = affine_map<(m, n, k, pair) -> (m, n)>

module attributes {peermla.level = "amx"} {
  // Whole tiles two by two, then one by two, then what is left of rows, in frames
  // of sixteen that the last row fills up: no row is summed in another order. All
  // sums are carried as tiles, and continue from the accumulator.
  // CHECK-LABEL: func.func @tiles_two_by_two(
  //  CHECK-SAME:   %[[A:[a-z0-9]+]]: memref<?x64x2xbf16>, %[[B:[a-z0-9]+]]: memref<64x32x2xbf16>, %[[C:[a-z0-9]+]]: memref<?x32xf32>
  //   CHECK-DAG:   %[[ROWS:.+]] = memref.collapse_shape %[[A]] {{.+}} into memref<?x128xbf16>
  //   CHECK-DAG:   %[[COLUMNS:.+]] = memref.collapse_shape %[[B]] {{.+}} into memref<64x64xbf16>
  //   CHECK-DAG:   %[[FRAME:.+]] = memref.alloca() {{.*}}: memref<16x160xbf16>
  //   CHECK-DAG:   %[[PART:.+]] = memref.alloca() {{.*}}: memref<16x48xf32>
  //   CHECK-DAG:   %[[T:.+]] = memref.dim %[[A]], %c0
  //   CHECK-DAG:   %[[WHOLE:.+]] = arith.subi %[[T]], %{{.+}}
  //       CHECK:   %[[REST:.+]] = arith.subi %[[T]], %[[WHOLE]]
  //       CHECK:   %[[ANY:.+]] = arith.cmpi sgt, %[[REST]], %c0
  //       CHECK:   scf.if %[[ANY]]
  //       CHECK:     scf.for %{{.+}} = %c0 to %c64 step %c16
  //       CHECK:     scf.for %[[I:.+]] = %c0 to %c16 step %c1
  //       CHECK:       %[[LAST:.+]] = arith.subi %[[REST]], %c1
  //       CHECK:       %[[SOURCE:.+]] = arith.minsi %[[I]], %[[LAST]]
  //       CHECK:       %[[FROM:.+]] = arith.addi %[[WHOLE]], %[[SOURCE]]
  //       CHECK:       %[[PAIRS:.+]] = vector.load %[[ROWS]][%[[FROM]], %{{.+}}] : {{.+}}, vector<32xbf16>
  //       CHECK:       vector.store %[[PAIRS]], %[[FRAME]][%[[I]], %{{.+}}]
  //       CHECK:   scf.for %[[ROW:.+]] = %c0 to %{{.+}} step %c32
  //       CHECK:     %[[AT:.+]] = memref.subview %[[C]][%[[ROW]], 0] [16, 16] [1, 1]
  //       CHECK:     %[[HELD:.+]] = amx.tile_load %[[AT]]
  //       CHECK:     %[[SUMS:.+]]:4 = scf.for %[[K:.+]] = %c0 to %c64 step %c16 iter_args({{.+}} = %[[HELD]], {{.+}} -> (!amx.tile<16x16xf32>, !amx.tile<16x16xf32>, !amx.tile<16x16xf32>, !amx.tile<16x16xf32>)
  //       CHECK:       memref.subview %[[ROWS]][%[[ROW]], %{{.+}}] [16, 32] [1, 1]
  //       CHECK:       memref.subview %[[COLUMNS]][%[[K]], 0] [16, 32] [1, 1]
  //       CHECK:       amx.tile_mulf
  //       CHECK:       memref.subview %[[COLUMNS]][%[[K]], 32] [16, 32] [1, 1]
  // CHECK-COUNT-3:     amx.tile_mulf
  //       CHECK:     amx.tile_store %[[AT]][%c0, %c0], %[[SUMS]]#0
  // CHECK-COUNT-3:   amx.tile_store
  //       CHECK:   scf.for {{.+}} step %c16
  // CHECK-COUNT-2:   amx.tile_mulf
  // CHECK-COUNT-2:   amx.tile_store
  //       CHECK:   scf.if %[[ANY]]
  //       CHECK:     scf.for %[[I0:.+]] = %c0 to %[[REST]] step %c1
  //       CHECK:       %[[IN:.+]] = arith.addi %[[WHOLE]], %[[I0]]
  //       CHECK:       %[[SUM:.+]] = vector.load %[[C]][%[[IN]], %c0] : {{.+}}, vector<16xf32>
  //       CHECK:       vector.store %[[SUM]], %[[PART]][%[[I0]], %c0]
  //       CHECK:       vector.store %{{.+}}, %[[PART]][%[[I0]], %c16]
  //       CHECK:     memref.subview %[[FRAME]][0, %{{.+}}] [16, 32]
  // CHECK-COUNT-2:     amx.tile_mulf
  // CHECK-COUNT-2:   amx.tile_store {{.+}} : memref<16x16xf32
  //       CHECK:     scf.for %[[I1:.+]] = %c0 to %[[REST]] step %c1
  //       CHECK:       %[[BACK:.+]] = vector.load %[[PART]][%[[I1]], %c16]
  //       CHECK:       vector.store %[[BACK]], %[[C]][%{{.+}}, %c16]
  //   CHECK-NOT:   x86vector.avx512.dot
  //       CHECK:   return
  func.func @tiles_two_by_two(%a: memref<?x64x2xbf16>, %b: memref<64x32x2xbf16>, %c: memref<?x32xf32>) {
    linalg.generic {indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%a, %b : memref<?x64x2xbf16>, memref<64x32x2xbf16>) outs(%c : memref<?x32xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }

  // In a loop that may run on several threads there is no frame: all rows are
  // summed by vectors.
  // CHECK-LABEL: func.func @no_frame(
  //   CHECK-NOT:   amx
  //       CHECK:   scf.forall
  //       CHECK:     scf.for {{.+}} step %c12
  //       CHECK:       x86vector.avx512.dot
  //   CHECK-NOT:   amx
  //       CHECK:   return
  func.func @no_frame(%a: memref<?x64x2xbf16>, %b: memref<3x64x32x2xbf16>, %c: memref<3x?x32xf32>) {
    %c0 = arith.constant 0 : index
    %T = memref.dim %a, %c0 : memref<?x64x2xbf16>
    scf.forall (%i) in (3) {
      %bi = memref.subview %b[%i, 0, 0, 0] [1, 64, 32, 2] [1, 1, 1, 1] : memref<3x64x32x2xbf16> to memref<64x32x2xbf16, strided<[64, 2, 1], offset: ?>>
      %ci = memref.subview %c[%i, 0, 0] [1, %T, 32] [1, 1, 1] : memref<3x?x32xf32> to memref<?x32xf32, strided<[32, 1], offset: ?>>
      linalg.generic {indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
          ins(%a, %bi : memref<?x64x2xbf16>, memref<64x32x2xbf16, strided<[64, 2, 1], offset: ?>>) outs(%ci : memref<?x32xf32, strided<[32, 1], offset: ?>>) {
      ^bb0(%x: bf16, %y: bf16, %z: f32):
        %0 = arith.extf %x : bf16 to f32
        %1 = arith.extf %y : bf16 to f32
        %2 = arith.mulf %0, %1 : f32
        %3 = arith.addf %z, %2 : f32
        linalg.yield %3 : f32
      }
    }
    return
  }

  // Nor is there one for more terms than a stack should hold.
  // CHECK-LABEL: func.func @too_large_a_frame(
  //   CHECK-NOT:   amx
  //   CHECK-NOT:   memref.alloca
  //       CHECK:   x86vector.avx512.dot
  func.func @too_large_a_frame(%a: memref<?x9000x2xbf16>, %b: memref<9000x32x2xbf16>, %c: memref<?x32xf32>) {
    linalg.generic {peermla.schedule = #tile.schedule<inner = [9000]>,
                    indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%a, %b : memref<?x9000x2xbf16>, memref<9000x32x2xbf16>) outs(%c : memref<?x32xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }

  // What is left of terms is added by vectors; a fill becomes zero tiles.
  // CHECK-LABEL: func.func @rest_of_terms(
  //   CHECK-NOT:   linalg.fill
  //       CHECK:   amx.tile_zero
  //       CHECK:   amx.tile_mulf
  //   CHECK-NOT:   amx.tile_mulf
  //       CHECK:   amx.tile_store
  //       CHECK:   scf.for %{{.+}} = %c16 to %c21 step %c1 iter_args
  //       CHECK:     x86vector.avx512.dot
  //       CHECK:   arith.addf
  func.func @rest_of_terms(%a: memref<16x21x2xbf16>, %b: memref<21x16x2xbf16>, %c: memref<16x16xf32>) {
    %zero = arith.constant 0.0 : f32
    linalg.fill ins(%zero : f32) outs(%c : memref<16x16xf32>)
    linalg.generic {indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%a, %b : memref<16x21x2xbf16>, memref<21x16x2xbf16>) outs(%c : memref<16x16xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }

  // Rows 4096 bytes apart are copied once for all columns of a block.
  // CHECK-LABEL: func.func @copied_rows(
  //       CHECK:   %[[FRAME:.+]] = memref.alloca() {{.*}}: memref<32x96xbf16>
  //       CHECK:   scf.for {{.+}} to %{{.+}} step %c32 {
  //       CHECK:     vector.load {{.+}} : memref<?x64xbf16, strided<[2048, 1]>>, vector<32xbf16>
  //       CHECK:     vector.store {{.+}}, %[[FRAME]]
  //       CHECK:     scf.for {{.+}} to %c160 step %c32
  //       CHECK:       memref.subview %[[FRAME]][0, %{{.+}}] [16, 32] [1, 1]
  //       CHECK:       amx.tile_mulf
  //       CHECK:       memref.subview %[[FRAME]][16, %{{.+}}] [16, 32] [1, 1]
  func.func @copied_rows(%a: memref<?x32x2xbf16, strided<[2048, 2, 1]>>, %b: memref<32x160x2xbf16>, %c: memref<?x160xf32>) {
    linalg.generic {indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%a, %b : memref<?x32x2xbf16, strided<[2048, 2, 1]>>, memref<32x160x2xbf16>) outs(%c : memref<?x160xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }

  // A schedule of whole tiles that fit is followed, another one means vectors.
  // CHECK-LABEL: func.func @scheduled_tiles(
  //       CHECK:   scf.for {{.+}} step %c48
  // CHECK-COUNT-3:   amx.tile_mulf
  func.func @scheduled_tiles(%a: memref<?x32x2xbf16>, %b: memref<32x32x2xbf16>, %c: memref<?x32xf32>) {
    linalg.generic {peermla.schedule = #tile.schedule<registers = [48, 16]>,
                    indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%a, %b : memref<?x32x2xbf16>, memref<32x32x2xbf16>) outs(%c : memref<?x32xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }

  // CHECK-LABEL: func.func @scheduled_vectors(
  //   CHECK-NOT:   amx
  //       CHECK:   scf.for {{.+}} step %c48
  func.func @scheduled_vectors(%a: memref<?x32x2xbf16>, %b: memref<32x32x2xbf16>, %c: memref<?x32xf32>) {
    linalg.generic {peermla.schedule = #tile.schedule<registers = [48, 32]>,
                    indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%a, %b : memref<?x32x2xbf16>, memref<32x32x2xbf16>) outs(%c : memref<?x32xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }

  // Terms that run down A are no row of a tile.
  // CHECK-LABEL: func.func @terms_down_a(
  //   CHECK-NOT:   amx
  //       CHECK:   x86vector.avx512.dot
  func.func @terms_down_a(%a: memref<32x64x2xbf16>, %b: memref<32x32x2xbf16>, %c: memref<64x32xf32>) {
    linalg.generic {indexing_maps = [#down, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%a, %b : memref<32x64x2xbf16>, memref<32x32x2xbf16>) outs(%c : memref<64x32xf32>) {
    ^bb0(%x: bf16, %y: bf16, %z: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %z, %2 : f32
      linalg.yield %3 : f32
    }
    return
  }
}
