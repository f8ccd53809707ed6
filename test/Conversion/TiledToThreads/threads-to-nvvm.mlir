// RUN: peermla-opt %s -pass-pipeline='builtin.module(gpu.module(peermla-threads-to-nvvm,reconcile-unrealized-casts,canonicalize))' | FileCheck %s

// Shared memory that the launch provides is no variable of the module's own.

//       CHECK: llvm.mlir.global external @[[SHARED:.+]]() {addr_space = 3 : i32

// A memref is a pointer to global memory; its dynamic sizes come after all
// operands, then its dynamic strides.

// CHECK-LABEL: llvm.func @k(
//  CHECK-SAME:   %[[X:.+]]: !llvm.ptr<1>, %[[N:.+]]: i64, %[[F:.+]]: f32, %[[Y:.+]]: !llvm.ptr<1>, %[[SIZE:.+]]: i64, %[[STRIDE:.+]]: i64, %[[SIZE_Y:.+]]: i64)
//  CHECK-SAME:   attributes {nvvm.kernel, nvvm.reqntid = array<i32: 64>, tile.shared_bytes = 16 : i64}
//   CHECK-DAG:   llvm.addrspacecast %[[X]] : !llvm.ptr<1> to !llvm.ptr
//   CHECK-DAG:   nvvm.read.ptx.sreg.tid.x
//       CHECK:   llvm.mul %{{.+}}, %[[STRIDE]]
//       CHECK:   llvm.fmul %{{.+}}, %[[F]]
//       CHECK:   nvvm.barrier
//       CHECK:   llvm.return
gpu.module @m {
  func.func @k(%x: memref<?x4xf32, strided<[?, 1]>>, %n: index, %f: f32, %y: memref<?xf32>)
      attributes {nvvm.reqntid = array<i32: 64>, tile.shared_bytes = 16 : i64} {
    %c0 = arith.constant 0 : index
    %shared = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %bytes = memref.memory_space_cast %shared : memref<?xi8, #gpu.address_space<workgroup>> to memref<?xi8>
    %a = memref.view %bytes[%c0][] : memref<?xi8> to memref<4xf32>
    %t = gpu.thread_id x
    %v = memref.load %x[%n, %t] : memref<?x4xf32, strided<[?, 1]>>
    %r = arith.mulf %v, %f : f32
    memref.store %r, %a[%c0] : memref<4xf32>
    gpu.barrier
    %w = memref.load %a[%c0] : memref<4xf32>
    memref.store %w, %y[%t] : memref<?xf32>
    return
  }
}

// The pointer is to the first element: an offset that the type knows, and that
// every access adds, is taken back once.

// CHECK-LABEL: llvm.func @offset(
//       CHECK:   %[[X:.+]] = llvm.addrspacecast
//       CHECK:   llvm.getelementptr %[[X]][-256] : (!llvm.ptr) -> !llvm.ptr, f32
gpu.module @n {
  func.func @offset(%x: memref<8xf32, strided<[2], offset: 256>>) attributes {nvvm.reqntid = array<i32: 32>} {
    %t = gpu.thread_id x
    %v = memref.load %x[%t] : memref<8xf32, strided<[2], offset: 256>>
    memref.store %v, %x[%t] : memref<8xf32, strided<[2], offset: 256>>
    return
  }
}
