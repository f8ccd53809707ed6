// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(func.func(peermla-lower-rope))"

func.func @unknown_row_length(%x: memref<?x?xf32>, %t: memref<?x4xf32>) {
  // expected-error@+1 {{'mla.rope' op expects 'x' to have rows of static length, got 'memref<?x?xf32>'}}
  mla.rope ins(%x, %t : memref<?x?xf32>, memref<?x4xf32>) outs(%x : memref<?x?xf32>)
  return
}

// -----

func.func @table_in_f64(%p: memref<?xi32>, %t: memref<?x4xf64>) {
  // expected-error@+1 {{'mla.rope_table' op expects 'init' to have element type f32, f16 or bf16, got 'memref<?x4xf64>'}}
  mla.rope_table {inv_freq = array<f64: 1.0, 0.01>, multiplier = 1.0 : f64}
      ins(%p : memref<?xi32>) outs(%t : memref<?x4xf64>)
  return
}

// -----

func.func @cache_columns_apart(%cache: memref<4x2x20xf32, strided<[80, 40, 2]>>, %rows: memref<?x20xf32>, %cu: memref<?xi32>, %past: memref<?xi32>, %blocks: memref<?x?xi32>) {
  // expected-error@+1 {{'mla.cache_append' op expects the rows of 'init' to have unit stride, got 'memref<4x2x20xf32, strided<[80, 40, 2]>>'}}
  mla.cache_append ins(%rows, %cu, %past, %blocks : memref<?x20xf32>, memref<?xi32>, memref<?xi32>, memref<?x?xi32>)
      outs(%cache : memref<4x2x20xf32, strided<[80, 40, 2]>>)
  return
}
