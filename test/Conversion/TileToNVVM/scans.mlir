// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tile-to-nvvm,canonicalize,cse)' | FileCheck %s

// A thread has a bit for each score of its row, in two words: the sign of the
// difference to the lowest of the best, or all where these are not full.

#one = #tile.rows<threads = 64, lanes = 1, vector = 1>
#row = #tile.slice<1, #one>
!scores = memref<64x68xf32, #gpu.address_space<workgroup>>

// CHECK-LABEL: llvm.func @whole(
//       CHECK:   %[[EMPTY:.+]] = arith.cmpi eq, %{{.+}}, %c0_i64 : i64
//       CHECK:   %[[ALL:.+]] = arith.select %[[EMPTY]], %c-1_i32, %c0_i32
// CHECK-COUNT-32: llvm.intr.fshl
//       CHECK:   %[[LEFT:.+]] = arith.ori %{{.+}}, %[[ALL]] : i32
// CHECK-COUNT-32: llvm.intr.fshl
//   CHECK-NOT:   llvm.intr.fshl
//       CHECK:   %[[RIGHT:.+]] = arith.ori %{{.+}}, %[[ALL]] : i32
//   CHECK-NOT:   arith.maxsi

// The warp goes on while one of its threads has a bit; a batch of four has two keys
// of each word.

//       CHECK:   scf.while ({{.+}}, %[[L:[a-z0-9]+]] = %[[LEFT]], %[[R:[a-z0-9]+]] = %[[RIGHT]])
//       CHECK:     %[[BITS:.+]] = arith.ori %[[L]], %[[R]]
//       CHECK:     %[[SOME:.+]] = arith.cmpi ne, %[[BITS]], %c0_i32
//       CHECK:     %[[ANY:.+]] = nvvm.vote.sync any %c-1_i32, %[[SOME]]
//       CHECK:     scf.condition(%[[ANY]])
// CHECK-COUNT-4: llvm.intr.ctlz
//   CHECK-NOT:   llvm.intr.ctlz
//       CHECK:   scf.yield
gpu.module @whole {
  func.func @whole(%y: memref<64x4xi64>) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>, tile.shared_bytes = 17408 : i64} {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %none = arith.constant dense<0> : tensor<64x4xi64, #one>
    %lowest = arith.constant dense<0xFF800000> : tensor<64xf32, #row>
    %scratch = tile.scratch {offset = 0 : i64} : !scores
    %best:2 = scf.for %i = %c0 to %c128 step %c64 iter_args(%b = %none, %t = %lowest) -> (tensor<64x4xi64, #one>, tensor<64xf32, #row>) {
      %0:2 = tile.scan %scratch first %i count %c64 columns 64 into %b, %t : !scores, tensor<64x4xi64, #one>, tensor<64xf32, #row>
      scf.yield %0#0, %0#1 : tensor<64x4xi64, #one>, tensor<64xf32, #row>
    }
    tile.store %best#0, %y[%c0, %c0] sizes(%c64, %c4) along [0, 1] : tensor<64x4xi64, #one>, memref<64x4xi64>
    return
  }
}

// Scores that are not there have no bits.

// CHECK-LABEL: llvm.func @part(
//       CHECK:   llvm.intr.fshl
//       CHECK:   arith.maxsi %{{.+}}, %c0_i32
//       CHECK:   arith.andi
//       CHECK:   scf.while
gpu.module @part {
  func.func @part(%n: index, %y: memref<64x2xi64>) attributes {tile.schedule = #tile.schedule<warps = [2, 1]>, tile.shared_bytes = 17408 : i64} {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c64 = arith.constant 64 : index
    %none = arith.constant dense<0> : tensor<64x2xi64, #one>
    %lowest = arith.constant dense<0xFF800000> : tensor<64xf32, #row>
    %scratch = tile.scratch {offset = 0 : i64} : !scores
    %0:2 = tile.scan %scratch first %c0 count %n columns 64 into %none, %lowest : !scores, tensor<64x2xi64, #one>, tensor<64xf32, #row>
    tile.store %0#0, %y[%c0, %c0] sizes(%c64, %c2) along [0, 1] : tensor<64x2xi64, #one>, memref<64x2xi64>
    return
  }
}
