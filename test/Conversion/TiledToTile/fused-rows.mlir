// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-tile-and-fuse,canonicalize,cse,peermla-tile-contractions),canonicalize,cse,peermla-tiled-to-tile,canonicalize,cse)' | FileCheck %s

// Rows that are computed in front of a product and behind it are part of its
// program, whatever they are.

#rows = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>

// A norm, a projection and a rotation: the sum over a row is a loop of its own,
// what is computed from sums alone has one element per row, and columns beyond the
// last of 200 are zero in both factors.

// CHECK-LABEL: func.func @norm_project_rotate(
//   CHECK-NOT:   scf.forall
//       CHECK:   tile.launch @q::@q blocks(%{{.+}}, %c3)
//   CHECK-NOT:   scf.forall
func.func @norm_project_rotate(%x: tensor<?x200xbf16>, %g: tensor<200xbf16>, %w: tensor<288x200xbf16>, %table: tensor<?x64xf32>) -> tensor<?x3x96xbf16> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %count = arith.constant 200.0 : f32
  %eps = arith.constant 1.0e-6 : f32
  %T = tensor.dim %x, %c0 : tensor<?x200xbf16>
  %e0 = tensor.empty(%T) : tensor<?xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#rows, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x200xbf16>) outs(%z0 : tensor<?xf32>) {
  ^bb0(%a: bf16, %s: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.mulf %0, %0 : f32
    %2 = arith.addf %s, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?xf32>
  %e1 = tensor.empty(%T) : tensor<?x200xbf16>
  %y = linalg.generic {indexing_maps = [#rows, #row, #column, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %g : tensor<?x200xbf16>, tensor<?xf32>, tensor<200xbf16>) outs(%e1 : tensor<?x200xbf16>) {
  ^bb0(%a: bf16, %s: f32, %c: bf16, %o: bf16):
    %0 = arith.divf %s, %count : f32
    %1 = arith.addf %0, %eps : f32
    %2 = math.rsqrt %1 : f32
    %3 = arith.extf %a : bf16 to f32
    %4 = arith.mulf %3, %2 : f32
    %5 = arith.extf %c : bf16 to f32
    %6 = arith.mulf %4, %5 : f32
    %7 = arith.truncf %6 : f32 to bf16
    linalg.yield %7 : bf16
  } -> tensor<?x200xbf16>
  %e2 = tensor.empty(%T) : tensor<?x288xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x288xf32>) -> tensor<?x288xf32>
  %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%y, %w : tensor<?x200xbf16>, tensor<288x200xbf16>) outs(%z2 : tensor<?x288xf32>) -> tensor<?x288xf32>
  %e3 = tensor.empty(%T) : tensor<?x288xbf16>
  %q = linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<?x288xf32>) outs(%e3 : tensor<?x288xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %0 = arith.truncf %a : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<?x288xbf16>
  %heads = tensor.expand_shape %q [[0], [1, 2]] output_shape [%T, 3, 96] : tensor<?x288xbf16> into tensor<?x3x96xbf16>
  %e4 = tensor.empty(%T) : tensor<?x3x96xbf16>
  %r = mla.rope {peermla.id = "q", peermla.schedule = #tile.schedule<block = [64, 1], inner = [64], warps = [4, 1], stages = 3, instructions = wgmma>}
      ins(%heads, %table : tensor<?x3x96xbf16>, tensor<?x64xf32>) outs(%e4 : tensor<?x3x96xbf16>) -> tensor<?x3x96xbf16>
  return %r : tensor<?x3x96xbf16>
}

// What no model has in front of a product: probabilities of a row, which take its
// maximum and then a sum, and a gate behind it.

// CHECK-LABEL: func.func @softmax_project_gate(
//   CHECK-NOT:   scf.forall
//       CHECK:   tile.launch @gated::@gated
//   CHECK-NOT:   scf.forall
func.func @softmax_project_gate(%x: tensor<?x256xf16>, %w: tensor<64x256xf16>, %gate: tensor<?x64xf16>) -> tensor<?x64xf16> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e30 : f32
  %T = tensor.dim %x, %c0 : tensor<?x256xf16>
  %e0 = tensor.empty(%T) : tensor<?xf32>
  %z0 = linalg.fill ins(%low : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
  %max = linalg.generic {indexing_maps = [#rows, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x256xf16>) outs(%z0 : tensor<?xf32>) {
  ^bb0(%a: f16, %s: f32):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.maximumf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#rows, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %max : tensor<?x256xf16>, tensor<?xf32>) outs(%z1 : tensor<?xf32>) {
  ^bb0(%a: f16, %m: f32, %s: f32):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.subf %0, %m : f32
    %2 = math.exp2 %1 : f32
    %3 = arith.addf %s, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?xf32>
  %e1 = tensor.empty(%T) : tensor<?x256xf16>
  %y = linalg.generic {indexing_maps = [#rows, #row, #row, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max, %sum : tensor<?x256xf16>, tensor<?xf32>, tensor<?xf32>) outs(%e1 : tensor<?x256xf16>) {
  ^bb0(%a: f16, %m: f32, %s: f32, %o: f16):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.subf %0, %m : f32
    %2 = math.exp2 %1 : f32
    %3 = arith.divf %2, %s : f32
    %4 = arith.truncf %3 : f32 to f16
    linalg.yield %4 : f16
  } -> tensor<?x256xf16>
  %e2 = tensor.empty(%T) : tensor<?x64xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%y, %w : tensor<?x256xf16>, tensor<64x256xf16>) outs(%z2 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %e3 = tensor.empty(%T) : tensor<?x64xf16>
  %r = linalg.generic {indexing_maps = [#rows, #rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%p, %gate : tensor<?x64xf32>, tensor<?x64xf16>) outs(%e3 : tensor<?x64xf16>)
      attrs = {peermla.id = "gated", peermla.schedule = #tile.schedule<block = [64, 64], inner = [64], warps = [4, 1], stages = 2>} {
  ^bb0(%a: f32, %g: f16, %o: f16):
    %0 = arith.extf %g : f16 to f32
    %1 = arith.mulf %a, %0 : f32
    %2 = arith.truncf %1 : f32 to f16
    linalg.yield %2 : f16
  } -> tensor<?x64xf16>
  return %r : tensor<?x64xf16>
}

// A rotation from an odd column on parts pairs, which threads do not.

// CHECK-LABEL: func.func @odd(
//       CHECK:   scf.forall
//   CHECK-NOT:   tile.launch
func.func @odd(%x: tensor<?x64xf16>, %w: tensor<65x64xf16>, %table: tensor<?x64xf32>) -> tensor<?x1x65xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x64xf16>
  %e2 = tensor.empty(%T) : tensor<?x65xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x65xf32>) -> tensor<?x65xf32>
  %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<?x64xf16>, tensor<65x64xf16>) outs(%z2 : tensor<?x65xf32>) -> tensor<?x65xf32>
  %heads = tensor.expand_shape %p [[0], [1, 2]] output_shape [%T, 1, 65] : tensor<?x65xf32> into tensor<?x1x65xf32>
  %e4 = tensor.empty(%T) : tensor<?x1x65xf32>
  %r = mla.rope {peermla.id = "odd", peermla.schedule = #tile.schedule<block = [64, 1], inner = [64], warps = [4, 1], stages = 3>}
      ins(%heads, %table : tensor<?x1x65xf32>, tensor<?x64xf32>) outs(%e4 : tensor<?x1x65xf32>) -> tensor<?x1x65xf32>
  return %r : tensor<?x1x65xf32>
}

//       CHECK: gpu.module @q {
//       CHECK:   func.func @q(
//       CHECK:     %[[SUM:.+]] = scf.for %{{.+}} = %c0 to %c200 step %c128 iter_args(%[[S:.+]] = %{{.+}}) -> (tensor<64xf32>) {
//       CHECK:       %[[SQUARES:.+]] = arith.mulf %[[V:.+]], %[[V]] : tensor<64x128xf32>
//       CHECK:       tile.index 1 : tensor<64x128xi32>
//       CHECK:       %[[ENDED:.+]] = arith.select %{{.+}}, %[[SQUARES]], %{{.+}} : tensor<64x128xi1>, tensor<64x128xf32>
//       CHECK:       %[[R:.+]] = tile.reduce add %[[ENDED]] along 1
//       CHECK:       arith.addf %[[S]], %[[R]] : tensor<64xf32>
//       CHECK:     scf.for %{{.+}} = %c0 to %c200 step %c64 iter_args(%[[C:.+]] = %{{.+}}) -> (tensor<64x128xf32>) {
//       CHECK:       math.rsqrt %{{.+}} : tensor<64xf32>
//       CHECK:       %[[Y:.+]] = arith.truncf %{{.+}} : tensor<64x64xf32> to tensor<64x64xbf16>
//       CHECK:       %[[A:.+]] = arith.select %{{.+}}, %[[Y]], %{{.+}} : tensor<64x64xi1>, tensor<64x64xbf16>
//       CHECK:       tile.mma %[[A]], %{{.+}}, acc %[[C]] transpose_b
//       CHECK:     %[[X:.+]] = arith.extf %{{.+}} : tensor<64x128xbf16> to tensor<64x128xf32>
//       CHECK:     tile.rotate %[[X]] from 32 by %{{.+}}[%{{.+}}] rows %{{.+}} : tensor<64x128xf32>, memref<?x64xf32>
//       CHECK:     tile.store

//       CHECK: gpu.module @gated {
//       CHECK:     scf.for
//       CHECK:       tile.reduce max
//       CHECK:     scf.for
//       CHECK:       tile.reduce add
//       CHECK:     scf.for
//       CHECK:       tile.mma
//       CHECK:     tile.store
