// RUN: peermla-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(func.func(peermla-decompose-attention))"

func.func @not_a_tile(%q: tensor<?x1x6xf32>, %k: tensor<?x6xf32>, %cu: tensor<?xi32>,
                      %init: tensor<?x1x5xf32>) -> tensor<?x1x5xf32> {
  // expected-error@below {{expects 'item': only tiles of attention are decomposed, rows of one sequence}}
  %o = mla.online_attention scale(0.5) ins(%q, %k : tensor<?x1x6xf32>, tensor<?x6xf32>)
      ragged(%cu : tensor<?xi32>) outs(%init : tensor<?x1x5xf32>) -> tensor<?x1x5xf32>
  return %o : tensor<?x1x5xf32>
}

// -----

func.func @no_schedule(%q: tensor<?x1x6xf32>, %k: tensor<?x6xf32>, %cu: tensor<?xi32>, %s: index, %t: index,
                       %init: tensor<?x1x5xf32>) -> tensor<?x1x5xf32> {
  // expected-error@below {{expects a schedule, which bounds the memory of a work item}}
  %o = mla.online_attention scale(0.5) ins(%q, %k : tensor<?x1x6xf32>, tensor<?x6xf32>)
      ragged(%cu : tensor<?xi32>) item(%s, %t) outs(%init : tensor<?x1x5xf32>) -> tensor<?x1x5xf32>
  return %o : tensor<?x1x5xf32>
}

// -----

func.func @no_keys_in_a_block(%q: tensor<?x1x6xf32>, %k: tensor<?x6xf32>, %cu: tensor<?xi32>, %s: index,
                              %t: index, %init: tensor<?x1x5xf32>) -> tensor<?x1x5xf32> {
  // expected-error@below {{expects 'block' of its schedule to be tokens and heads and 'inner' a number of keys, got #tile.schedule<block = [3, 1]>}}
  %o = mla.online_attention scale(0.5) {peermla.schedule = #tile.schedule<block = [3, 1]>}
      ins(%q, %k : tensor<?x1x6xf32>, tensor<?x6xf32>)
      ragged(%cu : tensor<?xi32>) item(%s, %t) outs(%init : tensor<?x1x5xf32>) -> tensor<?x1x5xf32>
  return %o : tensor<?x1x5xf32>
}

// -----

func.func @rows_of_dynamic_length(%q: tensor<?x1x?xf32>, %k: tensor<?x?xf32>, %cu: tensor<?xi32>, %s: index,
                                  %t: index, %init: tensor<?x1x5xf32>) -> tensor<?x1x5xf32> {
  // expected-error@below {{expects 'q' to have rows of static length, got 'tensor<?x1x?xf32>'}}
  %o = mla.online_attention scale(0.5) ins(%q, %k : tensor<?x1x?xf32>, tensor<?x?xf32>)
      ragged(%cu : tensor<?xi32>) item(%s, %t) outs(%init : tensor<?x1x5xf32>) -> tensor<?x1x5xf32>
  return %o : tensor<?x1x5xf32>
}
