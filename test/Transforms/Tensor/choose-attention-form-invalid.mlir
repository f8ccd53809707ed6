// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-choose-attention-form))' -split-input-file -verify-diagnostics

// What cannot be rewritten says why.

func.func @dynamic_heads(%q: tensor<?x?x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<?x8x16xf32>, %uv: tensor<?x6x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x?x6xf32>) {
  // expected-error @below {{'mla.attention' op expects all extents of 'q' but T to be static, got 'tensor<?x?x12xf32>'}}
  %o = mla.attention scale(0.25)
      ins(%q, %kv, %uk, %uv : tensor<?x?x12xf32>, tensor<?x20xf32>, tensor<?x8x16xf32>, tensor<?x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
  return
}

// -----

func.func @dynamic_weight(%q: tensor<?x3x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x?x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) {
  // expected-error @below {{expects all extents of 'w_uv' to be static, got 'tensor<3x?x16xf32>'}}
  %o = mla.attention scale(0.25)
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x20xf32>, tensor<3x8x16xf32>, tensor<3x?x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return
}

// -----

func.func @expanded_cache(%q: tensor<?x3x12xf32>, %kv: tensor<?x?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x6xf32>) {
  // expected-error @below {{cannot be expanded over a paged cache}}
  %o = mla.attention scale(0.25) {peermla.form = "expand"}
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>)
      outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return
}

// -----

func.func @memrefs(%q: memref<4x3x12xf32>, %kv: memref<4x20xf32>, %uk: memref<3x8x16xf32>, %uv: memref<3x6x16xf32>, %cu: memref<2xi32>, %i: memref<4x3x6xf32>) {
  // expected-error @below {{expects tensors, got memrefs}}
  mla.attention scale(0.25)
      ins(%q, %kv, %uk, %uv : memref<4x3x12xf32>, memref<4x20xf32>, memref<3x8x16xf32>, memref<3x6x16xf32>)
      ragged(%cu : memref<2xi32>) outs(%i : memref<4x3x6xf32>)
  return
}

// -----

func.func @number_as_form(%q: tensor<?x3x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) {
  // expected-error @below {{expects 'peermla.form' to be a string, got 1 : i64}}
  %o = mla.attention scale(0.25) {peermla.form = 1}
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return
}

// -----

func.func @unknown_form(%q: tensor<?x3x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) {
  // expected-error @below {{expects the attention form to be 'expand' or 'absorb', got 'expanded'}}
  %o = mla.attention scale(0.25) {peermla.form = "expanded"}
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return
}
