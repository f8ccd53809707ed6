// RUN: peermla-opt %s -pass-pipeline="builtin.module(func.func(peermla-lower-experts,canonicalize,cse))" | FileCheck %s

module attributes {peermla.level = "x86-64-v4"} {

// Few tokens: a work item per token and eighth of the retrievals, whose sums are
// added by work items per token. Many: a work item per token.

// CHECK-LABEL: func.func @layer(
// CHECK-SAME:    %[[X:[a-z0-9]*]]: memref<?x32xf32>
// CHECK:         %[[PARTS:.*]] = memref.alloc() : memref<8x8x48xf32>
// CHECK:         %[[FEW:.*]] = arith.cmpi ule, %{{.*}}, %c8
// CHECK:         scf.if %[[FEW]] {
// CHECK:           scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 8)
// CHECK:           scf.forall (%{{.*}}) in (%{{.*}}) {
// CHECK:             vector.load %[[PARTS]]
// CHECK:         } else {
// CHECK:           scf.forall (%{{.*}}) in (%{{.*}}) {
func.func @layer(%x: memref<?x32xf32>, %i: memref<?x8x16xi32>, %g: memref<?x8x16xf32>,
                 %down: memref<100x1x32xf32>, %up: memref<100x1x48xf32>, %y: memref<?x48xf32>) {
  peer.expert_mlp gelu ins(%x, %i, %g, %down, %up : memref<?x32xf32>, memref<?x8x16xi32>, memref<?x8x16xf32>, memref<100x1x32xf32>, memref<100x1x48xf32>)
      outs(%y : memref<?x48xf32>)
  return
}

// In a work item: the rows of the schedule are read together and the input once,
// widened, and the sum is one row of scratch at the top. A later group is
// asked for first.

// CHECK-LABEL: func.func @rows_together(
// CHECK-SAME:    %[[I:[a-z0-9]*]]: memref<4x1x2xi32>
// CHECK-SAME:    %[[DOWN:[a-z0-9]*]]: memref<100x1x32xbf16>
// CHECK-SAME:    %[[UP:[a-z0-9]*]]: memref<100x1x48xbf16>
// CHECK-SAME:    %[[Y:[a-z0-9]*]]: memref<4x48xbf16>
// CHECK:         scf.forall
// CHECK:           %[[SUM:.*]] = memref.alloc() : memref<48xf32>
// CHECK:           %[[WIDE:.*]] = memref.alloc() : memref<32xf32>
// CHECK-NOT:       memref.alloc
// CHECK:             %[[LATER:.*]] = arith.minui %{{.*}}, %c99
// CHECK:             memref.prefetch %[[DOWN]][%[[LATER]], %c0, %c0], read, locality<3>, data
// CHECK:             arith.cmpi ult, %{{.*}}, %c100
// CHECK:             scf.if
// CHECK:               %[[DOTS:.*]]:2 = scf.for %[[COLUMN:.*]] = %c0 to %c32 step %c16
// CHECK-SAME:            -> (vector<16xf32>, vector<16xf32>)
// CHECK:                 vector.load %[[WIDE]][%[[COLUMN]]]
// CHECK:                 vector.load %[[DOWN]]
// CHECK:                 arith.extf
// CHECK:                 vector.fma
// CHECK:                 vector.load %[[DOWN]]
// CHECK:               vector.reduction <add>, %[[DOTS]]#0
// CHECK:               math.erf %{{.*}} : vector<2xf32>
// CHECK:               scf.for
// CHECK:                 vector.load %[[SUM]]
// CHECK:                 vector.load %[[UP]]
// CHECK:                 vector.load %[[UP]]
// CHECK:                 vector.store %{{.*}}, %[[SUM]]
// CHECK:             } else {
// CHECK:             arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK:             vector.store %{{.*}}, %[[Y]]
func.func @rows_together(%i: memref<4x1x2xi32>, %g: memref<4x1x2xf32>, %x: memref<4x32xbf16>,
                         %down: memref<100x1x32xbf16>, %up: memref<100x1x48xbf16>, %y: memref<4x48xbf16>) {
  scf.forall (%tile) in (2) {
    peer.expert_mlp gelu {peermla.schedule = #tile.schedule<inner = [2]>} ins(%x, %i, %g, %down, %up : memref<4x32xbf16>, memref<4x1x2xi32>, memref<4x1x2xf32>, memref<100x1x32xbf16>, memref<100x1x48xbf16>)
        outs(%y : memref<4x48xbf16>)
  }
  return
}

}
