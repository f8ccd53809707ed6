// RUN: peermla-opt %s -pass-pipeline="builtin.module(func.func(peermla-lower-rope,canonicalize,cse))" | FileCheck %s

module attributes {peermla.level = "x86-64-v4"} {

// The sequence of a token is found by bisection; a tile counts from its first one.

// CHECK-LABEL: func.func @positions(
// CHECK-SAME:    %[[CU:[a-z0-9]*]]: memref<?xi32>, %[[PAST:[a-z0-9]*]]: memref<?xi32>, %[[P:[a-z0-9]*]]: memref<?xi32>, %[[FIRST:[a-z0-9]*]]: index
// CHECK:         scf.forall (%[[I:.*]]) in
// CHECK:           %[[T:.*]] = arith.addi %[[FIRST]], %[[I]]
// CHECK:           scf.while
// CHECK:           scf.if
// CHECK:             memref.load %[[PAST]]
// CHECK:             memref.store %{{.*}}, %[[P]][%[[I]]]
// CHECK:           } else {
// CHECK:             memref.store %c0_i32, %[[P]][%[[I]]]
func.func @positions(%cu: memref<?xi32>, %past: memref<?xi32>, %p: memref<?xi32>, %first: index) {
  mla.positions ins(%cu, %past : memref<?xi32>, memref<?xi32>) first(%first) outs(%p : memref<?xi32>)
  return
}

// Angles and functions are f64, rounded once.

// CHECK-LABEL: func.func @table(
// CHECK:         scf.forall
// CHECK:           arith.sitofp %{{.*}} : i32 to f64
// CHECK:           math.cos %{{.*}} : vector<2xf64>
// CHECK:           arith.truncf %{{.*}} : vector<2xf64> to vector<2xf32>
// CHECK:           math.sin %{{.*}} : vector<2xf64>
func.func @table(%p: memref<?xi32>, %t: memref<?x4xf32>) {
  mla.rope_table {inv_freq = array<f64: 1.0, 0.01>, multiplier = 1.0 : f64}
      ins(%p : memref<?xi32>) outs(%t : memref<?x4xf32>)
  return
}

// In place the first columns are not touched.

// CHECK-LABEL: func.func @in_place(
// CHECK-SAME:    %[[X:[a-z0-9]*]]: memref<?x3x12xbf16>
// CHECK:         scf.forall
// CHECK:           scf.for
// CHECK-NEXT:        %[[PAIRS:.*]] = vector.load %[[X]]{{.*}} vector<4xbf16>
// CHECK:             vector.deinterleave
// CHECK:             vector.interleave
// CHECK:             vector.store %{{.*}}, %[[X]]{{.*}} vector<4xbf16>
// CHECK-NOT:         vector.store
func.func @in_place(%x: memref<?x3x12xbf16>, %t: memref<?x4xf32>) {
  mla.rope ins(%x, %t : memref<?x3x12xbf16>, memref<?x4xf32>) outs(%x : memref<?x3x12xbf16>)
  return
}

// CHECK-LABEL: func.func @passes_columns_on(
// CHECK-SAME:    %[[X:[a-z0-9]*]]: memref<?x12xf32>
// CHECK-SAME:    %[[Y:[a-z0-9]*]]: memref<?x12xf32>
// CHECK:         vector.load %[[X]]{{.*}} vector<8xf32>
// CHECK-NEXT:    vector.store %{{.*}}, %[[Y]]{{.*}} vector<8xf32>
func.func @passes_columns_on(%x: memref<?x12xf32>, %t: memref<?x4xf32>, %y: memref<?x12xf32>) {
  mla.rope ins(%x, %t : memref<?x12xf32>, memref<?x4xf32>) outs(%y : memref<?x12xf32>)
  return
}

// The block table is read only inside its range, the cache written only in its.

// CHECK-LABEL: func.func @append(
// CHECK-SAME:    %[[BLOCKS:[a-z0-9]*]]: memref<?x?xi32>
// CHECK-SAME:    %[[CACHE:[a-z0-9]*]]: memref<?x?x20xf32>
// CHECK:         scf.forall
// CHECK:           scf.while
// CHECK:           scf.if
// CHECK:             %[[IN_TABLE:.*]] = arith.cmpi ult
// CHECK:             scf.if %[[IN_TABLE]] {
// CHECK:               memref.load %[[BLOCKS]]
// CHECK:               %[[IN_CACHE:.*]] = arith.cmpi ult
// CHECK:               scf.if %[[IN_CACHE]] {
// CHECK:                 vector.store %{{.*}}, %[[CACHE]]
func.func @append(%blocks: memref<?x?xi32>, %cache: memref<?x?x20xf32>, %rows: memref<?x20xf32>, %cu: memref<?xi32>, %past: memref<?xi32>) {
  mla.cache_append ins(%rows, %cu, %past, %blocks : memref<?x20xf32>, memref<?xi32>, memref<?xi32>, memref<?x?xi32>)
      outs(%cache : memref<?x?x20xf32>)
  return
}

}
