// RUN: peermla-opt %s -peermla-warpgroups-to-nvvm | FileCheck %s

// Accumulators are tied, offsets are added in the PTX, descriptors are words of
// bits.

// The distance to the next eight rows, 64 units, and the swizzle.
// CHECK-LABEL: func @descriptor
// CHECK: %[[address:.*]] = llvm.ptrtoint %{{.*}} : !llvm.ptr<3> to i32
// CHECK: %[[units:.*]] = arith.shrui %[[address]], %c4_i32
// CHECK: %[[field:.*]] = arith.andi %[[units]], %c16383_i32
// CHECK: %[[low:.*]] = arith.extui %[[field]] : i32 to i64
// 2^62 + 64 * 2^32 + 512 * 2^16
// CHECK: %[[rest:.*]] = arith.constant 4611686293338849280 : i64
// CHECK: arith.ori %[[low]], %[[rest]]
func.func @descriptor(%slot: !llvm.ptr<3>) -> i64 {
  %d = frag.descriptor %slot leading 8192
  return %d : i64
}

// CHECK-LABEL: func @both_in_shared_memory
// CHECK-SAME: (%[[a:.*]]: i64, %[[b:.*]]: i64, %[[c:.*]]: vector<4xf32>)
// CHECK: %[[e:.*]]:4 = vector.to_elements %[[c]]
// CHECK: %[[s:.*]] = llvm.inline_asm has_side_effects asm_dialect = att
// CHECK-SAME: "{ .reg .b64 a; add.s64 a, $4, 2; .reg .b64 b; add.s64 b, $5, 128; wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {$0, $1, $2, $3}, a, b, 1, 1, 1, 0, 0; }"
// CHECK-SAME: "=f,=f,=f,=f,l,l,0,1,2,3" %[[a]], %[[b]], %[[e]]#0, %[[e]]#1, %[[e]]#2, %[[e]]#3
// CHECK: %[[r3:.*]] = llvm.extractvalue %[[s]][3]
// CHECK: vector.from_elements %{{.*}}, %{{.*}}, %{{.*}}, %[[r3]]
func.func @both_in_shared_memory(%a: i64, %b: i64, %c: vector<4xf32>) -> vector<4xf32> {
  %d = frag.wgmma %a, %b, acc %c offsets [32, 2048] of bf16 : i64, vector<4xf32>
  return %d : vector<4xf32>
}

// Without an accumulator nothing is tied, and the sum is not scaled in.
// CHECK-LABEL: func @a_in_registers
// CHECK: "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {$0, $1, $2, $3}, {$4, $5, $6, $7}, $8, 0, 1, 1, 1;"
// CHECK-SAME: "=f,=f,=f,=f,r,r,r,r,l"
func.func @a_in_registers(%a: vector<4xi32>, %b: i64) -> vector<4xf32> {
  %d = frag.wgmma %a, %b offsets [0, 0] columns of f16 : vector<4xi32>, vector<4xf32>
  return %d : vector<4xf32>
}

// CHECK-LABEL: func @wait
// CHECK: "wgmma.wait_group.sync.aligned 1;", "=f,=f,=f,=f,=f,=f,0,1,2,3,4,5"
// CHECK-COUNT-2: vector.from_elements
func.func @wait(%s: vector<4xf32>, %o: vector<2xf32>) -> (vector<4xf32>, vector<2xf32>) {
  %r:2 = frag.wgmma_wait 1, %s, %o : vector<4xf32>, vector<2xf32>
  return %r#0, %r#1 : vector<4xf32>, vector<2xf32>
}

// CHECK-LABEL: func @wait_for_operands
// CHECK: nvvm.wgmma.wait.group.sync.aligned 1
func.func @wait_for_operands() {
  frag.wgmma_wait 1
  return
}
