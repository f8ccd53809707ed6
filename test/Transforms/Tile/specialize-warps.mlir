// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-specialize-warps))' -split-input-file -verify-diagnostics | FileCheck %s

// The producer has the loop, its scalars and the fills.

#mma = #tile.mma<warps = [8, 1]>
!a = tensor<128x64xbf16, #tile.shared>
!d = tensor<128x128xf32, #mma>

// CHECK-LABEL: func @sum(
// CHECK: %[[R:.+]] = tile.ring {barriers = 98304 : i64, consumers = 8 : i64, offset = 0 : i64}
// CHECK: %[[S:.+]] = tile.ring {barriers = 98352 : i64, consumers = 8 : i64, offset = 49152 : i64}
// CHECK-NEXT: tile.specialize registers [24, 240] {
// CHECK: tile.fill_box %[[R]][%{{.+}}], %arg0[%{{.+}}, %{{.+}}]
// CHECK: scf.for %[[K:[^ ]+]] = %{{[^ ]+}} to %{{[^ ]+}} step %{{[^ ]+}} {
// CHECK-NOT: tile.consume
// CHECK: tile.fill_box %[[R]][%{{.+}}], %arg0[%{{.+}}, %[[K]]] along [0, 1] if %
// CHECK: tile.fill_box %[[S]][
// CHECK-NOT: tile.mma
// CHECK: }, {
// CHECK: %[[P:.+]] = scf.for %[[K:[^ ]+]] = %[[FIRST:[^ ]+]] to
// CHECK: %[[A:.+]] = tile.consume %[[R]][%[[N:[^ ]+]]] pending 0
// CHECK: %[[B:.+]] = tile.consume %[[S]][%[[N]]] pending 0
// CHECK-NOT: tile.fill_box
// CHECK: %[[D:.+]] = tile.mma %[[A]], %[[B]], acc %{{.+}} transpose_b :
// CHECK-NEXT: scf.yield %[[D]]
// CHECK: tile.store %[[P]]
func.func @sum(%x: memref<?x512xbf16>, %w: memref<128x512xbf16>, %y: memref<?x128xf32>, %n: index)
    attributes {tile.schedule = #tile.schedule<warps = [8, 1], stages = 3, instructions = wgmma, roles = [24, 240]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant dense<0.0> : !d
  %r = tile.ring {barriers = 98304, offset = 0} : !tile.ring<3 x !a>
  %s = tile.ring {barriers = 98352, offset = 49152} : !tile.ring<3 x !a>
  %b = gpu.block_id x
  tile.fill_box %r[%c0], %x[%b, %c0] along [0, 1] : !tile.ring<3 x !a>, memref<?x512xbf16>
  tile.fill_box %s[%c0], %w[%c0, %c0] along [0, 1] : !tile.ring<3 x !a>, memref<128x512xbf16>
  %d = scf.for %k = %c0 to %c8 step %c1 iter_args(%c = %zero) -> (!d) {
    %more = arith.cmpi slt, %k, %n : index
    %u = tile.consume %r[%k] pending 0 : !tile.ring<3 x !a> -> !a
    %v = tile.consume %s[%k] pending 0 : !tile.ring<3 x !a> -> !a
    tile.fill_box %r[%k], %x[%b, %k] along [0, 1] if %more : !tile.ring<3 x !a>, memref<?x512xbf16>
    tile.fill_box %s[%k], %w[%c0, %k] along [0, 1] if %more : !tile.ring<3 x !a>, memref<128x512xbf16>
    %e = tile.mma %u, %v, acc %c transpose_b : !a, !a -> !d
    scf.yield %e : !d
  }
  tile.store %d, %y[%b, %c0] sizes(%n, %c128) along [0, 1] : !d, memref<?x128xf32>
  return
}

// -----

// What is filled once, in front of loops, is not released.

#mma = #tile.mma<warps = [4, 1]>
!a = tensor<64x64xbf16, #tile.shared>
!d = tensor<64x64xf32, #mma>

