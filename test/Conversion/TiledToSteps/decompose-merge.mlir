// RUN: peermla-opt %s --pass-pipeline="builtin.module(func.func(peermla-decompose-merge))" | FileCheck %s

// The join of partial attention is elementwise; each element sums over the parts.

// CHECK-LABEL: func @element_sums_over_parts
// CHECK-SAME:    %[[O:.*]]: tensor<3x?x2x5xf32>, %[[LSE:.*]]: tensor<3x?x2xf32>, %[[INIT:[a-z0-9]*]]:
// CHECK-NOT:   mla.merge
// CHECK:       linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel"]} outs(%[[INIT]] : tensor<?x2x5xbf16>)
// CHECK:         scf.for
// CHECK:           tensor.extract %[[LSE]]
// CHECK:           arith.maximumf
// CHECK:         scf.for
// CHECK:           %[[PART:.*]] = tensor.extract %[[LSE]]
// CHECK:           %[[EMPTY:.*]] = arith.cmpf oeq, %[[PART]], %{{.*}} : f32
// CHECK:           scf.if %[[EMPTY]]
// CHECK:           } else {
// CHECK:             math.exp
// CHECK:             tensor.extract %[[O]]
// CHECK:         arith.divf
// CHECK:         arith.truncf
func.func @element_sums_over_parts(%o: tensor<3x?x2x5xf32>, %lse: tensor<3x?x2xf32>,
                                   %init: tensor<?x2x5xbf16>) -> tensor<?x2x5xbf16> {
  %r = mla.merge ins(%o, %lse : tensor<3x?x2x5xf32>, tensor<3x?x2xf32>)
      outs(%init : tensor<?x2x5xbf16>) -> tensor<?x2x5xbf16>
  return %r : tensor<?x2x5xbf16>
}

// CHECK-LABEL: func @lse_is_asked_for
// CHECK:       linalg.generic
// CHECK:       linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]}
// CHECK:         math.log
func.func @lse_is_asked_for(%o: tensor<3x?x2x5xf32>, %lse: tensor<3x?x2xf32>, %init: tensor<?x2x5xf32>,
                            %init1: tensor<?x2xf32>) -> (tensor<?x2x5xf32>, tensor<?x2xf32>) {
  %r:2 = mla.merge ins(%o, %lse : tensor<3x?x2x5xf32>, tensor<3x?x2xf32>)
      outs(%init, %init1 : tensor<?x2x5xf32>, tensor<?x2xf32>) -> tensor<?x2x5xf32>, tensor<?x2xf32>
  return %r#0, %r#1 : tensor<?x2x5xf32>, tensor<?x2xf32>
}
