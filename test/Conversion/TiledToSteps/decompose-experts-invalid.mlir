// RUN: peermla-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(func.func(peermla-decompose-experts))"

func.func @unbounded_tokens(%x: tensor<?x6xf32>, %i: tensor<?x2x3xi32>, %g: tensor<?x2x3xf32>,
    %down: tensor<9x1x6xf32>, %up: tensor<9x1x5xf32>, %init: tensor<?x5xf32>) -> tensor<?x5xf32> {
  // expected-error@below {{expects a bound of dimension 0 of 'indices', which makes memory for a tile, got 'tensor<?x2x3xi32>'}}
  %y = peer.expert_mlp relu
      ins(%x, %i, %g, %down, %up : tensor<?x6xf32>, tensor<?x2x3xi32>, tensor<?x2x3xf32>,
          tensor<9x1x6xf32>, tensor<9x1x5xf32>)
      outs(%init : tensor<?x5xf32>) -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}

// -----

func.func @dynamic_hidden_size(%x: tensor<1x6xf32>, %i: tensor<1x2x3xi32>, %g: tensor<1x2x3xf32>,
    %down: tensor<9x?x6xf32>, %up: tensor<9x?x5xf32>, %init: tensor<1x5xf32>) -> tensor<1x5xf32> {
  // expected-error@below {{expects e of 'down' to be static, got 'tensor<9x?x6xf32>'}}
  %y = peer.expert_mlp relu
      ins(%x, %i, %g, %down, %up : tensor<1x6xf32>, tensor<1x2x3xi32>, tensor<1x2x3xf32>,
          tensor<9x?x6xf32>, tensor<9x?x5xf32>)
      outs(%init : tensor<1x5xf32>) -> tensor<1x5xf32>
  return %y : tensor<1x5xf32>
}
