// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(func.func(peermla-split-reductions))'

func.func @no_sum(%s: tensor<?x3x7xf32>, %g: tensor<?x3x2xf32>, %i: tensor<?x3x2xi32>) -> (tensor<?x3x2xf32>, tensor<?x3x2xi32>) {
  // expected-error @below {{has 'peermla.schedule' with 'split', which only a sum with tensors as results can follow}}
  %0:2 = peer.select softmax num_keys([7]) {peermla.schedule = #tile.schedule<block = [8, 1], inner = [0, 1], split = 2>} ins(%s : tensor<?x3x7xf32>)
      outs(%g, %i : tensor<?x3x2xf32>, tensor<?x3x2xi32>) -> tensor<?x3x2xf32>, tensor<?x3x2xi32>
  return %0#0, %0#1 : tensor<?x3x2xf32>, tensor<?x3x2xi32>
}

// -----

func.func @too_few_extents(%x: tensor<?x5xf32>, %i: tensor<?x2x4xi32>, %g: tensor<?x2x4xf32>, %d: tensor<9x1x5xf32>, %y: tensor<?x5xf32>) -> tensor<?x5xf32> {
  // expected-error @below {{expects one extent of 'inner' per loop, got 2 extents and 3 loops}}
  %0 = peer.expert_mlp gelu {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1], split = 5>}
      ins(%x, %i, %g, %d, %d : tensor<?x5xf32>, tensor<?x2x4xi32>, tensor<?x2x4xf32>, tensor<9x1x5xf32>, tensor<9x1x5xf32>)
      outs(%y : tensor<?x5xf32>) -> tensor<?x5xf32>
  return %0 : tensor<?x5xf32>
}

// -----

func.func @nothing_to_split(%x: tensor<?x5xf32>, %i: tensor<?x2x4xi32>, %g: tensor<?x2x4xf32>, %d: tensor<9x1x5xf32>, %y: tensor<?x5xf32>) -> tensor<?x5xf32> {
  // expected-error @below {{expects 'block' to cut the first loop and 'inner' a reduction where 'split' is given, got #tile.schedule<block = [1, 0, 0], inner = [1, 0, 0], split = 5>}}
  %0 = peer.expert_mlp gelu {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [1, 0, 0], split = 5>}
      ins(%x, %i, %g, %d, %d : tensor<?x5xf32>, tensor<?x2x4xi32>, tensor<?x2x4xf32>, tensor<9x1x5xf32>, tensor<9x1x5xf32>)
      outs(%y : tensor<?x5xf32>) -> tensor<?x5xf32>
  return %0 : tensor<?x5xf32>
}
