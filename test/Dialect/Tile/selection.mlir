// RUN: peermla-opt %s | FileCheck %s
// RUN: peermla-opt %s --mlir-print-op-generic | peermla-opt | FileCheck %s
// RUN: peermla-opt %s --emit-bytecode | peermla-opt | FileCheck %s

// Text, generic form and bytecode of selections come back as they were.

#one = #tile.rows<threads = 64, lanes = 1, vector = 1>

// CHECK-LABEL: func @selection
// CHECK: tile.topk %{{.*}} into %{{.*}} : tensor<64x24xi64>, tensor<64x8xi64>
// CHECK: tile.columns %{{.*}} [0, 0, 5] : tensor<64x8xi64> -> tensor<64x3xi64>
func.func @selection(%keys: tensor<64x24xi64>, %best: tensor<64x8xi64>) -> (tensor<64x8xi64>, tensor<64x3xi64>) {
  %0 = tile.topk %keys into %best : tensor<64x24xi64>, tensor<64x8xi64>
  %1 = tile.columns %0 [0, 0, 5] : tensor<64x8xi64> -> tensor<64x3xi64>
  return %0, %1 : tensor<64x8xi64>, tensor<64x3xi64>
}

// CHECK-LABEL: func @layouts
// CHECK: tile.topk %{{.*}} into %{{.*}} : tensor<64x24xi64, #tile.rows<threads = 64, lanes = 1, vector = 1>>, tensor<64x8xi64, #tile.rows<threads = 64, lanes = 1, vector = 1>>
func.func @layouts(%keys: tensor<64x24xi64, #one>, %best: tensor<64x8xi64, #one>) -> tensor<64x8xi64, #one> {
  %0 = tile.topk %keys into %best : tensor<64x24xi64, #one>, tensor<64x8xi64, #one>
  return %0 : tensor<64x8xi64, #one>
}
