// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' | FileCheck %s

// Blocks of a GPU have elements for its threads; caches of cores do not matter.

#id = affine_map<(i, j) -> (i, j)>
#a = affine_map<(t, n, k) -> (t, k)>
#b = affine_map<(t, n, k) -> (n, k)>
#c = affine_map<(t, n, k) -> (t, n)>

module attributes {peermla.gpu = "sm_80"} {

// CHECK-LABEL: func.func @product(
//       CHECK:   linalg.generic {{.+}}"reduction"{{.+}}peermla.schedule = #tile.schedule<block = [64, 64, 0], inner = [64], warps = [2, 2], stages = 3>
func.func @product(%x: tensor<?x30xf32>, %w: tensor<96x30xf32>, %e: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %y = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x30xf32>, tensor<96x30xf32>) outs(%e : tensor<?x96xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// Short rows are together, long ones alone.

// CHECK-LABEL: func.func @rows(
//       CHECK:   linalg.exp {peermla.schedule = #tile.schedule<block = [10, 0]>}
//       CHECK:   linalg.exp {peermla.schedule = #tile.schedule<block = [1, 0]>}
func.func @rows(%x: tensor<?x100xf32>, %y: tensor<?x3000xf32>) -> (tensor<?x100xf32>, tensor<?x3000xf32>) {
  %0 = linalg.exp ins(%x : tensor<?x100xf32>) outs(%x : tensor<?x100xf32>) -> tensor<?x100xf32>
  %1 = linalg.exp ins(%y : tensor<?x3000xf32>) outs(%y : tensor<?x3000xf32>) -> tensor<?x3000xf32>
  return %0, %1 : tensor<?x100xf32>, tensor<?x3000xf32>
}

// Weights are cut into about four thousand elements.

// CHECK-LABEL: func.func @weights(
//       CHECK:   linalg.exp {peermla.schedule = #tile.schedule<block = [1, 4, 0]>}
func.func @weights(%w: tensor<5x70x1000xf32>) -> tensor<5x70x1000xf32> {
  %0 = linalg.exp ins(%w : tensor<5x70x1000xf32>) outs(%w : tensor<5x70x1000xf32>) -> tensor<5x70x1000xf32>
  return %0 : tensor<5x70x1000xf32>
}

}
