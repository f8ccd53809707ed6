// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-carry-loads,canonicalize))' | FileCheck %s

#rows = #tile.rows<threads = 64, lanes = 64, vector = 4>
#ids = #tile.slice<1, #rows>
#columns = #tile.slice<0, #rows>
!row = tensor<256xf32, #columns>
!rows = tensor<4x256xf32, #rows>
!parts = tensor<4x2xf32, #tile.parts<warps = 2>>
!ids = memref<64xi32, #gpu.address_space<workgroup>>
!sums = memref<12x2xf32, #gpu.address_space<workgroup>>

// Rows of the next step are loaded while those of this one are worked on, and the
// first rows of the second loop before the sums of the first one are handed over.

// CHECK-LABEL: func @two_loops(
//  CHECK-SAME:   %[[DOWN:[^:]+]]: memref<?x200xf32>, %[[UP:[^:]+]]: memref<?x200xf32>
//       CHECK:   %[[R0:.+]] = tile.gather %[[DOWN]]
//       CHECK:   %[[LAST:.+]] = scf.for %[[I:.+]] = %c0 to %c8 step %c4 iter_args(%[[R:.+]] = %[[R0]])
//       CHECK:     %[[P:.+]] = tile.reduce add %[[R]] along 1 parts 2
//       CHECK:     tile.store %[[P]], %{{.+}}[%[[I]], %c0]
//       CHECK:     %[[NEXT:.+]] = arith.addi %[[I]], %c4
//       CHECK:     %[[IDS:.+]] = tile.load %{{.+}}[%[[NEXT]]]
//       CHECK:     %[[N:.+]] = tile.gather %[[DOWN]]{{.+}} at(%[[IDS]])
//       CHECK:     scf.yield %[[N]]
//       CHECK:   %[[P:.+]] = tile.reduce add %[[LAST]] along 1 parts 2
//       CHECK:   %[[U0:.+]] = tile.gather %[[UP]]
//       CHECK:   tile.store %[[P]], %{{.+}}[%c8, %c0]
//       CHECK:   scf.for {{.+}} to %c8 step %c4 iter_args(%{{.+}} = %{{.+}}, %{{.+}} = %[[U0]])
//       CHECK:     tile.reduce add {{.+}} along 0 init
//       CHECK:     tile.gather %[[UP]]
//       CHECK:   tile.reduce add {{.+}} along 0 init
func.func @two_loops(%down: memref<?x200xf32>, %up: memref<?x200xf32>, %n: index) -> !row
    attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c12 = arith.constant 12 : index
  %c200 = arith.constant 200 : index
  %zero = arith.constant dense<0.0> : !row
  %ids = tile.scratch : !ids
  %sums = tile.scratch : !sums
  scf.for %i = %c0 to %c12 step %c4 {
    %id = tile.load %ids[%i] sizes(%c4) along [0] : !ids -> tensor<4xi32, #ids>
    %r = tile.gather %down[%c0, %c0] at(%id) sizes(%n, %c200) along [0, 1] : memref<?x200xf32>, tensor<4xi32, #ids> -> !rows
    %p = tile.reduce add %r along 1 parts 2 : !rows -> !parts
    tile.store %p, %sums[%i, %c0] sizes(%c4, %c2) along [0, 1] : !parts, !sums
  }
  %y = scf.for %i = %c0 to %c12 step %c4 iter_args(%a = %zero) -> (!row) {
    %id = tile.load %ids[%i] sizes(%c4) along [0] : !ids -> tensor<4xi32, #ids>
    %r = tile.gather %up[%c0, %c0] at(%id) sizes(%n, %c200) along [0, 1] : memref<?x200xf32>, tensor<4xi32, #ids> -> !rows
    %s = tile.reduce add %r along 0 init %a : !rows -> !row
    scf.yield %s : !row
  }
  return %y : !row
}

// Numbers of rows that are written after the last work on rows stay behind that.

// CHECK-LABEL: func @numbers_written_late(
//       CHECK:   tile.reduce
//   CHECK-NOT:   tile.gather
//       CHECK:   tile.store %{{.+}}, %[[IDS:.+]][%c0]
//       CHECK:   tile.load %[[IDS]]
//       CHECK:   tile.gather
func.func @numbers_written_late(%down: memref<?x200xf32>, %r: !rows, %late: tensor<4xi32, #ids>, %a: !row, %n: index) -> (!row, !rows)
    attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c200 = arith.constant 200 : index
  %ids = tile.scratch : !ids
  %s = tile.reduce add %r along 0 init %a : !rows -> !row
  tile.store %late, %ids[%c0] sizes(%c4) along [0] : tensor<4xi32, #ids>, !ids
  %id = tile.load %ids[%c0] sizes(%c4) along [0] : !ids -> tensor<4xi32, #ids>
  %g = tile.gather %down[%c0, %c0] at(%id) sizes(%n, %c200) along [0, 1] : memref<?x200xf32>, tensor<4xi32, #ids> -> !rows
  return %s, %g : !row, !rows
}

// One step stays as it is, and so does an unknown number of them.

// CHECK-LABEL: func @unknown_steps(
//       CHECK:   scf.for {{.+}} to %{{.+}} step %c4 iter_args(%[[A:.+]] = %{{.+}})
//       CHECK:     tile.gather
//       CHECK:     tile.reduce
//   CHECK-NOT:   tile.gather
func.func @unknown_steps(%up: memref<?x200xf32>, %n: index, %m: index) -> !row
    attributes {tile.schedule = #tile.schedule<warps = [2, 1]>} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c200 = arith.constant 200 : index
  %zero = arith.constant dense<0.0> : !row
  %ids = tile.scratch : !ids
  %y = scf.for %i = %c0 to %m step %c4 iter_args(%a = %zero) -> (!row) {
    %id = tile.load %ids[%i] sizes(%c4) along [0] : !ids -> tensor<4xi32, #ids>
    %r = tile.gather %up[%c0, %c0] at(%id) sizes(%n, %c200) along [0, 1] : memref<?x200xf32>, tensor<4xi32, #ids> -> !rows
    %s = tile.reduce add %r along 0 init %a : !rows -> !row
    scf.yield %s : !row
  }
  return %y : !row
}
