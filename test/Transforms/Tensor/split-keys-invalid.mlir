// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(func.func(peermla-split-keys))'

func.func @block_unknown(%q: tensor<?x3x20xf32>, %k: tensor<?x20xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  // expected-error @below {{expects 'block' of its schedule to be tokens and heads and 'inner' keys where these are to be split, got #tile.schedule<inner = [32], parts = 2>}}
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<inner = [32], parts = 2>}
      ins(%q, %k : tensor<?x3x20xf32>, tensor<?x20xf32>) ragged(%cu : tensor<?xi32>)
      outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// -----

func.func @number_of_heads_unknown(%q: tensor<?x?x20xf32>, %k: tensor<?x20xf32>, %cu: tensor<?xi32>, %i: tensor<?x?x16xf32>) -> tensor<?x?x16xf32> {
  // expected-error @below {{expects 'o' to have a static number of heads and static rows where keys are to be split, got 'tensor<?x?x16xf32>'}}
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [5, 2], inner = [32], parts = 2>}
      ins(%q, %k : tensor<?x?x20xf32>, tensor<?x20xf32>) ragged(%cu : tensor<?xi32>)
      outs(%i : tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  return %o : tensor<?x?x16xf32>
}

// -----

func.func @on_memrefs(%q: memref<?x3x20xf32>, %k: memref<?x20xf32>, %cu: memref<?xi32>, %i: memref<?x3x16xf32>) {
  // expected-error @below {{expects tensors where keys are to be split}}
  mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [5, 2], inner = [32], parts = 2>}
      ins(%q, %k : memref<?x3x20xf32>, memref<?x20xf32>) ragged(%cu : memref<?xi32>)
      outs(%i : memref<?x3x16xf32>)
  return
}
