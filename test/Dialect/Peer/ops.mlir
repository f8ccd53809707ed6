// RUN: peermla-opt %s | FileCheck %s
// RUN: peermla-opt %s | peermla-opt | FileCheck %s
// RUN: peermla-opt %s -mlir-print-op-generic | peermla-opt | FileCheck %s
// RUN: peermla-opt %s -emit-bytecode | peermla-opt | FileCheck %s

// Every op, on tensors and on memrefs, survives text, generic form and bytecode.

// CHECK-LABEL: func.func @retrieve_with_keys_shared_by_heads(
//       CHECK:   peer.retrieve softmax query_norm(l2)
//  CHECK-SAME:     ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<?x8x256xbf16>, tensor<1024x128xbf16>, tensor<512x128xbf16>)
//  CHECK-SAME:     outs(%{{.+}}, %{{.+}} : tensor<?x8x16xf32>, tensor<?x8x16xi32>) -> tensor<?x8x16xf32>, tensor<?x8x16xi32>
func.func @retrieve_with_keys_shared_by_heads(
    %q: tensor<?x8x256xbf16>, %k0: tensor<1024x128xbf16>,
    %k1: tensor<512x128xbf16>, %g: tensor<?x8x16xf32>, %i: tensor<?x8x16xi32>)
    -> (tensor<?x8x16xf32>, tensor<?x8x16xi32>) {
  %gates, %indices = peer.retrieve softmax query_norm(l2)
      ins(%q, %k0, %k1 : tensor<?x8x256xbf16>, tensor<1024x128xbf16>,
                         tensor<512x128xbf16>)
      outs(%g, %i : tensor<?x8x16xf32>, tensor<?x8x16xi32>)
      -> tensor<?x8x16xf32>, tensor<?x8x16xi32>
  return %gates, %indices : tensor<?x8x16xf32>, tensor<?x8x16xi32>
}

// CHECK-LABEL: func.func @retrieve_one_dimension_with_scores(
//       CHECK:   peer.retrieve sigmoid key_norm(l2)
//  CHECK-SAME:     ins(%{{.+}}, %{{.+}} : memref<3x2x5xf16>, memref<2x7x5xf16>)
//  CHECK-SAME:     outs(%{{.+}}, %{{.+}}, %{{.+}} : memref<3x2x4xf32>, memref<3x2x4xi32>, memref<3x2x4xf32>)
func.func @retrieve_one_dimension_with_scores(
    %q: memref<3x2x5xf16>, %k: memref<2x7x5xf16>, %g: memref<3x2x4xf32>,
    %i: memref<3x2x4xi32>, %s: memref<3x2x4xf32>) {
  peer.retrieve sigmoid key_norm(l2)
      ins(%q, %k : memref<3x2x5xf16>, memref<2x7x5xf16>)
      outs(%g, %i, %s : memref<3x2x4xf32>, memref<3x2x4xi32>, memref<3x2x4xf32>)
  return
}

// CHECK-LABEL: func.func @retrieve_three_dimensions(
//       CHECK:   peer.retrieve relu
//  CHECK-SAME:     {peermla.id = "layers.0.mlp"}
//  CHECK-SAME:     ins(%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<3x2x6xf64>,
func.func @retrieve_three_dimensions(
    %q: tensor<3x2x6xf64>, %k0: tensor<3x2xf64>, %k1: tensor<4x2xf64>,
    %k2: tensor<5x2xf64>, %g: tensor<3x2x1xf64>, %i: tensor<3x2x1xi32>)
    -> (tensor<3x2x1xf64>, tensor<3x2x1xi32>) {
  %0:2 = peer.retrieve relu {peermla.id = "layers.0.mlp"}
      ins(%q, %k0, %k1, %k2 : tensor<3x2x6xf64>, tensor<3x2xf64>,
          tensor<4x2xf64>, tensor<5x2xf64>)
      outs(%g, %i : tensor<3x2x1xf64>, tensor<3x2x1xi32>)
      -> tensor<3x2x1xf64>, tensor<3x2x1xi32>
  return %0#0, %0#1 : tensor<3x2x1xf64>, tensor<3x2x1xi32>
}

