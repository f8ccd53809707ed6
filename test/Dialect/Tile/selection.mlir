// RUN: peermla-opt %s | FileCheck %s
// RUN: peermla-opt %s --mlir-print-op-generic | peermla-opt | FileCheck %s
// RUN: peermla-opt %s --emit-bytecode | peermla-opt | FileCheck %s

// Text, generic form and bytecode of selections come back as they were.

#one = #tile.rows<threads = 64, lanes = 1, vector = 1>
#four = #tile.rows<threads = 64, lanes = 4, vector = 2>
#row = #tile.slice<1, #four>
!scores = memref<16x72xf32, #gpu.address_space<workgroup>>
!list = memref<16x8xi32, #gpu.address_space<workgroup>>

// CHECK-LABEL: func @selection
// CHECK: tile.topk %{{.*}} into %{{.*}} : tensor<64x24xi64>, tensor<64x8xi64>
func.func @selection(%keys: tensor<64x24xi64>, %best: tensor<64x8xi64>) -> tensor<64x8xi64> {
  %0 = tile.topk %keys into %best : tensor<64x24xi64>, tensor<64x8xi64>
  return %0 : tensor<64x8xi64>
}

// CHECK-LABEL: func @layouts
// CHECK: tile.topk %{{.*}} into %{{.*}} : tensor<64x24xi64, #tile.rows<threads = 64, lanes = 1, vector = 1>>, tensor<64x8xi64, #tile.rows<threads = 64, lanes = 1, vector = 1>>
func.func @layouts(%keys: tensor<64x24xi64, #one>, %best: tensor<64x8xi64, #one>) -> tensor<64x8xi64, #one> {
  %0 = tile.topk %keys into %best : tensor<64x24xi64, #one>, tensor<64x8xi64, #one>
  return %0 : tensor<64x8xi64, #one>
}

// CHECK-LABEL: func @lanes
// CHECK: tile.topk sorted %{{.*}} into %{{.*}} : tensor<16x8xi64, #tile.rows<threads = 64, lanes = 4, vector = 2>>, tensor<16x8xi64, #tile.rows<threads = 64, lanes = 4, vector = 2>>
// CHECK: tile.reduce max %{{.*}} along 1 : tensor<16x8xf32, #tile.rows<threads = 64, lanes = 4, vector = 2>>
func.func @lanes(%keys: tensor<16x8xi64, #four>, %best: tensor<16x8xi64, #four>, %scores: tensor<16x8xf32, #four>) -> (tensor<16x8xi64, #four>, tensor<16xf32, #tile.slice<1, #four>>) {
  %0 = tile.topk sorted %keys into %best : tensor<16x8xi64, #four>, tensor<16x8xi64, #four>
  %1 = tile.reduce max %scores along 1 : tensor<16x8xf32, #four> -> tensor<16xf32, #tile.slice<1, #four>>
  return %0, %1 : tensor<16x8xi64, #four>, tensor<16xf32, #tile.slice<1, #four>>
}

// CHECK-LABEL: func @scan
// CHECK: tile.scan %{{.*}} first %{{.*}} count %{{.*}} columns 64 into %{{.*}}, %{{.*}} through %{{.*}} : memref<16x72xf32, #gpu.address_space<workgroup>>, tensor<16x8xi64>, tensor<16xf32>, memref<16x8xi32, #gpu.address_space<workgroup>>
func.func @scan(%scores: !scores, %first: index, %count: index, %best: tensor<16x8xi64>, %top: tensor<16xf32>, %list: !list) -> (tensor<16x8xi64>, tensor<16xf32>) {
  %0:2 = tile.scan %scores first %first count %count columns 64 into %best, %top through %list : !scores, tensor<16x8xi64>, tensor<16xf32>, !list
  return %0#0, %0#1 : tensor<16x8xi64>, tensor<16xf32>
}

// CHECK-LABEL: func @scan_layouts
// CHECK: tile.scan {{.*}} columns 32 into {{.*}}, tensor<16x8xi64, #tile.rows<threads = 64, lanes = 4, vector = 2>>, tensor<16xf32, #tile.slice<1, #tile.rows<threads = 64, lanes = 4, vector = 2>>>, memref<16x8xi32
func.func @scan_layouts(%scores: !scores, %first: index, %best: tensor<16x8xi64, #four>, %top: tensor<16xf32, #row>, %list: !list) -> tensor<16x8xi64, #four> {
  %0:2 = tile.scan %scores first %first count %first columns 32 into %best, %top through %list : !scores, tensor<16x8xi64, #four>, tensor<16xf32, #row>, !list
  return %0#0 : tensor<16x8xi64, #four>
}
