// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-decompose-retrieve))' | FileCheck %s

// Scores per key dimension are products in f32, and peer.select has the rest.

// CHECK-DAG: #[[$HEAD_KEYS:.+]] = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>

// CHECK-LABEL: func.func @one_product_per_dimension(
//  CHECK-SAME:   %[[Q:.+]]: tensor<?x3x10xbf16>, %[[K0:.+]]: tensor<7x5xbf16>, %[[K1:.+]]: tensor<4x5xbf16>, %[[G:.+]]: tensor<?x3x2xf32>, %[[I:.+]]: tensor<?x3x2xi32>
//       CHECK:   %[[Q0:.+]] = tensor.extract_slice %[[Q]][0, 0, 0] [%{{.+}}, 3, 5]
//       CHECK:   %[[S0:.+]] = linalg.generic {{.+}} ins(%[[Q0]], %[[K0]] : {{.+}}) outs(%{{.+}} : tensor<?x3x7xf32>)
//       CHECK:     arith.extf
//       CHECK:     arith.extf
//       CHECK:     arith.mulf %{{.+}} : f32
//       CHECK:   %[[Q1:.+]] = tensor.extract_slice %[[Q]][0, 0, 5] [%{{.+}}, 3, 5]
//       CHECK:   %[[S1:.+]] = linalg.generic {{.+}} ins(%[[Q1]], %[[K1]] : {{.+}}) outs(%{{.+}} : tensor<?x3x4xf32>)
//       CHECK:   peer.select softmax num_keys([7, 4])
//  CHECK-SAME:     {peermla.id = "retrieve", peermla.schedule = #tile.schedule<block = [2, 1]>}
//  CHECK-SAME:     ins(%[[S0]], %[[S1]] : {{.+}}) outs(%[[G]], %[[I]] :
func.func @one_product_per_dimension(%q: tensor<?x3x10xbf16>, %k0: tensor<7x5xbf16>, %k1: tensor<4x5xbf16>, %g: tensor<?x3x2xf32>, %i: tensor<?x3x2xi32>) -> (tensor<?x3x2xf32>, tensor<?x3x2xi32>) {
  %0:2 = peer.retrieve softmax {peermla.id = "retrieve", peermla.schedule = #tile.schedule<block = [2, 1]>}
      ins(%q, %k0, %k1 : tensor<?x3x10xbf16>, tensor<7x5xbf16>, tensor<4x5xbf16>)
      outs(%g, %i : tensor<?x3x2xf32>, tensor<?x3x2xi32>) -> tensor<?x3x2xf32>, tensor<?x3x2xi32>
  return %0#0, %0#1 : tensor<?x3x2xf32>, tensor<?x3x2xi32>
}

// CHECK-LABEL: func.func @keys_per_head(
//  CHECK-SAME:   %[[Q:.+]]: tensor<?x3x5xf32>, %[[K:.+]]: tensor<3x7x5xf32>
//       CHECK:   linalg.generic {indexing_maps = [#{{.+}}, #[[$HEAD_KEYS]], #{{.+}}]{{.+}} ins(%[[Q]], %[[K]] :
//       CHECK:   peer.select sigmoid num_keys([7])
func.func @keys_per_head(%q: tensor<?x3x5xf32>, %k: tensor<3x7x5xf32>, %g: tensor<?x3x2xf32>, %i: tensor<?x3x2xi32>) -> (tensor<?x3x2xf32>, tensor<?x3x2xi32>) {
  %0:2 = peer.retrieve sigmoid ins(%q, %k : tensor<?x3x5xf32>, tensor<3x7x5xf32>)
      outs(%g, %i : tensor<?x3x2xf32>, tensor<?x3x2xi32>) -> tensor<?x3x2xf32>, tensor<?x3x2xi32>
  return %0#0, %0#1 : tensor<?x3x2xf32>, tensor<?x3x2xi32>
}

// CHECK-LABEL: func.func @norms_come_first(
//  CHECK-SAME:   %[[Q:.+]]: tensor<?x3x5xf32>, %[[K:.+]]: tensor<7x5xf32>
//       CHECK:   %[[SQUARES:.+]] = linalg.generic {{.+}} ins(%[[K]], %[[K]] :
//       CHECK:   %[[NORMED:.+]] = linalg.generic {{.+}} ins(%[[K]], %[[SQUARES]] :
//       CHECK:     math.sqrt
//       CHECK:     arith.maximumf
//       CHECK:     arith.divf
//       CHECK:   linalg.generic {{.+}} ins(%[[Q]], %[[NORMED]] :
func.func @norms_come_first(%q: tensor<?x3x5xf32>, %k: tensor<7x5xf32>, %g: tensor<?x3x2xf32>, %i: tensor<?x3x2xi32>) -> (tensor<?x3x2xf32>, tensor<?x3x2xi32>) {
  %0:2 = peer.retrieve relu key_norm(l2) ins(%q, %k : tensor<?x3x5xf32>, tensor<7x5xf32>)
      outs(%g, %i : tensor<?x3x2xf32>, tensor<?x3x2xi32>) -> tensor<?x3x2xf32>, tensor<?x3x2xi32>
  return %0#0, %0#1 : tensor<?x3x2xf32>, tensor<?x3x2xi32>
}
