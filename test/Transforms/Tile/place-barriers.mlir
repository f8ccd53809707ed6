// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-place-barriers))' | FileCheck %s

// Threads meet between a write of scratch and a read of it, and the other way
// round.

#one = #tile.rows<threads = 64, lanes = 1, vector = 1>
!tile = tensor<64xf32, #tile.slice<1, #one>>
!memory = memref<64xf32, #gpu.address_space<workgroup>>

// CHECK-LABEL: func @straight(
//       CHECK:   tile.load %arg1
//  CHECK-NEXT:   tile.store {{.+}}, %[[A:.+]][
//  CHECK-NEXT:   tile.store {{.+}}, %[[B:.+]][
//  CHECK-NEXT:   gpu.barrier
//  CHECK-NEXT:   tile.load %[[A]]
//  CHECK-NEXT:   tile.load %[[B]]
//  CHECK-NEXT:   tile.load %[[A]]
//  CHECK-NEXT:   gpu.barrier
//  CHECK-NEXT:   tile.store {{.+}}, %[[A]][
//  CHECK-NEXT:   return
func.func @straight(%v: !tile, %x: memref<64xf32>) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %a = tile.scratch : !memory
  %b = tile.scratch : !memory
  %0 = tile.load %x[%c0] sizes(%c64) along [0] : memref<64xf32> -> !tile
  tile.store %v, %a[%c0] sizes(%c64) along [0] : !tile, !memory
  tile.store %v, %b[%c0] sizes(%c64) along [0] : !tile, !memory
  %1 = tile.load %a[%c0] sizes(%c64) along [0] : !memory -> !tile
  %2 = tile.load %b[%c0] sizes(%c64) along [0] : !memory -> !tile
  %3 = tile.load %a[%c0] sizes(%c64) along [0] : !memory -> !tile
  tile.store %0, %a[%c0] sizes(%c64) along [0] : !tile, !memory
  return
}

// What only comes from before a loop is waited for once, before it.

// CHECK-LABEL: func @before_a_loop(
//       CHECK:   tile.store
//  CHECK-NEXT:   gpu.barrier
//  CHECK-NEXT:   scf.for
//   CHECK-NOT:   gpu.barrier
func.func @before_a_loop(%v: !tile) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %a = tile.scratch : !memory
  %b = tile.scratch : !memory
  tile.store %v, %a[%c0] sizes(%c64) along [0] : !tile, !memory
  scf.for %i = %c0 to %c3 step %c1 {
    %1 = tile.load %a[%c0] sizes(%c64) along [0] : !memory -> !tile
    tile.store %1, %b[%c0] sizes(%c64) along [0] : !tile, !memory
  }
  %2 = tile.load %a[%c0] sizes(%c64) along [0] : !memory -> !tile
  return
}

// What an iteration wrote is read by the next one, and the other way round.

// CHECK-LABEL: func @around_a_loop(
//       CHECK:   scf.for
//  CHECK-NEXT:     gpu.barrier
//  CHECK-NEXT:     tile.load
//  CHECK-NEXT:     gpu.barrier
//  CHECK-NEXT:     tile.store
//  CHECK-NEXT:   }
//  CHECK-NEXT:   gpu.barrier
//  CHECK-NEXT:   tile.load
func.func @around_a_loop(%v: !tile) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %a = tile.scratch : !memory
  scf.for %i = %c0 to %c3 step %c1 {
    %1 = tile.load %a[%c0] sizes(%c64) along [0] : !memory -> !tile
    tile.store %1, %a[%c0] sizes(%c64) along [0] : !tile, !memory
  }
  %2 = tile.load %a[%c0] sizes(%c64) along [0] : !memory -> !tile
  return
}

// A scan reads scores. Its list is for lanes of a warp, which meet by themselves.

#four = #tile.rows<threads = 64, lanes = 4, vector = 2>
!scores = memref<16x32xf32, #gpu.address_space<workgroup>>
!list = memref<16x8xi32, #gpu.address_space<workgroup>>
!best = tensor<16x8xi64, #four>
!top = tensor<16xf32, #tile.slice<1, #four>>

// CHECK-LABEL: func @scan(
//       CHECK:   scf.for
//  CHECK-NEXT:     gpu.barrier
//  CHECK-NEXT:     tile.store
//  CHECK-NEXT:     gpu.barrier
//  CHECK-NEXT:     tile.scan
//  CHECK-NEXT:     tile.scan
//  CHECK-NEXT:     scf.yield
func.func @scan(%v: tensor<16x32xf32, #four>, %best: !best, %top: !top) -> !best
    attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c96 = arith.constant 96 : index
  %a = tile.scratch : !scores
  %l = tile.scratch : !list
  %r:2 = scf.for %i = %c0 to %c96 step %c32 iter_args(%b = %best, %t = %top) -> (!best, !top) {
    tile.store %v, %a[%c0, %c0] sizes(%c16, %c32) along [0, 1] : tensor<16x32xf32, #four>, !scores
    %m:2 = tile.scan %a first %i count %c32 columns 32 into %b, %t through %l : !scores, !best, !top, !list
    %n:2 = tile.scan %a first %i count %c32 columns 32 into %m#0, %m#1 through %l : !scores, !best, !top, !list
    scf.yield %n#0, %n#1 : !best, !top
  }
  return %r#0 : !best
}

// A ring that threads copy into is where they meet.

#mma = #tile.mma<warps = [2, 1]>
!a = tensor<64x64xf16, #tile.shared>
!sums = tensor<64x64xf32, #mma>
!square = memref<64x64xf32, #gpu.address_space<workgroup>>

// CHECK-LABEL: func @consume(
//       CHECK:   scf.for
//  CHECK-NEXT:     tile.consume
//   CHECK-NOT:   gpu.barrier
//       CHECK:   return
func.func @consume(%v: !sums, %r: !tile.ring<2 x !a>) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c64 = arith.constant 64 : index
  %s = tile.scratch : !square
  scf.for %i = %c0 to %c3 step %c1 {
    %a = tile.consume %r[%c0] pending 0 : !tile.ring<2 x !a> -> !a
    tile.store %v, %s[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !sums, !square
    %b = tile.consume %r[%c1] pending 0 : !tile.ring<2 x !a> -> !a
    %0 = tile.load %s[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !square -> !sums
  }
  return
}

// Where others copy, each thread waits for itself.

// CHECK-LABEL: func @consume_of_roles(
//       CHECK:   scf.for
//  CHECK-NEXT:     tile.consume
//  CHECK-NEXT:     gpu.barrier
//  CHECK-NEXT:     tile.store
//  CHECK-NEXT:     tile.consume
//  CHECK-NEXT:     gpu.barrier
//  CHECK-NEXT:     tile.load
//  CHECK-NEXT:   }
//  CHECK-NEXT:   return
func.func @consume_of_roles(%v: !sums, %r: !tile.ring<2 x !a>) attributes {tile.schedule = #tile.schedule<warps = [2, 1], roles = [24, 240]>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c64 = arith.constant 64 : index
  %s = tile.scratch : !square
  scf.for %i = %c0 to %c3 step %c1 {
    %a = tile.consume %r[%c0] pending 0 : !tile.ring<2 x !a> -> !a
    tile.store %v, %s[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !sums, !square
    %b = tile.consume %r[%c1] pending 0 : !tile.ring<2 x !a> -> !a
    %0 = tile.load %s[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !square -> !sums
  }
  return
}
