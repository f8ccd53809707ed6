// RUN: peermla-opt %s -peermla-merge-kernels | FileCheck %s

// Of equal kernels one stays, and all launches are its own; kernels that differ
// in a constant or a type are not equal, the layer they come from is no
// difference.

//       CHECK: func.func private @a.kernel_0(
//       CHECK: func.func private @a.kernel_0.launch(
//   CHECK-NOT: @b.kernel_0
//       CHECK: func.func private @c.kernel_0(
//       CHECK: func.func private @c.kernel_0.launch(
//       CHECK: func.func private @without_launch(
// CHECK-LABEL: func.func @entry(
//  CHECK-NEXT:   call @a.kernel_0.launch
//  CHECK-NEXT:   call @a.kernel_0.launch
//  CHECK-NEXT:   call @c.kernel_0.launch
func.func private @a.kernel_0(%b: index, %e: index, %w: index, %x: memref<3xf32>) attributes {peermla.kernel} {
  %v = arith.constant 1.0 : f32
  memref.store %v, %x[%b] : memref<3xf32>
  return
}
func.func private @a.kernel_0.launch(index, memref<3xf32>) attributes {peermla.launch = @a.kernel_0}
func.func private @b.kernel_0(%b: index, %e: index, %w: index, %x: memref<3xf32>) attributes {peermla.kernel} {
  %v = arith.constant 1.0 : f32
  memref.store %v, %x[%b] {peermla.id = "layers.1"} : memref<3xf32>
  return
}
func.func private @b.kernel_0.launch(index, memref<3xf32>) attributes {peermla.launch = @b.kernel_0}
func.func private @c.kernel_0(%b: index, %e: index, %w: index, %x: memref<3xf32>) attributes {peermla.kernel} {
  %v = arith.constant 2.0 : f32
  memref.store %v, %x[%b] : memref<3xf32>
  return
}
func.func private @c.kernel_0.launch(index, memref<3xf32>) attributes {peermla.launch = @c.kernel_0}
func.func private @without_launch(%b: index, %e: index, %w: index, %x: memref<3xf32>) attributes {peermla.kernel} {
  %v = arith.constant 1.0 : f32
  memref.store %v, %x[%b] : memref<3xf32>
  return
}
func.func @entry(%n: index, %x: memref<3xf32>) {
  call @a.kernel_0.launch(%n, %x) : (index, memref<3xf32>) -> ()
  call @b.kernel_0.launch(%n, %x) : (index, memref<3xf32>) -> ()
  call @c.kernel_0.launch(%n, %x) : (index, memref<3xf32>) -> ()
  return
}
