// RUN: peermla-opt %s -peermla-verify-contract=stage=tiled -verify-diagnostics

// From the stage `tiled` on, ops of a model lie in kernels. The table of runs that
// kernels of attention read lies outside.

func.func @outside(%x: tensor<?x12xf32>, %t: tensor<?x4xf32>, %y: tensor<?x12xf32>, %cu: tensor<?xi32>, %items: tensor<?x3xi32>, %T: index) -> tensor<?x12xf32> {
  %i = mla.work_items tokens(4 of %T) ins(%cu : tensor<?xi32>) outs(%items : tensor<?x3xi32>) -> tensor<?x3xi32>
  // expected-error @below {{'mla.rope' may not exist outside of kernels at the stage 'tiled'}}
  %r = mla.rope ins(%x, %t : tensor<?x12xf32>, tensor<?x4xf32>) outs(%y : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %r : tensor<?x12xf32>
}

func.func @inside(%x: tensor<3x12xf32>, %t: tensor<3x4xf32>, %y: tensor<3x12xf32>) -> tensor<3x12xf32> {
  %o = scf.forall (%i) in (1) shared_outs(%out = %y) -> (tensor<3x12xf32>) {
    %r = mla.rope ins(%x, %t : tensor<3x12xf32>, tensor<3x4xf32>) outs(%out : tensor<3x12xf32>) -> tensor<3x12xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %r into %out[0, 0] [3, 12] [1, 1] : tensor<3x12xf32> into tensor<3x12xf32>
    }
  }
  return %o : tensor<3x12xf32>
}
