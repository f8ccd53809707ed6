// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-override-schedules{schedules="layers.*.up_proj = block = [24, 128, 0]; lm_head = inner = [64], registers = [3, 32]"})' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-override-schedules)' | FileCheck %s --check-prefix=NONE

// Ops get the schedules that belong to their ids; the last one counts.

// NONE-NOT: block = [24
// NONE:     block = [3, 5, 0]
// NONE-NOT: peermla.schedule

#x = affine_map<(t, n, k) -> (t, k)>
#w = affine_map<(t, n, k) -> (n, k)>
#y = affine_map<(t, n, k) -> (t, n)>

// CHECK-LABEL: func.func @by_name(
//       CHECK:   linalg.matmul
//  CHECK-SAME:     {peermla.id = "layers.7.up_proj", peermla.schedule = #tile.schedule<block = [24, 128, 0]>}
//       CHECK:   linalg.matmul
//  CHECK-SAME:     {peermla.id = "layers.7.down_proj"}
//       CHECK:   linalg.matmul
//  CHECK-SAME:     {peermla.id = "lm_head", peermla.schedule = #tile.schedule<inner = [64], registers = [3, 32]>}
func.func @by_name(%x: tensor<?x5xf32>, %w: tensor<256x5xf32>, %e: tensor<?x256xf32>) -> (tensor<?x256xf32>, tensor<?x256xf32>, tensor<?x256xf32>) {
  %0 = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.id = "layers.7.up_proj", peermla.schedule = #tile.schedule<block = [3, 5, 0]>}
      ins(%x, %w : tensor<?x5xf32>, tensor<256x5xf32>) outs(%e : tensor<?x256xf32>) -> tensor<?x256xf32>
  %1 = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.id = "layers.7.down_proj"}
      ins(%x, %w : tensor<?x5xf32>, tensor<256x5xf32>) outs(%e : tensor<?x256xf32>) -> tensor<?x256xf32>
  %2 = linalg.matmul indexing_maps = [#x, #w, #y] {peermla.id = "lm_head"}
      ins(%x, %w : tensor<?x5xf32>, tensor<256x5xf32>) outs(%e : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %0, %1, %2 : tensor<?x256xf32>, tensor<?x256xf32>, tensor<?x256xf32>
}
