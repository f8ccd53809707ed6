// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-stage-copies))' | FileCheck %s
// RUN: not peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-stage-copies{shared-bytes=8200}))' 2>&1 | FileCheck %s --check-prefix=SMALL

// Scratch lies behind the rings, each in multiples of 16 bytes.

// CHECK-LABEL: func @scratch(
//  CHECK-SAME:   tile.shared_bytes = 8272
//       CHECK:   tile.scratch {offset = 8192 : i64} : memref<3x5xf32
//       CHECK:   tile.scratch {offset = 8256 : i64} : memref<7xf16

// SMALL: error: 'tile.scratch' op expects what the threads of a block hand to each other to fit into 8200 bytes of shared memory, got 8256 bytes
func.func @scratch(%w: memref<64x64xbf16>) attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 4>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %s = tile.scratch : memref<3x5xf32, #gpu.address_space<workgroup>>
  %t = tile.scratch : memref<7xf16, #gpu.address_space<workgroup>>
  %b = tile.load %w[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xbf16> -> tensor<64x64xbf16, #tile.shared>
  return
}
