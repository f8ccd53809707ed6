// RUN: peermla-opt %s | FileCheck %s
// RUN: peermla-opt %s | peermla-opt | FileCheck %s
// RUN: peermla-opt %s -mlir-print-op-generic | peermla-opt | FileCheck %s
// RUN: peermla-opt %s -emit-bytecode | peermla-opt | FileCheck %s

// Every op, on tensors and on memrefs, survives text, generic form and bytecode.

// CHECK-LABEL: func.func @positions(
//       CHECK:   mla.positions ins(%{{.+}}, %{{.+}} : tensor<?xi32>, tensor<?xi32>)
//  CHECK-SAME:     outs(%{{.+}} : tensor<?xi32>) -> tensor<?xi32>
func.func @positions(%cu: tensor<?xi32>, %past: tensor<?xi32>,
                     %init: tensor<?xi32>) -> tensor<?xi32> {
  %p = mla.positions ins(%cu, %past : tensor<?xi32>, tensor<?xi32>)
      outs(%init : tensor<?xi32>) -> tensor<?xi32>
  return %p : tensor<?xi32>
}

// CHECK-LABEL: func.func @positions_without_past(
//       CHECK:   mla.positions ins(%{{.+}} : memref<4xi32>) outs(%{{.+}} : memref<7xi32>)
func.func @positions_without_past(%cu: memref<4xi32>, %p: memref<7xi32>) {
  mla.positions ins(%cu : memref<4xi32>) outs(%p : memref<7xi32>)
  return
}

