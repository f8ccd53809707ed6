// RUN: peermla-opt %s | FileCheck %s
// RUN: peermla-opt %s --mlir-print-op-generic | peermla-opt | FileCheck %s
// RUN: peermla-opt %s --emit-bytecode | peermla-opt | FileCheck %s

// Text, generic form and bytecode of gathers and scratch come back as they were.

#rows = #tile.rows<threads = 64, lanes = 64, vector = 8>
#one = #tile.rows<threads = 64, lanes = 1, vector = 1>

// CHECK-LABEL: func @gathers
// CHECK: tile.gather %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] at(%{{.*}}, %{{.*}}) sizes(%{{.*}}, %{{.*}}) along [1, 2] : memref<?x3x5xi32>, tensor<64xi32>, tensor<64xi32> -> tensor<64xi32>
// CHECK: tile.gather %{{.*}}[%{{.*}}, %{{.*}}] at(%{{.*}}) sizes(%{{.*}}, %{{.*}}) along [0, 1] : memref<?x96xbf16>, tensor<4xi32> -> tensor<4x128xbf16>
func.func @gathers(%i: memref<?x3x5xi32>, %w: memref<?x96xbf16>, %h: tensor<64xi32>, %k: tensor<64xi32>, %r: tensor<4xi32>, %t: index, %n: index) -> (tensor<64xi32>, tensor<4x128xbf16>) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %c96 = arith.constant 96 : index
  %a = tile.gather %i[%t, %c0, %c0] at(%h, %k) sizes(%c3, %c5) along [1, 2] : memref<?x3x5xi32>, tensor<64xi32>, tensor<64xi32> -> tensor<64xi32>
  %b = tile.gather %w[%c0, %c0] at(%r) sizes(%n, %c96) along [0, 1] : memref<?x96xbf16>, tensor<4xi32> -> tensor<4x128xbf16>
  return %a, %b : tensor<64xi32>, tensor<4x128xbf16>
}

// CHECK-LABEL: func @layouts
// CHECK: tile.scratch : memref<8x2xf32, #gpu.address_space<workgroup>>
// CHECK: tile.scratch {offset = 64 : i64} : memref<64xi32, #gpu.address_space<workgroup>>
// CHECK: tile.broadcast %{{.*}} along 1 : tensor<8xf32, #tile.slice<1, #tile.rows<threads = 64, lanes = 64, vector = 8>>> -> tensor<8x512xf32, #tile.rows<threads = 64, lanes = 64, vector = 8>>
// CHECK: tile.reduce add %{{.*}} along 1 parts 2 : tensor<8x512xf32, #tile.rows<threads = 64, lanes = 64, vector = 8>> -> tensor<8x2xf32, #tile.parts<warps = 2>>
// CHECK: tile.reduce add %{{.*}} along 0 init %{{.*}} : tensor<8x512xf32, #tile.rows<threads = 64, lanes = 64, vector = 8>> -> tensor<512xf32, #tile.slice<0, #tile.rows<threads = 64, lanes = 64, vector = 8>>>
// CHECK: tile.reduce max %{{.*}} along 1 : tensor<64x3xf32, #tile.rows<threads = 64, lanes = 1, vector = 1>> -> tensor<64xf32, #tile.slice<1, #tile.rows<threads = 64, lanes = 1, vector = 1>>>
func.func @layouts(%w: tensor<8xf32, #tile.slice<1, #rows>>, %y: tensor<512xf32, #tile.slice<0, #rows>>, %p: tensor<64x3xf32, #one>) -> (tensor<8x2xf32, #tile.parts<warps = 2>>, tensor<512xf32, #tile.slice<0, #rows>>, tensor<64xf32, #tile.slice<1, #one>>) {
  %s = tile.scratch : memref<8x2xf32, #gpu.address_space<workgroup>>
  %i = tile.scratch {offset = 64} : memref<64xi32, #gpu.address_space<workgroup>>
  %a = tile.broadcast %w along 1 : tensor<8xf32, #tile.slice<1, #rows>> -> tensor<8x512xf32, #rows>
  %b = tile.reduce add %a along 1 parts 2 : tensor<8x512xf32, #rows> -> tensor<8x2xf32, #tile.parts<warps = 2>>
  %c = tile.reduce add %a along 0 init %y : tensor<8x512xf32, #rows> -> tensor<512xf32, #tile.slice<0, #rows>>
  %d = tile.reduce max %p along 1 : tensor<64x3xf32, #one> -> tensor<64xf32, #tile.slice<1, #one>>
  return %b, %c, %d : tensor<8x2xf32, #tile.parts<warps = 2>>, tensor<512xf32, #tile.slice<0, #rows>>, tensor<64xf32, #tile.slice<1, #one>>
}
