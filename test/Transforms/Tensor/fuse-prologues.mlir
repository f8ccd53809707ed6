// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(func.func(peermla-fuse-prologues)))' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(builtin.module(func.func(peermla-fuse-prologues{deterministic=true})))' | FileCheck %s --check-prefix=SAME

// Up to a number of rows, a product computes the rows that it alone reads.

#rows = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

module {
module @gpu_sm_90a attributes {peermla.gpu = "sm_90a"} {

// What few rows are depends on what all blocks of columns read: at 512 columns of
// the product a block's rows are few.

// CHECK-LABEL: func.func @norm(
//       CHECK:   %[[FEW:.+]] = arith.cmpi ule, %{{.+}}, %c64
//       CHECK:   scf.if %[[FEW]]
//       CHECK:     iterator_types = ["parallel", "reduction"]
//       CHECK:     linalg.generic
//   CHECK-NOT:     peermla.schedule
//       CHECK:     linalg.matmul {{.*}}peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [4, 1], stages = 2>
//       CHECK:   } else {
//       CHECK:     linalg.generic {{.*}}peermla.schedule = #tile.schedule<block = [1, 0]>
//       CHECK:     linalg.matmul {{.*}}peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [2, 2], stages = 2>
//  SAME-LABEL: func.func @norm(
//    SAME-NOT:   scf.if
func.func @norm(%x: tensor<?x256xf32>, %w: tensor<512x256xbf16>) -> tensor<?x512xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x256xf32>
  %e0 = tensor.empty(%T) : tensor<?xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#rows, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x256xf32>) outs(%z0 : tensor<?xf32>) {
  ^bb0(%u: f32, %s: f32):
    %0 = arith.mulf %u, %u : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?xf32>
  %e1 = tensor.empty(%T) : tensor<?x256xbf16>
  %y = linalg.generic {indexing_maps = [#rows, #row, #rows], iterator_types = ["parallel", "parallel"]} ins(%x, %sum : tensor<?x256xf32>, tensor<?xf32>) outs(%e1 : tensor<?x256xbf16>)
      attrs = {peermla.schedule = #tile.schedule<block = [1, 0]>} {
  ^bb0(%u: f32, %s: f32, %o: bf16):
    %0 = math.rsqrt %s : f32
    %1 = arith.mulf %u, %0 : f32
    %2 = arith.truncf %1 : f32 to bf16
    linalg.yield %2 : bf16
  } -> tensor<?x256xbf16>
  %e2 = tensor.empty(%T) : tensor<?x512xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x512xf32>) -> tensor<?x512xf32>
  %q = linalg.matmul indexing_maps = [#a, #b, #c] {peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [2, 2], stages = 2>}
      ins(%y, %w : tensor<?x256xbf16>, tensor<512x256xbf16>) outs(%z2 : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %q : tensor<?x512xf32>
}

// Many columns: each of 1024 blocks would read the rows twice.

// CHECK-LABEL: func.func @wide(
//       CHECK:   arith.cmpi ule, %{{.+}}, %c{{[1-9]}} : index
func.func @wide(%x: tensor<?x4096xbf16>, %w: tensor<131072x4096xbf16>) -> tensor<?x131072xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %e1 = tensor.empty(%T) : tensor<?x4096xbf16>
  %y = linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4096xbf16>) outs(%e1 : tensor<?x4096xbf16>)
      attrs = {peermla.schedule = #tile.schedule<block = [1, 0]>} {
  ^bb0(%u: bf16, %o: bf16):
    %0 = arith.mulf %u, %u : bf16
    linalg.yield %0 : bf16
  } -> tensor<?x4096xbf16>
  %e2 = tensor.empty(%T) : tensor<?x131072xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x131072xf32>) -> tensor<?x131072xf32>
  %q = linalg.matmul indexing_maps = [#a, #b, #c] {peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [4, 1], stages = 2>}
      ins(%y, %w : tensor<?x4096xbf16>, tensor<131072x4096xbf16>) outs(%z2 : tensor<?x131072xf32>) -> tensor<?x131072xf32>
  return %q : tensor<?x131072xf32>
}

// Rows that others read, too, are stored.

// CHECK-LABEL: func.func @two_readers(
//   CHECK-NOT:   scf.if
//       CHECK:   return
func.func @two_readers(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> (tensor<?x128xf32>, tensor<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x64xbf16>
  %e1 = tensor.empty(%T) : tensor<?x64xbf16>
  %y = linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x64xbf16>) outs(%e1 : tensor<?x64xbf16>)
      attrs = {peermla.schedule = #tile.schedule<block = [1, 0]>} {
  ^bb0(%u: bf16, %o: bf16):
    %0 = arith.mulf %u, %u : bf16
    linalg.yield %0 : bf16
  } -> tensor<?x64xbf16>
  %e2 = tensor.empty(%T) : tensor<?x128xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x128xf32>) -> tensor<?x128xf32>
  %q = linalg.matmul indexing_maps = [#a, #b, #c] {peermla.schedule = #tile.schedule<block = [64, 128, 0], inner = [64], warps = [4, 1], stages = 2>}
      ins(%y, %w : tensor<?x64xbf16>, tensor<128x64xbf16>) outs(%z2 : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %q, %y : tensor<?x128xf32>, tensor<?x64xbf16>
}

}
}
