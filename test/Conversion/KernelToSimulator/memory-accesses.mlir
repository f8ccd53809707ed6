// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// Flags of the access: 1 writes, 2 shared, 4 global, 8 atomic.

// CHECK-LABEL: llvm.func internal @spaces
llvm.func @spaces(%global: !llvm.ptr<1>, %shared: !llvm.ptr<3>, %generic: !llvm.ptr) attributes {nvvm.kernel} {
  // CHECK: %[[BYTES:.*]] = llvm.mlir.constant(16 : i32)
  // CHECK: %[[ALIGN:.*]] = llvm.mlir.constant(8 : i32)
  // CHECK: %[[FLAGS:.*]] = llvm.mlir.constant(4 : i32)
  // CHECK: %[[Q:.*]] = llvm.call @peermla_sim_access(%{{.*}}, %[[BYTES]], %[[ALIGN]], %[[FLAGS]], %{{.*}})
  // CHECK: %[[V:.*]] = llvm.load %[[Q]]
  %v = llvm.load %global {alignment = 8 : i64} : !llvm.ptr<1> -> vector<4xf32>
  // CHECK: %[[WRITES:.*]] = llvm.mlir.constant(3 : i32)
  // CHECK: %[[S:.*]] = llvm.call @peermla_sim_access(%{{.*}}, %{{.*}}, %{{.*}}, %[[WRITES]], %{{.*}})
  // CHECK: llvm.store %[[V]], %[[S]]
  llvm.store %v, %shared : vector<4xf32>, !llvm.ptr<3>
  %one = llvm.mlir.constant(1 : i32) : i32
  // CHECK: %[[ATOMIC:.*]] = llvm.mlir.constant(9 : i32)
  // CHECK: llvm.call @peermla_sim_access(%{{.*}}, %{{.*}}, %{{.*}}, %[[ATOMIC]], %{{.*}})
  // CHECK: llvm.atomicrmw add
  %old = llvm.atomicrmw add %generic, %one monotonic : !llvm.ptr, i32
  llvm.return
}

// A thread's own variables need no check.

// CHECK-LABEL: llvm.func internal @local
// CHECK-NOT: peermla_sim_access
// CHECK: llvm.return
llvm.func @local(%i: i32) attributes {nvvm.kernel} {
  %n = llvm.mlir.constant(4 : i32) : i32
  %a = llvm.alloca %n x i32 : (i32) -> !llvm.ptr
  %p = llvm.getelementptr %a[%i] : (!llvm.ptr, i32) -> !llvm.ptr, i32
  llvm.store %i, %p : i32, !llvm.ptr
  llvm.return
}
