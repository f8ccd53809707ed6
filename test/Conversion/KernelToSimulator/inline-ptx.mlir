// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// Labels are blocks, registers are variables.

// CHECK-LABEL: llvm.func internal @wait_loop
// CHECK-DAG: %[[P:.*]] = llvm.alloca %{{.*}} x i1
// CHECK: ^[[LOOP:bb[0-9]+]]:
// CHECK: llvm.call @peermla_sim_mbarrier_wait
// CHECK: llvm.store %{{.*}}, %[[P]]
// CHECK: %[[DONE:.*]] = llvm.load %[[P]]
// CHECK: llvm.cond_br %[[DONE]], ^[[END:bb[0-9]+]], ^[[NEXT:bb[0-9]+]]
// CHECK: ^[[NEXT]]:
// CHECK: llvm.br ^[[LOOP]]
// CHECK: ^[[END]]:
llvm.func @wait_loop(%bar: !llvm.ptr<3>, %phase: i32, %ticks: i32) attributes {nvvm.kernel} {
  llvm.inline_asm has_side_effects asm_dialect = att "{\0A\09.reg .pred P1; \0A\09LAB_WAIT: \0A\09mbarrier.try_wait.parity.shared.b64 P1, [$0], $1, $2; \0A\09@P1 bra.uni DONE; \0A\09bra.uni LAB_WAIT; \0A\09DONE: \0A\09}", "r,r,r" %bar, %phase, %ticks : (!llvm.ptr<3>, i32, i32) -> ()
  llvm.return
}

// A guard is a branch; arithmetic is that of LLVM.

// CHECK-LABEL: llvm.func internal @guard
// CHECK-SAME: (%[[X:.*]]: f32, %[[Q:.*]]: i1,
// CHECK: llvm.cond_br
// CHECK: llvm.call @peermla_sim_approx
llvm.func @guard(%x: f32, %q: i1, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %y = llvm.inline_asm has_side_effects "mov.f32 $0, 0f3F800000; @!$2 ex2.approx.ftz.f32 $0, $1;", "=f,f,b" %x, %q : (f32, i1) -> f32
  llvm.store %y, %out : f32, !llvm.ptr<1>
  llvm.return
}

// Matrix products on registers: results start as the tied operands, and a wait
// carries them.

// CHECK-LABEL: llvm.func internal @products
// CHECK: llvm.call @peermla_sim_wgmma_registers({{.*}}) : (!llvm.ptr, i64, i64, !llvm.ptr, i32, i32, i32, i32, i32, i32) -> ()
// CHECK: llvm.call @peermla_sim_wgmma_commit
// CHECK: llvm.call @peermla_sim_wgmma_wait_registers
llvm.func @products(%a: i32, %b: i64, %c: f32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %d = llvm.inline_asm has_side_effects "{ .reg .b64 db; add.s64 db, $8, 2; wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {$0, $1, $2, $3}, {$4, $5, $6, $7}, db, 1, 1, 1, 1; }", "=f,=f,=f,=f,r,r,r,r,l,0,1,2,3" %a, %a, %a, %a, %b, %c, %c, %c, %c : (i32, i32, i32, i32, i64, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  nvvm.wgmma.commit.group.sync.aligned
  %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
  %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
  %e = llvm.inline_asm has_side_effects "wgmma.wait_group.sync.aligned 0;", "=f,=f,0,1" %d0, %d1 : (f32, f32) -> !llvm.struct<(f32, f32)>
  %x = llvm.extractvalue %e[0] : !llvm.struct<(f32, f32)>
  llvm.store %x, %out : f32, !llvm.ptr<1>
  llvm.return
}

// nvvm.inline_ptx is lowered as MLIR does.

// CHECK-LABEL: llvm.func internal @inline_ptx
// CHECK: llvm.call @peermla_sim_access
// CHECK-COUNT-4: llvm.load
llvm.func @inline_ptx(%p: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %0:4 = nvvm.inline_ptx "ld.global.nc.L1::no_allocate.v4.u32 {{$w0}, {$w1}, {$w2}, {$w3}}, [{$r0}];" ro (%p : !llvm.ptr<1>) -> i32, i32, i32, i32
  llvm.store %0#3, %out : i32, !llvm.ptr<1>
  llvm.return
}
