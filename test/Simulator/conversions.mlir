// Conversions round as the instructions do: between two neighbours, ties, and
// values that are too large, as intrinsics and as inline PTX.

// RUN: peermla-sim %s --kernel=intrinsics --block=1 --output=out:i32:6 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s
// RUN: peermla-sim %s --kernel=ptx --block=1 --output=out:i32:6 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s

// Of the pair 1 + 2^-8, which lies between two bf16, and 1000:
//   bf16 0x3f80'447a, ties to even
//   f16  0x3c04'63d0
//   e4m3 0x38'7e, the largest of which is 448
//   e5m2 0x3c'64, where 1000 is nearer to 1024 than to 896
// then tf32 of 1 + 2^-11, a tie that goes away from zero: 0x3f802000; and the
// e4m3 pair as f16: 0x3c00'5f00.
// CHECK: out: 1065370746 1006920656 14462 15460 1065361408 1006657280{{$}}

llvm.func @intrinsics(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %h = llvm.mlir.constant(1.00390625 : f32) : f32
  %l = llvm.mlir.constant(1.000000e+03 : f32) : f32
  %t = llvm.mlir.constant(1.00048828125 : f32) : f32
  %b = llvm.call_intrinsic "llvm.nvvm.ff2bf16x2.rn"(%h, %l) : (f32, f32) -> vector<2xbf16>
  %v0 = llvm.bitcast %b : vector<2xbf16> to i32
  %f = llvm.call_intrinsic "llvm.nvvm.ff2f16x2.rn"(%h, %l) : (f32, f32) -> vector<2xf16>
  %v1 = llvm.bitcast %f : vector<2xf16> to i32
  %e4 = llvm.call_intrinsic "llvm.nvvm.ff.to.e4m3x2.rn"(%h, %l) : (f32, f32) -> i16
  %v2 = llvm.zext %e4 : i16 to i32
  %e5 = llvm.call_intrinsic "llvm.nvvm.ff.to.e5m2x2.rn"(%h, %l) : (f32, f32) -> i16
  %v3 = llvm.zext %e5 : i16 to i32
  %v4 = llvm.call_intrinsic "llvm.nvvm.f2tf32.rna"(%t) : (f32) -> i32
  %w = llvm.call_intrinsic "llvm.nvvm.e4m3x2.to.f16x2.rn"(%e4) : (i16) -> vector<2xf16>
  %v5 = llvm.bitcast %w : vector<2xf16> to i32
  %p0 = llvm.getelementptr %out[0] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v0, %p0 : i32, !llvm.ptr<1>
  %p1 = llvm.getelementptr %out[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v1, %p1 : i32, !llvm.ptr<1>
  %p2 = llvm.getelementptr %out[2] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v2, %p2 : i32, !llvm.ptr<1>
  %p3 = llvm.getelementptr %out[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v3, %p3 : i32, !llvm.ptr<1>
  %p4 = llvm.getelementptr %out[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v4, %p4 : i32, !llvm.ptr<1>
  %p5 = llvm.getelementptr %out[5] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v5, %p5 : i32, !llvm.ptr<1>
  llvm.return
}

llvm.func @ptx(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %h = llvm.mlir.constant(1.00390625 : f32) : f32
  %l = llvm.mlir.constant(1.000000e+03 : f32) : f32
  %t = llvm.mlir.constant(1.00048828125 : f32) : f32
  %v0 = llvm.inline_asm "cvt.rn.bf16x2.f32 $0, $1, $2;", "=r,f,f" %h, %l : (f32, f32) -> i32
  %v1 = llvm.inline_asm "cvt.rn.f16x2.f32 $0, $1, $2;", "=r,f,f" %h, %l : (f32, f32) -> i32
  %e4 = llvm.inline_asm "cvt.rn.satfinite.e4m3x2.f32 $0, $1, $2;", "=h,f,f" %h, %l : (f32, f32) -> i16
  %v2 = llvm.zext %e4 : i16 to i32
  %e5 = llvm.inline_asm "cvt.rn.satfinite.e5m2x2.f32 $0, $1, $2;", "=h,f,f" %h, %l : (f32, f32) -> i16
  %v3 = llvm.zext %e5 : i16 to i32
  %v4 = llvm.inline_asm "cvt.rna.tf32.f32 $0, $1;", "=r,f" %t : (f32) -> i32
  %v5 = llvm.inline_asm "cvt.rn.f16x2.e4m3x2 $0, $1;", "=r,h" %e4 : (i16) -> i32
  %p0 = llvm.getelementptr %out[0] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v0, %p0 : i32, !llvm.ptr<1>
  %p1 = llvm.getelementptr %out[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v1, %p1 : i32, !llvm.ptr<1>
  %p2 = llvm.getelementptr %out[2] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v2, %p2 : i32, !llvm.ptr<1>
  %p3 = llvm.getelementptr %out[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v3, %p3 : i32, !llvm.ptr<1>
  %p4 = llvm.getelementptr %out[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v4, %p4 : i32, !llvm.ptr<1>
  %p5 = llvm.getelementptr %out[5] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v5, %p5 : i32, !llvm.ptr<1>
  llvm.return
}

// Integers as floats, in each rounding, and what PTX writes as a float: decimal
// numbers and bits of either width, which an instruction takes as its type.

// RUN: peermla-sim %s --kernel=from_integers --block=1 --output=out:f32:12 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=INTEGERS
// INTEGERS: out: 16777216 16777216 16777218 16777216 -16777218 -2147483648 4294967040 1.844674407e+19 -1 -3.75 1500 -0.5{{$}}
llvm.func @from_integers(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %i = llvm.mlir.constant(16777217 : i32) : i32
  %n = llvm.mlir.constant(-16777217 : i32) : i32
  %min = llvm.mlir.constant(-2147483648 : i32) : i32
  %ones = llvm.mlir.constant(-1 : i32) : i32
  %long = llvm.mlir.constant(-1 : i64) : i64
  llvm.inline_asm has_side_effects "{ .reg .f32 f; cvt.rn.f32.s32 f, $1; st.global.f32 [$0], f; cvt.rm.f32.s32 f, $1; st.global.f32 [$0+4], f; cvt.rp.f32.s32 f, $1; st.global.f32 [$0+8], f; cvt.rz.f32.u32 f, $1; st.global.f32 [$0+12], f; }", "l,r" %out, %i : (!llvm.ptr<1>, i32) -> ()
  llvm.inline_asm has_side_effects "{ .reg .f32 f; cvt.rm.f32.s32 f, $1; st.global.f32 [$0+16], f; cvt.rp.f32.s32 f, $2; st.global.f32 [$0+20], f; cvt.rz.f32.u32 f, $3; st.global.f32 [$0+24], f; }", "l,r,r,r" %out, %n, %min, %ones : (!llvm.ptr<1>, i32, i32, i32) -> ()
  llvm.inline_asm has_side_effects "{ .reg .f32 f; cvt.rp.f32.u64 f, $1; st.global.f32 [$0+28], f; cvt.rm.f32.s64 f, $1; st.global.f32 [$0+32], f; }", "l,l" %out, %long : (!llvm.ptr<1>, i64) -> ()
  // -3.75, 1500 and, with the sign of a literal, -0.5.
  llvm.inline_asm has_side_effects "{ .reg .f32 f; mov.f32 f, 0dC00E000000000000; st.global.f32 [$0+36], f; st.global.f32 [$0+40], 1.5e3; mov.f32 f, -.5; st.global.f32 [$0+44], f; }", "l" %out : (!llvm.ptr<1>) -> ()
  llvm.return
}
