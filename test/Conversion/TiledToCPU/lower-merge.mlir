// RUN: peermla-opt %s -pass-pipeline="builtin.module(func.func(peermla-lower-merge,canonicalize,cse))" | FileCheck %s

// Weights of all parts are in registers before columns are visited; the sum of a
// column is in the order of the parts. Where no part has a key, the weights are 0; of
// a part without a key nothing counts.

module attributes {peermla.level = "x86-64-v4"} {

// CHECK-LABEL: func.func @two_parts(
// CHECK-SAME:    %[[P:[a-z0-9]*]]: memref<2x?x3x20xf32>, %[[L:[a-z0-9]*]]: memref<2x?x3xf32>, %[[O:[a-z0-9]*]]: memref<?x3x20xbf16>, %[[LSE:[a-z0-9]*]]: memref<?x3xf32>
// CHECK:         scf.for %[[T:.*]] = %c0
// CHECK:           scf.for %[[H:.*]] = %c0 to %c3
// CHECK:             %[[L0:.*]] = memref.load %[[L]][%c0, %[[T]], %[[H]]]
// CHECK:             %[[L1:.*]] = memref.load %[[L]][%c1, %[[T]], %[[H]]]
// CHECK:             %[[M:.*]] = arith.maximumf %[[L0]], %[[L1]]
// CHECK:             %[[NONE:.*]] = arith.cmpf oeq, %[[M]], %cst
// CHECK:             %[[BASE:.*]] = arith.select %[[NONE]], %{{.*}}, %[[M]]
// CHECK:             %[[E0:.*]] = arith.cmpf oeq, %[[L0]], %cst
// CHECK:             %[[D0:.*]] = arith.subf %[[L0]], %[[BASE]]
// CHECK:             %[[W0:.*]] = math.exp %[[D0]]
// CHECK:             %[[W1:.*]] = math.exp
// CHECK:             %[[SUM:.*]] = arith.addf %[[W0]], %[[W1]]
// CHECK:             %[[O0:.*]] = arith.select %[[E0]], %{{.*}}, %{{.*}} : vector<16xf32>
// CHECK:             %[[F0:.*]] = vector.fma %[[O0]]
// CHECK:             %[[F1:.*]] = vector.fma %{{.*}}, %{{.*}}, %[[F0]] : vector<16xf32>
// CHECK:             %[[R:.*]] = arith.truncf %[[F1]]
// CHECK:             vector.store %[[R]], %[[O]][%[[T]], %[[H]], %c0]
// CHECK:             vector<4xf32>
// CHECK:             %[[LOG:.*]] = math.log %[[SUM]]
// CHECK:             memref.store %{{.*}}, %[[LSE]][%[[T]], %[[H]]]
func.func @two_parts(%p: memref<2x?x3x20xf32>, %l: memref<2x?x3xf32>, %o: memref<?x3x20xbf16>, %lse: memref<?x3xf32>) {
  mla.merge ins(%p, %l : memref<2x?x3x20xf32>, memref<2x?x3xf32>) outs(%o, %lse : memref<?x3x20xbf16>, memref<?x3xf32>)
  return
}

}
