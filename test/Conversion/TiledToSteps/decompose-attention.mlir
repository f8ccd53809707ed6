// RUN: peermla-opt %s --pass-pipeline="builtin.module(func.func(peermla-decompose-attention))" | FileCheck %s

// A tile of attention is a loop over blocks of keys, products and softmax steps.

// CHECK-DAG: #[[$SUM_D:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[$KEYS:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d1, d3)>

// CHECK-LABEL: func @causal_keys_per_head
// CHECK-SAME:    %[[Q:[a-z0-9]*]]: tensor<?x1x6xf32>, %[[K:[a-z0-9]*]]: tensor<?x1x6xf32>, %[[V:[a-z0-9]*]]: tensor<?x1x5xf32>
// CHECK:       %[[NONE:.*]] = arith.constant -1.000000e+30
// CHECK:       scf.for %[[J:.*]] = %{{.*}} to %[[END:.*]] step %{{.*}} iter_args
// CHECK:         %[[COUNT:.*]] = arith.minsi
// CHECK:         %[[KJ:.*]] = tensor.extract_slice %[[K]][%{{.*}}, 0, 0] [%[[COUNT]], 1, 6]
// CHECK:         %[[VJ:.*]] = tensor.extract_slice %[[V]][%{{.*}}, 0, 0] [%[[COUNT]], 1, 5]
// CHECK:         bufferization.alloc_tensor() : tensor<3x1x8xf32>
// CHECK:         linalg.generic {indexing_maps = [#[[$SUM_D]], #[[$KEYS]], #{{.*}}], {{.*}} ins(%[[Q]], %[[KJ]]
// Masked scores are -inf.
// CHECK:         linalg.generic
// CHECK:           arith.cmpi sle
// CHECK:           arith.select
// CHECK:           arith.maximumf
// CHECK:           math.exp2
// CHECK:           arith.maximumf
// CHECK:           math.exp2
// What has no probability is left out, whatever its value is.
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[VJ]]
// CHECK:           arith.cmpf oeq
// CHECK:           arith.select
// CHECK:           arith.addf
// CHECK:         scf.yield
// CHECK:       arith.divf
func.func @causal_keys_per_head(%q: tensor<?x1x6xf32>, %k: tensor<?x1x6xf32>, %v: tensor<?x1x5xf32>,
    %cu: tensor<?xi32>, %s: index, %t: index, %init: tensor<?x1x5xf32>) -> tensor<?x1x5xf32> {
  %o = mla.online_attention causal scale(0.5) {peermla.schedule = #tile.schedule<block = [3, 1], inner = [8]>}
      ins(%q, %k : tensor<?x1x6xf32>, tensor<?x1x6xf32>) values(%v : tensor<?x1x5xf32>)
      ragged(%cu : tensor<?xi32>) item(%s, %t) outs(%init : tensor<?x1x5xf32>) -> tensor<?x1x5xf32>
  return %o : tensor<?x1x5xf32>
}

// One token sees all keys of its block: no mask, no choice in the last product.
// CHECK-LABEL: func @one_token_of_a_paged_cache
// CHECK-SAME:    %[[Q:[a-z0-9]*]]: tensor<1x4x6xbf16>, %[[K:[a-z0-9]*]]: tensor<?x?x6xbf16>
// CHECK:       scf.for
// CHECK:         bufferization.alloc_tensor() : tensor<8x2xi32>
// CHECK:         bufferization.alloc_tensor() : tensor<8x6xbf16>
// CHECK:         %[[ROWS:.*]] = linalg.generic
// CHECK:           tensor.extract %[[K]]
// CHECK:         %[[VALUES:.*]] = tensor.extract_slice %[[ROWS]][0, 0] [%{{.*}}, 5]
// CHECK:         linalg.generic {{.*}} ins(%[[Q]], %[[ROWS]]
// CHECK-NOT:     arith.cmpi
// CHECK:         %[[P:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<1x4x?xbf16>)
// CHECK:           arith.truncf
// CHECK:         linalg.generic {{.*}} ins(%[[P]], %[[VALUES]]
// CHECK-NOT:       arith.select
// CHECK:         scf.yield
// CHECK:       math.log
func.func @one_token_of_a_paged_cache(%q: tensor<1x4x6xbf16>, %k: tensor<?x?x6xbf16>, %cu: tensor<?xi32>,
    %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %s: index, %t: index, %init: tensor<1x4x5xbf16>,
    %lse: tensor<1x4xf32>) -> (tensor<1x4x5xbf16>, tensor<1x4xf32>) {
  %o:2 = mla.online_attention causal scale(0.5) {peermla.schedule = #tile.schedule<block = [1, 4], inner = [8]>}
      ins(%q, %k : tensor<1x4x6xbf16>, tensor<?x?x6xbf16>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) item(%s, %t)
      outs(%init, %lse : tensor<1x4x5xbf16>, tensor<1x4xf32>) -> tensor<1x4x5xbf16>, tensor<1x4xf32>
  return %o#0, %o#1 : tensor<1x4x5xbf16>, tensor<1x4xf32>
}

// CHECK-LABEL: func @parts_have_their_own_state
// CHECK:       scf.for {{.*}} iter_args(%[[O:.*]] = %{{.*}}, %[[L:.*]] = %{{.*}})
// CHECK:         tensor.extract_slice %[[O]]
// CHECK:         scf.for
// CHECK:         tensor.insert_slice %{{.*}} into %[[O]]
// CHECK:         tensor.insert_slice %{{.*}} into %[[L]]
func.func @parts_have_their_own_state(%q: tensor<1x4x6xf32>, %k: tensor<?x?x6xf32>, %cu: tensor<?xi32>,
    %past: tensor<?xi32>, %blocks: tensor<?x?xi32>, %s: index, %t: index, %p: index,
    %init: tensor<2x1x4x5xf32>, %lse: tensor<2x1x4xf32>) -> (tensor<2x1x4x5xf32>, tensor<2x1x4xf32>) {
  %o:2 = mla.online_attention causal scale(0.5) parts(4 by 16)
      {peermla.schedule = #tile.schedule<block = [1, 4], inner = [8]>}
      ins(%q, %k : tensor<1x4x6xf32>, tensor<?x?x6xf32>) ragged(%cu : tensor<?xi32>)
      paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>) item(%s, %t, %p)
      outs(%init, %lse : tensor<2x1x4x5xf32>, tensor<2x1x4xf32>) -> tensor<2x1x4x5xf32>, tensor<2x1x4xf32>
  return %o#0, %o#1 : tensor<2x1x4x5xf32>, tensor<2x1x4xf32>
}
