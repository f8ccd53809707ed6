// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(func.func(peermla-widen-products)),canonicalize,cse)' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(func.func(peermla-widen-products)))' -o /dev/null --remarks-filter=schedule --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK

#a = affine_map<(t, n, k) -> (t, k)>
#b = affine_map<(t, n, k) -> (n, k)>
#bt = affine_map<(t, n, k) -> (k, n)>
#c = affine_map<(t, n, k) -> (t, n)>
#ah = affine_map<(t, h, n, k) -> (t, k)>
#bh = affine_map<(t, h, n, k) -> (h, n, k)>
#ch = affine_map<(t, h, n, k) -> (t, h, n)>
#id = affine_map<(t, n) -> (t, n)>
#small = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [4, 1], stages = 3, instructions = wgmma>
#root = #tile.schedule<block = [64, 128], inner = [64], warps = [4, 1], stages = 3, instructions = wgmma>
#head = #tile.schedule<block = [64, 1, 128, 0], inner = [64], warps = [4, 1], stages = 3, instructions = wgmma>

module {
module @hopper attributes {peermla.gpu = "sm_90a"} {

// 2048 columns are 8 large blocks per 128 rows: 9 of these keep half of the
// multiprocessors busy, as long as small ones would keep all.

// REMARK: chose tiles of 128 x 256 above 1024 rows
// CHECK-LABEL: func.func @wide(
//       CHECK:   %[[T:.+]] = tensor.dim
//       CHECK:   %[[FEW:.+]] = arith.cmpi ule, %[[T]], %c1024
//       CHECK:   %[[Y:.+]] = scf.if %[[FEW]]
//       CHECK:     linalg.fill
//       CHECK:     linalg.matmul {{.+}} {peermla.id = "p", peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [4, 1], stages = 3, instructions = wgmma>}
//       CHECK:   } else {
//       CHECK:     linalg.fill
//       CHECK:     linalg.matmul {{.+}} {peermla.id = "p", peermla.schedule = #tile.schedule<block = [128, 256, 0], inner = [64], warps = [8, 1], stages = 4, instructions = wgmma, roles = [24, 240]>}
//       CHECK:   return %[[Y]]
func.func @wide(%x: tensor<?x264xbf16>, %w: tensor<2048x264xbf16>, %e: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2048xf32>) -> tensor<?x2048xf32>
  %y = linalg.matmul indexing_maps = [#a, #b, #c] {peermla.id = "p", peermla.schedule = #small}
      ins(%x, %w : tensor<?x264xbf16>, tensor<2048x264xbf16>) outs(%z : tensor<?x2048xf32>) -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

// What is computed with the tiles is on both sides; two tiles of 256 columns would
// compute a third of 384 columns for nothing.

// REMARK: chose tiles of 128 x 128 above
// CHECK-LABEL: func.func @epilogue(
//       CHECK:   scf.if
//       CHECK:     linalg.matmul
//   CHECK-NOT:     peermla.schedule
//       CHECK:     linalg.generic {{.+}}peermla.schedule = #tile.schedule<block = [64, 128], {{.+}}stages = 3
//       CHECK:   } else {
//       CHECK:     linalg.matmul
//   CHECK-NOT:     peermla.schedule
//       CHECK:     linalg.generic {{.+}}peermla.schedule = #tile.schedule<block = [128, 128], {{.+}}roles = [24, 240]>
func.func @epilogue(%x: tensor<?x264xbf16>, %w: tensor<264x384xbf16>, %e: tensor<?x384xf32>, %o: tensor<?x384xbf16>) -> tensor<?x384xbf16> {
  %p = linalg.matmul indexing_maps = [#a, #bt, #c]
      ins(%x, %w : tensor<?x264xbf16>, tensor<264x384xbf16>) outs(%e : tensor<?x384xf32>) -> tensor<?x384xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<?x384xf32>) outs(%o : tensor<?x384xbf16>) attrs = {peermla.schedule = #root} {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<?x384xbf16>
  return %y : tensor<?x384xbf16>
}

// An epilogue that computes has no registers for 256 columns.

// REMARK: chose tiles of 128 x 128 above 640 rows
// CHECK-LABEL: func.func @computing_epilogue(
//       CHECK:   } else {
//       CHECK:     linalg.generic {{.+}}peermla.schedule = #tile.schedule<block = [128, 128], {{.+}}roles = [24, 240]>
func.func @computing_epilogue(%x: tensor<?x264xbf16>, %w: tensor<2048x264xbf16>, %e: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %p = linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%x, %w : tensor<?x264xbf16>, tensor<2048x264xbf16>) outs(%e : tensor<?x2048xf32>) -> tensor<?x2048xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<?x2048xf32>) outs(%e : tensor<?x2048xf32>) attrs = {peermla.schedule = #root} {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

// Heads are blocks, too; rows of a part start where copies can start. There are
// always more rows than a block has.

// REMARK: chose tiles of 128 x 128 above 128 rows
// CHECK-LABEL: func.func @heads(
//       CHECK:   arith.cmpi ule, %{{.+}}, %c128
//       CHECK:   block = [64, 1, 128, 0]
//       CHECK:   } else {
//       CHECK:   block = [128, 1, 128, 0]
func.func @heads(%x: tensor<?x576xbf16>, %w: tensor<64x128x512xbf16>, %e: tensor<?x64x128xf32>, %T: index) -> tensor<?x64x128xf32> {
  %c = tensor.extract_slice %x[0, 64] [%T, 512] [1, 1] : tensor<?x576xbf16> to tensor<?x512xbf16>
  %y = linalg.generic {indexing_maps = [#ah, #bh, #ch], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%c, %w : tensor<?x512xbf16>, tensor<64x128x512xbf16>) outs(%e : tensor<?x64x128xf32>) attrs = {peermla.schedule = #head} {
  ^bb0(%u: bf16, %v: bf16, %out: f32):
    %0 = arith.extf %u : bf16 to f32
    %1 = arith.extf %v : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x64x128xf32>
  return %y : tensor<?x64x128xf32>
}

// Heads that are rotated behind their product: large tiles are no heads, so that
// the rotation is a kernel of its own.

// REMARK: chose tiles of 128 x 256 above
// CHECK-LABEL: func.func @rotated_heads(
//       CHECK:   scf.if
//       CHECK:     mla.rope {{.*}}peermla.schedule = #tile.schedule<block = [64, 1], inner = [64], warps = [4, 1], stages = 3, instructions = wgmma>
//       CHECK:   } else {
//       CHECK:     linalg.matmul {{.*}}peermla.schedule = #tile.schedule<block = [128, 256, 0], inner = [64], warps = [8, 1], stages = 4, instructions = wgmma, roles = [24, 240]>
//       CHECK:     mla.rope {peermla.schedule = #tile.schedule<block = [1, 0]>}
func.func @rotated_heads(%x: tensor<?x512xbf16>, %w: tensor<3072x512xbf16>, %e: tensor<?x3072xf32>, %table: tensor<?x64xf32>, %T: index) -> tensor<?x16x192xf32> {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x3072xf32>) -> tensor<?x3072xf32>
  %y = linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%x, %w : tensor<?x512xbf16>, tensor<3072x512xbf16>) outs(%z : tensor<?x3072xf32>) -> tensor<?x3072xf32>
  %h = tensor.expand_shape %y [[0], [1, 2]] output_shape [%T, 16, 192] : tensor<?x3072xf32> into tensor<?x16x192xf32>
  %r = tensor.empty(%T) : tensor<?x16x192xf32>
  %q = mla.rope {peermla.schedule = #tile.schedule<block = [64, 1], inner = [64], warps = [4, 1], stages = 3, instructions = wgmma>}
      ins(%h, %table : tensor<?x16x192xf32>, tensor<?x64xf32>) outs(%r : tensor<?x16x192xf32>) -> tensor<?x16x192xf32>
  return %q : tensor<?x16x192xf32>
}

// Rows that do not start at multiples of 16 bytes, and a part that does not.

// REMARK: keeps small blocks for any number of rows: those of its factors do not start at multiples of 16 bytes
// CHECK-LABEL: func.func @odd_rows(
//   CHECK-NOT:   scf.if
func.func @odd_rows(%x: tensor<?x260xbf16>, %w: tensor<2048x260xbf16>, %e: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %y = linalg.matmul indexing_maps = [#a, #b, #c] {peermla.schedule = #small}
      ins(%x, %w : tensor<?x260xbf16>, tensor<2048x260xbf16>) outs(%e : tensor<?x2048xf32>) -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

// REMARK: keeps small blocks for any number of rows
// CHECK-LABEL: func.func @odd_part(
//   CHECK-NOT:   scf.if
func.func @odd_part(%x: tensor<?x576xbf16>, %w: tensor<2048x512xbf16>, %e: tensor<?x2048xf32>, %T: index) -> tensor<?x2048xf32> {
  %c = tensor.extract_slice %x[0, 4] [%T, 512] [1, 1] : tensor<?x576xbf16> to tensor<?x512xbf16>
  %y = linalg.matmul indexing_maps = [#a, #b, #c] {peermla.schedule = #small}
      ins(%c, %w : tensor<?x512xbf16>, tensor<2048x512xbf16>) outs(%e : tensor<?x2048xf32>) -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

// Sums of fewer steps than slots stay.

// CHECK-LABEL: func.func @short_sum(
//   CHECK-NOT:   scf.if
func.func @short_sum(%x: tensor<?x248xbf16>, %w: tensor<2048x248xbf16>, %e: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %y = linalg.matmul indexing_maps = [#a, #b, #c] {peermla.schedule = #small}
      ins(%x, %w : tensor<?x248xbf16>, tensor<2048x248xbf16>) outs(%e : tensor<?x2048xf32>) -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

// Rows that the kernel computes itself have no copies.

// CHECK-LABEL: func.func @computed_rows(
//   CHECK-NOT:   scf.if
func.func @computed_rows(%x: tensor<?x264xbf16>, %w: tensor<2048x264xbf16>, %e: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x264xbf16>) outs(%x : tensor<?x264xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    %0 = arith.mulf %in, %in : bf16
    linalg.yield %0 : bf16
  } -> tensor<?x264xbf16>
  %y = linalg.matmul indexing_maps = [#a, #b, #c] {peermla.schedule = #small}
      ins(%n, %w : tensor<?x264xbf16>, tensor<2048x264xbf16>) outs(%e : tensor<?x2048xf32>) -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

}

// Without warpgroups nothing is done.

module @ampere attributes {peermla.gpu = "sm_80"} {

// CHECK-LABEL: func.func @ampere(
//   CHECK-NOT:   scf.if
func.func @ampere(%x: tensor<?x264xbf16>, %w: tensor<2048x264xbf16>, %e: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %y = linalg.matmul indexing_maps = [#a, #b, #c]
      {peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [2, 2], stages = 3>}
      ins(%x, %w : tensor<?x264xbf16>, tensor<2048x264xbf16>) outs(%e : tensor<?x2048xf32>) -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

}
}
