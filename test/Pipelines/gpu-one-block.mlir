// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-to-tiled{targets=sm_80})' | FileCheck %s --check-prefix=TILED
// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-to-tiled{targets=sm_80},peermla-tiled-to-buffers{targets=sm_80})' | FileCheck %s

// A product that one block computes is a loop of one iteration, and a tile program.

// TILED-LABEL: func.func @forward(
//       TILED:   scf.forall
//       TILED:     peermla.schedule = #tile.schedule<{{.*}}warps

// CHECK-LABEL: func.func @forward(
//       CHECK:   tile.launch @[[KERNEL:.+]]::@{{.+}} blocks(%c1)
//   CHECK-NOT:   linalg
//       CHECK: gpu.module @[[KERNEL]]
//       CHECK:   tile.mma
module @OneBlock {
  ml_program.global private @w(#ml_program.extern : tensor<48x60xf32>) : tensor<48x60xf32>
  func.func @forward(%x: tensor<40x60xf32> {peermla.name = "x", peermla.dims = ["", ""]}) -> (tensor<40x48xf32> {peermla.name = "y", peermla.dims = ["", ""]}) attributes {peermla.entry} {
    %zero = arith.constant 0.0 : f32
    %w = ml_program.global_load_const @w : tensor<48x60xf32>
    %e = tensor.empty() : tensor<40x48xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<40x48xf32>) -> tensor<40x48xf32>
    %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %w : tensor<40x60xf32>, tensor<48x60xf32>) outs(%z : tensor<40x48xf32>) -> tensor<40x48xf32>
    return %y : tensor<40x48xf32>
  }
}
