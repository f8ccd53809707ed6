// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-model-to-reference))' -verify-diagnostics

func.func @narrow_floats(%p: memref<?xi32>, %t: memref<?x2xf32>) {
  // expected-error @below {{expects memrefs of f64 or i32 for its reference, got 'memref<?x2xf32>'}}
  mla.rope_table {inv_freq = array<f64: 1.0>, multiplier = 1.0 : f64}
      ins(%p : memref<?xi32>) outs(%t : memref<?x2xf32>)
  return
}

// -----

func.func @tensors(%cu: tensor<3xi32>, %p: tensor<7xi32>) -> tensor<7xi32> {
  // expected-error @below {{expects memrefs of f64 or i32 for its reference, got 'tensor<3xi32>'}}
  %0 = mla.positions ins(%cu : tensor<3xi32>) outs(%p : tensor<7xi32>)
      -> tensor<7xi32>
  return %0 : tensor<7xi32>
}
