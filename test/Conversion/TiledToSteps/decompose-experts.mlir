// RUN: peermla-opt %s --pass-pipeline="builtin.module(func.func(peermla-decompose-experts))" | FileCheck %s

// Experts are a dot product per neuron, then a sum per output element.

// CHECK-LABEL: func @neurons_then_sums
// CHECK-SAME:    %[[X:[a-z0-9]*]]: tensor<1x6xbf16>, %[[I:[a-z0-9]*]]: tensor<1x2x3xi32>, %[[G:[a-z0-9]*]]: tensor<1x2x3xf32>, %[[DOWN:[a-z0-9]*]]: tensor<9x2x6xbf16>, %[[UP:[a-z0-9]*]]: tensor<9x2x5xbf16>, %[[INIT:[a-z0-9]*]]:
// CHECK:       %[[W:.*]] = bufferization.alloc_tensor() : tensor<1x2x3x2xf32>
// CHECK:       %[[NEURONS:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%[[W]]
// CHECK:         tensor.extract %[[I]]
// CHECK:         arith.cmpi ult
// CHECK:         scf.if
// CHECK:           scf.for
// CHECK:             tensor.extract %[[DOWN]]
// CHECK:             tensor.extract %[[X]]
// CHECK:           math.erf
// CHECK:           tensor.extract %[[G]]
// CHECK:       linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]} outs(%[[INIT]]
// CHECK-COUNT-3: scf.for
// CHECK:           tensor.extract %[[NEURONS]]
// CHECK:           tensor.extract %[[UP]]
// CHECK:         arith.truncf
func.func @neurons_then_sums(%x: tensor<1x6xbf16>, %i: tensor<1x2x3xi32>, %g: tensor<1x2x3xf32>,
    %down: tensor<9x2x6xbf16>, %up: tensor<9x2x5xbf16>, %init: tensor<1x5xbf16>) -> tensor<1x5xbf16> {
  %y = peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : tensor<1x6xbf16>, tensor<1x2x3xi32>, tensor<1x2x3xf32>,
          tensor<9x2x6xbf16>, tensor<9x2x5xbf16>)
      outs(%init : tensor<1x5xbf16>) -> tensor<1x5xbf16>
  return %y : tensor<1x5xbf16>
}

// Neuron values that are asked for are not weighted.
// CHECK-LABEL: func @neurons_are_a_result
// CHECK-SAME:    %[[G:[a-z0-9]*]]: tensor<1x2x3xf32>
// CHECK-NOT:   alloc_tensor
// CHECK:       %[[NEURONS:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
// CHECK-NOT:     tensor.extract %[[G]]
// CHECK:       linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]}
// CHECK:           tensor.extract %[[NEURONS]]
// CHECK:           tensor.extract %[[G]]
func.func @neurons_are_a_result(%g: tensor<1x2x3xf32>, %x: tensor<1x6xf32>, %i: tensor<1x2x3xi32>,
    %down: tensor<9x1x6xf32>, %up: tensor<9x1x5xf32>, %init: tensor<1x5xf32>,
    %n: tensor<1x2x3x1xf32>) -> (tensor<1x5xf32>, tensor<1x2x3x1xf32>) {
  %y:2 = peer.expert_mlp relu
      ins(%x, %i, %g, %down, %up : tensor<1x6xf32>, tensor<1x2x3xi32>, tensor<1x2x3xf32>,
          tensor<9x1x6xf32>, tensor<9x1x5xf32>)
      outs(%init, %n : tensor<1x5xf32>, tensor<1x2x3x1xf32>) -> tensor<1x5xf32>, tensor<1x2x3x1xf32>
  return %y#0, %y#1 : tensor<1x5xf32>, tensor<1x2x3x1xf32>
}
