// Reports of single instructions that are used in a way they do not allow, and
// of what is left when a block ends; and the JSON form of all fields.

llvm.mlir.global internal @words() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>

// A named barrier that too few threads have reached when the block ends.
// RUN: not peermla-sim %s --kernel=left_waiting --block=64 2>&1 | FileCheck %s --check-prefix=NAMED
// NAMED: exit: block (0,0,0): the block ends with 32 of 64 threads arrived at barrier 3
// NAMED-NEXT: at bar.arrive {{.*}}reports-of-instructions.mlir:[[#@LINE+9]]:
llvm.func @left_waiting() attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c3 = llvm.mlir.constant(3 : i32) : i32
  %c32 = llvm.mlir.constant(32 : i32) : i32
  %c64 = llvm.mlir.constant(64 : i32) : i32
  %p = llvm.icmp "ult" %tid, %c32 : i32
  llvm.cond_br %p, ^arrive, ^end
^arrive:
  llvm.inline_asm has_side_effects "bar.arrive $0, $1;", "r,r" %c3, %c64 : (i32, i32) -> ()
  llvm.br ^end
^end:
  llvm.return
}

// A copy that nothing waits for.
// RUN: not peermla-sim %s --kernel=unawaited --block=1 --output=out:i32:4 2>&1 | FileCheck %s --check-prefix=UNAWAITED
// UNAWAITED: exit: block (0,0,0) thread 0: the thread ends with copies by cp.async that it did not wait for
// UNAWAITED-NEXT: at nvvm.cp.async.shared.global {{.*}}reports-of-instructions.mlir:[[#@LINE+3]]:
llvm.func @unawaited(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %words = llvm.mlir.addressof @words : !llvm.ptr<3>
  nvvm.cp.async.shared.global %words, %out, 16, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  llvm.return
}

// A copy of 16 bytes that reads more; the rest of fewer is zeros.
// RUN: %python %S/make_tensor.py %t.in in 5 6 7 8
// RUN: not peermla-sim %s --kernel=zero_fill --block=1 --set=bytes=20 --inout=in --args=%t.in --outputs=%t.st 2>&1 | FileCheck %s --check-prefix=ASYNC
// RUN: peermla-sim %s --kernel=zero_fill --block=1 --set=bytes=8 --inout=in --args=%t.in --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=ZEROS
// ASYNC: async: block (0,0,0) thread 0: cp.async of 16 bytes cannot read 20
// ASYNC-NEXT: at cp.async.cg.shared.global {{.*}}reports-of-instructions.mlir:[[#@LINE+4]]:
// ZEROS: in: 5 6 0 0{{$}}
llvm.func @zero_fill(%in: !llvm.ptr<1>, %bytes: i32) attributes {nvvm.kernel} {
  %words = llvm.mlir.addressof @words : !llvm.ptr<3>
  llvm.inline_asm has_side_effects "cp.async.cg.shared.global [$0], [$1], 16, $2;", "r,l,r" %words, %in, %bytes : (!llvm.ptr<3>, !llvm.ptr<1>, i32) -> ()
  llvm.inline_asm has_side_effects "cp.async.wait_all;", "" : () -> ()
  %x = llvm.load %words {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  llvm.store %x, %in {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  llvm.return
}

// Half a warp cannot load matrices.
// RUN: not peermla-sim %s --kernel=half_warp --block=16 2>&1 | FileCheck %s --check-prefix=DESCRIPTOR
// DESCRIPTOR: descriptor: block (0,0,0) thread {{[0-9]+}}: ldmatrix and stmatrix move 1, 2 or 4 matrices in a warp of 32 threads
// DESCRIPTOR-NEXT: at nvvm.ldmatrix {{.*}}reports-of-instructions.mlir:[[#@LINE+3]]:
llvm.func @half_warp() attributes {nvvm.kernel} {
  %words = llvm.mlir.addressof @words : !llvm.ptr<3>
  %m = nvvm.ldmatrix %words {num = 1 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32
  llvm.return
}

// RUN: not peermla-sim %s --kernel=trapped --block=1 2>&1 | FileCheck %s --check-prefix=TRAP
// TRAP: trap: block (0,0,0) thread 0: trap
// TRAP-NEXT: at trap {{.*}}reports-of-instructions.mlir:[[#@LINE+2]]:
llvm.func @trapped() attributes {nvvm.kernel} {
  llvm.inline_asm has_side_effects "trap;", "" : () -> ()
  llvm.return
}

// Every report in JSON has the fields that a reader expects.
// RUN: not peermla-sim %s --kernel=left_waiting --block=64 --report=json 2>/dev/null > %t.json
// RUN: %python %S/check_reports.py < %t.json | FileCheck %s --check-prefix=JSON
// JSON: {{^}}exit{{$}}
