// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-choose-attention-form))' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-choose-attention-form{form=absorb}))' | FileCheck %s --check-prefix=ABSORB
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-choose-attention-form))' --remarks-filter=schedule --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK

// Without a cache keys and values per head are made from the latent; over a
// paged cache queries go to the latent space. T x H x (dn + dr) = ? x 3 x (8 + 4),
// dc = 16, dv = 6.

// REMARK: chose the form 'expand'
// REMARK: chose the form 'absorb'

// CHECK-LABEL: func.func @expands_without_cache(
//  CHECK-SAME:   %[[Q:.+]]: tensor<?x3x12xf32>, %[[KV:.+]]: tensor<?x20xf32>, %[[UK:.+]]: tensor<3x8x16xf32>, %[[UV:.+]]: tensor<3x6x16xf32>
//       CHECK:   %[[C:.+]] = tensor.extract_slice %[[KV]][0, 0] [%{{.+}}, 16]
//       CHECK:   %[[K:.+]] = linalg.generic {{.+}} ins(%[[C]], %[[UK]] :
//       CHECK:   %[[PE:.+]] = tensor.extract_slice %[[KV]][0, 16] [%{{.+}}, 4]
//       CHECK:   %[[PER_HEAD:.+]] = linalg.generic {{.+}} ins(%[[PE]] :
//       CHECK:   %[[LEFT:.+]] = tensor.insert_slice %[[K]] into %{{.+}}[0, 0, 0]
//       CHECK:   %[[KEYS:.+]] = tensor.insert_slice %[[PER_HEAD]] into %[[LEFT]][0, 0, 8]
//       CHECK:   %[[V:.+]] = linalg.generic {{.+}} ins(%[[C]], %[[UV]] :
//       CHECK:   %[[O:.+]] = mla.online_attention causal scale(2.500000e-01)
//  CHECK-SAME:     {peermla.id = "attention", peermla.schedule = #tile.schedule<inner = [32]>}
//  CHECK-SAME:     ins(%[[Q]], %[[KEYS]] : tensor<?x3x12xf32>, tensor<?x3x12xf32>) values(%[[V]] : tensor<?x3x6xf32>)
//       CHECK:   return %[[O]]

// ABSORB-LABEL: func.func @expands_without_cache(
//  ABSORB-SAME:   %[[Q:.+]]: tensor<?x3x12xf32>, %[[KV:.+]]: tensor<?x20xf32>, %[[UK:.+]]: tensor<3x8x16xf32>, %[[UV:.+]]: tensor<3x6x16xf32>
//       ABSORB:   %[[NOPE:.+]] = tensor.extract_slice %[[Q]][0, 0, 0] [%{{.+}}, 3, 8]
//       ABSORB:   %[[QC:.+]] = linalg.generic {{.+}} ins(%[[NOPE]], %[[UK]] :
//       ABSORB:   %[[LEFT:.+]] = tensor.insert_slice %[[QC]] into %{{.+}}[0, 0, 0]
//       ABSORB:   %[[QL:.+]] = tensor.insert_slice %{{.+}} into %[[LEFT]][0, 0, 16]
//       ABSORB:   %[[Z:.+]] = mla.online_attention
//  ABSORB-SAME:     ins(%[[QL]], %[[KV]] : tensor<?x3x20xf32>, tensor<?x20xf32>)
//   ABSORB-NOT:     values
//       ABSORB:   %[[O:.+]] = linalg.generic {{.+}} ins(%[[Z]], %[[UV]] :
//       ABSORB:   return %[[O]]
func.func @expands_without_cache(%q: tensor<?x3x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %o = mla.attention causal scale(0.25) {peermla.id = "attention", peermla.schedule = #tile.schedule<inner = [32]>}
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// CHECK-LABEL: func.func @absorbs_over_cache(
//       CHECK:   mla.online_attention scale(2.500000e-01) ins(%{{.+}}, %{{.+}} : tensor<?x3x20xf32>, tensor<?x?x20xf32>)
//  CHECK-SAME:     paged(
func.func @absorbs_over_cache(%q: tensor<?x3x12xf32>, %kv: tensor<?x?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %o = mla.attention scale(0.25)
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>)
      outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// CHECK-LABEL: func.func @attribute_overrides_choice(
//       CHECK:   mla.online_attention {{.+}} ins(%{{.+}}, %{{.+}} : tensor<?x3x20xf32>, tensor<?x20xf32>)
func.func @attribute_overrides_choice(%q: tensor<?x3x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %o = mla.attention causal scale(0.25) {peermla.form = "absorb"}
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// With dr = 0 there is nothing to slice or join.

// CHECK-LABEL: func.func @no_rotated_columns(
//   CHECK-NOT:   slice
//       CHECK:   mla.online_attention
//   CHECK-NOT:   slice
//       CHECK:   return
func.func @no_rotated_columns(%q: tensor<?x3x8xf32>, %kv: tensor<?x16xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %i: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %o = mla.attention causal scale(0.25)
      ins(%q, %kv, %uk, %uv : tensor<?x3x8xf32>, tensor<?x16xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  return %o : tensor<?x3x6xf32>
}

// Extents that only the destination tells are kept.

// CHECK-LABEL: func.func @destination_knows_tokens(
//       CHECK:   %[[O:.+]]:2 = mla.online_attention {{.+}} -> tensor<?x3x6xf32>, tensor<5x3xf32>
//       CHECK:   %[[CAST:.+]] = tensor.cast %[[O]]#0 : tensor<?x3x6xf32> to tensor<5x3x6xf32>
//       CHECK:   return %[[CAST]], %[[O]]#1
func.func @destination_knows_tokens(%q: tensor<?x3x12xf32>, %kv: tensor<?x20xf32>, %uk: tensor<3x8x16xf32>, %uv: tensor<3x6x16xf32>, %cu: tensor<?xi32>, %i: tensor<5x3x6xf32>, %l: tensor<5x3xf32>) -> (tensor<5x3x6xf32>, tensor<5x3xf32>) {
  %o, %lse = mla.attention causal scale(0.25)
      ins(%q, %kv, %uk, %uv : tensor<?x3x12xf32>, tensor<?x20xf32>, tensor<3x8x16xf32>, tensor<3x6x16xf32>)
      ragged(%cu : tensor<?xi32>) outs(%i, %l : tensor<5x3x6xf32>, tensor<5x3xf32>) -> tensor<5x3x6xf32>, tensor<5x3xf32>
  return %o, %lse : tensor<5x3x6xf32>, tensor<5x3xf32>
}
