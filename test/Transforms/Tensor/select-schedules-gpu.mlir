// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-select-schedules))' | FileCheck %s

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

// A selection: eight lanes for each of 32 tokens. They scan all scores together where
// there is room, else blocks of one length; products, of 128 keys rather than of 64,
// are in the kernel.

// CHECK-LABEL: func.func @selection(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [128, 512], warps = [2, 4], stages = 2>
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

// CHECK-LABEL: func.func @narrow_selection(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [64, 1024], warps = [2, 4], stages = 2>
func.func @narrow_selection(%q: tensor<?x2x24xbf16>, %w: tensor<999x24xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x24xbf16>, tensor<999x24xbf16>) outs(%e : tensor<?x2x999xf32>) {
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
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [64, 256], warps = [2, 4], stages = 2>
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

// A lane has 128 scores at most: two blocks of 768 are all of 1500.

// CHECK-LABEL: func.func @many_keys(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [128, 768], warps = [2, 4], stages = 2>
func.func @many_keys(%q: tensor<?x2x24xbf16>, %w: tensor<1500x24xbf16>, %e: tensor<?x2x1500xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x24xbf16>, tensor<1500x24xbf16>) outs(%e : tensor<?x2x1500xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x1500xf32>
  %r:2 = peer.select softmax num_keys([1500]) ins(%s : tensor<?x2x1500xf32>)
      outs(%g, %i : tensor<?x2x5xf32>, tensor<?x2x5xi32>) -> tensor<?x2x5xf32>, tensor<?x2x5xi32>
  return %r#1 : tensor<?x2x5xi32>
}

// CHECK-LABEL: func.func @one_is_selected(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [128, 512], warps = [2, 4], stages = 2>
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

// Lists of several dimensions take room: where 32 tokens have none for blocks of 256
// scores, tokens are fewer rather than blocks shorter.

// CHECK-LABEL: func.func @short_lists(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [128, 512], warps = [2, 4], stages = 2>
func.func @short_lists(%q: tensor<?x2x60xf32>, %w: tensor<999x60xf32>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x16xf32>, %i: tensor<?x2x16xi32>) -> tensor<?x2x16xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x60xf32>, tensor<999x60xf32>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: f32, %v: f32, %a: f32):
    %2 = arith.mulf %u, %v : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999, 999, 999]) ins(%s, %s, %s : tensor<?x2x999xf32>, tensor<?x2x999xf32>, tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x16xf32>, tensor<?x2x16xi32>) -> tensor<?x2x16xf32>, tensor<?x2x16xi32>
  return %r#1 : tensor<?x2x16xi32>
}

// CHECK-LABEL: func.func @lists_take_room(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [64, 512], warps = [1, 8], stages = 2>
func.func @lists_take_room(%q: tensor<?x2x100xf32>, %w: tensor<999x100xf32>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x128xf32>, %i: tensor<?x2x128xi32>) -> tensor<?x2x128xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x100xf32>, tensor<999x100xf32>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: f32, %v: f32, %a: f32):
    %2 = arith.mulf %u, %v : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999, 999, 999]) ins(%s, %s, %s : tensor<?x2x999xf32>, tensor<?x2x999xf32>, tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x128xf32>, tensor<?x2x128xi32>) -> tensor<?x2x128xf32>, tensor<?x2x128xi32>
  return %r#1 : tensor<?x2x128xi32>
}

// A lane keeps 16 experts, or 32 where 16 lanes have a token.

// CHECK-LABEL: func.func @long_lists(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [128, 512], warps = [2, 4], stages = 2>
func.func @long_lists(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x128xf32>, %i: tensor<?x2x128xi32>) -> tensor<?x2x128xi32> {
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
      outs(%g, %i : tensor<?x2x128xf32>, tensor<?x2x128xi32>) -> tensor<?x2x128xf32>, tensor<?x2x128xi32>
  return %r#1 : tensor<?x2x128xi32>
}

// CHECK-LABEL: func.func @longer_lists(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [128, 1024], warps = [1, 8], stages = 2>
func.func @longer_lists(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x129xf32>, %i: tensor<?x2x129xi32>) -> tensor<?x2x129xi32> {
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
      outs(%g, %i : tensor<?x2x129xf32>, tensor<?x2x129xi32>) -> tensor<?x2x129xf32>, tensor<?x2x129xi32>
  return %r#1 : tensor<?x2x129xi32>
}

// CHECK-LABEL: func.func @longest_lists(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [64, 1024], warps = [1, 8], stages = 2>
func.func @longest_lists(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x512xf32>, %i: tensor<?x2x512xi32>) -> tensor<?x2x512xi32> {
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
      outs(%g, %i : tensor<?x2x512xf32>, tensor<?x2x512xi32>) -> tensor<?x2x512xf32>, tensor<?x2x512xi32>
  return %r#1 : tensor<?x2x512xi32>
}

// Fewer tokens where queries are wide, and where there are no more.

// CHECK-LABEL: func.func @few_tokens(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [64, 256], warps = [1, 8], stages = 2>
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

