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

// -----

// A tile of tokens says which token of the batch it begins with.

// CHECK-LABEL: func.func @positions(
//  CHECK-SAME:   %[[CU:[^:]+]]: tensor<?xi32>, %[[PAST:[^:]+]]: tensor<?xi32>
//       CHECK:   scf.forall (%[[BLOCK:.+]]) in
//       CHECK:     %[[T:.+]] = affine.apply {{.+}}(%[[BLOCK]])
//       CHECK:     %[[PT:.+]] = tensor.extract_slice %{{.+}}[%[[T]]] [%{{.+}}]
//       CHECK:     mla.positions ins(%[[CU]], %[[PAST]] : {{.+}}) first(%[[T]]) outs(%[[PT]] :
func.func @positions(%cu: tensor<?xi32>, %past: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?xi32> {
  %0 = mla.positions ins(%cu, %past : tensor<?xi32>, tensor<?xi32>) outs(%p : tensor<?xi32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mla.positions"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [5] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A tile of a tile counts on.

// CHECK-LABEL: func.func @positions_of_a_tile(
//  CHECK-SAME:   %[[FIRST:[^:]+]]: index
//       CHECK:   scf.forall (%[[BLOCK:.+]]) in
//       CHECK:     %[[T:.+]] = affine.apply {{.+}}(%[[BLOCK]])
//       CHECK:     %[[SUM:.+]] = arith.addi %[[FIRST]], %[[T]]
//       CHECK:     mla.positions {{.+}} first(%[[SUM]])
func.func @positions_of_a_tile(%first: index, %cu: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?xi32> {
  %0 = mla.positions ins(%cu : tensor<?xi32>) first(%first) outs(%p : tensor<?xi32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mla.positions"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [5] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// CHECK-LABEL: func.func @rotation_of_heads(
//  CHECK-SAME:   %[[X:[^:]+]]: tensor<?x3x12xf32>, %[[TABLE:[^:]+]]: tensor<?x4xf32>
//       CHECK:   scf.forall (%[[BLOCK:.+]], %[[H:.+]]) in (%{{.+}}, 3)
//       CHECK:     %[[XT:.+]] = tensor.extract_slice %[[X]][%[[T:.+]], %[[H]], 0] [%{{.+}}, 1, 12]
//       CHECK:     %[[TT:.+]] = tensor.extract_slice %[[TABLE]][%[[T]], 0] [%{{.+}}, 4]
//       CHECK:     mla.rope ins(%[[XT]], %[[TT]] :
func.func @rotation_of_heads(%x: tensor<?x3x12xf32>, %t: tensor<?x4xf32>, %y: tensor<?x3x12xf32>) -> tensor<?x3x12xf32> {
  %0 = mla.rope ins(%x, %t : tensor<?x3x12xf32>, tensor<?x4xf32>) outs(%y : tensor<?x3x12xf32>) -> tensor<?x3x12xf32>
  return %0 : tensor<?x3x12xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mla.rope"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [5, 1] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// CHECK-LABEL: func.func @rotation_table(
//       CHECK:   scf.forall
//       CHECK:     tensor.extract_slice %{{.+}}[%[[T:.+]]] [%{{.+}}] [1] : tensor<?xi32>
//       CHECK:     tensor.extract_slice %{{.+}}[%[[T]], 0] [%{{.+}}, 4]
//       CHECK:     mla.rope_table {inv_freq = array<f64: 1.000000e+00, 1.000000e-02>
func.func @rotation_table(%p: tensor<?xi32>, %t: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = mla.rope_table {inv_freq = array<f64: 1.0, 0.01>, multiplier = 1.0 : f64} ins(%p : tensor<?xi32>) outs(%t : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mla.rope_table"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [5] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// The loop of an append is over its rows; the cache stays whole.

// CHECK-LABEL: func.func @cache_append(
//  CHECK-SAME:   %[[ROWS:[^:]+]]: tensor<?x20xf32>
//       CHECK:   scf.forall
//       CHECK:     %[[RT:.+]] = tensor.extract_slice %[[ROWS]][%[[T:.+]], 0] [%{{.+}}, 20]
//       CHECK:     %[[C:.+]] = tensor.extract_slice %[[OUT:.+]][0, 0, 0]
//       CHECK:     %[[N:.+]] = mla.cache_append ins(%[[RT]], {{.+}}) first(%[[T]]) outs(%[[C]] : tensor<?x?x20xf32>)
//       CHECK:     tensor.parallel_insert_slice %[[N]] into %[[OUT]][0, 0, 0]
func.func @cache_append(%rows: tensor<?x20xf32>, %cu: tensor<?xi32>, %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %cache: tensor<?x?x20xf32>) -> tensor<?x?x20xf32> {
  %0 = mla.cache_append ins(%rows, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return %0 : tensor<?x?x20xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mla.cache_append"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [5] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Parts are not cut where they are joined.

// CHECK-LABEL: func.func @merge(
//  CHECK-SAME:   %[[P:[^:]+]]: tensor<8x?x3x16xf32>, %[[L:[^:]+]]: tensor<8x?x3xf32>
//       CHECK:   scf.forall (%[[BLOCK:.+]], %[[H:.+]]) in (%{{.+}}, 3)
//       CHECK:     tensor.extract_slice %[[P]][0, %[[T:.+]], %[[H]], 0] [8, %{{.+}}, 1, 16]
//       CHECK:     tensor.extract_slice %[[L]][0, %[[T]], %[[H]]] [8, %{{.+}}, 1]
//       CHECK:     mla.merge
func.func @merge(%p: tensor<8x?x3x16xf32>, %l: tensor<8x?x3xf32>, %o: tensor<?x3x16xf32>) -> tensor<?x3x16xf32> {
  %0 = mla.merge ins(%p, %l : tensor<8x?x3x16xf32>, tensor<8x?x3xf32>) outs(%o : tensor<?x3x16xf32>) -> tensor<?x3x16xf32>
  return %0 : tensor<?x3x16xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mla.merge"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [5, 1] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
