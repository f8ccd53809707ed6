// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// Barriers, shuffles and votes are calls; what PTX leaves out has its default.

// CHECK-LABEL: llvm.func internal @barriers
llvm.func @barriers(%id: i32, %threads: i32, %p: i32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  // CHECK: llvm.call @peermla_sim_barrier_sync(%[[#]], %[[#]], %[[#]])
  nvvm.barrier0
  // CHECK: llvm.call @peermla_sim_barrier_sync(%[[ID:.*]], %[[THREADS:.*]], %{{.*}}) : (i32, i32, i32) -> ()
  nvvm.barrier id = %id number_of_threads = %threads
  // CHECK: llvm.call @peermla_sim_barrier_arrive(%[[ID]], %[[THREADS]], %{{.*}})
  nvvm.barrier.arrive id = %id number_of_threads = %threads
  // CHECK: llvm.call @peermla_sim_barrier_reduce({{.*}}) : (i32, i32, i32, i32, i32) -> i32
  %r = nvvm.barrier #nvvm.reduction<popc> %p -> i32
  llvm.store %r, %out : i32, !llvm.ptr<1>
  // CHECK: llvm.call @peermla_sim_warp_sync
  nvvm.bar.warp.sync %id : i32
  // CHECK: llvm.call @peermla_sim_cluster_arrive
  nvvm.cluster.arrive {aligned}
  // CHECK: llvm.call @peermla_sim_cluster_wait
  nvvm.cluster.wait {aligned}
  llvm.return
}

// A shuffle of floats moves their bits; its predicate is memory.

// CHECK-LABEL: llvm.func internal @shuffle
// CHECK-SAME: (%[[X:.*]]: f32,
// CHECK: %[[FLAG:.*]] = llvm.alloca
// CHECK: %[[BITS:.*]] = llvm.bitcast %[[X]] : f32 to i32
// CHECK: %[[MOVED:.*]] = llvm.call @peermla_sim_shuffle({{.*}}, %[[BITS]], {{.*}}, %[[FLAG]], {{.*}})
// CHECK: %[[VALID:.*]] = llvm.load %[[FLAG]]
// CHECK: llvm.bitcast %[[MOVED]] : i32 to f32
// CHECK: llvm.icmp "ne" %[[VALID]]
llvm.func @shuffle(%x: f32, %lane: i32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %s = nvvm.shfl.sync idx %lane, %x, %lane, %lane {return_value_and_is_valid} : f32 -> !llvm.struct<(f32, i1)>
  %y = llvm.extractvalue %s[0] : !llvm.struct<(f32, i1)>
  llvm.store %y, %out : f32, !llvm.ptr<1>
  llvm.return
}

// CHECK-LABEL: llvm.func internal @votes
llvm.func @votes(%mask: i32, %p: i1, %v: i32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  // CHECK: %[[P:.*]] = llvm.zext %{{.*}} : i1 to i32
  // CHECK: llvm.call @peermla_sim_vote(%{{.*}}, %{{.*}}, %[[P]], %{{.*}})
  %b = nvvm.vote.sync ballot %mask, %p -> i32
  llvm.store %b, %out : i32, !llvm.ptr<1>
  // CHECK: llvm.call @peermla_sim_reduce
  %r = nvvm.redux.sync umax %v, %mask : i32 -> i32
  llvm.store %r, %out : i32, !llvm.ptr<1>
  // CHECK: llvm.call @peermla_sim_match_any
  %m = nvvm.match.sync any %mask, %v : i32 -> i32
  llvm.store %m, %out : i32, !llvm.ptr<1>
  // CHECK: llvm.call @peermla_sim_elect
  %e = nvvm.elect.sync -> i1
  llvm.cond_br %e, ^a, ^b
^a:
  // CHECK: llvm.call @peermla_sim_fence
  nvvm.fence.mbarrier.init
  llvm.br ^b
^b:
  llvm.return
}
