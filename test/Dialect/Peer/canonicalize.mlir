// RUN: peermla-opt %s --canonicalize | FileCheck %s

// A cast that only forgets extents folds into the op (upstream does this for all
// ops in destination style).

// CHECK-LABEL: func.func @cast_of_the_query_folds(
//  CHECK-SAME:     %[[Q:.+]]: tensor<3x2x6xf32>
//       CHECK:   peer.retrieve sigmoid query_norm(l2) ins(%[[Q]], %{{.+}}, %{{.+}} : tensor<3x2x6xf32>,
func.func @cast_of_the_query_folds(
    %q: tensor<3x2x6xf32>, %k0: tensor<5x3xf32>, %k1: tensor<7x3xf32>,
    %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>)
    -> (tensor<?x2x4xf32>, tensor<?x2x4xi32>) {
  %cast = tensor.cast %q : tensor<3x2x6xf32> to tensor<?x2x6xf32>
  %0:2 = peer.retrieve sigmoid query_norm(l2)
      ins(%cast, %k0, %k1 : tensor<?x2x6xf32>, tensor<5x3xf32>, tensor<7x3xf32>)
      outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>)
      -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %0#0, %0#1 : tensor<?x2x4xf32>, tensor<?x2x4xi32>
}

// An unused op on tensors is pure; on memrefs it is not.

// CHECK-LABEL: func.func @unused_results_are_erased(
//   CHECK-NOT:   peer.select
//       CHECK:   return
func.func @unused_results_are_erased(
    %s: tensor<3x2x5xf32>, %g: tensor<3x2x4xf32>, %i: tensor<3x2x4xi32>) {
  %0:2 = peer.select relu num_keys([5]) ins(%s : tensor<3x2x5xf32>)
      outs(%g, %i : tensor<3x2x4xf32>, tensor<3x2x4xi32>)
      -> tensor<3x2x4xf32>, tensor<3x2x4xi32>
  return
}

// CHECK-LABEL: func.func @writes_to_memory_stay(
//       CHECK:   peer.select
func.func @writes_to_memory_stay(
    %s: memref<3x2x5xf32>, %g: memref<3x2x4xf32>, %i: memref<3x2x4xi32>) {
  peer.select relu num_keys([5]) ins(%s : memref<3x2x5xf32>)
      outs(%g, %i : memref<3x2x4xf32>, memref<3x2x4xi32>)
  return
}
