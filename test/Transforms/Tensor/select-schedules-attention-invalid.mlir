// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(func.func(peermla-select-schedules))'

func.func @odd_block(%q: tensor<?x3x24xf32>, %k: tensor<?x3x24xf32>, %v: tensor<?x3x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  // expected-error @below {{expects 'inner' of its schedule to be an even number of keys, got #tile.schedule<block = [64, 1], inner = [33], parts = 1>}}
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<inner = [33]>}
      ins(%q, %k : tensor<?x3x24xf32>, tensor<?x3x24xf32>) values(%v : tensor<?x3x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// -----

func.func @heads_together(%q: tensor<?x3x24xf32>, %k: tensor<?x3x24xf32>, %v: tensor<?x3x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  // expected-error @below {{expects 'block' of its schedule to be tokens and heads (1 if keys are per head), got #tile.schedule<block = [16, 3], inner = [256], parts = 1>}}
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [16, 3]>}
      ins(%q, %k : tensor<?x3x24xf32>, tensor<?x3x24xf32>) values(%v : tensor<?x3x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// -----

func.func @no_heads(%q: tensor<?x3x24xf32>, %k: tensor<?x3x24xf32>, %v: tensor<?x3x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  // expected-error @below {{expects 'block' of its schedule to be tokens and heads (1 if keys are per head), got #tile.schedule<block = [16], parts = 1>}}
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [16]>}
      ins(%q, %k : tensor<?x3x24xf32>, tensor<?x3x24xf32>) values(%v : tensor<?x3x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// -----

func.func @no_schedule(%q: tensor<?x3x24xf32>, %k: tensor<?x3x24xf32>, %v: tensor<?x3x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  // expected-error @below {{expects 'peermla.schedule' to be a #tile.schedule, got 7 : i64}}
  %o = mla.online_attention scale(0.25) {peermla.schedule = 7 : i64}
      ins(%q, %k : tensor<?x3x24xf32>, tensor<?x3x24xf32>) values(%v : tensor<?x3x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// -----

func.func @number_of_heads_unknown(%q: tensor<?x?x24xf32>, %k: tensor<?x24xf32>, %cu: tensor<?xi32>, %i: tensor<?x?x16xf32>) -> tensor<?x?x16xf32> {
  // expected-error @below {{expects a static number of heads and static rows of 'q' and 'o', got 'tensor<?x?x24xf32>' and 'tensor<?x?x16xf32>'}}
  %o = mla.online_attention scale(0.25) ins(%q, %k : tensor<?x?x24xf32>, tensor<?x24xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  return %o : tensor<?x?x16xf32>
}
