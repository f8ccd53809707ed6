// Atomics, reductions, vector and cache-hinted accesses in inline PTX.

// RUN: peermla-sim %s --kernel=atomics --block=40 --output=out:i32:6 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=ATOMICS
// 0 + 1 + ... + 39, the largest, the or, the last of those that were exchanged
// in order, 40 increments modulo 8, and what a compare and swap left.
// ATOMICS: out: 780 39 63 1 0 7{{$}}
llvm.func @atomics(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %zero = llvm.mlir.constant(0 : i32) : i32
  %first = llvm.icmp "eq" %tid, %zero : i32
  llvm.cond_br %first, ^clear, ^join
^clear:
  llvm.inline_asm has_side_effects "st.global.v4.b32 [$0], {$1, $1, $1, $1}; st.global.v2.b32 [$0+16], {$1, $1};", "l,r" %out, %zero : (!llvm.ptr<1>, i32) -> ()
  llvm.br ^join
^join:
  nvvm.barrier0
  llvm.inline_asm has_side_effects "red.relaxed.gpu.global.add.u32 [$0], $1;", "l,r" %out, %tid : (!llvm.ptr<1>, i32) -> ()
  llvm.inline_asm has_side_effects "red.global.max.s32 [$0+4], $1;", "l,r" %out, %tid : (!llvm.ptr<1>, i32) -> ()
  llvm.inline_asm has_side_effects "red.global.or.b32 [$0+8], $1;", "l,r" %out, %tid : (!llvm.ptr<1>, i32) -> ()
  %one = llvm.mlir.constant(1 : i32) : i32
  %seven = llvm.mlir.constant(7 : i32) : i32
  %old = llvm.inline_asm has_side_effects "atom.global.exch.b32 $0, [$1+12], $2;", "=r,l,r" %out, %one : (!llvm.ptr<1>, i32) -> i32
  %inc = llvm.inline_asm has_side_effects "atom.global.inc.u32 $0, [$1+16], $2;", "=r,l,r" %out, %seven : (!llvm.ptr<1>, i32) -> i32
  %cas = llvm.inline_asm has_side_effects "atom.global.cas.b32 $0, [$1+20], 0, $2;", "=r,l,r" %out, %seven : (!llvm.ptr<1>, i32) -> i32
  llvm.return
}

// RUN: peermla-sim %s --kernel=vectors --block=3 --output=out:f32:8 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=VECTORS
// Three threads add (1, 2, 3, 4) to zeros and (0.5, 1.5) to zeros; the last two
// numbers are loads of the first two.
// VECTORS: out: 3 6 9 12 1.5 4.5 3 6{{$}}
llvm.func @vectors(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %zero = llvm.mlir.constant(0 : i32) : i32
  %first = llvm.icmp "eq" %tid, %zero : i32
  llvm.cond_br %first, ^clear, ^join
^clear:
  llvm.inline_asm has_side_effects "st.global.v4.b32 [$0], {$1, $1, $1, $1}; st.global.v4.b32 [$0+16], {$1, $1, $1, $1};", "l,r" %out, %zero : (!llvm.ptr<1>, i32) -> ()
  llvm.br ^join
^join:
  nvvm.barrier0
  %a = llvm.mlir.constant(1.0 : f32) : f32
  %b = llvm.mlir.constant(2.0 : f32) : f32
  %c = llvm.mlir.constant(3.0 : f32) : f32
  %d = llvm.mlir.constant(4.0 : f32) : f32
  %e = llvm.mlir.constant(0.5 : f32) : f32
  %f = llvm.mlir.constant(1.5 : f32) : f32
  llvm.inline_asm has_side_effects "red.global.add.v4.f32 [$0], {$1, $2, $3, $4};", "l,f,f,f,f" %out, %a, %b, %c, %d : (!llvm.ptr<1>, f32, f32, f32, f32) -> ()
  llvm.inline_asm has_side_effects "red.global.add.v2.f32 [$0+16], {$1, $2};", "l,f,f" %out, %e, %f : (!llvm.ptr<1>, f32, f32) -> ()
  nvvm.barrier0
  llvm.cond_br %first, ^copy, ^end
^copy:
  %pair = llvm.inline_asm has_side_effects "{ .reg .b64 policy; createpolicy.fractional.L2::evict_last.b64 policy; ld.global.L1::no_allocate.L2::cache_hint.v2.f32 {$0, $1}, [$2], policy; }", "=f,=f,l" %out : (!llvm.ptr<1>) -> !llvm.struct<(f32, f32)>
  %x = llvm.extractvalue %pair[0] : !llvm.struct<(f32, f32)>
  %y = llvm.extractvalue %pair[1] : !llvm.struct<(f32, f32)>
  llvm.inline_asm has_side_effects "st.global.v2.f32 [$0+24], {$1, $2};", "l,f,f" %out, %x, %y : (!llvm.ptr<1>, f32, f32) -> ()
  llvm.br ^end
^end:
  llvm.return
}
