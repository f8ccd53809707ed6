// RUN: peermla-opt %s -one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" | FileCheck %s

// A launch writes its destinations in place, and keeps what it reads there.

gpu.module @scale {
  func.func @scale(%x: memref<5x6xf32>, %f: f32, %y: memref<5x6xf32>) {
    return
  }
}

// CHECK-LABEL: func @in_place
// CHECK-SAME: (%[[N:.*]]: index, %[[X:.*]]: memref<5x6xf32>, %[[F:.*]]: f32, %[[Y:.*]]: memref<5x6xf32>)
// CHECK-NOT: memref.alloc
// CHECK: tile.launch @scale::@scale blocks(%[[N]]) ins(%[[X]], %[[F]] : memref<5x6xf32>, f32) outs(%[[Y]] : memref<5x6xf32>)
// CHECK: return %[[Y]]
func.func @in_place(%n: index, %x: tensor<5x6xf32>, %f: f32,
                    %y: tensor<5x6xf32>) -> tensor<5x6xf32> {
  %r = tile.launch @scale::@scale blocks(%n) ins(%x, %f : tensor<5x6xf32>, f32)
         outs(%y : tensor<5x6xf32>) -> tensor<5x6xf32>
  return %r : tensor<5x6xf32>
}

// What was in the destination is used later, too: the launch gets a copy of it.
// CHECK-LABEL: func @reads_destination
// CHECK-SAME: (%{{.*}}: index, %{{.*}}: memref<5x6xf32>, %{{.*}}: f32, %[[Y:.*]]: memref<5x6xf32>)
// CHECK: %[[COPY:.*]] = memref.alloc
// CHECK: memref.copy %[[Y]], %[[COPY]]
// CHECK: tile.launch {{.*}} outs(%[[COPY]] : memref<5x6xf32>)
func.func @reads_destination(%n: index, %x: tensor<5x6xf32>, %f: f32,
                             %y: tensor<5x6xf32>)
    -> (tensor<5x6xf32>, tensor<5x6xf32>) {
  %r = tile.launch @scale::@scale blocks(%n) ins(%x, %f : tensor<5x6xf32>, f32)
         outs(%y : tensor<5x6xf32>) -> tensor<5x6xf32>
  return %r, %y : tensor<5x6xf32>, tensor<5x6xf32>
}
