// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// A predicate is a branch around the call.

// CHECK-LABEL: llvm.func internal @predicates
// CHECK-SAME: (%[[BAR:.*]]: !llvm.ptr, %[[N:.*]]: i32, %[[P:.*]]: i1
// CHECK: llvm.cond_br %[[P]], ^[[THEN:.*]], ^[[AFTER:.*]]
// CHECK: ^[[THEN]]:
// CHECK: llvm.call @peermla_sim_mbarrier_init(%[[BAR]], %[[N]], %{{.*}})
// CHECK: llvm.br ^[[AFTER]]
// CHECK: ^[[AFTER]]:
// CHECK: llvm.call @peermla_sim_mbarrier_arrive_expect_tx(%[[BAR]], %[[N]],
llvm.func @predicates(%bar: !llvm.ptr<3>, %n: i32, %p: i1) attributes {nvvm.kernel} {
  nvvm.mbarrier.init %bar, %n, predicate = %p : !llvm.ptr<3>, i32, i1
  nvvm.mbarrier.arrive.expect_tx %bar, %n, predicate = %p : !llvm.ptr<3>, i32, i1
  llvm.return
}

// try_wait.parity is a loop; try_wait and test.wait are not.

// CHECK-LABEL: llvm.func internal @waits
// CHECK: llvm.br ^[[LOOP:.*]]{{$}}
// CHECK: ^[[LOOP]]:
// CHECK: %[[OVER:.*]] = llvm.call @peermla_sim_mbarrier_wait
// CHECK: %[[C:.*]] = llvm.icmp "ne" %[[OVER]]
// CHECK: llvm.cond_br %[[C]], ^{{.*}}, ^[[LOOP]]
// CHECK: llvm.call @peermla_sim_mbarrier_wait
// CHECK: llvm.trunc
llvm.func @waits(%bar: !llvm.ptr<3>, %phase: i32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  nvvm.mbarrier.try_wait.parity %bar, %phase, %phase : !llvm.ptr<3>, i32, i32
  %state = nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
  %over = nvvm.mbarrier.test.wait %bar, %state : !llvm.ptr<3>, i64 -> i1
  llvm.store %over, %out : i1, !llvm.ptr<1>
  llvm.return
}

// CHECK-LABEL: llvm.func internal @copies
llvm.func @copies(%s: !llvm.ptr<3>, %g: !llvm.ptr<1>, %map: !llvm.ptr, %bar: !llvm.ptr<3>, %n: i32) attributes {nvvm.kernel} {
  // CHECK: llvm.call @peermla_sim_cp_async(%{{.*}}, %{{.*}}, %{{.*}}, %[[READ:.*]], %{{.*}})
  nvvm.cp.async.shared.global %s, %g, 16, cache = cg, %n : !llvm.ptr<3>, !llvm.ptr<1>, i32
  // CHECK: llvm.call @peermla_sim_cp_async_commit
  nvvm.cp.async.commit.group
  // CHECK: llvm.call @peermla_sim_cp_async_wait
  nvvm.cp.async.wait.group 1
  // CHECK-COUNT-3: llvm.store
  // CHECK: llvm.call @peermla_sim_tma_load
  %c = llvm.addrspacecast %s : !llvm.ptr<3> to !llvm.ptr<7>
  nvvm.cp.async.bulk.tensor.shared.cluster.global %c, %map, %bar, box[%n, %n, %n] : !llvm.ptr<7>, !llvm.ptr
  // CHECK-COUNT-2: llvm.store
  // CHECK: llvm.call @peermla_sim_tma_store
  nvvm.cp.async.bulk.tensor.global.shared.cta %map, %s, box[%n, %n] : !llvm.ptr, !llvm.ptr<3>
  // CHECK: llvm.call @peermla_sim_bulk_commit
  nvvm.cp.async.bulk.commit.group
  // CHECK: llvm.call @peermla_sim_bulk_wait
  nvvm.cp.async.bulk.wait_group 0 {read}
  llvm.return
}
