// Distributed shared memory: a block reads and writes what another block has.

// Block b of four writes 10 b, and reads what its neighbour b ^ 1 wrote.
// RUN: peermla-sim %s --kernel=neighbour --grid=4 --cluster=2 --block=1 --output=out:i32:4 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=NEIGHBOUR
// RUN: peermla-sim %s --kernel=neighbour_ptx --grid=4 --cluster=2 --block=1 --output=out:i32:4 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=NEIGHBOUR
// NEIGHBOUR: out: 10 0 30 20{{$}}
llvm.mlir.global internal @word() {addr_space = 3 : i32, alignment = 16 : i64} : i32
llvm.func @neighbour(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %ten = llvm.mlir.constant(10 : i32) : i32
  %word = llvm.mlir.addressof @word : !llvm.ptr<3>
  %value = llvm.mul %block, %ten : i32
  llvm.store %value, %word : i32, !llvm.ptr<3>
  nvvm.cluster.arrive
  nvvm.cluster.wait
  %other = llvm.xor %rank, %one : i32
  %remote = nvvm.mapa %word, %other : !llvm.ptr<3> -> !llvm.ptr<7>
  %x = llvm.load %remote : !llvm.ptr<7> -> i32
  nvvm.cluster.arrive
  nvvm.cluster.wait
  %p = llvm.getelementptr %out[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %p : i32, !llvm.ptr<1>
  llvm.return
}

llvm.func @neighbour_ptx(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %ten = llvm.mlir.constant(10 : i32) : i32
  %word = llvm.mlir.addressof @word : !llvm.ptr<3>
  %value = llvm.mul %block, %ten : i32
  llvm.store %value, %word : i32, !llvm.ptr<3>
  llvm.inline_asm has_side_effects "barrier.cluster.arrive.release; barrier.cluster.wait.acquire;", "" : () -> ()
  %other = llvm.xor %rank, %one : i32
  %x = llvm.inline_asm has_side_effects "{ .reg .b32 r; mapa.shared::cluster.u32 r, $1, $2; ld.shared::cluster.u32 $0, [r]; }", "=r,r,r" %word, %other : (!llvm.ptr<3>, i32) -> i32
  llvm.inline_asm has_side_effects "barrier.cluster.arrive.release; barrier.cluster.wait.acquire;", "" : () -> ()
  %p = llvm.getelementptr %out[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %p : i32, !llvm.ptr<1>
  llvm.return
}

// Without the first barrier it is reported.
// RUN: not peermla-sim %s --kernel=unordered --grid=2 --cluster=2 --block=1 --output=out:i32:2 2>&1 | FileCheck %s --check-prefix=RACE
// RACE: {{race|uninit.*}}: block
llvm.func @unordered(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %word = llvm.mlir.addressof @word : !llvm.ptr<3>
  llvm.store %rank, %word : i32, !llvm.ptr<3>
  %other = llvm.xor %rank, %one : i32
  %remote = nvvm.mapa %word, %other : !llvm.ptr<3> -> !llvm.ptr<7>
  %x = llvm.load %remote : !llvm.ptr<7> -> i32
  nvvm.cluster.arrive
  nvvm.cluster.wait
  %p = llvm.getelementptr %out[%rank] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %p : i32, !llvm.ptr<1>
  llvm.return
}
