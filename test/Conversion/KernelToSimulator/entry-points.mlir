// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// Code of the host goes away beside modules of the GPU.
// CHECK-NOT: @host
llvm.func @host()

gpu.module @kernels {
  // Variables of shared memory are offsets; dynamic memory starts behind them.
  // CHECK-NOT: llvm.mlir.global internal @small
  llvm.mlir.global internal @small() {addr_space = 3 : i32} : !llvm.array<3 x i8>
  llvm.mlir.global internal @large() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<64 x f32>
  llvm.mlir.global external @dynamic() {addr_space = 3 : i32} : !llvm.array<0 x i8>

  // CHECK-LABEL: llvm.func internal @kernel
  // CHECK-SAME: !llvm.ptr, %{{.*}}: i32, %{{.*}}: !llvm.ptr)
  // CHECK-NOT: nvvm.
  // CHECK: %[[BASE:.*]] = llvm.call @peermla_sim_shared_base()
  // CHECK: llvm.getelementptr %[[BASE]][1024]
  llvm.func @kernel(%p: !llvm.ptr<1>, %n: i32, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant})
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 96, 2, 1>} {
    %s = llvm.mlir.addressof @large : !llvm.ptr<3>
    llvm.store %n, %s : i32, !llvm.ptr<3>
    llvm.return
  }
}

// The entry point loads what its argument points at, but for the map.
// CHECK-LABEL: llvm.func @__peermla_sim_kernel
// CHECK-SAME: (%[[ARGS:.*]]: !llvm.ptr)
// CHECK: %[[A0:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: %[[P:.*]] = llvm.load %[[A0]] : !llvm.ptr -> !llvm.ptr
// CHECK: %[[A1:.*]] = llvm.load
// CHECK: %[[N:.*]] = llvm.load %[[A1]] : !llvm.ptr -> i32
// CHECK: %[[MAP:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: llvm.call @kernel(%[[P]], %[[N]], %[[MAP]])

// CHECK: llvm.mlir.global external constant @__peermla_sim_kernel_descriptor
// CHECK-DAG: llvm.mlir.constant(1280 : i32)
// CHECK-DAG: llvm.mlir.constant(2048 : i32)
// CHECK-DAG: llvm.mlir.constant(96 : i32)
