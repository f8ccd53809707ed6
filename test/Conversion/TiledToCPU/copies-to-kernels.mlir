// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-copies-to-kernels))' | FileCheck %s

// Copies outside of kernels become kernels over blocks of 16 rows.

// CHECK-LABEL: func.func @rows(
//  CHECK-SAME:   %[[A:.+]]: memref<?x5xf32>, %[[B:.+]]: memref<?x5xf32>
//       CHECK:   %[[T:.+]] = memref.dim %[[B]]
//       CHECK:   scf.forall (%[[I:.+]]) = (0) to (%[[T]]) step (16)
//       CHECK:     %[[N:.+]] = affine.min {{.+}}(%[[I]])[%[[T]]]
//       CHECK:     %[[FROM:.+]] = memref.subview %[[A]][%[[I]], 0] [%[[N]], 5] [1, 1]
//       CHECK:     %[[TO:.+]] = memref.subview %[[B]][%[[I]], 0] [%[[N]], 5] [1, 1]
//       CHECK:     memref.copy %[[FROM]], %[[TO]]
//   CHECK-NOT:   memref.copy
func.func @rows(%a: memref<?x5xf32>, %b: memref<?x5xf32>) {
  memref.copy %a, %b : memref<?x5xf32> to memref<?x5xf32>
  return
}

// CHECK-LABEL: func.func @scalar(
//   CHECK-NOT:   scf.forall
//       CHECK:   memref.copy
func.func @scalar(%a: memref<f32>, %b: memref<f32>) {
  memref.copy %a, %b : memref<f32> to memref<f32>
  return
}

// CHECK-LABEL: func.func @inside_a_kernel(
//       CHECK:   scf.forall
//   CHECK-NOT:   scf.forall
//       CHECK:   return
func.func @inside_a_kernel(%a: memref<3x5xf32>, %b: memref<3x5xf32>) {
  scf.forall (%i) in (1) {
    memref.copy %a, %b : memref<3x5xf32> to memref<3x5xf32>
  }
  return
}

// CHECK-LABEL: func.func @no_rows(
//       CHECK:   scf.forall (%{{.+}}) = (0) to (0) step (16)
func.func @no_rows(%a: memref<0x5xf32>, %b: memref<0x5xf32>) {
  memref.copy %a, %b : memref<0x5xf32> to memref<0x5xf32>
  return
}
