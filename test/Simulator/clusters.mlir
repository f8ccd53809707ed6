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

// One block loads a tile into both; the other says so on a barrier of the first,
// which answers with the sum of what the two have.
// RUN: %python %S/make_tensor.py %t.in tensor 1 2 3 4 5 6 7 8
// RUN: peermla-sim %s --kernel=multicast --grid=2 --cluster=2 --block=8 --args=%t.in --tensor-map=tensor:box=8 --output=out:i32:16 --outputs=%t.st --launch=async=eager --launch=async=lazy --launch=async=random,runs=20
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=MULTICAST
// MULTICAST: out: 3 6 9 12 15 18 21 24 2 4 6 8 10 12 14 16{{$}}
// RUN: sed -e '/EARLY/d' %s > %t.early.mlir
// RUN: not peermla-sim %t.early.mlir --kernel=multicast --grid=2 --cluster=2 --block=8 --args=%t.in --tensor-map=tensor:box=8 --output=out:i32:16 --async=lazy 2>&1 | FileCheck %s --check-prefix=EARLY
// EARLY: {{race|uninitialized}}: block (0,0,0)
llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<8 x i32>
llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : i64
llvm.mlir.global internal @told() {addr_space = 3 : i32, alignment = 8 : i64} : i64
llvm.func @multicast(%tensor: !llvm.ptr, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c8 = llvm.mlir.constant(8 : i32) : i32
  %bytes = llvm.mlir.constant(32 : i32) : i32
  %both = llvm.mlir.constant(3 : i16) : i16
  %ticks = llvm.mlir.constant(10000000 : i32) : i32
  %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
  %full = llvm.mlir.addressof @full : !llvm.ptr<3>
  %told = llvm.mlir.addressof @told : !llvm.ptr<3>
  %leads = llvm.icmp "eq" %tid, %c0 : i32
  llvm.cond_br %leads, ^init, ^ready
^init:
  nvvm.mbarrier.init %full, %c1 : !llvm.ptr<3>, i32
  nvvm.mbarrier.init %told, %c8 : !llvm.ptr<3>, i32
  nvvm.fence.mbarrier.init
  nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
  llvm.br ^ready
^ready:
  nvvm.cluster.arrive
  nvvm.cluster.wait
  %first = llvm.icmp "eq" %rank, %c0 : i32
  %loads = llvm.and %first, %leads : i1
  llvm.cond_br %loads, ^load, ^wait
^load:
  %target = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>
  nvvm.cp.async.bulk.tensor.shared.cluster.global %target, %tensor, %full, box[%c0] multicast_mask = %both : !llvm.ptr<7>, !llvm.ptr
  llvm.br ^wait
^wait:
  nvvm.mbarrier.try_wait.parity %full, %c0, %ticks : !llvm.ptr<3>, i32, i32
  %mine = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %x = llvm.load %mine : !llvm.ptr<3> -> i32
  llvm.cond_br %first, ^hear, ^tell
^tell:
  // Twice what came, then an arrival in the other block.
  %twice = llvm.add %x, %x : i32
  llvm.store %twice, %mine : i32, !llvm.ptr<3>
  llvm.inline_asm has_side_effects "{ .reg .b32 r; mapa.shared::cluster.u32 r, $0, $1; mbarrier.arrive.release.cluster.shared::cluster.b64 _, [r]; }", "r,r" %told, %c0 : (!llvm.ptr<3>, i32) -> ()
  llvm.br ^write(%twice : i32)
^hear:
  nvvm.mbarrier.try_wait.parity %told, %c0, %ticks : !llvm.ptr<3>, i32, i32 // EARLY
  %remote = nvvm.mapa %tile, %c1 : !llvm.ptr<3> -> !llvm.ptr<7>
  %theirs = llvm.getelementptr %remote[%tid] : (!llvm.ptr<7>, i32) -> !llvm.ptr<7>, i32
  %y = llvm.load %theirs : !llvm.ptr<7> -> i32
  %sum = llvm.add %x, %y : i32
  llvm.br ^write(%sum : i32)
^write(%value: i32):
  nvvm.cluster.arrive
  nvvm.cluster.wait
  %row = llvm.mul %block, %c8 : i32
  %place = llvm.add %row, %tid : i32
  %p = llvm.getelementptr %out[%place] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %p : i32, !llvm.ptr<1>
  llvm.return
}
