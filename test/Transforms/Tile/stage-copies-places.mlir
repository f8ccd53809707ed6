// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-stage-copies))' | FileCheck %s

// Loops behind each other share a place, as large as the larger needs, in front of
// scratch; no copy is on its way between them. What is loaded outside loops stays.

// CHECK-LABEL: func @behind_each_other(
//  CHECK-SAME:   tile.shared_bytes = 41088
//   CHECK-DAG:   %[[A:.+]] = tile.ring {offset = 8192 : i64} : <2 x tensor<64x64xbf16, #tile.shared>>
//   CHECK-DAG:   %[[B:.+]] = tile.ring {offset = 8192 : i64} : <2 x tensor<64x64xbf16, #tile.shared>>
//   CHECK-DAG:   %[[C:.+]] = tile.ring {offset = 24576 : i64} : <2 x tensor<64x64xbf16, #tile.shared>>
//   CHECK-DAG:   %[[O:.+]] = tile.ring {offset = 0 : i64} : <1 x tensor<64x64xbf16, #tile.shared>>
//       CHECK:   tile.scratch {offset = 40960 : i64}
//   CHECK-NOT:   tile.consume
//       CHECK:   scf.for
//       CHECK:     tile.load {{.+}} via %[[A:[0-9a-z]+]]
//       CHECK:   }
//       CHECK:   tile.consume %[[A]][%{{.+}}] pending 0
//  CHECK-NEXT:   scf.for
//       CHECK:     tile.load
//       CHECK:     tile.load
//   CHECK-NOT:   tile.consume
//       CHECK:   return

// Tensor copies do not wait for threads that meet.

// CHECK-LABEL: func @tensor_copies(
//  CHECK-SAME:   tile.shared_bytes = 32768
//   CHECK-NOT:   tile.consume
//       CHECK:   return
func.func @behind_each_other(%x: memref<?x192xbf16>, %m: index)
    attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 2>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c192 = arith.constant 192 : index
  %s = tile.scratch : memref<32xf32, #gpu.address_space<workgroup>>
  %o = tile.load %x[%c0, %c0] sizes(%m, %c64) along [0, 1] : memref<?x192xbf16> -> tensor<64x64xbf16, #tile.shared>
  scf.for %k = %c0 to %c192 step %c64 {
    %a = tile.load %x[%c0, %k] sizes(%m, %c64) along [0, 1] : memref<?x192xbf16> -> tensor<64x64xbf16, #tile.shared>
  }
  scf.for %k = %c0 to %c192 step %c64 {
    %b = tile.load %x[%c0, %k] sizes(%m, %c64) along [0, 1] : memref<?x192xbf16> -> tensor<64x64xbf16, #tile.shared>
    %c = tile.load %x[%c64, %k] sizes(%m, %c64) along [0, 1] : memref<?x192xbf16> -> tensor<64x64xbf16, #tile.shared>
  }
  return
}

func.func @tensor_copies(%x: memref<?x192xbf16>, %m: index)
    attributes {tile.schedule = #tile.schedule<warps = [4, 1], stages = 2, instructions = wgmma>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c192 = arith.constant 192 : index
  scf.for %k = %c0 to %c192 step %c64 {
    %a = tile.load %x[%c0, %k] sizes(%m, %c64) along [0, 1] : memref<?x192xbf16> -> tensor<64x64xbf16, #tile.shared>
  }
  scf.for %k = %c0 to %c192 step %c64 {
    %b = tile.load %x[%c0, %k] sizes(%m, %c64) along [0, 1] : memref<?x192xbf16> -> tensor<64x64xbf16, #tile.shared>
  }
  return
}

// With roles a loop goes on in the slots of the one before, if it brings the same
// tiles; another ring follows if it does not, or nobody knows how many came.

// CHECK-LABEL: func @roles_go_on(
//  CHECK-SAME:   tile.shared_bytes = 40960
//   CHECK-DAG:   %[[SAME:.+]] = tile.ring {offset = 0 : i64} : <2 x tensor<64x64xbf16, #tile.shared>>
//   CHECK-DAG:   %[[WIDE:.+]] = tile.ring {offset = 16384 : i64} : <2 x tensor<32x64xbf16, #tile.shared>>
//   CHECK-DAG:   %[[LAST:.+]] = tile.ring {offset = 24576 : i64} : <2 x tensor<64x64xbf16, #tile.shared>>
//       CHECK:   scf.for
//       CHECK:     %[[N:.+]] = arith.divui
//       CHECK:     tile.load {{.+}} via %[[SAME]][%[[N]]]
//       CHECK:   scf.for
//       CHECK:     %[[N:.+]] = arith.divui
//       CHECK:     %[[NEXT:.+]] = arith.addi %[[N]], %c3
//       CHECK:     tile.load {{.+}} via %[[SAME]][%[[NEXT]]]
//       CHECK:   scf.for
//       CHECK:     tile.load {{.+}} via %[[WIDE]][
//       CHECK:   scf.for
//       CHECK:     %[[N:.+]] = arith.divui
//       CHECK:     tile.load {{.+}} via %[[LAST]][%[[N]]]
func.func @roles_go_on(%w: memref<64x192xbf16>, %v: memref<64x192xbf16>, %n: index)
    attributes {tile.schedule = #tile.schedule<warps = [2, 2], stages = 2, roles = [24, 240]>} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %c192 = arith.constant 192 : index
  scf.for %k = %c0 to %c192 step %c64 {
    %b = tile.load %w[%c0, %k] sizes(%c64, %c64) along [0, 1] : memref<64x192xbf16> -> tensor<64x64xbf16, #tile.shared>
  }
  scf.for %k = %c0 to %c192 step %c64 {
    %b = tile.load %v[%c0, %k] sizes(%c64, %c64) along [0, 1] : memref<64x192xbf16> -> tensor<64x64xbf16, #tile.shared>
  }
  scf.for %k = %c0 to %n step %c64 {
    %b = tile.load %v[%c0, %k] sizes(%c32, %c64) along [0, 1] : memref<64x192xbf16> -> tensor<32x64xbf16, #tile.shared>
  }
  scf.for %k = %c0 to %c192 step %c64 {
    %b = tile.load %v[%c0, %k] sizes(%c64, %c64) along [0, 1] : memref<64x192xbf16> -> tensor<64x64xbf16, #tile.shared>
  }
  return
}