// CHECK-LABEL: func.func @rope_table(
//       CHECK:   mla.rope_table
//  CHECK-SAME:     inv_freq = array<f64: 1.000000e+00, 1.000000e-02>
//  CHECK-SAME:     multiplier = 1.000000e+00 : f64
//  CHECK-SAME:     ins(%{{.+}} : tensor<?xi32>) outs(%{{.+}} : tensor<?x4xf32>) -> tensor<?x4xf32>
func.func @rope_table(%p: tensor<?xi32>, %init: tensor<?x4xf32>)
    -> tensor<?x4xf32> {
  %t = mla.rope_table {inv_freq = array<f64: 1.0, 0.01>, multiplier = 1.0 : f64}
      ins(%p : tensor<?xi32>) outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %t : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @rope_of_heads(
//       CHECK:   mla.rope ins(%{{.+}}, %{{.+}} : tensor<?x4x12xf32>, tensor<?x4xf32>)
//  CHECK-SAME:     outs(%{{.+}} : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
func.func @rope_of_heads(%x: tensor<?x4x12xf32>, %t: tensor<?x4xf32>,
                         %init: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %y = mla.rope ins(%x, %t : tensor<?x4x12xf32>, tensor<?x4xf32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %y : tensor<?x4x12xf32>
}

// CHECK-LABEL: func.func @rope_of_rows(
//       CHECK:   mla.rope ins(%{{.+}}, %{{.+}} : memref<5x20xbf16>, memref<5x4xf32>)
//  CHECK-SAME:     outs(%{{.+}} : memref<5x20xbf16>)
func.func @rope_of_rows(%x: memref<5x20xbf16>, %t: memref<5x4xf32>,
                        %y: memref<5x20xbf16>) {
  mla.rope ins(%x, %t : memref<5x20xbf16>, memref<5x4xf32>)
      outs(%y : memref<5x20xbf16>)
  return
}

// CHECK-LABEL: func.func @cache_append(
//       CHECK:   mla.cache_append ins(%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<?x20xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
//  CHECK-SAME:     outs(%{{.+}} : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
func.func @cache_append(
    %rows: tensor<?x20xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>,
    %blocks: tensor<?x?xi32>, %cache: tensor<?x?x20xf32>)
    -> tensor<?x?x20xf32> {
  %new = mla.cache_append
      ins(%rows, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>,
          tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return %new : tensor<?x?x20xf32>
}

// CHECK-LABEL: func.func @attention_over_a_paged_cache(
//       CHECK:   mla.attention causal scale(2.500000e-01)
//  CHECK-SAME:     ins(%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<?x3x12xf32>, tensor<?x?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
//  CHECK-SAME:     ragged(%{{.+}} : tensor<?xi32>)
//  CHECK-SAME:     paged(%{{.+}}, %{{.+}} : tensor<?xi32>, tensor<?x?xi32>)
//  CHECK-SAME:     outs(%{{.+}} : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
func.func @attention_over_a_paged_cache(
    %q: tensor<?x3x12xf32>, %cache: tensor<?x?x20xf32>,
    %w_uk: tensor<3x8x16xf32>, %w_uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>,
    %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %init: tensor<?x3x6xf32>)
    -> tensor<?x3x6xf32> {
  %o = mla.attention causal scale(0.25)
      ins(%q, %cache, %w_uk, %w_uv : tensor<?x3x12xf32>, tensor<?x?x20xf32>,
          tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>)
      outs(%init : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// Without rotated columns (dr = 0), and with the logarithms of the sums.

// CHECK-LABEL: func.func @attention_over_rows_with_lse(
//       CHECK:   mla.attention scale(2.500000e-01)
//  CHECK-SAME:     ragged(%{{.+}} : memref<4xi32>)
//  CHECK-SAME:     outs(%{{.+}}, %{{.+}} : memref<7x3x6xbf16>, memref<7x3xf32>)
func.func @attention_over_rows_with_lse(
    %q: memref<7x3x8xbf16>, %kv: memref<7x16xbf16>, %w_uk: memref<3x8x16xbf16>,
    %w_uv: memref<3x6x16xbf16>, %cu: memref<4xi32>, %o: memref<7x3x6xbf16>,
    %lse: memref<7x3xf32>) {
  mla.attention scale(0.25)
      ins(%q, %kv, %w_uk, %w_uv : memref<7x3x8xbf16>, memref<7x16xbf16>,
          memref<3x8x16xbf16>, memref<3x6x16xbf16>)
      ragged(%cu : memref<4xi32>)
      outs(%o, %lse : memref<7x3x6xbf16>, memref<7x3xf32>)
  return
}

// CHECK-LABEL: func.func @online_attention_with_keys_per_head(
//       CHECK:   mla.online_attention causal scale(5.000000e-01)
//  CHECK-SAME:     values(%{{.+}} : tensor<?x3x6xf32>) ragged(%{{.+}} : tensor<?xi32>)
//  CHECK-SAME:     item(%{{.+}}, %{{.+}}) outs(%{{.+}} : tensor<?x3x6xf32>)
func.func @online_attention_with_keys_per_head(
    %q: tensor<?x3x12xf32>, %k: tensor<?x3x12xf32>, %v: tensor<?x3x6xf32>,
    %cu: tensor<?xi32>, %b: index, %t: index, %init: tensor<?x3x6xf32>)
    -> tensor<?x3x6xf32> {
  %o = mla.online_attention causal scale(0.5)
      ins(%q, %k : tensor<?x3x12xf32>, tensor<?x3x12xf32>)
      values(%v : tensor<?x3x6xf32>) ragged(%cu : tensor<?xi32>) item(%b, %t)
      outs(%init : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// CHECK-LABEL: func.func @online_attention_over_a_paged_cache(
//       CHECK:   mla.online_attention scale(5.000000e-01)
//  CHECK-SAME:     paged(%{{.+}}, %{{.+}} : memref<2xi32>, memref<2x5xi32>)
func.func @online_attention_over_a_paged_cache(
    %q: memref<7x3x20xf32>, %cache: memref<?x4x20xf32>, %cu: memref<3xi32>,
    %past: memref<2xi32>, %blocks: memref<2x5xi32>, %o: memref<7x3x16xf32>) {
  mla.online_attention scale(0.5)
      ins(%q, %cache : memref<7x3x20xf32>, memref<?x4x20xf32>)
      ragged(%cu : memref<3xi32>)
      paged(%past, %blocks : memref<2xi32>, memref<2x5xi32>)
      outs(%o : memref<7x3x16xf32>)
  return
}

// Partial results, whole and as a tile of the second part; their join, with and
// without logarithms of sums.

// CHECK-LABEL: func.func @parts(
//       CHECK:   mla.online_attention causal scale({{.+}}) parts(8 by 128) ins(
//       CHECK:   mla.online_attention causal scale({{.+}}) parts(8 by 128) ins({{.+}} item(%{{.+}}, %{{.+}}, %{{.+}}) outs(%{{.+}} : tensor<1x?x3x16xf32>, tensor<1x?x3xf32>)
//       CHECK:   mla.merge ins(%{{.+}}#0, %{{.+}}#1 : tensor<8x?x3x16xf32>, tensor<8x?x3xf32>) outs(%{{.+}} : tensor<?x3x16xbf16>) -> tensor<?x3x16xbf16>
//       CHECK:   mla.merge ins({{.+}}) outs(%{{.+}}, %{{.+}} : tensor<?x3x16xbf16>, tensor<?x3xf32>) -> tensor<?x3x16xbf16>, tensor<?x3xf32>
func.func @parts(%q: tensor<?x3x20xbf16>, %k: tensor<?x20xbf16>, %cu: tensor<?xi32>, %s: index, %t: index, %p: index, %oi: tensor<8x?x3x16xf32>, %li: tensor<8x?x3xf32>, %ot: tensor<1x?x3x16xf32>, %lt: tensor<1x?x3xf32>, %i: tensor<?x3x16xbf16>, %l: tensor<?x3xf32>) {
  %0:2 = mla.online_attention causal scale(0.25) parts(8 by 128) ins(%q, %k : tensor<?x3x20xbf16>, tensor<?x20xbf16>)
      ragged(%cu : tensor<?xi32>) outs(%oi, %li : tensor<8x?x3x16xf32>, tensor<8x?x3xf32>) -> tensor<8x?x3x16xf32>, tensor<8x?x3xf32>
  %1:2 = mla.online_attention causal scale(0.25) parts(8 by 128) ins(%q, %k : tensor<?x3x20xbf16>, tensor<?x20xbf16>)
      ragged(%cu : tensor<?xi32>) item(%s, %t, %p) outs(%ot, %lt : tensor<1x?x3x16xf32>, tensor<1x?x3xf32>) -> tensor<1x?x3x16xf32>, tensor<1x?x3xf32>
  %2 = mla.merge ins(%0#0, %0#1 : tensor<8x?x3x16xf32>, tensor<8x?x3xf32>) outs(%i : tensor<?x3x16xbf16>) -> tensor<?x3x16xbf16>
  %3:2 = mla.merge ins(%0#0, %0#1 : tensor<8x?x3x16xf32>, tensor<8x?x3xf32>) outs(%i, %l : tensor<?x3x16xbf16>, tensor<?x3xf32>) -> tensor<?x3x16xbf16>, tensor<?x3xf32>
  return
}

// CHECK-LABEL: func.func @work_items(
//       CHECK:   mla.work_items tokens(4 of %{{.+}}) ins(%{{.+}} : tensor<?xi32>) outs(%{{.+}} : tensor<?x3xi32>) -> tensor<?x3xi32>
func.func @work_items(%T: index, %cu: tensor<?xi32>, %i: tensor<?x3xi32>) -> tensor<?x3xi32> {
  %0 = mla.work_items tokens(4 of %T) ins(%cu : tensor<?xi32>) outs(%i : tensor<?x3xi32>) -> tensor<?x3xi32>
  return %0 : tensor<?x3xi32>
}

// Tiles that say which token of the batch they begin with.

// CHECK-LABEL: func.func @first_tokens(
//       CHECK:   mla.positions ins(%{{.+}}, %{{.+}} : tensor<?xi32>, tensor<?xi32>) first(%{{.+}}) outs(
//       CHECK:   mla.positions ins(%{{.+}} : tensor<?xi32>) first(%{{.+}}) outs(
//       CHECK:   mla.cache_append ins({{.+}}) first(%{{.+}}) outs(
func.func @first_tokens(%t: index, %cu: tensor<?xi32>, %past: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?x20xf32>, %blocks: tensor<?x?xi32>, %cache: tensor<?x?x20xf32>) {
  %0 = mla.positions ins(%cu, %past : tensor<?xi32>, tensor<?xi32>) first(%t) outs(%p : tensor<?xi32>) -> tensor<?xi32>
  %1 = mla.positions ins(%cu : tensor<?xi32>) first(%t) outs(%p : tensor<?xi32>) -> tensor<?xi32>
  %2 = mla.cache_append ins(%rows, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
      first(%t) outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return
}
