// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-fuse-projections),canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-fuse-projections,peermla-tile-and-fuse),canonicalize,cse)' | FileCheck %s --check-prefix=TILES
// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-fuse-projections{deterministic=true}))' | FileCheck %s --check-prefix=DETERMINISTIC

// DETERMINISTIC-NOT: scf.if

#a = affine_map<(t, n, k) -> (t, k)>
#b = affine_map<(t, n, k) -> (n, k)>
#c = affine_map<(t, n, k) -> (t, n)>
#q = affine_map<(t, h, n, k) -> (t, h, k)>
#keys = affine_map<(t, h, n, k) -> (n, k)>
#scores = affine_map<(t, h, n, k) -> (t, h, n)>

// Up to 128 tokens the projection has no schedule, and scores are sums of
// 64 and 16 columns; above it both are as they were.

module attributes {peermla.gpu = "sm_80"} {

// CHECK-LABEL: func.func @project(
//       CHECK:   %[[FEW:.+]] = arith.cmpi ule, %{{.+}}, %c128
//       CHECK:   %[[R:.+]]:2 = scf.if %[[FEW]]
//       CHECK:     %[[Q:.+]] = linalg.generic
//   CHECK-NOT:     peermla.schedule
//       CHECK:     %[[E:.+]] = tensor.expand_shape %[[Q]]
//       CHECK:     %[[Q0:.+]] = tensor.extract_slice %[[E]][0, 0, 0] [%{{.+}}, 2, 64]
//       CHECK:     %[[K0:.+]] = tensor.extract_slice %{{.+}}[0, 0] [70, 64]
//       CHECK:     %[[S0:.+]] = linalg.generic {{.+}} ins(%[[Q0]], %[[K0]] :
//       CHECK:     %[[Q1:.+]] = tensor.extract_slice %[[E]][0, 0, 64] [%{{.+}}, 2, 16]
//       CHECK:     %[[K1:.+]] = tensor.extract_slice %{{.+}}[0, 64] [70, 16]
//       CHECK:     %[[S1:.+]] = linalg.generic {{.+}} ins(%[[Q1]], %[[K1]] : {{.+}}) outs(%[[S0]] :
//       CHECK:     peer.select {{.+}} ins(%[[S1]] :
//       CHECK:   } else {
//       CHECK:     linalg.generic {{.+}}peermla.schedule = #tile.schedule<block = [64, 80, 0]
//       CHECK:     linalg.generic {{.+}} ins(%{{.+}}, %{{.+}} : tensor<?x2x80xbf16>, tensor<70x80xbf16>)
//       CHECK:     peer.select
//       CHECK:   return %[[R]]#0, %[[R]]#1

// Tiles: a product per part with a schedule of its own, cut from the weight where
// the head's columns are.

// TILES-LABEL: func.func @project(
//       TILES:   scf.if
//       TILES:     scf.forall (%{{.+}}, %[[H:.+]]) = (0, 0) to (%{{.+}}, 2) step (32, 1)
//       TILES:       %[[ROW:.+]] = affine.linearize_index disjoint [%[[H]], %c64] by (2, 80)
//       TILES:       tensor.extract_slice %{{.+}}[%[[ROW]], 0] [16, 192]
//       TILES:       linalg.generic {{.+}}peermla.schedule = #tile.schedule<inner = [64, 128], warps = [2, 4], stages = 2>
//       TILES:       %[[ROW:.+]] = affine.linearize_index disjoint [%[[H]], %c0] by (2, 80)
//       TILES:       tensor.extract_slice %{{.+}}[%[[ROW]], 0] [64, 192]
//       TILES:       linalg.generic {{.+}}peermla.schedule = #tile.schedule<inner = [64, 128], warps = [2, 4], stages = 2>
//       TILES:       peer.select {{.+}}peermla.schedule
//       TILES:   } else {
//       TILES:     scf.forall
//       TILES:     scf.forall
func.func @project(%x: tensor<?x192xbf16>, %w: tensor<160x192xbf16>, %k: tensor<70x80xbf16>, %p: tensor<?x160xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> (tensor<?x2x4xf32>, tensor<?x2x4xi32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<160x192xbf16>) outs(%p : tensor<?x160xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x160xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 80] : tensor<?x160xbf16> into tensor<?x2x80xbf16>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2x70xf32>) -> tensor<?x2x70xf32>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x80xbf16>, tensor<70x80xbf16>) outs(%z : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0, %r#1 : tensor<?x2x4xf32>, tensor<?x2x4xi32>
}

}

