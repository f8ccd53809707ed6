// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' | FileCheck %s

// Blocks of a GPU have elements for its threads; caches of cores do not matter.

#id = affine_map<(i, j) -> (i, j)>
#a = affine_map<(t, n, k) -> (t, k)>
#b = affine_map<(t, n, k) -> (n, k)>
#c = affine_map<(t, n, k) -> (t, n)>
#q = affine_map<(t, h, n, k) -> (t, h, k)>
#keys = affine_map<(t, h, n, k) -> (n, k)>
#scores = affine_map<(t, h, n, k) -> (t, h, n)>

module attributes {peermla.gpu = "sm_80"} {

// CHECK-LABEL: func.func @product(
//       CHECK:   linalg.generic {{.+}}"reduction"{{.+}}peermla.schedule = #tile.schedule<block = [64, 64, 0], inner = [32], warps = [2, 2], stages = 3>
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

// A token of experts: warps for rows of 512 bytes each, or of 1024 where there
// would be more than four, and rows together for 8 pieces per thread.

// CHECK-LABEL: func.func @narrow_experts(
//       CHECK:   peer.expert_mlp {{.+}}block = [1, 0, 0], inner = [0, 1, 5], registers = [8, 1], split = 32, warps = [3, 1]>
func.func @narrow_experts(%x: tensor<?x300xf32>, %i: tensor<?x8x5xi32>, %g: tensor<?x8x5xf32>, %w: tensor<99x1x300xf32>, %y: tensor<?x300xf32>) -> tensor<?x300xf32> {
  %0 = peer.expert_mlp relu ins(%x, %i, %g, %w, %w : tensor<?x300xf32>, tensor<?x8x5xi32>, tensor<?x8x5xf32>, tensor<99x1x300xf32>, tensor<99x1x300xf32>)
      outs(%y : tensor<?x300xf32>) -> tensor<?x300xf32>
  return %0 : tensor<?x300xf32>
}

// CHECK-LABEL: func.func @wide_experts(
//       CHECK:   peer.expert_mlp {{.+}}registers = [4, 1], split = 32, warps = [14, 1]>
func.func @wide_experts(%x: tensor<?x7168xbf16>, %i: tensor<?x8x5xi32>, %g: tensor<?x8x5xf32>, %w: tensor<99x1x7168xbf16>, %y: tensor<?x7168xbf16>) -> tensor<?x7168xbf16> {
  %0 = peer.expert_mlp relu ins(%x, %i, %g, %w, %w : tensor<?x7168xbf16>, tensor<?x8x5xi32>, tensor<?x8x5xf32>, tensor<99x1x7168xbf16>, tensor<99x1x7168xbf16>)
      outs(%y : tensor<?x7168xbf16>) -> tensor<?x7168xbf16>
  return %0 : tensor<?x7168xbf16>
}

// Rows that no block has threads for are left to loops.

// CHECK-LABEL: func.func @too_wide_experts(
//       CHECK:   peer.expert_mlp {{.+}}inner = [0, 1, 5], split = 32>
func.func @too_wide_experts(%x: tensor<?x70000xbf16>, %i: tensor<?x8x5xi32>, %g: tensor<?x8x5xf32>, %w: tensor<9x1x70000xbf16>, %y: tensor<?x70000xbf16>) -> tensor<?x70000xbf16> {
  %0 = peer.expert_mlp relu ins(%x, %i, %g, %w, %w : tensor<?x70000xbf16>, tensor<?x8x5xi32>, tensor<?x8x5xf32>, tensor<9x1x70000xbf16>, tensor<9x1x70000xbf16>)
      outs(%y : tensor<?x70000xbf16>) -> tensor<?x70000xbf16>
  return %0 : tensor<?x70000xbf16>
}

// A selection: a thread per token, 128 where their queries and the blocks of keys
// fit, else 64; without matrix instructions what scores fit.

// CHECK-LABEL: func.func @selection(
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [128, 1], inner = [64], warps = [4, 1], stages = 2>
func.func @selection(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x128xbf16>, tensor<999x128xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x5xf32>, tensor<?x2x5xi32>) -> tensor<?x2x5xf32>, tensor<?x2x5xi32>
  return %r#1 : tensor<?x2x5xi32>
}

// CHECK-LABEL: func.func @wide_selection(
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [64, 1], inner = [64], warps = [2, 1], stages = 2>
func.func @wide_selection(%q: tensor<?x2x150xf32>, %w: tensor<999x150xf32>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x150xf32>, tensor<999x150xf32>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: f32, %v: f32, %a: f32):
    %2 = arith.mulf %u, %v : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x5xf32>, tensor<?x2x5xi32>) -> tensor<?x2x5xf32>, tensor<?x2x5xi32>
  return %r#1 : tensor<?x2x5xi32>
}

// Lists of more than 16 wait in shared memory while a later dimension of many keys
// is gone through: fewer tokens have room.

// CHECK-LABEL: func.func @short_lists(
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [128, 1], inner = [64], warps = [4, 1], stages = 2>
func.func @short_lists(%q: tensor<?x2x60xf32>, %w999: tensor<999x60xf32>, %e999: tensor<?x2x999xf32>, %g: tensor<?x2x16xf32>, %i: tensor<?x2x16xi32>) -> tensor<?x2x16xi32> {
  %s999 = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w999 : tensor<?x2x60xf32>, tensor<999x60xf32>) outs(%e999 : tensor<?x2x999xf32>) {
  ^bb0(%u: f32, %v: f32, %a: f32):
    %2 = arith.mulf %u, %v : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999, 999, 999]) ins(%s999, %s999, %s999 : tensor<?x2x999xf32>, tensor<?x2x999xf32>, tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x16xf32>, tensor<?x2x16xi32>) -> tensor<?x2x16xf32>, tensor<?x2x16xi32>
  return %r#1 : tensor<?x2x16xi32>
}

