// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' | FileCheck %s
// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' --remarks-filter=schedule --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK

// Heads that share keys fill the rows of a work item, tokens what is left of 64;
// 96 heads are two groups. Only keys in a cache are worth splitting. A block of keys
// takes half of the second cache: its rows are widened where they are copied.

// REMARK: chose items of 1 tokens and 48 heads, blocks of 256 keys, up to 8 parts: 48 rows of a register tile, half of 1048576 B
module attributes {peermla.level = "x86-64-v4"} {
// CHECK-LABEL: func.func @groups_of_heads(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [1, 48], inner = [256], parts = 8>}
func.func @groups_of_heads(%q: tensor<?x96x24xbf16>, %k: tensor<?x?x24xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x96x16xbf16>) -> tensor<?x96x16xbf16> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x96x24xbf16>, tensor<?x?x24xbf16>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x96x16xbf16>) -> tensor<?x96x16xbf16>
  return %o : tensor<?x96x16xbf16>
}

// CHECK-LABEL: func.func @wide_rows(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [3, 20], inner = [128], parts = 8>}
func.func @wide_rows(%q: tensor<?x20x576xbf16>, %k: tensor<?x?x576xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x20x512xbf16>) -> tensor<?x20x512xbf16> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x20x576xbf16>, tensor<?x?x576xbf16>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x20x512xbf16>) -> tensor<?x20x512xbf16>
  return %o : tensor<?x20x512xbf16>
}

// CHECK-LABEL: func.func @keys_per_head(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [64, 1], inner = [256], parts = 1>}
func.func @keys_per_head(%q: tensor<?x3x24xf32>, %k: tensor<?x3x24xf32>, %v: tensor<?x3x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x3x24xf32>, tensor<?x3x24xf32>) values(%v : tensor<?x3x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}

// What an op says itself stays, and the rest is chosen.

// CHECK-LABEL: func.func @given(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [5, 2], inner = [34], parts = 3>}
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [21, 3], inner = [34], parts = 1>}
func.func @given(%q: tensor<?x3x24xf32>, %k: tensor<?x24xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> (tensor<?x3x16xf32>, tensor<?x3x16xf32>) {
  %o = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<block = [5, 2], inner = [34], parts = 3>}
      ins(%q, %k : tensor<?x3x24xf32>, tensor<?x24xf32>) ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  %p = mla.online_attention scale(0.25) {peermla.schedule = #tile.schedule<inner = [34]>}
      ins(%q, %k : tensor<?x3x24xf32>, tensor<?x24xf32>) ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o, %p : tensor<?x3x16xf32>, tensor<?x3x16xf32>
}

// Rotated rows that only the cache gets are computed where they are written; the
// loop of an append is one over tokens.

// CHECK-LABEL: func.func @rotation_before_the_cache(
//       CHECK:   mla.rope ins
//       CHECK:   mla.cache_append {peermla.schedule = #tile.schedule<block = [128]>}
func.func @rotation_before_the_cache(%x: tensor<?x20xf32>, %t: tensor<?x4xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %y: tensor<?x20xf32>, %cache: tensor<?x?x20xf32>) -> tensor<?x?x20xf32> {
  %r = mla.rope ins(%x, %t : tensor<?x20xf32>, tensor<?x4xf32>) outs(%y : tensor<?x20xf32>) -> tensor<?x20xf32>
  %n = mla.cache_append ins(%r, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return %n : tensor<?x?x20xf32>
}
}

// -----

// A smaller cache, and narrower vectors.

module attributes {peermla.level = "x86-64-v3"} {
// CHECK-LABEL: func.func @small_cache(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [3, 20], inner = [64], parts = 8>}
func.func @small_cache(%q: tensor<?x20x576xbf16>, %k: tensor<?x?x576xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x20x512xbf16>) -> tensor<?x20x512xbf16> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x20x576xbf16>, tensor<?x?x576xbf16>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x20x512xbf16>) -> tensor<?x20x512xbf16>
  return %o : tensor<?x20x512xbf16>
}
}
