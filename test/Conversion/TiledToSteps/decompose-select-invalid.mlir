// RUN: peermla-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(func.func(peermla-decompose-select))"

func.func @scores_of_f64(%s: tensor<?x2x7xf64>, %g: tensor<?x2x3xf32>,
                         %i: tensor<?x2x3xi32>) -> (tensor<?x2x3xf32>, tensor<?x2x3xi32>) {
  // expected-error@below {{expects scores and gates of f32, got 'tensor<?x2x7xf64>'}}
  %r:2 = peer.select relu num_keys([7]) ins(%s : tensor<?x2x7xf64>)
      outs(%g, %i : tensor<?x2x3xf32>, tensor<?x2x3xi32>) -> tensor<?x2x3xf32>, tensor<?x2x3xi32>
  return %r#0, %r#1 : tensor<?x2x3xf32>, tensor<?x2x3xi32>
}
