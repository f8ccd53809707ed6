// RUN: peermla-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(peermla-steps-to-kernels))' | FileCheck %s

// A run of ops that touch memory is one kernel of one block; what the host
// computes between them stays with the host.

// CHECK-LABEL: func.func @one_run(
//  CHECK-SAME:   %[[X:.+]]: memref<?xi32>
//       CHECK:   %[[N:.+]] = memref.dim %[[X]]
//       CHECK:   scf.forall (%{{.+}}) in (1) {
//       CHECK:     linalg.fill {{.+}} outs(%[[X]]
//       CHECK:     scf.for %{{.+}} to %[[N]]
//       CHECK:       memref.store
//       CHECK:   }
//       CHECK:   return
func.func @one_run(%x: memref<?xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  %seven = arith.constant 7 : i32
  linalg.fill ins(%zero : i32) outs(%x : memref<?xi32>)
  %n = memref.dim %x, %c0 : memref<?xi32>
  scf.for %i = %c0 to %n step %c1 {
    memref.store %seven, %x[%i] : memref<?xi32>
  }
  return
}

// -----

// Kernels stay, runs end at them, and branches around kernels are the host's.

// CHECK-LABEL: func.func @around_kernels(
//       CHECK:   scf.if
//       CHECK:     scf.forall (%{{.+}}) in (1) {
//       CHECK:       linalg.fill
//       CHECK:     }
//       CHECK:     scf.forall (%{{.+}}) in (5) {
//       CHECK:     scf.forall (%{{.+}}) in (1) {
//       CHECK:       memref.store
func.func @around_kernels(%x: memref<5xi32>, %few: i1) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i32
  scf.if %few {
    linalg.fill ins(%zero : i32) outs(%x : memref<5xi32>)
    scf.forall (%i) in (5) {
      memref.store %zero, %x[%i] : memref<5xi32>
    }
    memref.store %zero, %x[%c0] : memref<5xi32>
  }
  return
}

// -----

// What is computed from memory goes along with it.

// CHECK-LABEL: func.func @values_of_memory(
//       CHECK:   scf.forall (%{{.+}}) in (1) {
//       CHECK:     %[[V:.+]] = memref.load
//       CHECK:     %[[W:.+]] = arith.addi %[[V]], %[[V]]
//       CHECK:     memref.store %[[W]]
//       CHECK:   }
func.func @values_of_memory(%x: memref<5xi32>) {
  %c0 = arith.constant 0 : index
  %v = memref.load %x[%c0] : memref<5xi32>
  %w = arith.addi %v, %v : i32
  memref.store %w, %x[%c0] : memref<5xi32>
  return
}
