// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-park-values{max-registers=160}))' -split-input-file | FileCheck %s
// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-park-values{max-registers=128}))' -split-input-file | FileCheck %s --check-prefix=FEWER

#rows = #tile.rows<threads = 128, lanes = 1, vector = 1>

// Two lists of 32 registers wait while the loop carries 64 and sums are 64: the
// first one goes through scratch behind what is there, rows an odd number of
// elements apart, and is loaded where it is used first.

// CHECK-LABEL: func @lists(
//  CHECK-SAME:   tile.shared_bytes = 66896
//       CHECK:   %[[A:.+]] = tile.load %{{.+}} : memref<128x32xf32> ->
//       CHECK:   %[[B:.+]] = tile.load %{{.+}} : memref<128x32xi32> ->
//       CHECK:   %[[S:.+]] = tile.scratch {offset = 50000 : i64} : memref<128x33xf32, #gpu.address_space<workgroup>>
//       CHECK:   tile.store %[[A]], %[[S]][%{{.+}}, %{{.+}}] sizes(%{{.+}}, %{{.+}}) along [0, 1]
//   CHECK-NOT:   tile.store
//       CHECK:   scf.for
//       CHECK:   tile.store %[[B]]
//       CHECK:   %[[AGAIN:.+]] = tile.load %[[S]]
//       CHECK:   tile.store %[[AGAIN]]

// FEWER-LABEL: func @lists(
//       FEWER:   %[[A:.+]] = tile.load %{{.+}} : memref<128x32xf32> ->
//       FEWER:   %[[B:.+]] = tile.load %{{.+}} : memref<128x32xi32> ->
//       FEWER:   tile.store %[[A]]
//       FEWER:   tile.store %[[B]]
//       FEWER:   scf.for
func.func @lists(%x: memref<128x32xf32>, %ids: memref<128x32xi32>, %w: memref<128x32xi64>, %keys: tensor<128x64xbf16, #tile.shared>, %q: tensor<64x64xbf16, #tile.shared>) attributes {tile.schedule = #tile.schedule<warps = [4, 1], stages = 2>, tile.shared_bytes = 49996 : i64} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %a = tile.load %x[%c0, %c0] sizes(%c128, %c32) along [0, 1] : memref<128x32xf32> -> tensor<128x32xf32, #rows>
  %b = tile.load %ids[%c0, %c0] sizes(%c128, %c32) along [0, 1] : memref<128x32xi32> -> tensor<128x32xi32, #rows>
  %first = tile.load %w[%c0, %c0] sizes(%c128, %c32) along [0, 1] : memref<128x32xi64> -> tensor<128x32xi64, #rows>
  %list = scf.for %i = %c0 to %c128 step %c64 iter_args(%best = %first) -> (tensor<128x32xi64, #rows>) {
    %d = tile.mma %keys, %q transpose_b : tensor<128x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<128x64xf32, #tile.mma<warps = [4, 1]>>
    %more = tile.load %w[%c0, %c0] sizes(%c128, %c32) along [0, 1] : memref<128x32xi64> -> tensor<128x32xi64, #rows>
    %next = tile.topk %more into %best : tensor<128x32xi64, #rows>, tensor<128x32xi64, #rows>
    scf.yield %next : tensor<128x32xi64, #rows>
  }
  tile.store %b, %ids[%c0, %c0] sizes(%c128, %c32) along [0, 1] : tensor<128x32xi32, #rows>, memref<128x32xi32>
  tile.store %a, %x[%c0, %c0] sizes(%c128, %c32) along [0, 1] : tensor<128x32xf32, #rows>, memref<128x32xf32>
  tile.store %list, %w[%c0, %c0] sizes(%c128, %c32) along [0, 1] : tensor<128x32xi64, #rows>, memref<128x32xi64>
  return
}

// -----

#rows = #tile.rows<threads = 128, lanes = 1, vector = 1>

// What the loop uses stays, and so does what shared memory has no room for.

// CHECK-LABEL: func @stays(
//  CHECK-SAME:   tile.shared_bytes = 232000
//   CHECK-NOT:   tile.scratch
func.func @stays(%x: memref<128x64xi64>) attributes {tile.schedule = #tile.schedule<warps = [4, 1], stages = 2>, tile.shared_bytes = 232000 : i64} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %a = tile.load %x[%c0, %c0] sizes(%c128, %c64) along [0, 1] : memref<128x64xi64> -> tensor<128x64xi64, #rows>
  %b = tile.load %x[%c0, %c0] sizes(%c128, %c64) along [0, 1] : memref<128x64xi64> -> tensor<128x64xi64, #rows>
  %c = tile.load %x[%c0, %c0] sizes(%c128, %c64) along [0, 1] : memref<128x64xi64> -> tensor<128x64xi64, #rows>
  %list = scf.for %i = %c0 to %c128 step %c64 iter_args(%best = %a) -> (tensor<128x64xi64, #rows>) {
    %next = arith.addi %best, %b : tensor<128x64xi64, #rows>
    scf.yield %next : tensor<128x64xi64, #rows>
  }
  tile.store %list, %x[%c0, %c0] sizes(%c128, %c64) along [0, 1] : tensor<128x64xi64, #rows>, memref<128x64xi64>
  tile.store %a, %x[%c0, %c0] sizes(%c128, %c64) along [0, 1] : tensor<128x64xi64, #rows>, memref<128x64xi64>
  tile.store %c, %x[%c0, %c0] sizes(%c128, %c64) along [0, 1] : tensor<128x64xi64, #rows>, memref<128x64xi64>
  tile.store %b, %x[%c0, %c0] sizes(%c128, %c64) along [0, 1] : tensor<128x64xi64, #rows>, memref<128x64xi64>
  return
}

