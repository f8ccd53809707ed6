// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(func.func(peermla-lower-select))"

func.func @columns_apart(%s: memref<2x3x8xf32, strided<[48, 16, 2]>>, %gates: memref<2x3x4xf32>, %indices: memref<2x3x4xi32>) {
  // expected-error@+1 {{'peer.select' op expects the rows of 'scores' to have unit stride, got 'memref<2x3x8xf32, strided<[48, 16, 2]>>'}}
  peer.select softmax num_keys([8]) ins(%s : memref<2x3x8xf32, strided<[48, 16, 2]>>)
      outs(%gates, %indices : memref<2x3x4xf32>, memref<2x3x4xi32>)
  return
}

// -----

func.func @scores_in_f64(%s: memref<2x3x8xf64>, %gates: memref<2x3x4xf64>, %indices: memref<2x3x4xi32>) {
  // expected-error@+1 {{'peer.select' op expects 'scores' to be f32 or i32, got 'memref<2x3x8xf64>'}}
  peer.select softmax num_keys([8]) ins(%s : memref<2x3x8xf64>)
      outs(%gates, %indices : memref<2x3x4xf64>, memref<2x3x4xi32>)
  return
}

// -----

func.func @panels_apart(%s: memref<2x3x2x4xf32, strided<[48, 16, 8, 1]>>, %gates: memref<2x3x4xf32>, %indices: memref<2x3x4xi32>) {
  // expected-error@+1 {{'peer.select' op expects the panels of 'scores' to be contiguous, got 'memref<2x3x2x4xf32, strided<[48, 16, 8, 1]>>'}}
  peer.select softmax num_keys([8]) ins(%s : memref<2x3x2x4xf32, strided<[48, 16, 8, 1]>>)
      outs(%gates, %indices : memref<2x3x4xf32>, memref<2x3x4xi32>)
  return
}
