// RUN: peermla-opt %s -split-input-file -peermla-emulate-amx -canonicalize | FileCheck %s
// RUN: peermla-opt %s -split-input-file -peermla-emulate-amx=level=x86-64-v4 -canonicalize | FileCheck %s --check-prefix=V4

// Tiles become vectors of rows, products calls; the module changes its level.

// CHECK: module attributes {peermla.level = "x86-64-v3"}
// V4: module attributes {peermla.level = "x86-64-v4"}
module attributes {peermla.level = "amx"} {
  // CHECK-LABEL: func.func @carried_tiles(
  //  CHECK-SAME:   %[[A:[a-z0-9]+]]: memref<8x64xbf16>, %[[B:[a-z0-9]+]]: memref<16x32xbf16>, %[[C:[a-z0-9]+]]: memref<?xf32>, %[[STRIDE:[a-z0-9]+]]: index
  //   CHECK-DAG:   %[[ZERO:.+]] = arith.constant dense<0.000000e+00> : vector<8x16xf32>
  //       CHECK:   %[[SUM:.+]] = scf.for {{.+}} iter_args(%[[HELD:.+]] = %[[ZERO]]) -> (vector<8x16xf32>)
  //       CHECK:     vector.load %[[A]][%c0, %[[K:.+]]] : memref<8x64xbf16>, vector<32xbf16>
  // CHECK-COUNT-7:   vector.load %[[A]]
  // CHECK-COUNT-16:  vector.load %[[B]]
  //       CHECK:     func.call @peermla.tile_mulf_8x16x32(%{{.+}}, %{{.+}}, %[[HELD]])
  //       CHECK:   %[[ROW:.+]] = vector.extract %[[SUM]][1]
  //       CHECK:   vector.store %[[ROW]], %[[C]][%[[STRIDE]]]
  //   CHECK-NOT:   amx
  func.func @carried_tiles(%a: memref<8x64xbf16>, %b: memref<16x32xbf16>, %c: memref<?xf32>, %stride: index) {
    %c0 = arith.constant 0 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %zero = amx.tile_zero : !amx.tile<8x16xf32>
    %sum = scf.for %k = %c0 to %c64 step %c32 iter_args(%held = %zero) -> !amx.tile<8x16xf32> {
      %0 = amx.tile_load %a[%c0, %k] : memref<8x64xbf16> into !amx.tile<8x32xbf16>
      %1 = amx.tile_load %b[%c0, %c0] : memref<16x32xbf16> into !amx.tile<16x32xbf16>
      %2 = amx.tile_mulf %0, %1, %held : !amx.tile<8x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<8x16xf32>
      scf.yield %2 : !amx.tile<8x16xf32>
    }
    amx.tile_store %c[%c0], %sum, %stride : memref<?xf32>, !amx.tile<8x16xf32>
    return
  }

  // The odd product first.
  // CHECK-LABEL: func.func @pair_product(
  //       CHECK:   %[[EVEN:.+]], %[[ODD:.+]] = vector.deinterleave
  //       CHECK:   %[[OTHER_EVEN:.+]], %[[OTHER_ODD:.+]] = vector.deinterleave
  //       CHECK:   vector.fma %[[ODD]], %[[OTHER_ODD]]
  //       CHECK:   vector.fma %[[EVEN]], %[[OTHER_EVEN]]
  func.func @pair_product(%c: vector<4xf32>, %a: vector<8xbf16>, %b: vector<8xbf16>) -> vector<4xf32> {
    %0 = x86vector.avx512.dot %c, %a, %b : vector<8xbf16> -> vector<4xf32>
    return %0 : vector<4xf32>
  }

  // One function per shape.
  // CHECK-COUNT-1: func.func private @peermla.tile_mulf_8x16x32(
  //     CHECK-NOT: func.func
}

// -----

// CHECK: module attributes {peermla.level = "x86-64-v4-bf16"}
module attributes {peermla.level = "x86-64-v4-bf16"} {
  // CHECK-LABEL: func.func @another_level(
  //       CHECK:   x86vector.avx512.dot
  func.func @another_level(%c: vector<4xf32>, %a: vector<8xbf16>, %b: vector<8xbf16>) -> vector<4xf32> {
    %0 = x86vector.avx512.dot %c, %a, %b : vector<8xbf16> -> vector<4xf32>
    return %0 : vector<4xf32>
  }
}
