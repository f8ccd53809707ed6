// RUN: peermla-opt %s | peermla-opt | FileCheck %s

// Ops of warpgroups print as they are read.

// CHECK-LABEL: func @descriptor
// CHECK: frag.descriptor %{{.*}} leading 8192
func.func @descriptor(%slot: !llvm.ptr<3>) -> i64 {
  %d = frag.descriptor %slot leading 8192
  return %d : i64
}

// CHECK-LABEL: func @both_in_shared_memory
// CHECK: frag.wgmma %{{.*}}, %{{.*}}, acc %{{.*}} offsets [32, 64] of bf16 : i64, vector<64xf32>
func.func @both_in_shared_memory(%a: i64, %b: i64, %c: vector<64xf32>) -> vector<64xf32> {
  %d = frag.wgmma %a, %b, acc %c offsets [32, 64] of bf16 : i64, vector<64xf32>
  return %d : vector<64xf32>
}

// CHECK-LABEL: func @a_in_registers
// CHECK: frag.wgmma %{{.*}}, %{{.*}} offsets [0, 2048] columns of f16 : vector<4xi32>, vector<12xf32>
func.func @a_in_registers(%a: vector<4xi32>, %b: i64) -> vector<12xf32> {
  %d = frag.wgmma %a, %b offsets [0, 2048] columns of f16 : vector<4xi32>, vector<12xf32>
  return %d : vector<12xf32>
}

// CHECK-LABEL: func @wait
// CHECK: %{{.*}}:2 = frag.wgmma_wait 1, %{{.*}}, %{{.*}} : vector<64xf32>, vector<12xf32>
func.func @wait(%s: vector<64xf32>, %o: vector<12xf32>) -> (vector<64xf32>, vector<12xf32>) {
  %r:2 = frag.wgmma_wait 1, %s, %o : vector<64xf32>, vector<12xf32>
  return %r#0, %r#1 : vector<64xf32>, vector<12xf32>
}
