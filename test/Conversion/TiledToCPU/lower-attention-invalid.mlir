// RUN: peermla-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(func.func(peermla-lower-attention))"

func.func @odd_block(%s: index, %q: memref<?x3x24xf32>, %k: memref<?x24xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  // expected-error@+1 {{'mla.online_attention' op expects 'inner' of its schedule to be an even number of keys, got #tile.schedule<block = [4, 3], inner = [33]>}}
  mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [4, 3], inner = [33]>}
      ins(%q, %k : memref<?x3x24xf32>, memref<?x24xf32>) ragged(%cu : memref<?xi32>) item(%s, %s) outs(%o : memref<?x3x16xf32>)
  return
}

// -----

func.func @no_keys(%s: index, %q: memref<?x3x24xf32>, %k: memref<?x24xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  // expected-error@+1 {{'mla.online_attention' op expects 'inner' of its schedule to be an even number of keys, got #tile.schedule<block = [4, 3]>}}
  mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [4, 3]>}
      ins(%q, %k : memref<?x3x24xf32>, memref<?x24xf32>) ragged(%cu : memref<?xi32>) item(%s, %s) outs(%o : memref<?x3x16xf32>)
  return
}

// -----

func.func @no_tokens(%s: index, %q: memref<?x3x24xf32>, %k: memref<?x24xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  // expected-error@+1 {{'mla.online_attention' op expects 'block' of its schedule to be tokens and heads (1 if keys are per head), got #tile.schedule<inner = [32]>}}
  mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<inner = [32]>}
      ins(%q, %k : memref<?x3x24xf32>, memref<?x24xf32>) ragged(%cu : memref<?xi32>) item(%s, %s) outs(%o : memref<?x3x16xf32>)
  return
}

// -----

func.func @too_many_heads(%s: index, %q: memref<?x3x24xf32>, %k: memref<?x24xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  // expected-error@+1 {{'mla.online_attention' op expects at most the heads of its schedule, got 3 in 'memref<?x3x24xf32>' and 2}}
  mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [4, 2], inner = [32]>}
      ins(%q, %k : memref<?x3x24xf32>, memref<?x24xf32>) ragged(%cu : memref<?xi32>) item(%s, %s) outs(%o : memref<?x3x16xf32>)
  return
}

// -----

func.func @no_schedule(%s: index, %q: memref<?x3x24xf32>, %k: memref<?x24xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  // expected-error@+1 {{'mla.online_attention' op expects a schedule, which bounds the memory of a work item}}
  mla.online_attention scale(0.25) 
      ins(%q, %k : memref<?x3x24xf32>, memref<?x24xf32>) ragged(%cu : memref<?xi32>) item(%s, %s) outs(%o : memref<?x3x16xf32>)
  return
}

// -----

func.func @whole(%s: index, %q: memref<?x3x24xf32>, %k: memref<?x24xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  // expected-error@+1 {{'mla.online_attention' op expects 'item': only tiles of attention are lowered, rows of one sequence}}
  mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [4, 3], inner = [32]>}
      ins(%q, %k : memref<?x3x24xf32>, memref<?x24xf32>) ragged(%cu : memref<?xi32>) outs(%o : memref<?x3x16xf32>)
  return
}

// -----

func.func @heads_together(%s: index, %q: memref<?x3x24xf32>, %k: memref<?x3x24xf32>, %v: memref<?x3x16xf32>, %cu: memref<?xi32>, %o: memref<?x3x16xf32>) {
  // expected-error@+1 {{'mla.online_attention' op expects 'block' of its schedule to be tokens and heads (1 if keys are per head), got #tile.schedule<block = [16, 3], inner = [32]>}}
  mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [16, 3], inner = [32]>}
      ins(%q, %k : memref<?x3x24xf32>, memref<?x3x24xf32>) values(%v : memref<?x3x16xf32>)
      ragged(%cu : memref<?xi32>) item(%s, %s) outs(%o : memref<?x3x16xf32>)
  return
}

// -----

func.func @in_f64(%s: index, %q: memref<?x3x24xf64>, %k: memref<?x24xf64>, %cu: memref<?xi32>, %o: memref<?x3x16xf64>) {
  // expected-error@+1 {{'mla.online_attention' op expects 'q' to have element type f32, f16 or bf16, got 'memref<?x3x24xf64>'}}
  mla.online_attention scale(0.25) ins(%q, %k : memref<?x3x24xf64>, memref<?x24xf64>)
      ragged(%cu : memref<?xi32>) item(%s, %s) outs(%o : memref<?x3x16xf64>)
  return
}
