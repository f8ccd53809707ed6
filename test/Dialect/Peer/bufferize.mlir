// RUN: peermla-opt %s -split-input-file --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" | FileCheck %s

// An op on tensors becomes the op on memrefs. Destinations are written in place,
// and what they held before is not carried over.

// CHECK-LABEL: func.func @retrieve_writes_all_destinations(
//  CHECK-SAME:     %{{[^:]+}}: memref<?x2x6xf32>, %{{[^:]+}}: memref<5x3xf32>, %{{[^:]+}}: memref<7x3xf32>
//  CHECK-SAME:     %[[G:.+]]: memref<?x2x4xf32>, %[[I:.+]]: memref<?x2x4xi32>, %[[S:.+]]: memref<?x2x4xf32>
//       CHECK:   peer.retrieve sigmoid key_norm(l2)
//  CHECK-SAME:     outs(%[[G]], %[[I]], %[[S]] :
//       CHECK:   return %[[G]], %[[I]], %[[S]]
func.func @retrieve_writes_all_destinations(
    %q: tensor<?x2x6xf32>, %k0: tensor<5x3xf32>, %k1: tensor<7x3xf32>,
    %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>, %s: tensor<?x2x4xf32>)
    -> (tensor<?x2x4xf32>, tensor<?x2x4xi32>, tensor<?x2x4xf32>) {
  %0:3 = peer.retrieve sigmoid key_norm(l2)
      ins(%q, %k0, %k1 : tensor<?x2x6xf32>, tensor<5x3xf32>, tensor<7x3xf32>)
      outs(%g, %i, %s : tensor<?x2x4xf32>, tensor<?x2x4xi32>, tensor<?x2x4xf32>)
      -> tensor<?x2x4xf32>, tensor<?x2x4xi32>, tensor<?x2x4xf32>
  return %0#0, %0#1, %0#2
      : tensor<?x2x4xf32>, tensor<?x2x4xi32>, tensor<?x2x4xf32>
}

// -----

// CHECK-LABEL: func.func @experts_copy_nothing(
//  CHECK-SAME:     %[[X:.+]]: memref<3x6xf32>,
//       CHECK:   %[[Y:.+]] = memref.alloc()
//   CHECK-NOT:   memref.copy
//       CHECK:   peer.expert_mlp silu
//  CHECK-SAME:     outs(%[[Y]] : memref<3x6xf32>)
//       CHECK:   return %[[Y]]
func.func @experts_copy_nothing(
    %x: tensor<3x6xf32>, %i: tensor<3x2x4xi32>, %g: tensor<3x2x4xf32>,
    %down: tensor<35x1x6xf32>, %up: tensor<35x1x6xf32>) -> tensor<3x6xf32> {
  %y = peer.expert_mlp silu
      ins(%x, %i, %g, %down, %up : tensor<3x6xf32>, tensor<3x2x4xi32>,
          tensor<3x2x4xf32>, tensor<35x1x6xf32>, tensor<35x1x6xf32>)
      outs(%x : tensor<3x6xf32>) -> tensor<3x6xf32>
  return %y : tensor<3x6xf32>
}
