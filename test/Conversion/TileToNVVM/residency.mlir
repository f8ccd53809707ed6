// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tile-to-nvvm,canonicalize,cse)' | FileCheck %s

// How many blocks of a program a multiprocessor should keep, and what a block has
// on its way while it works.

#rows = #tile.rows<threads = 128, lanes = 128, vector = 4>
#ids = #tile.slice<1, #rows>
#columns = #tile.slice<0, #rows>
#mma = #tile.mma<warps = [4, 1]>
!row = tensor<512xf32, #columns>
!rows = tensor<3x512xf32, #rows>
!a = tensor<64x64xbf16, #tile.shared>
!b = tensor<32x64xbf16, #tile.shared>

module attributes {peermla.gpu = "sm_80"} {

// Gathers have 64 registers, so that 65536 are enough for 8 blocks of 128 threads.
// The loop carries 3 rows of 512 f32.

// CHECK-LABEL: llvm.func @gathers(
//  CHECK-SAME:   nvvm.minctasm = 8 : i32, nvvm.reqntid = array<i32: 128>, tile.bytes_ahead = 6144 : i64
gpu.module @gathers {
  func.func @gathers(%table: memref<?x512xf32>, %ids: memref<24xi32>, %y: memref<512xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1]>, tile.shared_bytes = 96 : i64} {
    %c0 = arith.constant 0 : index
    %c3 = arith.constant 3 : index
    %c21 = arith.constant 21 : index
    %c512 = arith.constant 512 : index
    %n = memref.dim %table, %c0 : memref<?x512xf32>
    %zero = arith.constant dense<0.0> : !row
    %first = tile.load %ids[%c0] sizes(%c3) along [0] : memref<24xi32> -> tensor<3xi32, #ids>
    %r0 = tile.gather %table[%c0, %c0] at(%first) sizes(%n, %c512) along [0, 1] : memref<?x512xf32>, tensor<3xi32, #ids> -> !rows
    %sum:2 = scf.for %i = %c0 to %c21 step %c3 iter_args(%a = %zero, %r = %r0) -> (!row, !rows) {
      %s = tile.reduce add %r along 0 init %a : !rows -> !row
      %next = arith.addi %i, %c3 : index
      %id = tile.load %ids[%next] sizes(%c3) along [0] : memref<24xi32> -> tensor<3xi32, #ids>
      %r1 = tile.gather %table[%c0, %c0] at(%id) sizes(%n, %c512) along [0, 1] : memref<?x512xf32>, tensor<3xi32, #ids> -> !rows
      scf.yield %s, %r1 : !row, !rows
    }
    tile.store %sum#0, %y[%c0] sizes(%c512) along [0] : !row, memref<512xf32>
    return
  }
}

// Products have all registers: 2 blocks of 128 threads. Of 3 slots of 64 x 64 and
// of 32 x 64 bf16 one is worked on. The ring that no loop fills does not count.

// CHECK-LABEL: llvm.func @products(
//  CHECK-SAME:   nvvm.minctasm = 2 : i32, nvvm.reqntid = array<i32: 128>, tile.bytes_ahead = 24576 : i64
gpu.module @products {
  func.func @products(%x: memref<?x64xbf16>, %y: memref<64x32xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1]>, tile.shared_bytes = 61440 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %n = memref.dim %x, %c0 : memref<?x64xbf16>
    %zero = arith.constant dense<0.0> : tensor<64x32xf32, #mma>
    %once = tile.ring {offset = 36864} : !tile.ring<3 x !a>
    %ar = tile.ring {offset = 0} : !tile.ring<3 x !a>
    %br = tile.ring {offset = 24576} : !tile.ring<3 x !b>
    tile.fill %once[%c0], %x[%c0, %c0] sizes(%n, %c64) along [0, 1] : !tile.ring<3 x !a>, memref<?x64xbf16>
    %sum = scf.for %i = %c0 to %c5 step %c1 iter_args(%d = %zero) -> (tensor<64x32xf32, #mma>) {
      tile.fill %ar[%i], %x[%i, %c0] sizes(%n, %c64) along [0, 1] : !tile.ring<3 x !a>, memref<?x64xbf16>
      tile.fill %br[%i], %x[%i, %c0] sizes(%n, %c64) along [0, 1] : !tile.ring<3 x !b>, memref<?x64xbf16>
      %a = tile.consume %ar[%i] pending 0 : !tile.ring<3 x !a> -> !a
      %b = tile.consume %br[%i] pending 0 : !tile.ring<3 x !b> -> !b
      %e = tile.mma %a, %b, acc %d transpose_b : !a, !b -> tensor<64x32xf32, #mma>
      scf.yield %e : tensor<64x32xf32, #mma>
    }
    tile.store %sum, %y[%c0, %c0] sizes(%c64, %c32) along [0, 1] : tensor<64x32xf32, #mma>, memref<64x32xf32>
    return
  }
}

// Where nothing waits for memory the assembler chooses, and nothing is ahead.

// CHECK-LABEL: llvm.func @adds(
//  CHECK-SAME:   attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>, tile.shared_bytes = 96 : i64}
gpu.module @adds {
  func.func @adds(%x: memref<512xf32>, %y: memref<512xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1]>, tile.shared_bytes = 96 : i64} {
    %c0 = arith.constant 0 : index
    %c512 = arith.constant 512 : index
    %a = tile.load %x[%c0] sizes(%c512) along [0] : memref<512xf32> -> !row
    %s = arith.addf %a, %a : !row
    tile.store %s, %y[%c0] sizes(%c512) along [0] : !row, memref<512xf32>
    return
  }
}

}
