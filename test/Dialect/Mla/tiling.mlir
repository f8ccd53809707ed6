// RUN: peermla-opt %s -transform-interpreter -canonicalize -cse -split-input-file | FileCheck %s

// Tiles of heads: a key row shared by all heads stays whole, keys and values per
// head are cut with the queries.

// CHECK-LABEL: func.func @shared_keys(
//  CHECK-SAME:   %[[Q:.+]]: tensor<?x4x12xf32>, %[[K:.+]]: tensor<?x?x12xf32>
//       CHECK:   scf.forall (%[[BLOCK:.+]]) in (2)
//       CHECK:     %[[H:.+]] = affine.apply {{.+}}(%[[BLOCK]])
//       CHECK:     %[[QT:.+]] = tensor.extract_slice %[[Q]][0, %[[H]], 0] [%{{.+}}, 2, 12]
//       CHECK:     mla.online_attention causal {{.+}} ins(%[[QT]], %[[K]] : {{.+}}) outs(%{{.+}}, %{{.+}} : tensor<?x2x6xf32>, tensor<?x2xf32>)
//   CHECK-DAG:     tensor.parallel_insert_slice %{{.+}}#0 into %{{.+}}[0, %[[H]], 0] [%{{.+}}, 2, 6]
//   CHECK-DAG:     tensor.parallel_insert_slice %{{.+}}#1 into %{{.+}}[0, %[[H]]] [%{{.+}}, 2]
func.func @shared_keys(%q: tensor<?x4x12xf32>, %k: tensor<?x?x12xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %i: tensor<?x4x6xf32>, %l: tensor<?x4xf32>) -> (tensor<?x4x6xf32>, tensor<?x4xf32>) {
  %0:2 = mla.online_attention causal scale(0.25) ins(%q, %k : tensor<?x4x12xf32>, tensor<?x?x12xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>)
      outs(%i, %l : tensor<?x4x6xf32>, tensor<?x4xf32>) -> tensor<?x4x6xf32>, tensor<?x4xf32>
  return %0#0, %0#1 : tensor<?x4x6xf32>, tensor<?x4xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mla.online_attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [0, 2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// CHECK-LABEL: func.func @keys_per_head(
//  CHECK-SAME:   %[[Q:[^:]+]]: tensor<?x4x12xf32>, %[[K:[^:]+]]: tensor<?x4x12xf32>, %[[V:[^:]+]]: tensor<?x4x6xf32>
//       CHECK:   scf.forall (%[[H:.+]]) in (4)
//       CHECK:     %[[QT:.+]] = tensor.extract_slice %[[Q]][0, %[[H]], 0] [%{{.+}}, 1, 12]
//       CHECK:     %[[KT:.+]] = tensor.extract_slice %[[K]][0, %[[H]], 0] [%{{.+}}, 1, 12]
//       CHECK:     %[[VT:.+]] = tensor.extract_slice %[[V]][0, %[[H]], 0] [%{{.+}}, 1, 6]
//       CHECK:     mla.online_attention {{.+}} ins(%[[QT]], %[[KT]] : {{.+}}) values(%[[VT]] :
func.func @keys_per_head(%q: tensor<?x4x12xf32>, %k: tensor<?x4x12xf32>, %v: tensor<?x4x6xf32>, %cu: tensor<?xi32>, %i: tensor<?x4x6xf32>) -> tensor<?x4x6xf32> {
  %0 = mla.online_attention scale(0.25) ins(%q, %k : tensor<?x4x12xf32>, tensor<?x4x12xf32>) values(%v : tensor<?x4x6xf32>) ragged(%cu : tensor<?xi32>)
      outs(%i : tensor<?x4x6xf32>) -> tensor<?x4x6xf32>
  return %0 : tensor<?x4x6xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mla.online_attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [0, 1] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