// CHECK-LABEL: func @once(
// CHECK: tile.ring {barriers = 24576 : i64, offset = 0 : i64}
// CHECK: tile.ring {barriers = 24584 : i64, consumers = 4 : i64, offset = 8192 : i64}
// CHECK: tile.specialize {
// CHECK: tile.fill_box
// CHECK: scf.for
// CHECK: tile.fill_box
// CHECK: }, {
// CHECK: tile.consume
// CHECK: scf.for
// CHECK: tile.consume
// CHECK: tile.mma
func.func @once(%x: memref<?x64xbf16>, %y: memref<?x64xf32>, %n: index)
    attributes {tile.schedule = #tile.schedule<warps = [4, 1], stages = 2, instructions = wgmma, roles = [0, 0]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !d
  %q = tile.ring {barriers = 24576, offset = 0} : !tile.ring<1 x !a>
  %r = tile.ring {barriers = 24584, offset = 8192} : !tile.ring<2 x !a>
  tile.fill_box %q[%c0], %x[%c0, %c0] along [0, 1] : !tile.ring<1 x !a>, memref<?x64xbf16>
  %u = tile.consume %q[%c0] pending 0 : !tile.ring<1 x !a> -> !a
  %d = scf.for %k = %c0 to %c8 step %c1 iter_args(%c = %zero) -> (!d) {
    tile.fill_box %r[%k], %x[%k, %c0] along [0, 1] : !tile.ring<2 x !a>, memref<?x64xbf16>
    %v = tile.consume %r[%k] pending 0 : !tile.ring<2 x !a> -> !a
    %e = tile.mma %u, %v, acc %c transpose_b : !a, !a -> !d
    scf.yield %e : !d
  }
  tile.store %d, %y[%c0, %c0] sizes(%n, %c64) along [0, 1] : !d, memref<?x64xf32>
  return
}

// -----

!a = tensor<64x64xbf16, #tile.shared>

// expected-remark @below {{all threads fill and compute: a loop has fills that are no tensor copies}}
func.func @copies(%x: memref<?x64xbf16>)
    attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma, roles = [56, 232]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %r = tile.ring {barriers = 16384, offset = 0} : !tile.ring<1 x !a>
  %s = tile.ring {offset = 8192} : !tile.ring<1 x !a>
  scf.for %k = %c0 to %c64 step %c1 {
    tile.fill_box %r[%k], %x[%k, %c0] along [0, 1] : !tile.ring<1 x !a>, memref<?x64xbf16>
    tile.fill %s[%k], %x[%k, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<?x64xbf16>
  }
  return
}

// -----

// Threads that copy themselves meet in front of a loop that goes on in slots of
// another one.

