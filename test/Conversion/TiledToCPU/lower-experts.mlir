// RUN: peermla-opt %s -pass-pipeline="builtin.module(func.func(peermla-lower-experts,canonicalize,cse))" | FileCheck %s

module attributes {peermla.level = "x86-64-v4"} {

// A token in a work item: its parts are summed apart, then added in their order.
// Rows of the schedule are read together and the input once, widened. A later
// group is asked for first; up rows that lie elsewhere at the pace of the dots.

// CHECK-LABEL: func.func @parts_and_rows(
// CHECK-SAME:    %[[X:[a-z0-9]*]]: memref<1x32xbf16>
// CHECK-SAME:    %[[DOWN:[a-z0-9]*]]: memref<100x1x32xbf16>
// CHECK-SAME:    %[[UP:[a-z0-9]*]]: memref<100x1x48xbf16>
// CHECK-SAME:    %[[Y:[a-z0-9]*]]: memref<1x48xbf16>
// CHECK:         scf.forall
// CHECK-DAG:       %[[PART:.*]] = memref.alloc() : memref<48xf32>
// CHECK-DAG:       %[[SUM:.*]] = memref.alloc() : memref<48xf32>
// CHECK-DAG:       %[[WIDE:.*]] = memref.alloc() : memref<32xf32>
// CHECK-NOT:       memref.alloc
// CHECK:           scf.for %[[HEAD:.*]] = %c0 to %c3 step %c1
// CHECK:             scf.for %[[FIRST:.*]] = %{{.*}} to %{{.*}} step %c2
// CHECK:               %[[LATER:.*]] = arith.minui %{{.*}}, %c99
// CHECK:               memref.prefetch %[[DOWN]][%[[LATER]], %c0, %c0], read, locality<3>, data
// CHECK:               arith.cmpi ult, %{{.*}}, %c100
// CHECK:               scf.if
// CHECK:                 %[[DOTS:.*]]:2 = scf.for %[[COLUMN:.*]] = %c0 to %c32 step %c16
// CHECK-SAME:              -> (vector<16xf32>, vector<16xf32>)
// CHECK:                   vector.load %[[WIDE]][%[[COLUMN]]]
// CHECK:                   vector.load %[[DOWN]]
// CHECK:                   arith.extf
// CHECK:                   vector.fma
// CHECK:                   vector.load %[[DOWN]]
// CHECK:                   memref.prefetch %[[UP]]
// CHECK:                 vector.reduction <add>, %[[DOTS]]#0
// CHECK:                 math.erf %{{.*}} : vector<2xf32>
// CHECK:                 scf.for
// CHECK:                   vector.load %[[PART]]
// CHECK:                   vector.load %[[UP]]
// CHECK:                   vector.load %[[UP]]
// CHECK:                   vector.store %{{.*}}, %[[PART]]
// CHECK:               } else {
// CHECK:             scf.for
// CHECK-DAG:           vector.load %[[SUM]]
// CHECK-DAG:           vector.load %[[PART]]
// CHECK:               vector.store %{{.*}}, %[[SUM]]
// CHECK:           arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK:           vector.store %{{.*}}, %[[Y]]
func.func @parts_and_rows(%i: memref<1x3x4xi32>, %g: memref<1x3x4xf32>, %x: memref<1x32xbf16>,
                          %down: memref<100x1x32xbf16>, %up: memref<100x1x48xbf16>, %y: memref<1x48xbf16>) {
  scf.forall (%tile) in (2) {
    peer.expert_mlp gelu {peermla.schedule = #tile.schedule<inner = [0, 1, 0], registers = [2, 1]>} ins(%x, %i, %g, %down, %up : memref<1x32xbf16>, memref<1x3x4xi32>, memref<1x3x4xf32>, memref<100x1x32xbf16>, memref<100x1x48xbf16>)
        outs(%y : memref<1x48xbf16>)
  }
  return
}

// A part as a tile: its sum is the result, in f32 and in place. Rows of one expert
// side by side are read as they lie.

// CHECK-LABEL: func.func @part_of_records(
// CHECK-SAME:    %[[RECORDS:[a-z0-9]*]]: memref<100x80xf32>
// CHECK-SAME:    %[[Y:[a-z0-9]*]]: memref<1x48xf32>
// CHECK-DAG:     %[[DOWN:.*]] = memref.expand_shape {{.*}} into memref<100x1x32xf32, strided<[80, 32, 1]>>
// CHECK-DAG:     %[[UP:.*]] = memref.expand_shape {{.*}} into memref<100x1x48xf32, strided<[80, 48, 1], offset: 32>>
// CHECK-NOT:     memref.alloc
// CHECK:         scf.for %{{.*}} = %c0 to %c4 step %c2
// CHECK:           memref.prefetch %[[DOWN]][%{{.*}}, %c0, %c0]
// CHECK:           memref.prefetch %[[DOWN]][%{{.*}}, %c0, %c16]
// CHECK-NOT:       memref.prefetch %[[UP]]
// CHECK:           vector.load %[[Y]]
// CHECK:           vector.load %[[UP]]
// CHECK:           vector.store %{{.*}}, %[[Y]]
func.func @part_of_records(%i: memref<1x1x4xi32>, %g: memref<1x1x4xf32>, %x: memref<1x32xf32>,
                           %records: memref<100x80xf32>, %y: memref<1x48xf32>) {
  %d = memref.subview %records[0, 0] [100, 32] [1, 1] : memref<100x80xf32> to memref<100x32xf32, strided<[80, 1]>>
  %u = memref.subview %records[0, 32] [100, 48] [1, 1] : memref<100x80xf32> to memref<100x48xf32, strided<[80, 1], offset: 32>>
  %down = memref.expand_shape %d [[0], [1, 2]] output_shape [100, 1, 32] : memref<100x32xf32, strided<[80, 1]>> into memref<100x1x32xf32, strided<[80, 32, 1]>>
  %up = memref.expand_shape %u [[0], [1, 2]] output_shape [100, 1, 48] : memref<100x48xf32, strided<[80, 1], offset: 32>> into memref<100x1x48xf32, strided<[80, 48, 1], offset: 32>>
  scf.forall (%tile) in (2) {
    peer.expert_mlp gelu {peermla.schedule = #tile.schedule<inner = [0, 1, 4], registers = [2, 2]>} ins(%x, %i, %g, %down, %up : memref<1x32xf32>, memref<1x1x4xi32>, memref<1x1x4xf32>, memref<100x1x32xf32, strided<[80, 32, 1]>>, memref<100x1x48xf32, strided<[80, 48, 1], offset: 32>>)
        outs(%y : memref<1x48xf32>)
  }
  return
}

}
