// RUN: peermla-opt %s -peermla-to-reference | FileCheck %s
// RUN: peermla-opt %s -peermla-to-reference -peermla-reference-to-llvm | FileCheck %s --check-prefix=LLVM

// From model IR to loops: weights are arguments, helpers are inlined, and an
// argument that is updated is copied and never written.

// CHECK-NOT: func.func private
// CHECK-LABEL: func.func @step(
//  CHECK-SAME:     %[[X:[^:]+]]: memref<?x4xf64>
//  CHECK-SAME:     %[[CACHE:[^:]+]]: memref<?x2x3xf64>
//  CHECK-SAME:     %[[W:[^:]+]]: memref<3x4xbf16>{{.*}}peermla.weight = "w"})
//   CHECK-NOT:   memref.store %{{.+}}, %[[CACHE]]
//   CHECK-NOT:   tensor
//       CHECK:   return

// LLVM-LABEL: llvm.func @step(
//       LLVM:   llvm.call @_mlir_memref_to_llvm_alloc
ml_program.global private @w(#ml_program.extern : tensor<3x4xbf16>) : tensor<3x4xbf16>

func.func private @project(%x: tensor<?x4xbf16>, %w: tensor<3x4xbf16>,
                           %init: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = linalg.matmul
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
                       affine_map<(m, n, k) -> (n, k)>,
                       affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<?x4xbf16>, tensor<3x4xbf16>)
      outs(%init : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

func.func @step(%x: tensor<?x4xbf16>, %cu: tensor<?xi32>, %past: tensor<?xi32>,
                %blocks: tensor<?x?xi32>, %cache: tensor<?x2x3xf32>)
    -> tensor<?x2x3xf32> attributes {peermla.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x4xbf16>
  %empty = tensor.empty(%T) : tensor<?x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x3xf32>)
      -> tensor<?x3xf32>
  %w = ml_program.global_load_const @w : tensor<3x4xbf16>
  %rows = func.call @project(%x, %w, %init)
      : (tensor<?x4xbf16>, tensor<3x4xbf16>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %new = mla.cache_append
      ins(%rows, %cu, %past, %blocks : tensor<?x3xf32>, tensor<?xi32>,
          tensor<?xi32>, tensor<?x?xi32>)
      outs(%cache : tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
  return %new : tensor<?x2x3xf32>
}
