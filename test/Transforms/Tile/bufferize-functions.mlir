// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-bufferize-functions)' | FileCheck %s

// The host function gets buffers, the kernel keeps its tiles.

// CHECK-LABEL: func.func @host(
//       CHECK:   tile.launch @k::@k blocks(%{{.+}}) ins(%{{.+}} : memref<64x64xf32, strided{{.*}}>) outs(%{{.+}} : memref<64x64xf32
func.func @host(%n: index, %x: tensor<64x64xf32>, %y: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %r = tile.launch @k::@k blocks(%n) ins(%x : tensor<64x64xf32>) outs(%y : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}

// CHECK: gpu.module @k
// CHECK:   tile.load {{.+}} -> tensor<64x64xf32>
gpu.module @k {
  func.func @k(%x: memref<64x64xf32>, %y: memref<64x64xf32>) {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %t = tile.load %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : memref<64x64xf32> -> tensor<64x64xf32>
    tile.store %t, %y[%c0, %c0] sizes(%c64, %c64) along [0, 1] : tensor<64x64xf32>, memref<64x64xf32>
    return
  }
}