// -----

#rows = #tile.rows<threads = 64, lanes = 1, vector = 1>

// What waits through a later loop takes the place of what was loaded before it,
// but not of what still waits.

// CHECK-LABEL: func @again(
//  CHECK-SAME:   tile.shared_bytes = 16992
//       CHECK:   %[[A:.+]] = tile.load
//       CHECK:   %[[KEPT:.+]] = tile.load
//       CHECK:   %[[S:.+]] = tile.scratch {offset = 352 : i64}
//       CHECK:   tile.store %[[A]], %[[S]][
//       CHECK:   scf.for
//       CHECK:   tile.load %[[S]]
//   CHECK-NOT:   tile.scratch
//       CHECK:   tile.store %[[KEPT]], %[[S]][
//       CHECK:   scf.for
//       CHECK:   tile.load %[[S]]

// FEWER-LABEL: func @again(
//  FEWER-SAME:   tile.shared_bytes = 33632
//       FEWER:   %[[A:.+]] = tile.load
//       FEWER:   %[[KEPT:.+]] = tile.load
//       FEWER:   %[[S:.+]] = tile.scratch {offset = 352 : i64}
//       FEWER:   tile.store %[[A]], %[[S]][
//       FEWER:   %[[T:.+]] = tile.scratch {offset = 16992 : i64}
//       FEWER:   tile.store %[[KEPT]], %[[T]][
//       FEWER:   %[[FIRST:.+]] = scf.for
//       FEWER:   tile.load %[[S]]
//   FEWER-NOT:   tile.scratch
//       FEWER:   tile.store %[[FIRST]], %[[S]][
//       FEWER:   scf.for
//   FEWER-DAG:   tile.load %[[S]]
//   FEWER-DAG:   tile.load %[[T]]
func.func @again(%x: memref<64x65xi32>) attributes {tile.schedule = #tile.schedule<warps = [2, 1], stages = 2>, tile.shared_bytes = 340 : i64} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c65 = arith.constant 65 : index
  %none = arith.constant dense<0> : tensor<64x65xi32, #rows>
  %a = tile.load %x[%c0, %c0] sizes(%c64, %c65) along [0, 1] : memref<64x65xi32> -> tensor<64x65xi32, #rows>
  %kept = tile.load %x[%c0, %c0] sizes(%c64, %c65) along [0, 1] : memref<64x65xi32> -> tensor<64x65xi32, #rows>
  %first = scf.for %i = %c0 to %c65 step %c64 iter_args(%best = %none) -> (tensor<64x65xi32, #rows>) {
    %more = tile.load %x[%c0, %c0] sizes(%c64, %c65) along [0, 1] : memref<64x65xi32> -> tensor<64x65xi32, #rows>
    %next = arith.maxui %best, %more : tensor<64x65xi32, #rows>
    scf.yield %next : tensor<64x65xi32, #rows>
  }
  tile.store %a, %x[%c0, %c0] sizes(%c64, %c65) along [0, 1] : tensor<64x65xi32, #rows>, memref<64x65xi32>
  %second = scf.for %i = %c0 to %c65 step %c64 iter_args(%best = %none) -> (tensor<64x65xi32, #rows>) {
    %more = tile.load %x[%c0, %c0] sizes(%c64, %c65) along [0, 1] : memref<64x65xi32> -> tensor<64x65xi32, #rows>
    %next = arith.minui %best, %more : tensor<64x65xi32, #rows>
    scf.yield %next : tensor<64x65xi32, #rows>
  }
  tile.store %kept, %x[%c0, %c0] sizes(%c64, %c65) along [0, 1] : tensor<64x65xi32, #rows>, memref<64x65xi32>
  tile.store %first, %x[%c0, %c0] sizes(%c64, %c65) along [0, 1] : tensor<64x65xi32, #rows>, memref<64x65xi32>
  tile.store %second, %x[%c0, %c0] sizes(%c64, %c65) along [0, 1] : tensor<64x65xi32, #rows>, memref<64x65xi32>
  return
}
