// RUN: peermla-opt %s -pass-pipeline="builtin.module(func.func(peermla-lower-select,canonicalize,cse))" | FileCheck %s
// RUN: sed s/x86-64-v4/x86-64-v3/ %s | peermla-opt -pass-pipeline="builtin.module(func.func(peermla-lower-select,canonicalize,cse))" | FileCheck %s --check-prefix=V3

module attributes {peermla.level = "x86-64-v4"} {

// The list of 16 is one vector of scores and one of indices, carried by the scan
// and by the loop over the scores that beat its last entry; half as wide
// registers carry two of each. Sixteen scores reach the bound of the first pass.

// CHECK-LABEL: func.func @one_dimension(
// CHECK-SAME:    %[[SCORES:.*]]: memref<?x3x128xf32>
// CHECK:         scf.forall (%[[TOKEN:.*]]) in
// CHECK:           scf.for %[[HEAD:.*]] = %c0 to %c3
// CHECK:             %[[BEST:.*]] = scf.for %{{.*}} = %c16 to %c128 step %c16 iter_args({{.*}}) -> (vector<16xf32>)
// CHECK:             %[[LEAST:.*]] = vector.reduction <minimumf>, %[[BEST]]
// CHECK:             %[[BOUND:.*]] = vector.broadcast %[[LEAST]]
// CHECK:             scf.for %[[COLUMN:.*]] = %c0 to %c128 step %c16
// CHECK-SAME:          -> (vector<16xf32>, vector<16xi32>, i1)
// CHECK:               %[[WORST:.*]] = vector.extract %{{.*}}[15] : f32 from vector<16xf32>
// CHECK:               %[[LIMIT:.*]] = vector.broadcast %[[WORST]] : f32 to vector<16xf32>
// CHECK:               %[[NEXT:.*]] = vector.load %[[SCORES]][%[[TOKEN]], %[[HEAD]], %[[COLUMN]]]
// CHECK:               %[[BEATS:.*]] = arith.cmpf ult, %[[LIMIT]], %[[NEXT]]
// CHECK:               %[[REACHES:.*]] = arith.cmpf ule, %[[BOUND]], %[[NEXT]]
// CHECK:               %[[COUNTS:.*]] = arith.andi %[[BEATS]], %[[REACHES]]
// CHECK:               vector.bitcast %[[COUNTS]] : vector<16xi1> to vector<1xi16>
// CHECK:               scf.while {{.*}} : (i32, vector<16xf32>, vector<16xi32>, i1)
// CHECK:                 math.cttz
// CHECK:                 vector.shuffle
// CHECK:             math.exp
// CHECK-NOT:     memref.alloc
// V3-LABEL: func.func @one_dimension(
// V3:         scf.for {{.*}} step %c16
// V3-SAME:      -> (vector<8xf32>, vector<8xf32>)
// V3:         arith.minimumf
// V3:         scf.for {{.*}} step %c8
// V3-SAME:      -> (vector<8xf32>, vector<8xi32>, vector<8xf32>, vector<8xi32>, i1)
func.func @one_dimension(%scores: memref<?x3x128xf32>, %gates: memref<?x3x16xf32>, %indices: memref<?x3x16xi32>) {
  peer.select softmax num_keys([128]) ins(%scores : memref<?x3x128xf32>)
      outs(%gates, %indices : memref<?x3x16xf32>, memref<?x3x16xi32>)
  return
}

// Of the sums of ranks a and b only those with (a + 1)(b + 1) <= k are looked at.
// So few scores have no pass of their own for a bound.

// CHECK-LABEL: func.func @fold(
// CHECK-NOT:     <minimumf>
// CHECK:         scf.for %[[RANK:.*]] = %c1 to %c16
// CHECK:           %[[NUMBER:.*]] = arith.addi %[[RANK]], %c1
// CHECK:           %[[LIMIT:.*]] = arith.divui %c16, %[[NUMBER]]
// CHECK:           %[[VISITED:.*]] = arith.minsi %[[LIMIT]], %c16
// CHECK:           vector.create_mask %[[VISITED]]
func.func @fold(%s0: memref<?x3x40xf32>, %s1: memref<?x3x50xf32>, %gates: memref<?x3x16xf32>, %indices: memref<?x3x16xi32>) {
  peer.select relu num_keys([40, 50]) ins(%s0, %s1 : memref<?x3x40xf32>, memref<?x3x50xf32>)
      outs(%gates, %indices : memref<?x3x16xf32>, memref<?x3x16xi32>)
  return
}

// A long list stays in memory: the scan carries only whether it saw a NaN, and its
// bound would take too many registers.

// CHECK-LABEL: func.func @long_list(
// CHECK-NOT:     <minimumf>
// CHECK:         scf.for {{.*}} step %c16 iter_args({{.*}}) -> (i1)
func.func @long_list(%scores: memref<?x3x1024xf32>, %gates: memref<?x3x100xf32>, %indices: memref<?x3x100xi32>) {
  peer.select sigmoid num_keys([1024]) ins(%scores : memref<?x3x1024xf32>)
      outs(%gates, %indices : memref<?x3x100xf32>, memref<?x3x100xi32>)
  return
}

// In a work item tokens are a loop, and scratch memory stands before it.

// CHECK-LABEL: func.func @tile(
// CHECK:         scf.forall (%{{.*}}) in (2) {
// CHECK-COUNT-3:   memref.alloc()
// CHECK:           scf.for
// CHECK-NOT:     memref.alloc
func.func @tile(%scores: memref<?x3x32xf32>, %gates: memref<?x3x4xf32>, %indices: memref<?x3x4xi32>) {
  scf.forall (%i) in (2) {
    peer.select softmax num_keys([31]) ins(%scores : memref<?x3x32xf32>)
        outs(%gates, %indices : memref<?x3x4xf32>, memref<?x3x4xi32>)
  }
  return
}

}
