// RUN: peermla-opt %s -pass-pipeline='builtin.module(func.func(peermla-narrow-weights))' | FileCheck %s

// Weights keep the type in which they are stored, if they are only loaded from.

// CHECK-LABEL: func.func @loads_are_widened(
//  CHECK-SAME:     %[[W:[^:]+]]: memref<6x4xbf16> {peermla.stored = "bf16"
//  CHECK-SAME:     %[[X:[^:]+]]: memref<6x4xf64>)
//       CHECK:   %[[V:.+]] = memref.expand_shape %[[W]] {{.*}} : memref<6x4xbf16> into memref<2x3x4xbf16>
//       CHECK:   %[[S:.+]] = memref.subview %[[V]]{{.*}} : memref<2x3x4xbf16> to memref<2x2x4xbf16, strided<[12, 4, 1], offset: 4>>
//       CHECK:   %[[NARROW:.+]] = memref.load %[[S]]
//       CHECK:   %[[WIDE:.+]] = arith.extf %[[NARROW]] : bf16 to f64
//       CHECK:   memref.load %[[X]]{{.*}} : memref<6x4xf64>
//       CHECK:   arith.mulf %[[WIDE]],
func.func @loads_are_widened(
    %w: memref<6x4xf64> {peermla.stored = "bf16", peermla.weight = "w"},
    %x: memref<6x4xf64>) -> f64 {
  %c0 = arith.constant 0 : index
  %v = memref.expand_shape %w [[0, 1], [2]] output_shape [2, 3, 4]
      : memref<6x4xf64> into memref<2x3x4xf64>
  %s = memref.subview %v[0, 1, 0] [2, 2, 4] [1, 1, 1]
      : memref<2x3x4xf64> to memref<2x2x4xf64, strided<[12, 4, 1], offset: 4>>
  %0 = memref.load %s[%c0, %c0, %c0]
      : memref<2x2x4xf64, strided<[12, 4, 1], offset: 4>>
  %1 = memref.load %x[%c0, %c0] : memref<6x4xf64>
  %2 = arith.mulf %0, %1 : f64
  return %2 : f64
}

// CHECK-LABEL: func.func @returned_weights_are_wide(
//  CHECK-SAME:     %[[W:[^:]+]]: memref<3xf64>
func.func @returned_weights_are_wide(
    %w: memref<3xf64> {peermla.stored = "f32", peermla.weight = "w"})
    -> memref<3xf64> {
  return %w : memref<3xf64>
}
