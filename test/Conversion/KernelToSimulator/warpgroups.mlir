// RUN: peermla-opt %s --peermla-kernel-to-simulator | FileCheck %s

// Accumulators are arrays that the runtime reads and writes; 2^62 + 64 * 2^32 +
// 512 * 2^16 are the bits of a descriptor beside its base, 16384 units of 16.

// CHECK-LABEL: llvm.func internal @both_in_shared_memory(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %[[b:[^:]*]]: i64
// CHECK: %[[array:.*]] = llvm.alloca %{{.*}} x i32
// CHECK: %[[address:.*]] = llvm.ptrtoint
// CHECK: %[[four:.*]] = llvm.mlir.constant(4 : i32)
// CHECK: %[[units:.*]] = llvm.lshr %{{.*}}, %[[four]]
// CHECK: llvm.and %[[units]]
// CHECK: %[[rest:.*]] = llvm.mlir.constant(4611686293338849280 : i64)
// CHECK: %[[a:.*]] = llvm.or %{{.*}}, %[[rest]]
// Offsets of 32 and 2048 bytes.
// CHECK: %[[c2:.*]] = llvm.mlir.constant(2 : i64)
// CHECK: %[[x:.*]] = llvm.add %[[a]], %[[c2]]
// CHECK: %[[c128:.*]] = llvm.mlir.constant(128 : i64)
// CHECK: %[[y:.*]] = llvm.add %[[b]], %[[c128]]
// CHECK: llvm.store %{{.*}}, %[[array]] {alignment = 4 : i64} : vector<4xf32>
// 64: read behind waits that carry it.
// CHECK: %[[flags:.*]] = llvm.mlir.constant(64 : i32)
// CHECK: llvm.call @peermla_sim_wgmma_registers(%[[array]], %[[x]], %[[y]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[flags]], %{{.*}})
// CHECK: llvm.load %[[array]] {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
llvm.func @both_in_shared_memory(%slot: !llvm.ptr<3>, %b: i64, %c: vector<4xf32>) -> vector<4xf32> {
  %a = frag.descriptor %slot leading 8192
  %d = frag.wgmma %a, %b, acc %c offsets [32, 2048] of bf16 : i64, vector<4xf32>
  %e = frag.wgmma_wait 0, %d : vector<4xf32>
  llvm.return %e : vector<4xf32>
}

// Without an accumulator the flag for zero is set, with columns that for rows of
// B along n: 64 + 4 or 64 + 2 + 4.

// CHECK-LABEL: llvm.func internal @a_in_registers(
// CHECK-SAME: %[[a:.*]]: vector<4xi32>, %[[b:.*]]: i64
// CHECK: llvm.store %[[a]], %[[fragment:.*]] {alignment
// CHECK: %[[flags:.*]] = llvm.mlir.constant(70 : i32)
// CHECK: %[[scaled:.*]] = llvm.select %{{.*}}, %{{.*}}, %[[flags]]
// CHECK: llvm.call @peermla_sim_wgmma_registers(%{{.*}}, %{{.*}}, %[[b]], %[[fragment]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[scaled]],
llvm.func @a_in_registers(%a: vector<4xi32>, %b: i64) -> vector<8xf32> {
  %d = frag.wgmma %a, %b offsets [0, 0] columns of f16 : vector<4xi32>, vector<8xf32>
  %e = frag.wgmma_wait 0, %d : vector<8xf32>
  llvm.return %e : vector<8xf32>
}

// A wait carries all its accumulators, 4 + 8 registers.

// CHECK-LABEL: llvm.func internal @wait(
// CHECK: llvm.store %{{.*}}, %[[array:.*]] {alignment = 4 : i64} : vector<4xf32>
// CHECK: %[[second:.*]] = llvm.getelementptr %[[array]][16]
// CHECK: llvm.store %{{.*}}, %[[second]] {alignment = 4 : i64} : vector<8xf32>
// CHECK: %[[count:.*]] = llvm.mlir.constant(12 : i32)
// CHECK: %[[pending:.*]] = llvm.mlir.constant(1 : i32)
// CHECK: llvm.call @peermla_sim_wgmma_wait_registers(%[[array]], %[[count]], %[[pending]],
llvm.func @wait(%s: vector<4xf32>, %o: vector<8xf32>) -> vector<8xf32> {
  %r:2 = frag.wgmma_wait 1, %s, %o : vector<4xf32>, vector<8xf32>
  llvm.return %r#1 : vector<8xf32>
}

// Whoever reads what may be in flight asks first: here around a loop. Products
// and waits do not.

// CHECK-LABEL: llvm.func internal @reads(
// CHECK: llvm.call @peermla_sim_wgmma_registers
// CHECK-NOT: llvm.call @peermla_sim_wgmma_read
// CHECK: llvm.call @peermla_sim_wgmma_wait_registers
// CHECK: llvm.fadd
// CHECK: llvm.call @peermla_sim_wgmma_read(
// CHECK: llvm.extractelement
// CHECK-NOT: llvm.call @peermla_sim_wgmma_read
// CHECK-LABEL: llvm.func internal @operands(
llvm.func @reads(%a: i64, %n: i32, %c: vector<4xf32>) -> f32 {
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  llvm.br ^header(%c0, %c : i32, vector<4xf32>)
^header(%i: i32, %acc: vector<4xf32>):
  %more = llvm.icmp "slt" %i, %n : i32
  llvm.cond_br %more, ^body, ^exit
^body:
  %d = frag.wgmma %a, %a, acc %acc offsets [0, 0] of bf16 : i64, vector<4xf32>
  %next = llvm.add %i, %c1 : i32
  llvm.br ^header(%next, %d : i32, vector<4xf32>)
^exit:
  %e = frag.wgmma_wait 0, %acc : vector<4xf32>
  %f = llvm.fadd %e, %e : vector<4xf32>
  %x = llvm.extractelement %acc[%c0 : i32] : vector<4xf32>
  llvm.return %x : f32
}


// A wait for operands alone carries nothing.

// CHECK: %[[pending:.*]] = llvm.mlir.constant(1 : i32)
// CHECK: llvm.call @peermla_sim_wgmma_wait(%[[pending]],
llvm.func @operands() {
  frag.wgmma_wait 1
  llvm.return
}

llvm.func @kernel() attributes {nvvm.kernel} {
  llvm.return
}
