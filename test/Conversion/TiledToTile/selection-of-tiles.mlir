// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tiled-to-tile,canonicalize,cse)' | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#q = affine_map<(t, h, n, k) -> (t, h, k)>
#keys = affine_map<(t, h, n, k) -> (n, k)>
#scores = affine_map<(t, h, n, k) -> (t, h, n)>

// Queries that the kernel computes go to shared memory before what selects;
// scores are the sum of two products. Their tiles have the rows of 32 tokens.

// CHECK: gpu.module @select
// CHECK: func.func @select(
//  CHECK-SAME:   %[[X:[^:]+]]: memref<?x96xf16>, %[[K:[^:]+]]: memref<70x96xf16>
//       CHECK:   %[[X0:.+]] = tile.load %[[X]][%{{.+}}, %c0] sizes(%{{.+}}, %c64)
//       CHECK:   %[[N0:.+]] = arith.negf %[[X0]] : tensor<32x64xf16>
//       CHECK:   %[[Q0:.+]] = tile.convert %[[N0]]
//       CHECK:   %[[X1:.+]] = tile.load %[[X]][%{{.+}}, %c64] sizes(%{{.+}}, %c32)
//       CHECK:   %[[N1:.+]] = arith.negf %[[X1]] : tensor<32x64xf16>
//       CHECK:   %[[Q1:.+]] = tile.convert %[[N1]]
//       CHECK:   scf.for
//       CHECK:     %[[K0:.+]] = tile.load %[[K]][%{{.+}}, %c0] sizes(%{{.+}}, %c64)
//       CHECK:     %[[S0:.+]] = tile.mma %[[Q0]], %[[K0]] transpose_b
//       CHECK:     %[[K1:.+]] = tile.load %[[K]][%{{.+}}, %c64] sizes(%{{.+}}, %c32)
//       CHECK:     %[[S1:.+]] = tile.mma %[[Q1]], %[[K1]], acc %[[S0]] transpose_b
//       CHECK:     tile.store %[[S1]]
//       CHECK:   tile.scan {{.+}} count %c70 columns 128
func.func @of_tiles(%x: tensor<?x96xf16>, %k: tensor<70x96xf16>, %g: tensor<?x1x5xf32>, %i: tensor<?x1x5xi32>) -> (tensor<?x1x5xf32>, tensor<?x1x5xi32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x96xf16>
  %r:2 = scf.forall (%t) = (0) to (%T) step (32) shared_outs(%go = %g, %io = %i) -> (tensor<?x1x5xf32>, tensor<?x1x5xi32>) {
    %m = affine.min affine_map<(i)[T] -> (T - i, 32)>(%t)[%T]
    %x0 = tensor.extract_slice %x[%t, 0] [%m, 64] [1, 1] : tensor<?x96xf16> to tensor<?x64xf16>
    %e0 = tensor.empty(%m) : tensor<?x64xf16>
    %n0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x0 : tensor<?x64xf16>) outs(%e0 : tensor<?x64xf16>) {
    ^bb0(%u: f16, %v: f16):
      %0 = arith.negf %u : f16
      linalg.yield %0 : f16
    } -> tensor<?x64xf16>
    %q0 = tensor.expand_shape %n0 [[0], [1, 2]] output_shape [%m, 1, 64] : tensor<?x64xf16> into tensor<?x1x64xf16>
    %x1 = tensor.extract_slice %x[%t, 64] [%m, 32] [1, 1] : tensor<?x96xf16> to tensor<?x32xf16>
    %e1 = tensor.empty(%m) : tensor<?x32xf16>
    %n1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x1 : tensor<?x32xf16>) outs(%e1 : tensor<?x32xf16>) {
    ^bb0(%u: f16, %v: f16):
      %0 = arith.negf %u : f16
      linalg.yield %0 : f16
    } -> tensor<?x32xf16>
    %q1 = tensor.expand_shape %n1 [[0], [1, 2]] output_shape [%m, 1, 32] : tensor<?x32xf16> into tensor<?x1x32xf16>
    %k0 = tensor.extract_slice %k[0, 0] [70, 64] [1, 1] : tensor<70x96xf16> to tensor<70x64xf16>
    %k1 = tensor.extract_slice %k[0, 64] [70, 32] [1, 1] : tensor<70x96xf16> to tensor<70x32xf16>
    %e = tensor.empty(%m) : tensor<?x1x70xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1x70xf32>) -> tensor<?x1x70xf32>
    %s0 = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%q0, %k0 : tensor<?x1x64xf16>, tensor<70x64xf16>) outs(%z : tensor<?x1x70xf32>) {
    ^bb0(%u: f16, %v: f16, %a: f32):
      %0 = arith.extf %u : f16 to f32
      %1 = arith.extf %v : f16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %a, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x1x70xf32>
    %s1 = linalg.generic {indexing_maps = [#q, #keys, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%q1, %k1 : tensor<?x1x32xf16>, tensor<70x32xf16>) outs(%s0 : tensor<?x1x70xf32>) {
    ^bb0(%u: f16, %v: f16, %a: f32):
      %0 = arith.extf %u : f16 to f32
      %1 = arith.extf %v : f16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %a, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x1x70xf32>
    %gt = tensor.extract_slice %go[%t, 0, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xf32> to tensor<?x1x5xf32>
    %it = tensor.extract_slice %io[%t, 0, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xi32> to tensor<?x1x5xi32>
    %y:2 = peer.select softmax num_keys([70]) {peermla.schedule = #tile.schedule<inner = [64, 128], warps = [2, 4], stages = 2>}
        ins(%s1 : tensor<?x1x70xf32>) outs(%gt, %it : tensor<?x1x5xf32>, tensor<?x1x5xi32>) -> tensor<?x1x5xf32>, tensor<?x1x5xi32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %y#0 into %go[%t, 0, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xf32> into tensor<?x1x5xf32>
      tensor.parallel_insert_slice %y#1 into %io[%t, 0, 0] [%m, 1, 5] [1, 1, 1] : tensor<?x1x5xi32> into tensor<?x1x5xi32>
    }
  } {peermla.id = "select"}
  return %r#0, %r#1 : tensor<?x1x5xf32>, tensor<?x1x5xi32>
}
