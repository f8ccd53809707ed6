// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-prefetch-copies,canonicalize,cse))' | FileCheck %s

// With three slots two fills of each ring run ahead; a consume waits until only
// the younger one of each is on its way.

#mma = #tile.mma<warps = [2, 2]>

// CHECK-LABEL: func @two_operands(
//       CHECK:   %[[A:.+]] = tile.ring {offset = 0
//       CHECK:   %[[B:.+]] = tile.ring {offset = 24576
//       CHECK:   tile.fill %[[A]][%c0]
//       CHECK:   tile.fill %[[B]][%c0]
//       CHECK:   tile.fill %[[A]][%c1]
//       CHECK:   tile.fill %[[B]][%c1]
//       CHECK:   scf.for %[[K:[^ ]+]] =
//       CHECK:     %[[MORE:.+]] = arith.cmpi slt, %[[K]], %c64
//       CHECK:     tile.consume %[[A]][%{{.+}}] pending 2 rows %{{.+}} :
//       CHECK:     tile.consume %[[B]][%{{.+}}] pending 2 :
//       CHECK:     tile.fill %[[A]][%{{.+}}], {{.+}} if %[[MORE]]
//       CHECK:     tile.fill %[[B]][%{{.+}}], {{.+}} if %[[MORE]]
//       CHECK:     tile.mma
//   CHECK-NOT:   tile.fill
func.func @two_operands(%x: memref<?x192xbf16>, %w: memref<64x192xbf16>, %y: memref<?x64xf32>, %m: index)
    attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 3>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c192 = arith.constant 192 : index
  %ra = tile.ring {offset = 0} : !tile.ring<3 x tensor<64x64xbf16, #tile.shared>>
  %rb = tile.ring {offset = 24576} : !tile.ring<3 x tensor<64x64xbf16, #tile.shared>>
  %zero = arith.constant dense<0.0> : tensor<64x64xf32, #mma>
  %d = scf.for %k = %c0 to %c192 step %c64 iter_args(%c = %zero) -> (tensor<64x64xf32, #mma>) {
    %n = arith.divui %k, %c64 : index
    %a = tile.load %x[%c0, %k] sizes(%m, %c64) along [0, 1] via %ra[%n] : !tile.ring<3 x tensor<64x64xbf16, #tile.shared>>, memref<?x192xbf16> -> tensor<64x64xbf16, #tile.shared>
    %b = tile.load %w[%c0, %k] sizes(%c64, %c64) along [0, 1] via %rb[%n] : !tile.ring<3 x tensor<64x64xbf16, #tile.shared>>, memref<64x192xbf16> -> tensor<64x64xbf16, #tile.shared>
    %e = tile.mma %a, %b, acc %c transpose_b : tensor<64x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<64x64xf32, #mma>
    scf.yield %e : tensor<64x64xf32, #mma>
  }
  tile.store %d, %y[%c0, %c0] sizes(%m, %c64) along [0, 1] : tensor<64x64xf32, #mma>, memref<?x64xf32>
  return
}
