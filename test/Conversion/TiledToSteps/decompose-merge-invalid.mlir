// RUN: peermla-opt %s --verify-diagnostics --pass-pipeline="builtin.module(func.func(peermla-decompose-merge))"

func.func @unbounded_tokens(%o: tensor<3x?x2x5xf32>, %lse: tensor<3x?x2xf32>,
                            %init: tensor<?x2x5xf32>) -> tensor<?x2x5xf32> {
  // expected-error@below {{expects a bound of dimension 0 of 'o', which makes memory for a tile, got 'tensor<?x2x5xf32>'}}
  %r = mla.merge ins(%o, %lse : tensor<3x?x2x5xf32>, tensor<3x?x2xf32>)
      outs(%init : tensor<?x2x5xf32>) -> tensor<?x2x5xf32>
  return %r : tensor<?x2x5xf32>
}