// CHECK-LABEL: func.func @lists_wait(
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [64, 1], inner = [64], warps = [2, 1], stages = 2>
func.func @lists_wait(%q: tensor<?x2x60xf32>, %w999: tensor<999x60xf32>, %e999: tensor<?x2x999xf32>, %g: tensor<?x2x17xf32>, %i: tensor<?x2x17xi32>) -> tensor<?x2x17xi32> {
  %s999 = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w999 : tensor<?x2x60xf32>, tensor<999x60xf32>) outs(%e999 : tensor<?x2x999xf32>) {
  ^bb0(%u: f32, %v: f32, %a: f32):
    %2 = arith.mulf %u, %v : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999, 999, 999]) ins(%s999, %s999, %s999 : tensor<?x2x999xf32>, tensor<?x2x999xf32>, tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x17xf32>, tensor<?x2x17xi32>) -> tensor<?x2x17xf32>, tensor<?x2x17xi32>
  return %r#1 : tensor<?x2x17xi32>
}

// CHECK-LABEL: func.func @no_list_waits(
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [128, 1], inner = [64], warps = [4, 1], stages = 2>
func.func @no_list_waits(%q: tensor<?x2x60xf32>, %w60: tensor<60x60xf32>, %e60: tensor<?x2x60xf32>, %w999: tensor<999x60xf32>, %e999: tensor<?x2x999xf32>, %g: tensor<?x2x17xf32>, %i: tensor<?x2x17xi32>) -> tensor<?x2x17xi32> {
  %s60 = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w60 : tensor<?x2x60xf32>, tensor<60x60xf32>) outs(%e60 : tensor<?x2x60xf32>) {
  ^bb0(%u: f32, %v: f32, %a: f32):
    %2 = arith.mulf %u, %v : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x60xf32>
  %s999 = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w999 : tensor<?x2x60xf32>, tensor<999x60xf32>) outs(%e999 : tensor<?x2x999xf32>) {
  ^bb0(%u: f32, %v: f32, %a: f32):
    %2 = arith.mulf %u, %v : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999, 60]) ins(%s999, %s60 : tensor<?x2x999xf32>, tensor<?x2x60xf32>)
      outs(%g, %i : tensor<?x2x17xf32>, tensor<?x2x17xi32>) -> tensor<?x2x17xf32>, tensor<?x2x17xi32>
  return %r#1 : tensor<?x2x17xi32>
}

// CHECK-LABEL: func.func @one_is_selected(
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [128, 1], inner = [64], warps = [4, 1], stages = 2>
func.func @one_is_selected(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x1xf32>, %i: tensor<?x2x1xi32>) -> tensor<?x2x1xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x128xbf16>, tensor<999x128xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x1xf32>, tensor<?x2x1xi32>) -> tensor<?x2x1xf32>, tensor<?x2x1xi32>
  return %r#1 : tensor<?x2x1xi32>
}

// Lists of more than 32 are shared by lanes of a warp, as few tokens are.

// CHECK-LABEL: func.func @long_lists(
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [64], warps = [2, 2], stages = 2>
func.func @long_lists(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x40xf32>, %i: tensor<?x2x40xi32>) -> tensor<?x2x40xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x128xbf16>, tensor<999x128xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x40xf32>, tensor<?x2x40xi32>) -> tensor<?x2x40xf32>, tensor<?x2x40xi32>
  return %r#1 : tensor<?x2x40xi32>
}

// CHECK-LABEL: func.func @longest_lists(
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [64], warps = [1, 8], stages = 2>
func.func @longest_lists(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x500xf32>, %i: tensor<?x2x500xi32>) -> tensor<?x2x500xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x128xbf16>, tensor<999x128xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x500xf32>, tensor<?x2x500xi32>) -> tensor<?x2x500xf32>, tensor<?x2x500xi32>
  return %r#1 : tensor<?x2x500xi32>
}

// CHECK-LABEL: func.func @few_tokens(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [64], warps = [1, 1], stages = 2>
func.func @few_tokens(%q: tensor<?x2x256xf32>, %w: tensor<999x256xf32>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x256xf32>, tensor<999x256xf32>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: f32, %v: f32, %a: f32):
    %2 = arith.mulf %u, %v : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x5xf32>, tensor<?x2x5xi32>) -> tensor<?x2x5xf32>, tensor<?x2x5xi32>
  return %r#1 : tensor<?x2x5xi32>
}

// Where queries have no room beside keys, their scores are a kernel of their own.

// CHECK-LABEL: func.func @scored_apart(
//       CHECK:   linalg.generic {{.+}}schedule = #tile.schedule<block = [64, 1, 128, 0]
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [128, 1], inner = [64], warps = [4, 1], stages = 2>
func.func @scored_apart(%q: tensor<?x2x800xbf16>, %w: tensor<999x800xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x800xbf16>, tensor<999x800xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x5xf32>, tensor<?x2x5xi32>) -> tensor<?x2x5xf32>, tensor<?x2x5xi32>
  return %r#1 : tensor<?x2x5xi32>
}

// More than lanes can keep: threads select in plain loops.

// CHECK-LABEL: func.func @plain_loops(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [4, 1]>
func.func @plain_loops(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x513xf32>, %i: tensor<?x2x513xi32>) -> tensor<?x2x513xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x128xbf16>, tensor<999x128xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x513xf32>, tensor<?x2x513xi32>) -> tensor<?x2x513xf32>, tensor<?x2x513xi32>
  return %r#1 : tensor<?x2x513xi32>
}

}
