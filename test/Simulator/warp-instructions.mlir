// Votes, reductions, matches and elections, as ops, intrinsics and inline PTX:
// lane 1, 3, 5 and 7 of eight hold the number 10, the others their own.

// RUN: peermla-sim %s --kernel=ops --block=8 --output=out:i32:8x6 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s
// RUN: peermla-sim %s --kernel=intrinsics --block=8 --output=out:i32:8x6 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s
// RUN: peermla-sim %s --kernel=ptx --block=8 --output=out:i32:8x6 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s

// ballot of the odd lanes, any lane above 6, sum, smallest, elected; match is
// the set of lanes that hold the same.
// CHECK: out: 170 1 52 0 1 1
// CHECK-SAME: {{ }}170 1 52 0 0 170
// CHECK-SAME: {{ }}170 1 52 0 0 4
// CHECK-SAME: {{ }}170 1 52 0 0 170
// CHECK-SAME: {{ }}170 1 52 0 0 16
// CHECK-SAME: {{ }}170 1 52 0 0 170
// CHECK-SAME: {{ }}170 1 52 0 0 64
// CHECK-SAME: {{ }}170 1 52 0 0 170

llvm.func internal @write(%out: !llvm.ptr<1>, %tid: i32, %a: i32, %b: i1, %c: i32, %d: i32, %e: i1, %f: i32) attributes {always_inline} {
  %six = llvm.mlir.constant(6 : i32) : i32
  %row = llvm.mul %tid, %six : i32
  %p = llvm.getelementptr %out[%row] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %p : i32, !llvm.ptr<1>
  %p1 = llvm.getelementptr %p[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %b32 = llvm.zext %b : i1 to i32
  llvm.store %b32, %p1 : i32, !llvm.ptr<1>
  %p2 = llvm.getelementptr %p[2] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %c, %p2 : i32, !llvm.ptr<1>
  %p3 = llvm.getelementptr %p[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %d, %p3 : i32, !llvm.ptr<1>
  %p4 = llvm.getelementptr %p[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %e32 = llvm.zext %e : i1 to i32
  llvm.store %e32, %p4 : i32, !llvm.ptr<1>
  %p5 = llvm.getelementptr %p[5] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %f, %p5 : i32, !llvm.ptr<1>
  llvm.return
}

llvm.func @ops(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %six = llvm.mlir.constant(6 : i32) : i32
  %ten = llvm.mlir.constant(10 : i32) : i32
  %mask = llvm.mlir.constant(255 : i32) : i32
  %bit = llvm.and %tid, %one : i32
  %odd = llvm.trunc %bit : i32 to i1
  %value = llvm.select %odd, %ten, %tid : i1, i32
  %last = llvm.icmp "ugt" %tid, %six : i32
  %a = nvvm.vote.sync ballot %mask, %odd -> i32
  %b = nvvm.vote.sync any %mask, %last -> i1
  %c = nvvm.redux.sync add %value, %mask : i32 -> i32
  %d = nvvm.redux.sync umin %value, %mask : i32 -> i32
  %e = nvvm.elect.sync -> i1
  %f = nvvm.match.sync any %mask, %value : i32 -> i32
  llvm.call @write(%out, %tid, %a, %b, %c, %d, %e, %f) : (!llvm.ptr<1>, i32, i32, i1, i32, i32, i1, i32) -> ()
  llvm.return
}

llvm.func @intrinsics(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = llvm.call_intrinsic "llvm.nvvm.read.ptx.sreg.tid.x"() : () -> i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %six = llvm.mlir.constant(6 : i32) : i32
  %ten = llvm.mlir.constant(10 : i32) : i32
  %mask = llvm.mlir.constant(255 : i32) : i32
  %bit = llvm.and %tid, %one : i32
  %odd = llvm.trunc %bit : i32 to i1
  %value = llvm.select %odd, %ten, %tid : i1, i32
  %last = llvm.icmp "ugt" %tid, %six : i32
  %a = llvm.call_intrinsic "llvm.nvvm.vote.ballot.sync"(%mask, %odd) : (i32, i1) -> i32
  %b = llvm.call_intrinsic "llvm.nvvm.vote.any.sync"(%mask, %last) : (i32, i1) -> i1
  %c = llvm.call_intrinsic "llvm.nvvm.redux.sync.add"(%value, %mask) : (i32, i32) -> i32
  %d = llvm.call_intrinsic "llvm.nvvm.redux.sync.umin"(%value, %mask) : (i32, i32) -> i32
  %pair = llvm.call_intrinsic "llvm.nvvm.elect.sync"(%mask) : (i32) -> !llvm.struct<(i32, i1)>
  %e = llvm.extractvalue %pair[1] : !llvm.struct<(i32, i1)>
  %f = llvm.call_intrinsic "llvm.nvvm.match.any.sync.i32"(%mask, %value) : (i32, i32) -> i32
  llvm.call @write(%out, %tid, %a, %b, %c, %d, %e, %f) : (!llvm.ptr<1>, i32, i32, i1, i32, i32, i1, i32) -> ()
  llvm.return
}

llvm.func @ptx(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %six = llvm.mlir.constant(6 : i32) : i32
  %ten = llvm.mlir.constant(10 : i32) : i32
  %mask = llvm.mlir.constant(255 : i32) : i32
  %zero = llvm.mlir.constant(0 : i32) : i32
  %bit = llvm.and %tid, %one : i32
  %odd = llvm.trunc %bit : i32 to i1
  %value = llvm.select %odd, %ten, %tid : i1, i32
  %a = llvm.inline_asm has_side_effects "{ .reg .pred p; setp.ne.b32 p, $1, 0; vote.sync.ballot.b32 $0, p, $2; }", "=r,r,r" %bit, %mask : (i32, i32) -> i32
  %b32 = llvm.inline_asm has_side_effects "{ .reg .pred p; .reg .pred q; setp.gt.u32 p, $1, 6; vote.sync.any.pred q, p, $2; selp.b32 $0, 1, 0, q; }", "=r,r,r" %tid, %mask : (i32, i32) -> i32
  %b = llvm.icmp "ne" %b32, %zero : i32
  %c = llvm.inline_asm has_side_effects "redux.sync.add.s32 $0, $1, $2;", "=r,r,r" %value, %mask : (i32, i32) -> i32
  %d = llvm.inline_asm has_side_effects "redux.sync.min.u32 $0, $1, $2;", "=r,r,r" %value, %mask : (i32, i32) -> i32
  %e32 = llvm.inline_asm has_side_effects "{ .reg .pred p; elect.sync _|p, $1; selp.b32 $0, 1, 0, p; }", "=r,r" %mask : (i32) -> i32
  %e = llvm.icmp "ne" %e32, %zero : i32
  %f = llvm.inline_asm has_side_effects "match.any.sync.b32 $0, $1, $2;", "=r,r,r" %value, %mask : (i32, i32) -> i32
  llvm.call @write(%out, %tid, %a, %b, %c, %d, %e, %f) : (!llvm.ptr<1>, i32, i32, i1, i32, i32, i1, i32) -> ()
  llvm.return
}
