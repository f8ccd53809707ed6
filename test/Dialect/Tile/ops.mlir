// RUN: peermla-opt %s | FileCheck %s
// RUN: peermla-opt %s --mlir-print-op-generic | peermla-opt | FileCheck %s
// RUN: peermla-opt %s --emit-bytecode | peermla-opt | FileCheck %s

// Text, generic form and bytecode of launches come back as they were.

gpu.module @scale {
  func.func @scale(%x: memref<?x6xf32>, %f: f32, %y: memref<?x6xf32>) {
    return
  }
}

// The same kernel once its memrefs are pointers: sizes follow, then strides.
gpu.module @lowered {
  llvm.func @scale(%x: !llvm.ptr, %f: f32, %y: !llvm.ptr, %x0: i64, %y0: i64,
                   %s0: i64) {
    llvm.return
  }
}

// CHECK-LABEL: func @on_tensors
// CHECK: tile.launch @scale::@scale blocks(%{{.*}}) ins(%{{.*}}, %{{.*}} : tensor<?x6xf32>, f32) outs(%{{.*}} : tensor<?x6xf32>) -> tensor<?x6xf32>
func.func @on_tensors(%n: index, %x: tensor<?x6xf32>, %f: f32,
                      %init: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %y = tile.launch @scale::@scale blocks(%n) ins(%x, %f : tensor<?x6xf32>, f32)
         outs(%init : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// CHECK-LABEL: func @on_memrefs
// CHECK: tile.launch @lowered::@scale blocks(%{{.*}}, %{{.*}}, %{{.*}}) ins(%{{.*}}, %{{.*}} : memref<?x6xf32>, f32) outs(%{{.*}} : memref<?x6xf32, strided<[?, 1]>>){{$}}
func.func @on_memrefs(%n: index, %x: memref<?x6xf32>, %f: f32,
                      %y: memref<?x6xf32, strided<[?, 1]>>) {
  tile.launch @lowered::@scale blocks(%n, %n, %n)
    ins(%x, %f : memref<?x6xf32>, f32)
    outs(%y : memref<?x6xf32, strided<[?, 1]>>)
  return
}
