// RUN: peermla-opt %s --pass-pipeline="builtin.module(func.func(peermla-decompose-merge))" | FileCheck %s

// The join of partial attention: the weights of a row's parts are computed once,
// then each element sums over the parts.

// CHECK-LABEL: func @weights_then_sums
// CHECK-SAME:    %[[O:.*]]: tensor<3x7x2x5xf32>, %[[LSE:.*]]: tensor<3x7x2xf32>, %[[INIT:[a-z0-9]*]]:
// CHECK-NOT:   mla.merge
// CHECK:       %[[MEMORY:.*]] = bufferization.alloc_tensor() : tensor<7x2x3xf32>
// CHECK:       %[[WEIGHTS:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel"]} outs(%[[MEMORY]] : tensor<7x2x3xf32>)
// CHECK:         scf.for
// CHECK:           tensor.extract %[[LSE]]
// CHECK:           arith.maximumf
// CHECK:         scf.for
// CHECK:           tensor.extract %[[LSE]]
// CHECK:           math.exp
// CHECK:         arith.divf
// CHECK:       linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel"]} outs(%[[INIT]] : tensor<7x2x5xbf16>)
// CHECK-NOT:     %[[LSE]]
// CHECK:         scf.for
// CHECK:           %[[WEIGHT:.*]] = tensor.extract %[[WEIGHTS]]
// CHECK:           arith.mulf %[[WEIGHT]]
// CHECK:         arith.truncf
func.func @weights_then_sums(%o: tensor<3x7x2x5xf32>, %lse: tensor<3x7x2xf32>,
                             %init: tensor<7x2x5xbf16>) -> tensor<7x2x5xbf16> {
  %r = mla.merge ins(%o, %lse : tensor<3x7x2x5xf32>, tensor<3x7x2xf32>)
      outs(%init : tensor<7x2x5xbf16>) -> tensor<7x2x5xbf16>
  return %r : tensor<7x2x5xbf16>
}

// A part without a key has a negative weight, and its o is not read.
// CHECK-LABEL: func @empty_part_is_not_read
// CHECK-SAME:    %[[O:.*]]: tensor<3x7x2x5xf32>, %[[LSE:.*]]: tensor<3x7x2xf32>,
// CHECK-DAG:   %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK:         %[[PART:.*]] = tensor.extract %[[LSE]]{{.*}}
// CHECK:         %[[NO_KEY:.*]] = arith.cmpf oeq, %{{.*}}, %[[NONE]] : f32
// CHECK:         %[[NEGATIVE:.*]] = arith.constant -1.0
// CHECK:         arith.select %{{.*}}, %[[NEGATIVE]], %{{.*}} : f32
// CHECK:       linalg.generic
// CHECK:           %[[SKIP:.*]] = arith.cmpf olt
// CHECK:           scf.if %[[SKIP]]
// CHECK-NOT:         tensor.extract
// CHECK:           } else {
// CHECK:             tensor.extract %[[O]]
func.func @empty_part_is_not_read(%o: tensor<3x7x2x5xf32>, %lse: tensor<3x7x2xf32>,
                                  %init: tensor<7x2x5xf32>) -> tensor<7x2x5xf32> {
  %r = mla.merge ins(%o, %lse : tensor<3x7x2x5xf32>, tensor<3x7x2xf32>)
      outs(%init : tensor<7x2x5xf32>) -> tensor<7x2x5xf32>
  return %r : tensor<7x2x5xf32>
}

// A bound of a dynamic extent makes the memory; the weights are a slice of it.
// CHECK-LABEL: func @tile_of_tokens
// CHECK:       %[[MEMORY:.*]] = bufferization.alloc_tensor() : tensor<4x2x3xf32>
// CHECK:       tensor.extract_slice %[[MEMORY]]
func.func @tile_of_tokens(%n: index, %o: tensor<3x?x2x5xf32>, %lse: tensor<3x?x2xf32>,
                          %init: tensor<?x2x5xf32>) -> tensor<?x2x5xf32> {
  %size = affine.min affine_map<()[s0] -> (s0, 4)>()[%n]
  %po = tensor.extract_slice %o[0, 0, 0, 0] [3, %size, 2, 5] [1, 1, 1, 1] : tensor<3x?x2x5xf32> to tensor<3x?x2x5xf32>
  %pl = tensor.extract_slice %lse[0, 0, 0] [3, %size, 2] [1, 1, 1] : tensor<3x?x2xf32> to tensor<3x?x2xf32>
  %out = tensor.extract_slice %init[0, 0, 0] [%size, 2, 5] [1, 1, 1] : tensor<?x2x5xf32> to tensor<?x2x5xf32>
  %r = mla.merge ins(%po, %pl : tensor<3x?x2x5xf32>, tensor<3x?x2xf32>)
      outs(%out : tensor<?x2x5xf32>) -> tensor<?x2x5xf32>
  return %r : tensor<?x2x5xf32>
}

// CHECK-LABEL: func @lse_is_asked_for
// CHECK:       linalg.generic
// CHECK:       linalg.generic
// CHECK:       linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]}
// CHECK:         math.log
func.func @lse_is_asked_for(%o: tensor<3x7x2x5xf32>, %lse: tensor<3x7x2xf32>, %init: tensor<7x2x5xf32>,
                            %init1: tensor<7x2xf32>) -> (tensor<7x2x5xf32>, tensor<7x2xf32>) {
  %r:2 = mla.merge ins(%o, %lse : tensor<3x7x2x5xf32>, tensor<3x7x2xf32>)
      outs(%init, %init1 : tensor<7x2x5xf32>, tensor<7x2xf32>) -> tensor<7x2x5xf32>, tensor<7x2xf32>
  return %r#0, %r#1 : tensor<7x2x5xf32>, tensor<7x2xf32>
}
