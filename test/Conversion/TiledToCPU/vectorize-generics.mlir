// RUN: peermla-opt %s -split-input-file -pass-pipeline="builtin.module(func.func(peermla-vectorize-generics,canonicalize,cse))" | FileCheck %s

// Linalg on memrefs becomes loops over vectors of the level, or scalar loops.

#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
#column = affine_map<(m, n) -> (n)>

module attributes {peermla.level = "x86-64-v3"} {
  // An operand without the columns, and all that follows from it alone, is
  // computed once per row.
  // CHECK-LABEL: func.func @uniform_values_are_hoisted(
  //  CHECK-SAME:   %[[X:.+]]: memref<?x64xf32>, %[[S:.+]]: memref<?xf32>, %[[Y:.+]]: memref<?x64xf32>
  //   CHECK-NOT:   alloc
  //       CHECK:   scf.for %[[M:.+]] =
  //       CHECK:     %[[S0:.+]] = memref.load %[[S]][%[[M]]]
  //       CHECK:     math.sqrt %[[S0]] : f32
  //       CHECK:     scf.for %[[N:.+]] = %{{.+}} to %c64 step %c8
  //       CHECK:       vector.load %[[X]][%[[M]], %[[N]]] : memref<?x64xf32>, vector<8xf32>
  //       CHECK:       arith.mulf {{.+}} : vector<8xf32>
  //       CHECK:       vector.store %{{.+}}, %[[Y]][%[[M]], %[[N]]]
  //   CHECK-NOT:   linalg
  func.func @uniform_values_are_hoisted(%x: memref<?x64xf32>, %s: memref<?xf32>, %y: memref<?x64xf32>) {
    linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x, %s : memref<?x64xf32>, memref<?xf32>) outs(%y : memref<?x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %0 = math.sqrt %b : f32
      %1 = arith.mulf %a, %0 : f32
      linalg.yield %1 : f32
    }
    return
  }

  // 21 = 2 * 8 + 4 + 1; dynamic rests go element by element.
  // CHECK-LABEL: func.func @rest_of_static_columns(
  //       CHECK:   scf.for {{.+}} to %c16 step %c8
  //       CHECK:   vector.store {{.+}} vector<4xf32>
  //       CHECK:   memref.store
  // CHECK-LABEL: func.func @rest_of_dynamic_columns(
  //       CHECK:   scf.for {{.+}} step %c8
  //       CHECK:     vector.store {{.+}} vector<8xf32>
  //       CHECK:   scf.for {{.+}} step %c1
  //       CHECK:     memref.store
  func.func @rest_of_static_columns(%x: memref<21xf32>) {
    %one = arith.constant 1.0 : f32
    linalg.fill ins(%one : f32) outs(%x : memref<21xf32>)
    return
  }
  func.func @rest_of_dynamic_columns(%x: memref<?xf32>) {
    %one = arith.constant 1.0 : f32
    linalg.fill ins(%one : f32) outs(%x : memref<?xf32>)
    return
  }

  // The widest element that is computed with fills a register.
  // CHECK-LABEL: func.func @widths_follow_the_widest_element(
  //       CHECK:   vector.store {{.+}} vector<16xf16>
  //       CHECK:   vector.load {{.+}} vector<8xf16>
  //       CHECK:   arith.truncf {{.+}} : vector<8xf32> to vector<8xf16>
  func.func @widths_follow_the_widest_element(%x: memref<64xf16>) {
    %one = arith.constant 1.0 : f16
    linalg.fill ins(%one : f16) outs(%x : memref<64xf16>)
    linalg.generic {indexing_maps = [affine_map<(n) -> (n)>], iterator_types = ["parallel"]} outs(%x : memref<64xf16>) {
    ^bb0(%a: f16):
      %0 = arith.extf %a : f16 to f32
      %1 = math.exp %0 : f32
      %2 = arith.truncf %1 : f32 to f16
      linalg.yield %2 : f16
    }
    return
  }

  // Four vectors of partial sums, then one, then a horizontal step.
  // CHECK-LABEL: func.func @sum_of_a_row(
  //       CHECK:   %[[HELD:.+]] = memref.load %[[S:.+]][%[[M:.+]]] : memref<?xf32>
  //       CHECK:   %[[WIDE:.+]] = scf.for {{.+}} to %c64 step %c32 iter_args({{.+}}) -> (vector<32xf32>)
  //       CHECK:   %[[SUM:.+]] = vector.reduction <add>, %[[WIDE]] fastmath<reassoc> : vector<32xf32> into f32
  //       CHECK:   arith.addf %{{.+}}, %[[SUM]] : f32
  //       CHECK:   vector.load {{.+}} vector<8xf32>
  //       CHECK:   vector.reduction <add>, {{.+}} vector<8xf32> into f32
  //       CHECK:   memref.store %{{.+}}, %{{.+}}[%[[M]]]
  func.func @sum_of_a_row(%x: memref<?x72xf32>, %s: memref<?xf32>) {
    linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<?x72xf32>) outs(%s : memref<?xf32>) {
    ^bb0(%a: f32, %b: f32):
      %0 = arith.mulf %a, %a : f32
      %1 = arith.addf %b, %0 : f32
      linalg.yield %1 : f32
    }
    return
  }

  // CHECK-LABEL: func.func @maximum_of_a_row(
  //       CHECK:   dense<0xFF800000> : vector<32xf32>
  //       CHECK:   vector.reduction <maximumf>
  func.func @maximum_of_a_row(%x: memref<?x64xf32>, %s: memref<?xf32>) {
    linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<?x64xf32>) outs(%s : memref<?xf32>) {
    ^bb0(%a: f32, %b: f32):
      %0 = arith.maximumf %a, %b : f32
      linalg.yield %0 : f32
    }
    return
  }

  // Columns of sums are carried over the rows, 32 at a time.
  // CHECK-LABEL: func.func @sum_of_columns(
  //       CHECK:   scf.for %[[N:.+]] = %{{.+}} to %c64 step %c32
  //       CHECK:     %[[START:.+]] = vector.load %{{.+}}[%[[N]]] : memref<64xf32>, vector<32xf32>
  //       CHECK:     %[[SUM:.+]] = scf.for %{{.+}} iter_args(%{{.+}} = %[[START]]) -> (vector<32xf32>)
  //       CHECK:     vector.store %[[SUM]]
  func.func @sum_of_columns(%x: memref<?x64xf32>, %s: memref<64xf32>) {
    linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
        ins(%x : memref<?x64xf32>) outs(%s : memref<64xf32>) {
    ^bb0(%a: f32, %b: f32):
      %0 = arith.addf %b, %a : f32
      linalg.yield %0 : f32
    }
    return
  }

  // The row of a table is read as vectors; its number is found once.
  // CHECK-LABEL: func.func @rows_of_a_table(
  //  CHECK-SAME:   %[[TABLE:.+]]: memref<100x64xf32>, %[[IDS:.+]]: memref<?xi32>
  //       CHECK:   %[[ID:.+]] = arith.index_cast
  //       CHECK:   scf.for %[[N:.+]] = {{.+}} step %c8
  //       CHECK:     vector.load %[[TABLE]][%[[ID]], %[[N]]] : memref<100x64xf32>, vector<8xf32>
  func.func @rows_of_a_table(%table: memref<100x64xf32>, %ids: memref<?xi32>, %y: memref<?x64xf32>) {
    linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%ids : memref<?xi32>) outs(%y : memref<?x64xf32>) {
    ^bb0(%id: i32, %out: f32):
      %i = arith.index_cast %id : i32 to index
      %j = linalg.index 1 : index
      %v = memref.load %table[%i, %j] : memref<100x64xf32>
      linalg.yield %v : f32
    }
    return
  }

  // CHECK-LABEL: func.func @copies(
  //       CHECK:   vector.load {{.+}} vector<8xf32>
  //  CHECK-NEXT:   vector.store
  //   CHECK-NOT:   memref.copy
  func.func @copies(%x: memref<?x64xf32, strided<[100, 1], offset: ?>>, %y: memref<?x64xf32>) {
    memref.copy %x, %y : memref<?x64xf32, strided<[100, 1], offset: ?>> to memref<?x64xf32>
    return
  }

  // Squares of 8 x 8 in 3 rounds of shuffles, then what is left of the columns.
  // CHECK-LABEL: func.func @transpose_in_squares(
  //  CHECK-SAME:   %[[X:.+]]: memref<21x16xf32>, %[[Y:.+]]: memref<16x21xf32>
  //       CHECK:   scf.for %[[ROW:.+]] = %{{.+}} to %c16 step %c8
  //       CHECK:     scf.for %[[COLUMN:.+]] = %{{.+}} to %c16 step %c8
  // CHECK-COUNT-8:   vector.load %[[X]]{{.+}} vector<8xf32>
  // CHECK-COUNT-24:  vector.shuffle {{.+}} : vector<8xi32>, vector<8xi32>
  // CHECK-COUNT-8:   vector.store %{{.+}}, %[[Y]]{{.+}} vector<8xf32>
  //       CHECK:   scf.for %{{.+}} to %c16 step %c1
  //       CHECK:     scf.for %{{.+}} = %c16 to %c21 step %c1
  //       CHECK:       memref.store
  func.func @transpose_in_squares(%x: memref<21x16xf32>, %y: memref<16x21xf32>) {
    linalg.transpose ins(%x : memref<21x16xf32>) outs(%y : memref<16x21xf32>) permutation = [1, 0]
    return
  }

  // A pair of 16-bit elements moves like one of 32 bits.
  // CHECK-LABEL: func.func @transpose_of_pairs(
  //       CHECK:   vector.load {{.+}} vector<16xbf16>
  //  CHECK-NEXT:   vector.bitcast {{.+}} : vector<16xbf16> to vector<8xi32>
  //       CHECK:   vector.shuffle {{.+}} : vector<8xi32>, vector<8xi32>
  //       CHECK:   vector.store {{.+}} vector<16xbf16>
  func.func @transpose_of_pairs(%x: memref<8x16x2xbf16>, %y: memref<16x8x2xbf16>) {
    linalg.transpose ins(%x : memref<8x16x2xbf16>) outs(%y : memref<16x8x2xbf16>) permutation = [1, 0, 2]
    return
  }

  // CHECK-LABEL: func.func @other_strides(
  //   CHECK-NOT:   vector
  //       CHECK:   memref.load
  func.func @other_strides(%x: memref<64x3xf32>, %y: memref<3x64xf32>) {
    linalg.transpose ins(%x : memref<64x3xf32>) outs(%y : memref<3x64xf32>) permutation = [1, 0]
    return
  }

  // A vector of truth values has another form in memory.
  // CHECK-LABEL: func.func @truth_values_in_memory(
  //   CHECK-NOT:   vector
  //       CHECK:   memref.store
  func.func @truth_values_in_memory(%x: memref<64xf32>, %y: memref<64xi1>) {
    linalg.generic {indexing_maps = [affine_map<(n) -> (n)>, affine_map<(n) -> (n)>], iterator_types = ["parallel"]}
        ins(%x : memref<64xf32>) outs(%y : memref<64xi1>) {
    ^bb0(%a: f32, %b: i1):
      %zero = arith.constant 0.0 : f32
      %0 = arith.cmpf ogt, %a, %zero : f32
      linalg.yield %0 : i1
    }
    return
  }

  // CHECK-LABEL: func.func @body_with_a_branch(
  //   CHECK-NOT:   vector
  //       CHECK:   scf.if
  func.func @body_with_a_branch(%x: memref<64xf32>, %c: i1) {
    linalg.generic {indexing_maps = [affine_map<(n) -> (n)>], iterator_types = ["parallel"]} outs(%x : memref<64xf32>) {
    ^bb0(%a: f32):
      %0 = scf.if %c -> f32 {
        %1 = arith.mulf %a, %a : f32
        scf.yield %1 : f32
      } else {
        scf.yield %a : f32
      }
      linalg.yield %0 : f32
    }
    return
  }
}

// -----

module attributes {peermla.level = "x86-64-v4"} {
  // CHECK-LABEL: func.func @lanes_of_the_level(
  //       CHECK:   vector.store {{.+}} vector<16xf32>
  func.func @lanes_of_the_level(%x: memref<64xf32>) {
    %one = arith.constant 1.0 : f32
    linalg.fill ins(%one : f32) outs(%x : memref<64xf32>)
    return
  }
}