// -----

#a = affine_map<(t, n, k) -> (t, k)>
#b = affine_map<(t, n, k) -> (n, k)>
#c = affine_map<(t, n, k) -> (t, n)>
#q = affine_map<(t, h, n, k) -> (t, h, k)>
#keys = affine_map<(t, h, n, k) -> (n, k)>
#scores = affine_map<(t, h, n, k) -> (t, h, n)>

// Queries that another reads are projected once; so are those that do not fit
// into shared memory beside the scores.

module attributes {peermla.gpu = "sm_80"} {

// CHECK-LABEL: func.func @read_twice(
//   CHECK-NOT:   scf.if
func.func @read_twice(%x: tensor<?x192xbf16>, %w: tensor<160x192xbf16>, %k: tensor<70x80xbf16>, %p: tensor<?x160xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> (tensor<?x2x4xf32>, tensor<?x160xbf16>) {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<160x192xbf16>) outs(%p : tensor<?x160xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x160xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 80] : tensor<?x160xbf16> into tensor<?x2x80xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x80xbf16>, tensor<70x80xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0, %f : tensor<?x2x4xf32>, tensor<?x160xbf16>
}

// CHECK-LABEL: func.func @too_wide(
//   CHECK-NOT:   scf.if
func.func @too_wide(%x: tensor<?x192xbf16>, %w: tensor<1280x192xbf16>, %k: tensor<70x640xbf16>, %p: tensor<?x1280xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<1280x192xbf16>) outs(%p : tensor<?x1280xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x1280xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 640] : tensor<?x1280xbf16> into tensor<?x2x640xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x640xbf16>, tensor<70x640xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

// Sub-queries of a single column are no tile.

// CHECK-LABEL: func.func @one_column(
//   CHECK-NOT:   scf.if
func.func @one_column(%x: tensor<?x192xbf16>, %w: tensor<2x192xbf16>, %k: tensor<70x1xbf16>, %p: tensor<?x2xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<2x192xbf16>) outs(%p : tensor<?x2xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x2xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 1] : tensor<?x2xbf16> into tensor<?x2x1xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x1xbf16>, tensor<70x1xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

// Blocks may have fewer tokens. Programs tell tokens from columns by their number: as
// many columns of sub-queries, or of what is projected, are not fused.

// CHECK-LABEL: func.func @few_tokens(
//       CHECK:   arith.cmpi ule, %{{.+}}, %c128
//       CHECK:   scf.if
func.func @few_tokens(%x: tensor<?x192xbf16>, %w: tensor<192x192xbf16>, %k: tensor<70x96xbf16>, %p: tensor<?x192xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<192x192xbf16>) outs(%p : tensor<?x192xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x192xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 96] : tensor<?x192xbf16> into tensor<?x2x96xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x96xbf16>, tensor<70x96xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [16, 1], inner = [64, 128], warps = [1, 8], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

// CHECK-LABEL: func.func @as_wide_as_many(
//   CHECK-NOT:   scf.if
func.func @as_wide_as_many(%x: tensor<?x192xbf16>, %w: tensor<64x192xbf16>, %k: tensor<70x32xbf16>, %p: tensor<?x64xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<64x192xbf16>) outs(%p : tensor<?x64xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x64xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 32] : tensor<?x64xbf16> into tensor<?x2x32xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x32xbf16>, tensor<70x32xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

// CHECK-LABEL: func.func @last_part_as_wide(
//   CHECK-NOT:   scf.if
func.func @last_part_as_wide(%x: tensor<?x192xbf16>, %w: tensor<192x192xbf16>, %k: tensor<70x96xbf16>, %p: tensor<?x192xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<192x192xbf16>) outs(%p : tensor<?x192xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x192xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 96] : tensor<?x192xbf16> into tensor<?x2x96xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x96xbf16>, tensor<70x96xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

// CHECK-LABEL: func.func @as_deep_as_many(
//   CHECK-NOT:   scf.if
func.func @as_deep_as_many(%x: tensor<?x32xbf16>, %w: tensor<160x32xbf16>, %k: tensor<70x80xbf16>, %p: tensor<?x160xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x32xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x32xbf16>, tensor<160x32xbf16>) outs(%p : tensor<?x160xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x160xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 80] : tensor<?x160xbf16> into tensor<?x2x80xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x80xbf16>, tensor<70x80xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

// Tokens that are a multiple of 64 are as many rows of a tile anyway.

// CHECK-LABEL: func.func @many_tokens(
//       CHECK:   arith.cmpi ule, %{{.+}}, %c128
//       CHECK:   scf.if
func.func @many_tokens(%x: tensor<?x192xbf16>, %w: tensor<128x192xbf16>, %k: tensor<70x64xbf16>, %p: tensor<?x128xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<128x192xbf16>) outs(%p : tensor<?x128xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x128xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 64] : tensor<?x128xbf16> into tensor<?x2x64xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x64xbf16>, tensor<70x64xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [64, 1], inner = [64, 128], warps = [4, 2], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

}

