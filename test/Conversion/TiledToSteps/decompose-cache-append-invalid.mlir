// RUN: peermla-opt %s --verify-diagnostics --pass-pipeline="builtin.module(func.func(peermla-decompose-cache-append))"

func.func @unbounded_rows(%rows: tensor<?x6xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>,
    %blocks: tensor<?x?xi32>, %cache: tensor<?x?x6xf32>) -> tensor<?x?x6xf32> {
  // expected-error@below {{expects a bound of dimension 0 of 'rows', which makes memory for a tile, got 'tensor<?x6xf32>'}}
  %r = mla.cache_append ins(%rows, %cu, %past, %blocks : tensor<?x6xf32>, tensor<?xi32>, tensor<?xi32>,
      tensor<?x?xi32>) outs(%cache : tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
  return %r : tensor<?x?x6xf32>
}
