// RUN: peermla-opt %s -transform-interpreter -canonicalize -cse -split-input-file | FileCheck %s

// Tiles of tokens and heads: tables stay whole, destinations are cut.

// CHECK-LABEL: func.func @retrieve(
//  CHECK-SAME:   %[[Q:.+]]: tensor<6x4x10xf32>, %[[K0:.+]]: tensor<4x7x5xf32>, %[[K1:.+]]: tensor<3x5xf32>
//       CHECK:   scf.forall (%[[I:.+]], %[[J:.+]]) in (2, 2)
//       CHECK:     %[[T:.+]] = affine.apply {{.+}}(%[[I]])
//       CHECK:     %[[H:.+]] = affine.apply {{.+}}(%[[J]])
//       CHECK:     %[[QT:.+]] = tensor.extract_slice %[[Q]][%[[T]], %[[H]], 0] [3, 2, 10]
//       CHECK:     %[[K0T:.+]] = tensor.extract_slice %[[K0]][%[[H]], 0, 0] [2, 7, 5]
//       CHECK:     peer.retrieve softmax ins(%[[QT]], %[[K0T]], %[[K1]] : {{.+}}) outs(%{{.+}}, %{{.+}} : tensor<3x2x2xf32>, tensor<3x2x2xi32>)
//   CHECK-DAG:     tensor.parallel_insert_slice %{{.+}}#0 into %{{.+}}[%[[T]], %[[H]], 0] [3, 2, 2]
//   CHECK-DAG:     tensor.parallel_insert_slice %{{.+}}#1 into %{{.+}}[%[[T]], %[[H]], 0] [3, 2, 2]
func.func @retrieve(%q: tensor<6x4x10xf32>, %k0: tensor<4x7x5xf32>, %k1: tensor<3x5xf32>, %g: tensor<6x4x2xf32>, %i: tensor<6x4x2xi32>) -> (tensor<6x4x2xf32>, tensor<6x4x2xi32>) {
  %0:2 = peer.retrieve softmax ins(%q, %k0, %k1 : tensor<6x4x10xf32>, tensor<4x7x5xf32>, tensor<3x5xf32>)
      outs(%g, %i : tensor<6x4x2xf32>, tensor<6x4x2xi32>) -> tensor<6x4x2xf32>, tensor<6x4x2xi32>
  return %0#0, %0#1 : tensor<6x4x2xf32>, tensor<6x4x2xi32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["peer.retrieve"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [3, 2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Scores may lie in panels.

// CHECK-LABEL: func.func @select(
//  CHECK-SAME:   %[[S0:.+]]: tensor<?x4x2x8xf32>, %[[S1:.+]]: tensor<?x4x5xf32>
//       CHECK:   scf.forall (%[[I:.+]], %[[J:.+]]) in (%{{.+}}, 2)
//       CHECK:     %[[T:.+]] = affine.apply {{.+}}(%[[I]])
//       CHECK:     %[[H:.+]] = affine.apply {{.+}}(%[[J]])
//       CHECK:     %[[N:.+]] = affine.min
//       CHECK:     %[[S0T:.+]] = tensor.extract_slice %[[S0]][%[[T]], %[[H]], 0, 0] [%[[N]], 2, 2, 8]
//       CHECK:     %[[S1T:.+]] = tensor.extract_slice %[[S1]][%[[T]], %[[H]], 0] [%[[N]], 2, 5]
//       CHECK:     peer.select relu num_keys([13, 5]) ins(%[[S0T]], %[[S1T]] :
func.func @select(%s0: tensor<?x4x2x8xf32>, %s1: tensor<?x4x5xf32>, %g: tensor<?x4x2xf32>, %i: tensor<?x4x2xi32>) -> (tensor<?x4x2xf32>, tensor<?x4x2xi32>) {
  %0:2 = peer.select relu num_keys([13, 5]) ins(%s0, %s1 : tensor<?x4x2x8xf32>, tensor<?x4x5xf32>)
      outs(%g, %i : tensor<?x4x2xf32>, tensor<?x4x2xi32>) -> tensor<?x4x2xf32>, tensor<?x4x2xi32>
  return %0#0, %0#1 : tensor<?x4x2xf32>, tensor<?x4x2xi32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["peer.select"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [3, 2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// CHECK-LABEL: func.func @expert_mlp(
//  CHECK-SAME:   %[[X:.+]]: tensor<6x5xf32>, %[[I:.+]]: tensor<6x4x2xi32>, %[[G:.+]]: tensor<6x4x2xf32>, %[[DOWN:.+]]: tensor<9x3x5xf32>, %[[UP:.+]]: tensor<9x3x7xf32>
//       CHECK:   scf.forall (%[[BLOCK:.+]]) in (2)
//       CHECK:     %[[T:.+]] = affine.apply {{.+}}(%[[BLOCK]])
//       CHECK:     %[[XT:.+]] = tensor.extract_slice %[[X]][%[[T]], 0] [3, 5]
//       CHECK:     %[[IT:.+]] = tensor.extract_slice %[[I]][%[[T]], 0, 0] [3, 4, 2]
//       CHECK:     %[[GT:.+]] = tensor.extract_slice %[[G]][%[[T]], 0, 0] [3, 4, 2]
//       CHECK:     peer.expert_mlp gelu ins(%[[XT]], %[[IT]], %[[GT]], %[[DOWN]], %[[UP]] : {{.+}}) outs(%{{.+}} : tensor<3x7xf32>)
func.func @expert_mlp(%x: tensor<6x5xf32>, %i: tensor<6x4x2xi32>, %g: tensor<6x4x2xf32>, %down: tensor<9x3x5xf32>, %up: tensor<9x3x7xf32>, %y: tensor<6x7xf32>) -> tensor<6x7xf32> {
  %0 = peer.expert_mlp gelu ins(%x, %i, %g, %down, %up : tensor<6x5xf32>, tensor<6x4x2xi32>, tensor<6x4x2xf32>, tensor<9x3x5xf32>, tensor<9x3x7xf32>)
      outs(%y : tensor<6x7xf32>) -> tensor<6x7xf32>
  return %0 : tensor<6x7xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["peer.expert_mlp"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [3] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
