// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// Flags of the access: 1 writes, 2 shared, 4 global, 8 atomic, 16
// acquires, 32 releases, 256 in the scope of the cluster or of less.

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

// CHECK-LABEL: llvm.func internal @scopes
llvm.func @scopes(%p: !llvm.ptr<1>, %one: i32) attributes {nvvm.kernel} {
  // CHECK: %[[BLOCK:.*]] = llvm.mlir.constant(301 : i32)
  // CHECK: llvm.call @peermla_sim_access(%{{.*}}, %{{.*}}, %{{.*}}, %[[BLOCK]], %{{.*}})
  // CHECK: llvm.atomicrmw add
  %a = llvm.atomicrmw add %p, %one syncscope("block") release : !llvm.ptr<1>, i32
  // CHECK: %[[DEVICE:.*]] = llvm.mlir.constant(45 : i32)
  // CHECK: llvm.call @peermla_sim_access(%{{.*}}, %{{.*}}, %{{.*}}, %[[DEVICE]], %{{.*}})
  // CHECK: llvm.atomicrmw add
  %b = llvm.atomicrmw add %p, %one syncscope("device") release : !llvm.ptr<1>, i32
  // CHECK: %[[CLUSTER:.*]] = llvm.mlir.constant(284 : i32)
  // CHECK: llvm.call @peermla_sim_access(%{{.*}}, %{{.*}}, %{{.*}}, %[[CLUSTER]], %{{.*}})
  // CHECK: llvm.load
  %c = llvm.inline_asm has_side_effects "ld.acquire.cluster.global.u32 $0, [$1];", "=r,l" %p : (!llvm.ptr<1>) -> i32
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
