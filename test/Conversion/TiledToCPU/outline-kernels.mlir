// RUN: peermla-opt %s -peermla-outline-kernels | FileCheck %s

// A forall becomes a function of a range of its items, numbered row by row, and
// a call of its launch. Constants are made anew inside.

// CHECK-LABEL: func.func private @forward.kernel_0(
//  CHECK-SAME:   %[[BEGIN:.+]]: index, %[[END:.+]]: index, %[[WORKER:.+]]: index, %[[X:.+]]: memref<?x5xf32>, %[[ROWS:.+]]: index, %[[COLUMNS:.+]]: index)
//  CHECK-SAME:   attributes {peermla.id = "copy", peermla.kernel}
//       CHECK:   scf.for %[[ITEM:.+]] = %[[BEGIN]] to %[[END]]
//       CHECK:     %[[COLUMN:.+]] = arith.remui %[[ITEM]], %[[COLUMNS]]
//       CHECK:     %[[ROW:.+]] = arith.divui %[[ITEM]], %[[COLUMNS]]
//       CHECK:     %[[J_STEPS:.+]] = arith.muli %[[COLUMN]], %c2
//       CHECK:     %[[J:.+]] = arith.addi %c1{{.*}}, %[[J_STEPS]]
//       CHECK:     %[[I_STEPS:.+]] = arith.muli %[[ROW]], %c3
//       CHECK:     %[[I:.+]] = arith.addi %c0{{.*}}, %[[I_STEPS]]
//       CHECK:     memref.load %[[X]][%[[I]], %[[J]]]
//       CHECK: func.func private @forward.kernel_0.launch(index, memref<?x5xf32>, index, index) attributes {peermla.launch = @forward.kernel_0}
// CHECK-LABEL: func.func @forward(
//   CHECK-NOT:   scf.forall
//       CHECK:   %[[ITEMS:.+]] = arith.muli
//       CHECK:   %[[ALL:.+]] = arith.muli %[[ITEMS]],
//       CHECK:   call @forward.kernel_0.launch(%[[ALL]], %{{.+}}
func.func @forward(%x: memref<?x5xf32>, %n: index) attributes {peermla.entry} {
  %c2 = arith.constant 2 : index
  scf.forall (%i, %j) = (0, 1) to (%n, 5) step (3, 2) {
    %v = memref.load %x[%i, %j] : memref<?x5xf32>
    memref.store %v, %x[%i, %c2] : memref<?x5xf32>
  } {peermla.id = "copy"}
  return
}

// CHECK-LABEL: func.func private @inner_loops_stay.kernel_0(
//       CHECK:   scf.forall
func.func @inner_loops_stay(%x: memref<3x5xf32>) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (3) {
    scf.forall (%j) in (5) {
      memref.store %zero, %x[%i, %j] : memref<3x5xf32>
    }
  }
  return
}