// CHECK-LABEL: func.func @twenty_tokens(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [128, 1024], warps = [1, 8], stages = 2>
func.func @twenty_tokens(%q: tensor<20x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<20x2x999xf32>, %g: tensor<20x2x5xf32>, %i: tensor<20x2x5xi32>) -> tensor<20x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<20x2x128xbf16>, tensor<999x128xbf16>) outs(%e : tensor<20x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<20x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<20x2x999xf32>)
      outs(%g, %i : tensor<20x2x5xf32>, tensor<20x2x5xi32>) -> tensor<20x2x5xf32>, tensor<20x2x5xi32>
  return %r#1 : tensor<20x2x5xi32>
}

// Blocks of fewer than 256 scores are better than a kernel for scores.

// CHECK-LABEL: func.func @short_blocks(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [64, 128], warps = [1, 8], stages = 2>
func.func @short_blocks(%q: tensor<?x2x512xbf16>, %w: tensor<999x512xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x128xf32>, %i: tensor<?x2x128xi32>) -> tensor<?x2x128xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x512xbf16>, tensor<999x512xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999]) ins(%s : tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x128xf32>, tensor<?x2x128xi32>) -> tensor<?x2x128xf32>, tensor<?x2x128xi32>
  return %r#1 : tensor<?x2x128xi32>
}

// As many tokens as sub-queries have columns are a last resort.

// CHECK-LABEL: func.func @as_wide_as_many(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [128, 1024], warps = [1, 8], stages = 2>
func.func @as_wide_as_many(%q: tensor<?x2x32xbf16>, %w: tensor<999x32xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x32xbf16>, tensor<999x32xbf16>) outs(%e : tensor<?x2x999xf32>) {
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

// Where queries have no room beside keys, their scores are a kernel of their own.

// CHECK-LABEL: func.func @scored_apart(
//       CHECK:   linalg.generic {{.+}}schedule = #tile.schedule<block = [64, 1, 128, 0]
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [128, 1024], warps = [2, 4], stages = 2>
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

// -----

// A warp of its own brings keys by tensor copies where the target has them: those of a
// dimension have no place that the other one's still are in, unless they go on in its
// slots, which they do where they are as wide. Barriers take room.

#q = affine_map<(t, h, n, k) -> (t, h, k)>
#keys = affine_map<(t, h, n, k) -> (n, k)>
#scores = affine_map<(t, h, n, k) -> (t, h, n)>

module attributes {peermla.gpu = "sm_90a"} {

// CHECK-LABEL: func.func @roles(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [128, 1024], warps = [2, 4], stages = 2, roles = [24, 240]>
func.func @roles(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
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

// CHECK-LABEL: func.func @roles_two_dimensions(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [64, 512], warps = [2, 4], stages = 2, roles = [24, 240]>
func.func @roles_two_dimensions(%q: tensor<?x2x256xbf16>, %w: tensor<999x256xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x256xbf16>, tensor<999x256xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %v: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999, 999]) ins(%s, %s : tensor<?x2x999xf32>, tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x5xf32>, tensor<?x2x5xi32>) -> tensor<?x2x5xf32>, tensor<?x2x5xi32>
  return %r#1 : tensor<?x2x5xi32>
}

// CHECK-LABEL: func.func @roles_two_widths(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [32, 1], inner = [64, 256], warps = [2, 4], stages = 2, roles = [24, 240]>
func.func @roles_two_widths(%q: tensor<?x2x256xbf16>, %w: tensor<999x256xbf16>, %p: tensor<?x2x320xbf16>, %v: tensor<999x320xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x5xf32>, %i: tensor<?x2x5xi32>) -> tensor<?x2x5xi32> {
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %w : tensor<?x2x256xbf16>, tensor<999x256xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %x: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %x : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %t = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<?x2x320xbf16>, tensor<999x320xbf16>) outs(%e : tensor<?x2x999xf32>) {
  ^bb0(%u: bf16, %x: bf16, %a: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %x : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %a, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x999xf32>
  %r:2 = peer.select softmax num_keys([999, 999]) ins(%s, %t : tensor<?x2x999xf32>, tensor<?x2x999xf32>)
      outs(%g, %i : tensor<?x2x5xf32>, tensor<?x2x5xi32>) -> tensor<?x2x5xf32>, tensor<?x2x5xi32>
  return %r#1 : tensor<?x2x5xi32>
}

// CHECK-LABEL: func.func @roles_few_tokens(
//   CHECK-NOT:   peermla.schedule
//       CHECK:   peer.select {{.+}}schedule = #tile.schedule<block = [16, 1], inner = [128, 1024], warps = [1, 8], stages = 2, roles = [24, 240]>
func.func @roles_few_tokens(%q: tensor<?x2x128xbf16>, %w: tensor<999x128xbf16>, %e: tensor<?x2x999xf32>, %g: tensor<?x2x200xf32>, %i: tensor<?x2x200xi32>) -> tensor<?x2x200xi32> {
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
      outs(%g, %i : tensor<?x2x200xf32>, tensor<?x2x200xi32>) -> tensor<?x2x200xf32>, tensor<?x2x200xi32>
  return %r#1 : tensor<?x2x200xi32>
}

}
