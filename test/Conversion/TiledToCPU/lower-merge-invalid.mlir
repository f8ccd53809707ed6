// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(func.func(peermla-lower-merge))"

func.func @number_of_parts_unknown(%p: memref<?x7x3x20xf32>, %l: memref<?x7x3xf32>, %o: memref<7x3x20xf32>) {
  // expected-error@+1 {{expects a static number of parts, at least 1, and rows of static length, got 'memref<?x7x3xf32>' and 'memref<?x7x3x20xf32>'}}
  mla.merge ins(%p, %l : memref<?x7x3x20xf32>, memref<?x7x3xf32>) outs(%o : memref<7x3x20xf32>)
  return
}

// -----

func.func @in_f64(%p: memref<2x7x3x20xf64>, %l: memref<2x7x3xf64>, %o: memref<7x3x20xf64>) {
  // expected-error@+1 {{expects 'o_i' to have element type f32, f16 or bf16, got 'memref<2x7x3x20xf64>'}}
  mla.merge ins(%p, %l : memref<2x7x3x20xf64>, memref<2x7x3xf64>) outs(%o : memref<7x3x20xf64>)
  return
}
