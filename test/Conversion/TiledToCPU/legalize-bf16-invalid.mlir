// RUN: peermla-opt %s -peermla-legalize-bf16 -split-input-file -verify-diagnostics

llvm.func @arithmetic(%x: vector<8xbf16>) -> vector<8xbf16> {
  // expected-error @+1 {{no CPU instruction computes in bf16, expects f32}}
  %y = llvm.fadd %x, %x : vector<8xbf16>
  llvm.return %y : vector<8xbf16>
}

// -----

module attributes {peermla.level = "x86-64-v4-bf16"} {
  llvm.func @arithmetic_of_a_level_with_instructions(%x: bf16) -> bf16 {
    // expected-error @+1 {{no CPU instruction computes in bf16, expects f32}}
    %y = llvm.fmul %x, %x : bf16
    llvm.return %y : bf16
  }
}

// -----

module attributes {peermla.level = "x86-64-v4"} {
  llvm.func @pair_product(%a: vector<32xbf16>, %c: vector<16xf32>) -> vector<16xf32> {
    // expected-error @+1 {{no CPU instruction computes in bf16, expects f32}}
    %r = llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%c, %a, %a) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>
    llvm.return %r : vector<16xf32>
  }
}

// -----

llvm.func @two_roundings(%x: f64) -> bf16 {
  // expected-error @+1 {{expects f32 to be rounded to bf16, got 'f64'}}
  %y = llvm.fptrunc %x : f64 to bf16
  llvm.return %y : bf16
}
