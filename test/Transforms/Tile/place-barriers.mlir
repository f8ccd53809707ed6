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

// A scan reads.

// CHECK-LABEL: func @scan(
//       CHECK:   scf.for
//  CHECK-NEXT:     gpu.barrier
//  CHECK-NEXT:     tile.store
//  CHECK-NEXT:     gpu.barrier
//  CHECK-NEXT:     tile.scan
//  CHECK-NEXT:     scf.yield
func.func @scan(%v: tensor<64x32xf32, #one>, %best: tensor<64x4xi64, #one>, %top: !tile) -> tensor<64x4xi64, #one>
    attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %c96 = arith.constant 96 : index
  %a = tile.scratch : memref<64x32xf32, #gpu.address_space<workgroup>>
  %r:2 = scf.for %i = %c0 to %c96 step %c32 iter_args(%b = %best, %t = %top) -> (tensor<64x4xi64, #one>, !tile) {
    tile.store %v, %a[%c0, %c0] sizes(%c64, %c32) along [0, 1] : tensor<64x32xf32, #one>, memref<64x32xf32, #gpu.address_space<workgroup>>
    %n:2 = tile.scan %a first %i count %c32 columns 32 into %b, %t : memref<64x32xf32, #gpu.address_space<workgroup>>, tensor<64x4xi64, #one>, !tile
    scf.yield %n#0, %n#1 : tensor<64x4xi64, #one>, !tile
  }
  return %r#0 : tensor<64x4xi64, #one>
}
