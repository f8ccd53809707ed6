// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' | FileCheck %s

// Heads of a token fill the rows of a matrix instruction, up to 64 of them; as many
// keys as fit twice beside the queries.

module attributes {peermla.gpu = "sm_80"} {
// CHECK-LABEL: func.func @many_heads(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [1, 64], inner = [32], parts = 32, warps = [2, 4], stages = 2>}
func.func @many_heads(%q: tensor<?x128x576xbf16>, %k: tensor<?x?x576xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x128x512xbf16>) -> tensor<?x128x512xbf16> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x128x576xbf16>, tensor<?x?x576xbf16>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x128x512xbf16>) -> tensor<?x128x512xbf16>
  return %o : tensor<?x128x512xbf16>
}

// CHECK-LABEL: func.func @few_heads(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [5, 3], inner = [64], parts = 64, warps = [1, 4], stages = 2>}
func.func @few_heads(%q: tensor<?x3x80xf32>, %k: tensor<?x?x80xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x72xf32>) -> tensor<?x3x72xf32> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x3x80xf32>, tensor<?x?x80xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x3x72xf32>) -> tensor<?x3x72xf32>
  return %o : tensor<?x3x72xf32>
}

// Wide rows leave room for 16 keys.

// CHECK-LABEL: func.func @wide_rows_of_f32(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [1, 16], inner = [16], parts = 64, warps = [1, 2], stages = 2>}
func.func @wide_rows_of_f32(%q: tensor<?x16x576xf32>, %k: tensor<?x?x576xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x16x512xf32>) -> tensor<?x16x512xf32> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x16x576xf32>, tensor<?x?x576xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x16x512xf32>) -> tensor<?x16x512xf32>
  return %o : tensor<?x16x512xf32>
}

// Positions are computed where only the table reads them.

// CHECK-LABEL: func.func @positions_of_the_table(
//       CHECK:   mla.positions ins
//       CHECK:   mla.rope_table {{.*}}peermla.schedule = #tile.schedule<block = [{{[0-9]+}}]>
func.func @positions_of_the_table(%cu: tensor<?xi32>, %past: tensor<?xi32>, %p: tensor<?xi32>, %t: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %positions = mla.positions ins(%cu, %past : tensor<?xi32>, tensor<?xi32>) outs(%p : tensor<?xi32>) -> tensor<?xi32>
  %table = mla.rope_table {inv_freq = array<f64: 1.0, 0.5>, multiplier = 1.0 : f64} ins(%positions : tensor<?xi32>) outs(%t : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %table : tensor<?x4xf32>
}

// What does not fit is for threads.

// CHECK-LABEL: func.func @widest_rows_of_f32(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [1, 16], inner = [32], parts = {{[0-9]+}}>}
func.func @widest_rows_of_f32(%q: tensor<?x16x1024xf32>, %k: tensor<?x?x1024xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x16x512xf32>) -> tensor<?x16x512xf32> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x16x1024xf32>, tensor<?x?x1024xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x16x512xf32>) -> tensor<?x16x512xf32>
  return %o : tensor<?x16x512xf32>
}

// Columns of rows that only the cache gets are computed where they are written, if
// they are columns of all rows.