// CHECK-LABEL: func.func @select_from_two_dimensions(
//       CHECK:   peer.select softmax num_keys([5, 7]) ins(%{{.+}}, %{{.+}} : tensor<?x2x5xf32>, tensor<?x2x7xf32>)
//  CHECK-SAME:     outs(%{{.+}}, %{{.+}} : tensor<?x2x4xf32>, tensor<?x2x4xi32>)
func.func @select_from_two_dimensions(
    %s0: tensor<?x2x5xf32>, %s1: tensor<?x2x7xf32>, %g: tensor<?x2x4xf32>,
    %i: tensor<?x2x4xi32>) -> (tensor<?x2x4xf32>, tensor<?x2x4xi32>) {
  %0:2 = peer.select softmax num_keys([5, 7])
      ins(%s0, %s1 : tensor<?x2x5xf32>, tensor<?x2x7xf32>)
      outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>)
      -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %0#0, %0#1 : tensor<?x2x4xf32>, tensor<?x2x4xi32>
}

// CHECK-LABEL: func.func @select_from_panels(
//       CHECK:   peer.select relu num_keys([9]) ins(%{{.+}} : memref<3x2x3x4xf32>)
func.func @select_from_panels(
    %s: memref<3x2x3x4xf32>, %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  peer.select relu num_keys([9]) ins(%s : memref<3x2x3x4xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}

// CHECK-LABEL: func.func @expert_mlp(
//       CHECK:   peer.expert_mlp gelu
//  CHECK-SAME:     ins(%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<?x64xf32>, tensor<?x8x16xi32>, tensor<?x8x16xf32>, tensor<4096x1x64xf32>, tensor<4096x1x64xf32>)
//  CHECK-SAME:     outs(%{{.+}} : tensor<?x64xf32>) -> tensor<?x64xf32>
func.func @expert_mlp(
    %x: tensor<?x64xf32>, %i: tensor<?x8x16xi32>, %g: tensor<?x8x16xf32>,
    %down: tensor<4096x1x64xf32>, %up: tensor<4096x1x64xf32>,
    %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = peer.expert_mlp gelu
      ins(%x, %i, %g, %down, %up : tensor<?x64xf32>, tensor<?x8x16xi32>,
          tensor<?x8x16xf32>, tensor<4096x1x64xf32>, tensor<4096x1x64xf32>)
      outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @expert_mlp_gated_with_neurons(
//       CHECK:   peer.expert_mlp silu up_layout(output_major)
//       CHECK:     gate(%{{.+}} : memref<35x2x6xbf16>)
//  CHECK-SAME:     outs(%{{.+}}, %{{.+}} : memref<3x5xbf16>, memref<3x2x4x2xf32>)
func.func @expert_mlp_gated_with_neurons(
    %x: memref<3x6xbf16>, %i: memref<3x2x4xi32>, %g: memref<3x2x4xf32>,
    %down: memref<35x2x6xbf16>, %up: memref<35x5x2xbf16>,
    %gate: memref<35x2x6xbf16>, %y: memref<3x5xbf16>,
    %u: memref<3x2x4x2xf32>) {
  peer.expert_mlp silu up_layout(output_major)
      ins(%x, %i, %g, %down, %up : memref<3x6xbf16>, memref<3x2x4xi32>,
          memref<3x2x4xf32>, memref<35x2x6xbf16>, memref<35x5x2xbf16>)
      gate(%gate : memref<35x2x6xbf16>)
      outs(%y, %u : memref<3x5xbf16>, memref<3x2x4x2xf32>)
  return
}

// Dynamic extents are compatible with all others.

// CHECK-LABEL: func.func @dynamic_extents(
//       CHECK:   peer.retrieve softmax
//       CHECK:   peer.expert_mlp relu
func.func @dynamic_extents(
    %q: tensor<?x?x?xf32>, %k0: tensor<?x?xf32>, %k1: tensor<?x?x?xf32>,
    %g: tensor<?x?x?xf32>, %i: tensor<?x?x?xi32>, %x: tensor<?x?xf32>,
    %table: tensor<?x?x?xf32>) -> tensor<?x?xf32> {
  %0:2 = peer.retrieve softmax
      ins(%q, %k0, %k1 : tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?x?x?xf32>)
      outs(%g, %i : tensor<?x?x?xf32>, tensor<?x?x?xi32>)
      -> tensor<?x?x?xf32>, tensor<?x?x?xi32>
  %y = peer.expert_mlp relu
      ins(%x, %0#1, %0#0, %table, %table : tensor<?x?xf32>, tensor<?x?x?xi32>,
          tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>)
      outs(%x : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
