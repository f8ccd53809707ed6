// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

!acc = !llvm.struct<(f32, f32, f32, f32)>

// Accumulators are handles. A product works in place where its operand dies,
// around the back edge of a loop, too; the value of a loop that is read behind
// it is dead in the next round.

// CHECK-LABEL: llvm.func internal @loop
// CHECK: %[[UNDEF:.*]] = llvm.call @peermla_sim_accumulator_undef
// CHECK: llvm.br ^[[HEADER:.*]](%{{.*}}, %[[UNDEF]] : i32, !llvm.ptr)
// CHECK: ^[[HEADER]](%{{.*}}: i32, %[[ACC:.*]]: !llvm.ptr)
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i32)
// CHECK: %[[D:.*]] = llvm.call @peermla_sim_wgmma(%[[ACC]], {{.*}}, %[[ONE]], %{{.*}})
// CHECK: llvm.br ^[[HEADER]](%{{.*}}, %[[D]] :
// CHECK: llvm.call @peermla_sim_accumulator_get(%[[ACC]],
llvm.func @loop(%a: i64, %b: i64, %n: i32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %start = llvm.mlir.undef : !acc
  llvm.br ^header(%c0, %start : i32, !acc)
^header(%i: i32, %acc: !acc):
  %more = llvm.icmp "slt" %i, %n : i32
  llvm.cond_br %more, ^body, ^exit
^body:
  %d = nvvm.wgmma.mma_async %a, %b, %acc, <m = 64, n = 8, k = 16>, D [<f32>, <one>], A [<bf16>, <one>, <row>], B [<bf16>, <one>, <col>] : !acc -> !acc
  %next = llvm.add %i, %c1 : i32
  llvm.br ^header(%next, %d : i32, !acc)
^exit:
  %x = llvm.extractvalue %acc[1] : !acc
  llvm.store %x, %out : f32, !llvm.ptr<1>
  llvm.return
}

// An accumulator that starts two loops, or one loop twice, is copied.

// CHECK-LABEL: llvm.func internal @hoisted
// CHECK: %[[ZERO:.*]] = llvm.call @peermla_sim_accumulator_zero
// CHECK: llvm.call @peermla_sim_accumulator_store(%[[ZERO]], %[[ARRAY:.*]], %{{.*}})
// CHECK: %[[COPY:.*]] = llvm.call @peermla_sim_accumulator_load(%[[ARRAY]], %{{.*}})
// CHECK: llvm.br ^{{.*}}(%{{.*}}, %[[COPY]] : i32, !llvm.ptr)
llvm.func @hoisted(%a: i64, %b: i64, %n: i32, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %zero = llvm.mlir.zero : !acc
  llvm.br ^outer(%c0 : i32)
^outer(%j: i32):
  llvm.br ^inner(%c0, %zero : i32, !acc)
^inner(%i: i32, %acc: !acc):
  %d = nvvm.wgmma.mma_async %a, %b, %acc, <m = 64, n = 8, k = 16>, D [<f32>, <one>], A [<bf16>, <one>, <row>], B [<bf16>, <one>, <col>] : !acc -> !acc
  %next = llvm.add %i, %c1 : i32
  %more = llvm.icmp "slt" %next, %n : i32
  llvm.cond_br %more, ^inner(%next, %d : i32, !acc), ^latch
^latch:
  %x = llvm.extractvalue %d[1] : !acc
  llvm.store %x, %out : f32, !llvm.ptr<1>
  %later = llvm.add %j, %c1 : i32
  %again = llvm.icmp "slt" %later, %n : i32
  llvm.cond_br %again, ^outer(%later : i32), ^exit
^exit:
  llvm.return
}

// A value that is used once more is not overwritten.

// CHECK-LABEL: llvm.func internal @shared_operand
// CHECK: %[[NOT:.*]] = llvm.mlir.constant(0 : i32)
// CHECK: %[[FIRST:.*]] = llvm.call @peermla_sim_wgmma({{.*}}, %[[NOT]], %{{.*}})
// CHECK: llvm.call @peermla_sim_wgmma_commit
// CHECK: llvm.call @peermla_sim_wgmma_wait
llvm.func @shared_operand(%a: i64, %b: i64, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %zero = llvm.mlir.zero : !acc
  nvvm.wgmma.fence.aligned
  %d = nvvm.wgmma.mma_async %a, %b, %zero, <m = 64, n = 8, k = 16>, D [<f32>, <one>], A [<bf16>, <neg>, <col>], B [<bf16>, <one>, <row>] : !acc -> !acc
  nvvm.wgmma.commit.group.sync.aligned
  nvvm.wgmma.wait.group.sync.aligned 0
  %x = llvm.extractvalue %zero[1] : !acc
  llvm.store %x, %out : f32, !llvm.ptr<1>
  llvm.return
}