// -----

// Loops one after the other have the same slots, unless a warp fills those of the next
// ones already: there is no room for all of them then.

#a = affine_map<(t, n, k) -> (t, k)>
#b = affine_map<(t, n, k) -> (n, k)>
#c = affine_map<(t, n, k) -> (t, n)>
#q = affine_map<(t, h, n, k) -> (t, h, k)>
#keys = affine_map<(t, h, n, k) -> (n, k)>
#scores = affine_map<(t, h, n, k) -> (t, h, n)>

module attributes {peermla.gpu = "sm_90a"} {

// CHECK-LABEL: func.func @same_slots(
//       CHECK:   scf.if
func.func @same_slots(%x: tensor<?x192xbf16>, %w: tensor<1280x192xbf16>, %k: tensor<70x640xbf16>, %p: tensor<?x1280xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<1280x192xbf16>) outs(%p : tensor<?x1280xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x1280xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 640] : tensor<?x1280xbf16> into tensor<?x2x640xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x640xbf16>, tensor<70x640xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

// CHECK-LABEL: func.func @slots_of_roles(
//   CHECK-NOT:   scf.if
func.func @slots_of_roles(%x: tensor<?x192xbf16>, %w: tensor<1280x192xbf16>, %k: tensor<70x640xbf16>, %p: tensor<?x1280xbf16>, %e: tensor<?x2x70xf32>, %g: tensor<?x2x4xf32>, %i: tensor<?x2x4xi32>) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %T = tensor.dim %x, %c0 : tensor<?x192xbf16>
  %f = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      {peermla.schedule = #tile.schedule<block = [64, 80, 0], inner = [64], warps = [4, 1], stages = 3>}
      ins(%x, %w : tensor<?x192xbf16>, tensor<1280x192xbf16>) outs(%p : tensor<?x1280xbf16>) {
  ^bb0(%u: bf16, %v: bf16, %out: bf16):
    %0 = arith.mulf %u, %v : bf16
    %1 = arith.addf %out, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x1280xbf16>
  %q = tensor.expand_shape %f [[0], [1, 2]] output_shape [%T, 2, 640] : tensor<?x1280xbf16> into tensor<?x2x640xbf16>
  %s = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x640xbf16>, tensor<70x640xbf16>) outs(%e : tensor<?x2x70xf32>) {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x2x70xf32>
  %r:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<block = [32, 1], inner = [64, 128], warps = [2, 4], stages = 2, roles = [24, 240]>}
      ins(%s : tensor<?x2x70xf32>) outs(%g, %i : tensor<?x2x4xf32>, tensor<?x2x4xi32>) -> tensor<?x2x4xf32>, tensor<?x2x4xi32>
  return %r#0 : tensor<?x2x4xf32>
}

}
