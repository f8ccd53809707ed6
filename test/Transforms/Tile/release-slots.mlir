// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-release-slots))' -split-input-file | FileCheck %s

// Behind the last use under any name: in a choice, cleared, and the product.
// What has been released, and what no loop consumes, is left alone.

#mma = #tile.mma<warps = [4, 1]>
!a = tensor<64x64xbf16, #tile.shared>
!d = tensor<64x64xf32, #mma>

// CHECK-LABEL: func @names(
// CHECK: }, {
// CHECK: tile.consume
// CHECK-NEXT: scf.for
// CHECK-NEXT: tile.consume %[[R:[^ ]+]][%[[K:.+]]] pending 0
// CHECK-NEXT: tile.clear_rows
// CHECK-NEXT: scf.if
// CHECK: tile.mma %{{.+}}, %{{.+}} transpose_b :
// CHECK-NEXT: tile.release %[[R]][%[[K]]] :
// CHECK-NEXT: arith.addf
// CHECK: scf.for
// CHECK-COUNT-1: tile.release
// CHECK-NOT: tile.release
func.func @names(%x: memref<?x64xbf16>, %n: index, %p: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant dense<0.0> : !d
  %q = tile.ring {barriers = 24576, offset = 0} : !tile.ring<1 x !a>
  %r = tile.ring {barriers = 24584, consumers = 4, offset = 8192} : !tile.ring<2 x !a>
  tile.specialize {
  }, {
    %u = tile.consume %q[%c0] pending 0 : !tile.ring<1 x !a> -> !a
    %d = scf.for %k = %c0 to %c8 step %c1 iter_args(%c = %zero) -> (!d) {
      %v = tile.consume %r[%k] pending 0 : !tile.ring<2 x !a> -> !a
      %w = tile.clear_rows %v from %n : !a
      %z = scf.if %p -> (!a) {
        %f = tile.clear_nonfinite %w : !a
        scf.yield %f : !a
      } else {
        scf.yield %w : !a
      }
      %e = tile.mma %u, %z transpose_b : !a, !a -> !d
      %g = arith.addf %e, %c : !d
      scf.yield %g : !d
    }
    %h = scf.for %k = %c0 to %c8 step %c1 iter_args(%c = %d) -> (!d) {
      %v = tile.consume %r[%k] pending 0 : !tile.ring<2 x !a> -> !a
      tile.release %r[%k] : !tile.ring<2 x !a>
      %e = tile.mma %u, %u, acc %c transpose_b : !a, !a -> !d
      scf.yield %e : !d
    }
  }
  return
}
