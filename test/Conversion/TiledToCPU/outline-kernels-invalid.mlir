// RUN: peermla-opt %s -peermla-outline-kernels -verify-diagnostics

// Kernels work on memrefs.

func.func @tensors(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'scf.forall' op expects memrefs in place of results}}
  %r = scf.forall (%i) in (4) shared_outs(%o = %y) -> tensor<4xf32> {
    %s = tensor.extract_slice %x[%i] [1] [1] : tensor<4xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<4xf32>
    }
  }
  return %r : tensor<4xf32>
}
