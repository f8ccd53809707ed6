// RUN: peermla-opt %s -split-input-file -verify-diagnostics

// One case per constraint of the ops of warpgroups.

func.func @descriptor_c1_multiple(%p: !llvm.ptr<3>) {
  // expected-error @below {{expects 'leading' to be a multiple of 16 in [0, 262144), got 24}}
  %d = frag.descriptor %p leading 24
  return
}

// -----

func.func @descriptor_c1_range(%p: !llvm.ptr<3>) {
  // expected-error @below {{expects 'leading' to be a multiple of 16 in [0, 262144), got 262144}}
  %d = frag.descriptor %p leading 262144
  return
}

// -----

func.func @wgmma_c1(%a: i64, %b: i64) {
  // expected-error @below {{expects 'element' to be f16 or bf16, got 'f32'}}
  %d = frag.wgmma %a, %b offsets [0, 0] of f32 : i64, vector<64xf32>
  return
}

// -----

func.func @wgmma_c2_multiple(%a: i64, %b: i64) {
  // expected-error @below {{expects 'd' to be of N columns, a multiple of 8 up to 256, got 12 in 'vector<6xf32>'}}
  %d = frag.wgmma %a, %b offsets [0, 0] of f16 : i64, vector<6xf32>
  return
}

// -----

func.func @wgmma_c2_most(%a: i64, %b: i64) {
  // expected-error @below {{expects 'd' to be of N columns, a multiple of 8 up to 256, got 264 in 'vector<132xf32>'}}
  %d = frag.wgmma %a, %b offsets [0, 0] of f16 : i64, vector<132xf32>
  return
}

// -----

func.func @wgmma_c3(%a: i64, %b: i64, %c: vector<8xf32>) {
  // expected-error @below {{expects 'acc' and 'd' to be of one type, got 'vector<8xf32>' and 'vector<4xf32>'}}
  %d = "frag.wgmma"(%a, %b, %c) {offsets = array<i64: 0, 0>, element = f16} : (i64, i64, vector<8xf32>) -> vector<4xf32>
  return
}

// -----

func.func @wgmma_c4_count(%a: i64, %b: i64) {
  // expected-error @below {{expects 'offsets' to have 2 entries, got 1}}
  %d = frag.wgmma %a, %b offsets [0] of f16 : i64, vector<4xf32>
  return
}

// -----

func.func @wgmma_c4_multiple(%a: i64, %b: i64) {
  // expected-error @below {{expects 'offsets' to be multiples of 16 and at least 0, got 8}}
  %d = frag.wgmma %a, %b offsets [0, 8] of f16 : i64, vector<4xf32>
  return
}

// -----

func.func @wgmma_c4_registers(%a: vector<4xi32>, %b: i64) {
  // expected-error @below {{expects no offset of 'a' in registers, got 32}}
  %d = frag.wgmma %a, %b offsets [32, 0] of f16 : vector<4xi32>, vector<4xf32>
  return
}

// -----

func.func @wgmma_wait_c1(%s: vector<4xf32>) {
  // expected-error @below {{expects 'pending' to be in [0, 7], got 8}}
  %r = frag.wgmma_wait 8, %s : vector<4xf32>
  return
}
