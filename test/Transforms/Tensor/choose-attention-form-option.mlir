// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-choose-attention-form{form=expand}))' | FileCheck %s

// The option asks for a form wherever it is possible: over a paged cache attention
// stays absorbed.

// CHECK-LABEL: func.func @rows_are_expanded(
//       CHECK:   mla.online_attention {{.*}} values(
func.func @rows_are_expanded(%q: tensor<?x3x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %o = mla.attention scale(0.25)
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// CHECK-LABEL: func.func @cache_stays_absorbed(
//       CHECK:   mla.online_attention
//   CHECK-NOT:   values(
//       CHECK:   return
func.func @cache_stays_absorbed(%q: tensor<?x3x12xf32>, %kv: tensor<?x?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %o = mla.attention scale(0.25)
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>)
      outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}
