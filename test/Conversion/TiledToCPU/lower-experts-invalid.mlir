// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(func.func(peermla-lower-experts))"

func.func @in_f64(%x: memref<?x8xf64>, %i: memref<?x2x3xi32>, %g: memref<?x2x3xf32>, %t: memref<9x1x8xf64>, %y: memref<?x8xf64>) {
  // expected-error@+1 {{'peer.expert_mlp' op expects 'x' to have element type f32, f16 or bf16, got 'memref<?x8xf64>'}}
  peer.expert_mlp relu ins(%x, %i, %g, %t, %t : memref<?x8xf64>, memref<?x2x3xi32>, memref<?x2x3xf32>, memref<9x1x8xf64>, memref<9x1x8xf64>)
      outs(%y : memref<?x8xf64>)
  return
}

// -----

func.func @unknown_width(%x: memref<?x?xf32>, %i: memref<?x2x3xi32>, %g: memref<?x2x3xf32>, %t: memref<9x1x?xf32>, %y: memref<?x?xf32>) {
  // expected-error@+1 {{'peer.expert_mlp' op expects 'x' to be dynamic in T only, got 'memref<?x?xf32>'}}
  peer.expert_mlp relu ins(%x, %i, %g, %t, %t : memref<?x?xf32>, memref<?x2x3xi32>, memref<?x2x3xf32>, memref<9x1x?xf32>, memref<9x1x?xf32>)
      outs(%y : memref<?x?xf32>)
  return
}
