// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-tile-contractions),canonicalize,cse)' | FileCheck %s

// A long sum becomes a loop over steps; what is elementwise before it is computed
// step by step.

#rows = affine_map<(m, n, k) -> (m, k)>
#columns = affine_map<(m, n, k) -> (n, k)>
#both = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>

// CHECK-LABEL: func @long_sum(
//       CHECK:   scf.forall
//   CHECK-NOT:     linalg.exp
//       CHECK:     scf.for %[[K:.+]] = %{{.+}} to %{{.+}} step %{{.+}} iter_args(%[[C:.+]] = %{{.+}}) -> (tensor<32x16xf32>)
//       CHECK:       tensor.extract_slice %{{.+}}[{{.+}}, %[[K]]]
//       CHECK:       linalg.exp
//       CHECK:       linalg.matmul {{.+}} outs(%[[C]] :
func.func @long_sum(%x: tensor<96x192xbf16>, %w: tensor<16x192xbf16>, %y: tensor<96x16xf32>) -> tensor<96x16xf32> {
  %zero = arith.constant 0.0 : f32
  %r = scf.forall (%i) = (0) to (96) step (32) shared_outs(%o = %y) -> (tensor<96x16xf32>) {
    %a = tensor.extract_slice %x[%i, 0] [32, 192] [1, 1] : tensor<96x192xbf16> to tensor<32x192xbf16>
    %d = tensor.extract_slice %o[%i, 0] [32, 16] [1, 1] : tensor<96x16xf32> to tensor<32x16xf32>
    %ae = tensor.empty() : tensor<32x192xbf16>
    %e = linalg.exp ins(%a : tensor<32x192xbf16>) outs(%ae : tensor<32x192xbf16>) -> tensor<32x192xbf16>
    %z = linalg.fill ins(%zero : f32) outs(%d : tensor<32x16xf32>) -> tensor<32x16xf32>
    %p = linalg.matmul indexing_maps = [#rows, #columns, #both] {peermla.schedule = #tile.schedule<inner = [64], warps = [2, 1], stages = 2>}
        ins(%e, %w : tensor<32x192xbf16>, tensor<16x192xbf16>) outs(%z : tensor<32x16xf32>) -> tensor<32x16xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %p into %o[%i, 0] [32, 16] [1, 1] : tensor<32x16xf32> into tensor<96x16xf32>
    }
  }
  return %r : tensor<96x16xf32>
}

// CHECK-LABEL: func @short_sum(
//   CHECK-NOT:   scf.for %
//       CHECK:   linalg.matmul

// CHECK-LABEL: func @without_warps(
//   CHECK-NOT:   scf.for %
//       CHECK:   linalg.matmul
func.func @short_sum(%x: tensor<96x64xbf16>, %w: tensor<16x64xbf16>, %y: tensor<96x16xf32>) -> tensor<96x16xf32> {
  %r = scf.forall (%i) = (0) to (96) step (32) shared_outs(%o = %y) -> (tensor<96x16xf32>) {
    %a = tensor.extract_slice %x[%i, 0] [32, 64] [1, 1] : tensor<96x64xbf16> to tensor<32x64xbf16>
    %d = tensor.extract_slice %o[%i, 0] [32, 16] [1, 1] : tensor<96x16xf32> to tensor<32x16xf32>
    %p = linalg.matmul indexing_maps = [#rows, #columns, #both] {peermla.schedule = #tile.schedule<inner = [64], warps = [2, 1], stages = 2>}
        ins(%a, %w : tensor<32x64xbf16>, tensor<16x64xbf16>) outs(%d : tensor<32x16xf32>) -> tensor<32x16xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %p into %o[%i, 0] [32, 16] [1, 1] : tensor<32x16xf32> into tensor<96x16xf32>
    }
  }
  return %r : tensor<96x16xf32>
}

func.func @without_warps(%x: tensor<96x192xbf16>, %w: tensor<16x192xbf16>, %y: tensor<96x16xf32>) -> tensor<96x16xf32> {
  %r = scf.forall (%i) = (0) to (96) step (32) shared_outs(%o = %y) -> (tensor<96x16xf32>) {
    %a = tensor.extract_slice %x[%i, 0] [32, 192] [1, 1] : tensor<96x192xbf16> to tensor<32x192xbf16>
    %d = tensor.extract_slice %o[%i, 0] [32, 16] [1, 1] : tensor<96x16xf32> to tensor<32x16xf32>
    %p = linalg.matmul indexing_maps = [#rows, #columns, #both] {peermla.schedule = #tile.schedule<inner = [64]>}
        ins(%a, %w : tensor<32x192xbf16>, tensor<16x192xbf16>) outs(%d : tensor<32x16xf32>) -> tensor<32x16xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %p into %o[%i, 0] [32, 16] [1, 1] : tensor<32x16xf32> into tensor<96x16xf32>
    }
  }
  return %r : tensor<96x16xf32>
}
