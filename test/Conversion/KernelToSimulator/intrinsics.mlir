// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// What LLVM IR holds when it is read back. A kernel is one by its convention.

// CHECK-LABEL: llvm.func internal @intrinsics
// CHECK-NOT: ptx_kernelcc
llvm.func ptx_kernelcc @intrinsics(%s: !llvm.ptr<3>, %map: !llvm.ptr, %x: f32, %n: i32, %p: i1, %out: !llvm.ptr<1>) {
  // CHECK: llvm.call @peermla_sim_barrier_sync
  llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"(%n) : (i32) -> ()
  // CHECK: llvm.call @peermla_sim_shuffle
  %y = llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"(%n, %x, %n, %n) : (i32, f32, i32, i32) -> f32
  llvm.store %y, %out : f32, !llvm.ptr<1>
  // CHECK: llvm.call @peermla_sim_ldmatrix
  %m = llvm.call_intrinsic "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.trans.b16.p3"(%s) : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
  %m0 = llvm.extractvalue %m[0] : !llvm.struct<(i32, i32)>
  // CHECK: llvm.call @peermla_sim_mma_sync
  %d = llvm.call_intrinsic "llvm.nvvm.mma.m16n8k8.row.col.bf16"(%m0, %m0, %m0, %x, %x, %x, %x) : (i32, i32, i32, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
  llvm.store %d0, %out : f32, !llvm.ptr<1>
  // CHECK: llvm.call @peermla_sim_mbarrier_arrive_expect_tx
  %t = llvm.call_intrinsic "llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta"(%s, %n) : (!llvm.ptr<3>, i32) -> i64
  // CHECK: llvm.call @peermla_sim_tma_load
  %target = llvm.addrspacecast %s : !llvm.ptr<3> to !llvm.ptr<7>
  %mask = llvm.mlir.constant(0 : i16) : i16
  %hint = llvm.mlir.constant(0 : i64) : i64
  %no = llvm.mlir.constant(false) : i1
  llvm.call_intrinsic "llvm.nvvm.cp.async.bulk.tensor.g2s.tile.2d"(%target, %s, %map, %n, %n, %mask, %hint, %no, %no, %n) : (!llvm.ptr<7>, !llvm.ptr<3>, !llvm.ptr, i32, i32, i16, i64, i1, i1, i32) -> ()
  // CHECK: llvm.call @peermla_sim_approx
  %l = llvm.call_intrinsic "llvm.nvvm.lg2.approx.ftz.f"(%x) : (f32) -> f32
  llvm.store %l, %out : f32, !llvm.ptr<1>
  // CHECK: llvm.call @peermla_sim_convert_pair_from_f32
  %c = llvm.call_intrinsic "llvm.nvvm.ff2bf16x2.rn"(%x, %y) : (f32, f32) -> vector<2xbf16>
  llvm.store %c, %out : vector<2xbf16>, !llvm.ptr<1>
  llvm.return
}