// CHECK-LABEL: func.func @columns_of_the_cache(
//       CHECK:   linalg.exp ins
//       CHECK:   linalg.floor {peermla.schedule = {{.+}}} ins
//       CHECK:   mla.rope ins
//       CHECK:   mla.cache_append {peermla.schedule = #tile.schedule<block = [{{[0-9]+}}]>}
func.func @columns_of_the_cache(%T: index, %n: index, %x: tensor<?x16xf32>, %z: tensor<?x4xf32>, %t: tensor<?x4xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %cache: tensor<?x?x20xf32>) -> tensor<?x?x20xf32> {
  %a = linalg.exp ins(%x : tensor<?x16xf32>) outs(%x : tensor<?x16xf32>) -> tensor<?x16xf32>
  %b = linalg.floor ins(%z : tensor<?x4xf32>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
  %e = tensor.empty(%T) : tensor<?x20xf32>
  %some = tensor.insert_slice %b into %e[0, 16] [%n, 4] [1, 1] : tensor<?x4xf32> into tensor<?x20xf32>
  %rows = tensor.insert_slice %a into %some[0, 0] [%T, 16] [1, 1] : tensor<?x16xf32> into tensor<?x20xf32>
  %r = mla.rope ins(%rows, %t : tensor<?x20xf32>, tensor<?x4xf32>) outs(%e : tensor<?x20xf32>) -> tensor<?x20xf32>
  %new = mla.cache_append ins(%r, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return %new : tensor<?x?x20xf32>
}

// Keys per head: tokens of one head, fewer keys of f32 at a time.

// CHECK-LABEL: func.func @keys_per_head(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [64, 1], inner = [32], parts = 1, warps = [4, 1], stages = 2>}
func.func @keys_per_head(%q: tensor<?x3x24xf32>, %k: tensor<?x3x24xf32>, %v: tensor<?x3x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x3x24xf32>, tensor<?x3x24xf32>) values(%v : tensor<?x3x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %o : tensor<?x3x16xf32>
}
}

// -----

// A warpgroup of its own brings keys. Two others multiply where heads fill 64 rows and the columns of values are
// pairs of panels. Beside 64 accumulators there are registers for 64 keys.

module attributes {peermla.gpu = "sm_90a"} {
// CHECK-LABEL: func.func @many_heads(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [1, 64], inner = [64], parts = 32, warps = [4, 2], stages = 2, instructions = wgmma, roles = [88, 208]>}
func.func @many_heads(%q: tensor<?x128x576xbf16>, %k: tensor<?x?x576xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x128x512xbf16>) -> tensor<?x128x512xbf16> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x128x576xbf16>, tensor<?x?x576xbf16>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x128x512xbf16>) -> tensor<?x128x512xbf16>
  return %o : tensor<?x128x512xbf16>
}

// CHECK-LABEL: func.func @sixteen_heads(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [1, 16], inner = [64], parts = 64, warps = [1, 4], stages = 2, roles = [0, 0]>}
func.func @sixteen_heads(%q: tensor<?x16x576xbf16>, %k: tensor<?x?x576xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x16x512xbf16>) -> tensor<?x16x512xbf16> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x16x576xbf16>, tensor<?x?x576xbf16>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x16x512xbf16>) -> tensor<?x16x512xbf16>
  return %o : tensor<?x16x512xbf16>
}

// CHECK-LABEL: func.func @narrow_values(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [1, 40], inner = [64], parts = 64, warps = [2, 4], stages = 2, roles = [88, 208]>}
func.func @narrow_values(%q: tensor<?x40x80xbf16>, %k: tensor<?x?x80xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x40x64xbf16>) -> tensor<?x40x64xbf16> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x40x80xbf16>, tensor<?x?x80xbf16>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x40x64xbf16>) -> tensor<?x40x64xbf16>
  return %o : tensor<?x40x64xbf16>
}

// Of rows too wide for 64 heads, 16 fit.

// CHECK-LABEL: func.func @wide_rows_of_f32(
//       CHECK:   mla.online_attention {{.+}} {peermla.schedule = #tile.schedule<block = [1, 16], inner = [32], parts = {{[0-9]+}}, warps = [1, 4], stages = 2, roles = [0, 0]>}
func.func @wide_rows_of_f32(%q: tensor<?x128x576xf32>, %k: tensor<?x?x576xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x128x512xf32>) -> tensor<?x128x512xf32> {
  %o = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x128x576xf32>, tensor<?x?x576xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x128x512xf32>) -> tensor<?x128x512xf32>
  return %o : tensor<?x128x512xf32>
}
}
