// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-tile-and-fuse))' -split-input-file -verify-diagnostics

// Schedules that cannot be followed.

func.func @no_loops(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{has 'peermla.schedule', which only ops with loops and tensors as results can follow}}
  %y = tensor.expand_shape %x [[0, 1]] output_shape [2, 2] {peermla.schedule = #tile.schedule<block = [2]>} : tensor<4xf32> into tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @memrefs(%x: memref<4xf32>) {
  // expected-error @below {{has 'peermla.schedule', which only ops with loops and tensors as results can follow}}
  linalg.exp {peermla.schedule = #tile.schedule<block = [2]>} ins(%x : memref<4xf32>) outs(%x : memref<4xf32>)
  return
}

// -----

func.func @other_attribute(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects 'peermla.schedule' to be a #tile.schedule, got [2]}}
  %y = linalg.exp {peermla.schedule = [2]} ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @reduction(%a: tensor<4x7xf32>, %b: tensor<7x3xf32>, %c: tensor<4x3xf32>) -> tensor<4x3xf32> {
  // expected-error @below {{expects block extents of reductions to be 0, got 5 for loop 2}}
  %y = linalg.matmul {peermla.schedule = #tile.schedule<block = [2, 0, 5]>} ins(%a, %b : tensor<4x7xf32>, tensor<7x3xf32>) outs(%c : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

func.func @wrong_rank(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
  // expected-error @below {{expects one block extent per loop, got 1 extents and 2 loops}}
  %y = linalg.exp {peermla.schedule = #tile.schedule<block = [2]>} ins(%x : tensor<4x3xf32>) outs(%x : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

func.func @attention_without_tokens(%q: tensor<?x3x12xf32>, %k: tensor<?x12xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  // expected-error @below {{expects at least 1 token in 'block' of its schedule, got #tile.schedule<block = [0, 2]>}}
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [0, 2]>}
      ins(%q, %k : tensor<?x3x12xf32>, tensor<?x12xf32>) ragged(%cu : tensor<?xi32>)
      outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}
