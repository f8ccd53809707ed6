// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-stage-copies))' | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-stage-copies{shared-bytes=40000}))' | FileCheck %s --check-prefix=SMALL
// RUN: not peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-stage-copies{shared-bytes=20000}))' 2>&1 | FileCheck %s --check-prefix=NONE

// Not more slots than the schedule has stages, than there are iterations, than
// fit; two at least.

#mma = #tile.mma<warps = [2, 2]>

// CHECK-LABEL: func @two_operands(
//  CHECK-SAME:   tile.shared_bytes = 49152
//   CHECK-DAG:   %[[A:.+]] = tile.ring {offset = 0 : i64} : <3 x tensor<64x64xbf16, #tile.shared>>
//   CHECK-DAG:   %[[B:.+]] = tile.ring {offset = 24576 : i64} : <3 x tensor<64x64xbf16, #tile.shared>>
//       CHECK:   scf.for %[[K:.+]] = %[[C0:.+]] to %{{.+}} step %[[STEP:.+]] iter_args
//       CHECK:     %[[D:.+]] = arith.subi %[[K]], %[[C0]]
//       CHECK:     %[[N:.+]] = arith.divui %[[D]], %[[STEP]]
//       CHECK:     tile.load {{.+}} via %[[A]][%[[N]]]
//       CHECK:     tile.load {{.+}} via %[[B]][

// SMALL-LABEL: func @two_operands(
//  SMALL-SAME:   tile.shared_bytes = 32768
//       SMALL:   tile.ring {{.+}} : <2 x

// NONE: error: expects the tiles of a block to fit into 20000 bytes of shared memory, got 32768 bytes
func.func @two_operands(%x: memref<?x192xbf16>, %w: memref<64x192xbf16>, %y: memref<?x64xf32>, %m: index)
    attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 4>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c192 = arith.constant 192 : index
  %zero = arith.constant dense<0.0> : tensor<64x64xf32, #mma>
  %d = scf.for %k = %c0 to %c192 step %c64 iter_args(%c = %zero) -> (tensor<64x64xf32, #mma>) {
    %a = tile.load %x[%c0, %k] sizes(%m, %c64) along [0, 1] : memref<?x192xbf16> -> tensor<64x64xbf16, #tile.shared>
    %b = tile.load %w[%c0, %k] sizes(%c64, %c64) along [0, 1] : memref<64x192xbf16> -> tensor<64x64xbf16, #tile.shared>
    %e = tile.mma %a, %b, acc %c transpose_b : tensor<64x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<64x64xf32, #mma>
    scf.yield %e : tensor<64x64xf32, #mma>
  }
  tile.store %d, %y[%c0, %c0] sizes(%m, %c64) along [0, 1] : tensor<64x64xf32, #mma>, memref<?x64xf32>
  return
}

// What warps hand to each other comes first, in one slot each.

// CHECK-LABEL: func @meetings(
//  CHECK-SAME:   tile.shared_bytes = 5120
//       CHECK:   %[[P:.+]] = tile.ring {offset = 0 : i64} : <1 x tensor<32x32xbf16, #tile.shared>>
//       CHECK:   tile.convert %{{.+}} via %[[P]][%{{.+}}]
//       CHECK:   tile.reduce max %{{.+}} along 1 at 4096
//       CHECK:   tile.reduce add %{{.+}} along 1 at 4608
//       CHECK:   tile.reduce add %{{.+}} along 1 :
func.func @meetings(%s: tensor<32x32xf32, #tile.mma<warps = [2, 4]>>, %p: tensor<32x32xbf16, #tile.mma<warps = [2, 4]>>,
    %t: tensor<32x32xf32, #tile.mma<warps = [2, 1]>>)
    attributes {tile.schedule = #tile.schedule<warps = [2, 4], stages = 2>} {
  %c = tile.convert %p : tensor<32x32xbf16, #tile.mma<warps = [2, 4]>> -> tensor<32x32xbf16, #tile.shared>
  %m = tile.reduce max %s along 1 : tensor<32x32xf32, #tile.mma<warps = [2, 4]>> -> tensor<32xf32, #tile.slice<1, <warps = [2, 4]>>>
  %l = tile.reduce add %s along 1 : tensor<32x32xf32, #tile.mma<warps = [2, 4]>> -> tensor<32xf32, #tile.slice<1, <warps = [2, 4]>>>
  %n = tile.reduce add %t along 1 : tensor<32x32xf32, #tile.mma<warps = [2, 1]>> -> tensor<32xf32, #tile.slice<1, <warps = [2, 1]>>>
  return
}
