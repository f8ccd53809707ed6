// RUN: peermla-opt %s -pass-pipeline="builtin.module(func.func(peermla-lower-work-items,canonicalize,cse))" | FileCheck %s

// Runs are numbered through all sequences; those for which the table has no row are
// left out, and rows without a run have no token.

// CHECK-LABEL: func.func @runs(
// CHECK-SAME:    %[[T:[a-z0-9]*]]: index, %[[CU:[a-z0-9]*]]: memref<?xi32>, %[[ITEMS:[a-z0-9]*]]: memref<?x3xi32>
// CHECK:         %[[ROWS:.*]] = memref.dim %[[ITEMS]], %c0
// CHECK:         %[[USED:.*]] = scf.for %[[S:.*]] = %c0 to %{{.*}} step %c1 iter_args(%{{.*}} = %c0)
// CHECK:           memref.load %[[CU]][%[[S]]]
// CHECK:           %[[END:.*]] = arith.minsi %{{.*}}, %[[T]]
// CHECK:           scf.for %[[FIRST:.*]] = %{{.*}} to %[[END]] step %c4 iter_args(%[[ROW:.*]] = %{{.*}})
// CHECK:             %[[LEFT:.*]] = arith.subi %[[END]], %[[FIRST]]
// CHECK:             arith.minsi %[[LEFT]], %c4
// CHECK:             %[[FITS:.*]] = arith.cmpi slt, %[[ROW]], %[[ROWS]]
// CHECK:             scf.if %[[FITS]] {
// CHECK:               memref.store %{{.*}}, %[[ITEMS]][%[[ROW]], %c0]
// CHECK:               memref.store %{{.*}}, %[[ITEMS]][%[[ROW]], %c1]
// CHECK:               memref.store %{{.*}}, %[[ITEMS]][%[[ROW]], %c2]
// CHECK:         scf.for %[[REST:.*]] = %[[USED]] to %[[ROWS]]
// CHECK:           memref.store %c0_i32, %[[ITEMS]][%[[REST]], %c2]
func.func @runs(%T: index, %cu: memref<?xi32>, %items: memref<?x3xi32>) {
  mla.work_items tokens(4 of %T) ins(%cu : memref<?xi32>) outs(%items : memref<?x3xi32>)
  return
}