// CHECK-LABEL: func @goes_on(
//       CHECK:   %[[R:.+]] = tile.ring
//       CHECK:   tile.fill %[[R]][%c0]
//   CHECK-NOT:   tile.consume
//       CHECK:   scf.for
//       CHECK:     tile.consume
//       CHECK:   }
//       CHECK:   tile.consume %[[R]][%{{.+}}] pending 0
//  CHECK-NEXT:   tile.fill %[[R]][%c1]
//  CHECK-NEXT:   scf.for
//   CHECK-NOT:   specialize
// expected-remark @below {{all threads fill and compute: a loop has fills that are no tensor copies}}
func.func @goes_on(%x: memref<?x64xbf16>)
    attributes {tile.schedule = #tile.schedule<warps = [4, 1], roles = [24, 240]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %r = tile.ring {offset = 0} : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
  tile.fill %r[%c0], %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16>
  scf.for %k = %c0 to %c1 step %c1 {
    %a = tile.consume %r[%k] pending 0 : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
    %n = arith.addi %k, %c1 : index
    tile.fill %r[%n], %x[%c64, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16>
  }
  tile.fill %r[%c1], %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16>
  scf.for %k = %c1 to %c2 step %c1 {
    %a = tile.consume %r[%k] pending 0 : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
    tile.fill %r[%k], %x[%c64, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16>
  }
  return
}

// -----

// With registers enough, a warpgroup copies rows that a table names; what is
// filled once by other copies, those that compute fill.

#mma = #tile.mma<warps = [4, 1]>
!a = tensor<64x64xbf16, #tile.shared>
!d = tensor<64x64xf32, #mma>

// CHECK-LABEL: func @pages(
// CHECK-SAME: tile.shared_bytes = 24608 : i64
// CHECK: %[[Q:.+]] = tile.ring {offset = 0 : i64}
// CHECK: %[[R:.+]] = tile.ring {barriers = 24576 : i64, consumers = 4 : i64, offset = 8192 : i64, producers = 128 : i64}
// CHECK: tile.specialize registers [88, 208] {
// CHECK-NOT: tile.fill %[[Q]]
// CHECK: scf.for
// CHECK: tile.fill %[[R]][%{{.+}}], %arg0[%{{.+}}] sizes(%{{.+}}) along [1, 2] pages(%arg1
// CHECK: }, {
// CHECK: tile.fill %[[Q]][
// CHECK: scf.for
// CHECK-NOT: tile.fill
// CHECK: tile.consume %[[R]][
// CHECK: tile.mma
// CHECK: tile.store
func.func @pages(%x: memref<?x16x64xbf16>, %t: memref<?x?xi32>, %q: memref<64x64xbf16>, %y: memref<?x64xf32>, %n: index)
    attributes {tile.shared_bytes = 24576, tile.schedule = #tile.schedule<warps = [4, 1], stages = 2, instructions = wgmma, roles = [88, 208]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !d
  %s = tile.ring {offset = 0} : !tile.ring<1 x !a>
  %r = tile.ring {offset = 8192} : !tile.ring<2 x !a>
  tile.fill %s[%c0], %q[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<64x64xbf16>
  %u = tile.consume %s[%c0] pending 0 : !tile.ring<1 x !a> -> !a
  %d = scf.for %k = %c0 to %c8 step %c1 iter_args(%c = %zero) -> (!d) {
    %j = arith.muli %k, %c64 : index
    tile.fill %r[%k], %x[%c0, %j, %c0] sizes(%c64, %c64) along [1, 2] pages(%t[%c0] : memref<?x?xi32>)
        : !tile.ring<2 x !a>, memref<?x16x64xbf16>
    %v = tile.consume %r[%k] pending 0 : !tile.ring<2 x !a> -> !a
    %e = tile.mma %u, %v, acc %c transpose_b : !a, !a -> !d
    scf.yield %e : !d
  }
  tile.store %d, %y[%c0, %c0] sizes(%n, %c64) along [0, 1] : !d, memref<?x64xf32>
  return
}

// -----

!a = tensor<64x64xbf16, #tile.shared>

// expected-remark @below {{all threads fill and compute: fills depend on what they compute}}
func.func @carried(%x: memref<?x64xbf16>)
    attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma, roles = [0, 0]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %r = tile.ring {barriers = 8192, offset = 0} : !tile.ring<1 x !a>
  %e = scf.for %k = %c0 to %c64 step %c1 iter_args(%i = %c0) -> (index) {
    tile.fill_box %r[%k], %x[%i, %c0] along [0, 1] : !tile.ring<1 x !a>, memref<?x64xbf16>
    %j = arith.addi %i, %c64 : index
    scf.yield %j : index
  }
  return
}

// -----

// Threads of sm_80 cannot wait at mbarriers.

!a = tensor<64x64xbf16, #tile.shared>

module attributes {peermla.gpu = "sm_80"} {
// expected-remark @below {{all threads fill and compute: threads of sm_80 cannot wait for fills}}
func.func @waits(%x: memref<?x64xbf16>)
    attributes {tile.schedule = #tile.schedule<warps = [1, 4], roles = [0, 0]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %s = tile.ring {offset = 0} : !tile.ring<1 x !a>
  scf.for %k = %c0 to %c64 step %c1 {
    tile.fill %s[%k], %x[%k, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<?x64xbf16>
  }
  return
}
}
