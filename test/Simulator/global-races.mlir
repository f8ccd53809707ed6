// Blocks of a launch that meet in global memory: without order their accesses
// race, but for writes that change nothing; release and acquire order them.

llvm.mlir.global internal @last() {addr_space = 3 : i32} : i32

// Two blocks write the same places, different values.
// RUN: not peermla-sim %s --kernel=both_write --grid=2 --block=32 --output=out:i32:32 --check=race 2>&1 | FileCheck %s --check-prefix=WRITES
// WRITES: race: block ({{[01]}},0,0) thread 0: write beside an unordered write by block ({{[01]}},0,0), global memory at offset 0 of 'out' (32 times)
// WRITES-NEXT: at llvm.store {{.*}}global-races.mlir:[[#@LINE+8]]:
// WRITES-NEXT: against llvm.store {{.*}}global-races.mlir:[[#@LINE+7]]:
// It is a race of several blocks alone.
// RUN: peermla-sim %s --kernel=both_write --grid=1 --block=32 --output=out:i32:32
llvm.func @both_write(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %place = llvm.getelementptr %out[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %block, %place : i32, !llvm.ptr<1>
  llvm.return
}

// The same value is no race, nor are neighbouring bytes.
// RUN: peermla-sim %s --kernel=same_value --grid=8 --block=32 --output=out:i32:32 --output=bytes:i32:8
llvm.func @same_value(%out: !llvm.ptr<1>, %bytes: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %place = llvm.getelementptr %out[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %thread, %place : i32, !llvm.ptr<1>
  %byte = llvm.trunc %block : i32 to i8
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %isFirst = llvm.icmp "eq" %thread, %c0 : i32
  llvm.cond_br %isFirst, ^write, ^end
^write:
  %mine = llvm.getelementptr %bytes[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %byte, %mine : i8, !llvm.ptr<1>
  llvm.br ^end
^end:
  llvm.return
}

// A block reads what another writes.
// RUN: not peermla-sim %s --kernel=neighbour --grid=2 --block=32 --output=out:i32:64 --output=sums:i32:64 --check=race 2>&1 | FileCheck %s --check-prefix=READS
// READS: race: block ({{[01]}},0,0) thread {{[0-9]+}}: {{read beside an unordered write|write beside an unordered read}} by block ({{[01]}},0,0), global memory at offset {{[0-9]+}} of 'out'
// READS-NEXT: at llvm.{{load|store}} {{.*}}global-races.mlir:
// READS-NEXT: against llvm.{{load|store}} {{.*}}global-races.mlir:
llvm.func @neighbour(%out: !llvm.ptr<1>, %sums: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c32 = llvm.mlir.constant(32 : i32) : i32
  %first = llvm.mul %block, %c32 : i32
  %index = llvm.add %first, %thread : i32
  %mine = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %index, %mine : i32, !llvm.ptr<1>
  nvvm.barrier0
  %other = llvm.xor %index, %c32 : i32
  %theirs = llvm.getelementptr %out[%other] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %x = llvm.load %theirs : !llvm.ptr<1> -> i32
  %sum = llvm.getelementptr %sums[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %sum : i32, !llvm.ptr<1>
  llvm.return
}

// The last block adds what all have written: a counter with fences around it.
// The block that is last also sets the counter back.
// RUN: %python %S/make_tensor.py %t.count count 0
// RUN: peermla-sim %s --kernel=counter --grid=7 --block=32 --set=before=1 --set=after=1 --output=parts:i32:224 --inout=count --args=%t.count --output=out:i32:32 --outputs=%t.st --launch=async=eager --launch=async=random,runs=5
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=COUNTER
// COUNTER: count: 0{{$}}
// COUNTER: out: 672 679 {{.*}} 889{{$}}
// Without either fence nobody may rely on them.
// RUN: not peermla-sim %s --kernel=counter --grid=7 --block=32 --set=before=0 --set=after=1 --output=parts:i32:224 --inout=count --args=%t.count --output=out:i32:32 2>&1 | FileCheck %s --check-prefix=UNFENCED
// RUN: not peermla-sim %s --kernel=counter --grid=7 --block=32 --set=before=1 --set=after=0 --output=parts:i32:224 --inout=count --args=%t.count --output=out:i32:32 2>&1 | FileCheck %s --check-prefix=UNFENCED
// UNFENCED: race: block ({{[0-6]}},0,0) thread {{[0-9]+}}: read beside an unordered write by block ({{[0-6]}},0,0), global memory at offset {{[0-9]+}} of 'parts'
// UNFENCED-NEXT: at llvm.load
// UNFENCED-NEXT: against llvm.store
llvm.func @counter(%parts: !llvm.ptr<1>, %count: !llvm.ptr<1>, %out: !llvm.ptr<1>, %before: i32, %after: i32) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c32 = llvm.mlir.constant(32 : i32) : i32
  %flag = llvm.mlir.addressof @last : !llvm.ptr<3>
  %first = llvm.mul %block, %c32 : i32
  %index = llvm.add %first, %thread : i32
  %mine = llvm.getelementptr %parts[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %index, %mine : i32, !llvm.ptr<1>
  llvm.inline_asm has_side_effects "{ .reg .pred p; setp.ne.b32 p, $0, 0; @p fence.acq_rel.gpu; }", "r" %before : (i32) -> ()
  nvvm.barrier0
  %leads = llvm.icmp "eq" %thread, %c0 : i32
  llvm.cond_br %leads, ^arrive, ^meet
^arrive:
  %number = llvm.inline_asm has_side_effects "atom.relaxed.gpu.global.add.u32 $0, [$1], 1;", "=r,l" %count : (!llvm.ptr<1>) -> i32
  llvm.store %number, %flag : i32, !llvm.ptr<3>
  llvm.inline_asm has_side_effects "{ .reg .pred p; setp.ne.b32 p, $0, 0; @p fence.acq_rel.gpu; }", "r" %after : (i32) -> ()
  llvm.br ^meet
^meet:
  nvvm.barrier0
  %arrived = llvm.load %flag : !llvm.ptr<3> -> i32
  %others = llvm.sub %blocks, %c1 : i32
  %isLast = llvm.icmp "eq" %arrived, %others : i32
  llvm.cond_br %isLast, ^header(%c0, %c0 : i32, i32), ^end
^header(%i: i32, %sum: i32):
  %more = llvm.icmp "slt" %i, %blocks : i32
  llvm.cond_br %more, ^body, ^write
^body:
  %start = llvm.mul %i, %c32 : i32
  %place = llvm.add %start, %thread : i32
  %theirs = llvm.getelementptr %parts[%place] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %x = llvm.load %theirs : !llvm.ptr<1> -> i32
  %added = llvm.add %sum, %x : i32
  %next = llvm.add %i, %c1 : i32
  llvm.br ^header(%next, %added : i32, i32)
^write:
  %target = llvm.getelementptr %out[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %sum, %target : i32, !llvm.ptr<1>
  llvm.cond_br %leads, ^reset, ^end
^reset:
  llvm.store %c0, %count : i32, !llvm.ptr<1>
  llvm.br ^end
^end:
  llvm.return
}

// Block 0 sets up what the others add to atomically, and they do not know.
// RUN: not peermla-sim %s --kernel=setup --grid=3 --block=1 --output=out:i32:1 --check=race 2>&1 | FileCheck %s --check-prefix=SETUP
// SETUP: race: {{.*}} global memory at offset 0 of 'out'
// SETUP: llvm.store {{.*}}global-races.mlir:[[#@LINE+8]]:
llvm.func @setup(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c5 = llvm.mlir.constant(5 : i32) : i32
  %leads = llvm.icmp "eq" %block, %c0 : i32
  llvm.cond_br %leads, ^init, ^add
^init:
  llvm.store %c5, %out : i32, !llvm.ptr<1>
  llvm.br ^add
^add:
  %0 = llvm.atomicrmw add %out, %c5 monotonic : !llvm.ptr<1>, i32
  llvm.return
}

// A flag that is polled: volatile, or acquired behind a fence.
// RUN: peermla-sim %s --kernel=flag --grid=2 --block=1 --set=fence=1 --output=data:i32:1 --output=flag:i32:1 --output=out:i32:1 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=FLAG
// FLAG: out: 42{{$}}
// RUN: not peermla-sim %s --kernel=flag --grid=2 --block=1 --set=fence=0 --output=data:i32:1 --output=flag:i32:1 --output=out:i32:1 2>&1 | FileCheck %s --check-prefix=POLLED
// POLLED: race: block (1,0,0) thread 0: read beside an unordered write by block (0,0,0), global memory at offset 0 of 'data'
llvm.func @flag(%data: !llvm.ptr<1>, %flag: !llvm.ptr<1>, %out: !llvm.ptr<1>, %fence: i32) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c42 = llvm.mlir.constant(42 : i32) : i32
  %writes = llvm.icmp "eq" %block, %c0 : i32
  llvm.cond_br %writes, ^write, ^poll
^write:
  llvm.store %c42, %data : i32, !llvm.ptr<1>
  llvm.inline_asm has_side_effects "fence.acq_rel.gpu;", "" : () -> ()
  llvm.store volatile %c1, %flag : i32, !llvm.ptr<1>
  llvm.return
^poll:
  %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
  %isSet = llvm.icmp "eq" %x, %c1 : i32
  llvm.cond_br %isSet, ^read, ^poll
^read:
  llvm.inline_asm has_side_effects "{ .reg .pred p; setp.ne.b32 p, $0, 0; @p fence.acq_rel.gpu; }", "r" %fence : (i32) -> ()
  %y = llvm.load %data : !llvm.ptr<1> -> i32
  llvm.store %y, %out : i32, !llvm.ptr<1>
  llvm.return
}

// Fences of LLVM are fences, but those of a block are not for others.
// RUN: peermla-sim %s --kernel=llvm_fences --grid=2 --block=1 --output=data:i32:1 --output=flag:i32:1 --output=out:i32:1 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=FLAG
// RUN: sed 's/llvm.fence syncscope("device")/llvm.fence syncscope("block")/' %s > %t.block.mlir
// RUN: not peermla-sim %t.block.mlir --kernel=llvm_fences --grid=2 --block=1 --output=data:i32:1 --output=flag:i32:1 --output=out:i32:1 2>&1 | FileCheck %s --check-prefix=POLLED
// RUN: sed 's/fence.acq_rel.gpu/fence.acq_rel.cta/' %s > %t.cta.mlir
// RUN: not peermla-sim %t.cta.mlir --kernel=flag --grid=2 --block=1 --set=fence=1 --output=data:i32:1 --output=flag:i32:1 --output=out:i32:1 2>&1 | FileCheck %s --check-prefix=POLLED
llvm.func @llvm_fences(%data: !llvm.ptr<1>, %flag: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c42 = llvm.mlir.constant(42 : i32) : i32
  %writes = llvm.icmp "eq" %block, %c0 : i32
  llvm.cond_br %writes, ^write, ^poll
^write:
  llvm.store %c42, %data : i32, !llvm.ptr<1>
  llvm.fence syncscope("device") release
  llvm.store %c1, %flag atomic monotonic {alignment = 4 : i64} : i32, !llvm.ptr<1>
  llvm.return
^poll:
  %x = llvm.load %flag atomic monotonic {alignment = 4 : i64} : !llvm.ptr<1> -> i32
  %isSet = llvm.icmp "eq" %x, %c1 : i32
  llvm.cond_br %isSet, ^read, ^poll
^read:
  llvm.fence syncscope("device") acquire
  %y = llvm.load %data : !llvm.ptr<1> -> i32
  llvm.store %y, %out : i32, !llvm.ptr<1>
  llvm.return
}

// An acquired flag orders a copy, too.
// RUN: peermla-sim %s --kernel=flag_copied --grid=2 --block=1 --output=data:i32:4 --output=flag:i32:1 --output=out:i32:1 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=FLAG
llvm.func @flag_copied(%data: !llvm.ptr<1>, %flag: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c42 = llvm.mlir.constant(42 : i32) : i32
  %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
  %writes = llvm.icmp "eq" %block, %c0 : i32
  llvm.cond_br %writes, ^write, ^poll
^write:
  llvm.store %c42, %data : i32, !llvm.ptr<1>
  llvm.store %c1, %flag atomic release {alignment = 4 : i64} : i32, !llvm.ptr<1>
  llvm.return
^poll:
  %x = llvm.load %flag atomic acquire {alignment = 4 : i64} : !llvm.ptr<1> -> i32
  %isSet = llvm.icmp "eq" %x, %c1 : i32
  llvm.cond_br %isSet, ^copy, ^poll
^copy:
  nvvm.cp.async.shared.global %tile, %data, 16, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  %y = llvm.load %tile : !llvm.ptr<3> -> i32
  llvm.store %y, %out : i32, !llvm.ptr<1>
  llvm.return
}

// What copies read and write counts, too: cp.async of another block's tile, and
// TMA of both blocks into one place.
// RUN: %python %S/make_tensor.py %t.in x 1 2 3 4
// RUN: not peermla-sim %s --kernel=copied --grid=2 --block=1 --inout=x --args=%t.in --outputs=%t.st 2>&1 | FileCheck %s --check-prefix=COPIED
// RUN: not peermla-sim %s --kernel=stored --grid=2 --block=1 --inout=x --args=%t.in --outputs=%t.st 2>&1 | FileCheck %s --check-prefix=STORED
// COPIED: race: {{.*}} global memory at offset 0 of 'x'
// COPIED: cp.async
// STORED: race: {{.*}} write beside an unordered write by block ({{[01]}},0,0), global memory at offset 0 of 'x'
// STORED-NEXT: at nvvm.cp.async.bulk.global.shared.cta
llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<4 x i32>
llvm.func @copied(%x: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
  %writes = llvm.icmp "eq" %block, %c0 : i32
  llvm.cond_br %writes, ^write, ^copy
^write:
  llvm.store %c0, %x : i32, !llvm.ptr<1>
  llvm.return
^copy:
  nvvm.cp.async.shared.global %tile, %x, 16, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  llvm.return
}
llvm.func @stored(%x: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %c16 = llvm.mlir.constant(16 : i32) : i32
  %v = llvm.mlir.zero : vector<4xi32>
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %w = llvm.insertelement %block, %v[%c0 : i32] : vector<4xi32>
  %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
  llvm.store %w, %tile {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
  nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  nvvm.cp.async.bulk.global.shared.cta %x, %tile, %c16 : !llvm.ptr<1>, !llvm.ptr<3>
  nvvm.cp.async.bulk.commit.group
  nvvm.cp.async.bulk.wait_group 0
  llvm.return
}

// Blocks wait for each other, more of them than the system has threads: each
// adds to a counter and looks at it, by a load or by adding zero, until all have.
// RUN: %python %S/make_tensor.py %t.count count 0
// RUN: peermla-sim %s --kernel=grid_barrier --grid=9 --block=32 --set=blocks=9 --set=adds=0 --inout=count --args=%t.count --output=parts:i32:9 --output=out:i32:9 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=GRID
// RUN: peermla-sim %s --kernel=grid_barrier --grid=9 --block=32 --set=blocks=9 --set=adds=1 --inout=count --args=%t.count --output=parts:i32:9 --output=out:i32:9 --outputs=%t.st
// RUN: %python %S/show.py %t.st | FileCheck %s --check-prefix=GRID
// GRID: out: 8 7 6 5 4 3 2 1 0{{$}}
// One that never comes is missed.
// RUN: not peermla-sim %s --kernel=grid_barrier --grid=9 --block=32 --set=blocks=10 --set=adds=0 --inout=count --args=%t.count --output=parts:i32:9 --output=out:i32:9 2>&1 | FileCheck %s --check-prefix=STUCK
// STUCK: deadlock: block ({{[0-8]}},0,0): no thread can run, 32 wait (9 times)
// STUCK-NEXT: at ld.acquire.gpu.global.u32 {{.*}}global-races.mlir
llvm.func @grid_barrier(%parts: !llvm.ptr<1>, %count: !llvm.ptr<1>, %out: !llvm.ptr<1>, %blocks: i32, %adds: i32) attributes {nvvm.kernel} {
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c8 = llvm.mlir.constant(8 : i32) : i32
  %leads = llvm.icmp "eq" %thread, %c0 : i32
  llvm.cond_br %leads, ^arrive, ^meet
^arrive:
  %mine = llvm.getelementptr %parts[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %block, %mine : i32, !llvm.ptr<1>
  llvm.inline_asm has_side_effects "red.release.gpu.global.add.u32 [$0], 1;", "l" %count : (!llvm.ptr<1>) -> ()
  %byAdding = llvm.icmp "ne" %adds, %c0 : i32
  llvm.cond_br %byAdding, ^add, ^load
^load:
  %x = llvm.inline_asm has_side_effects "ld.acquire.gpu.global.u32 $0, [$1];", "=r,l" %count : (!llvm.ptr<1>) -> i32
  %waits = llvm.icmp "ult" %x, %blocks : i32
  llvm.cond_br %waits, ^load, ^meet
^add:
  %y = llvm.atomicrmw add %count, %c0 acq_rel : !llvm.ptr<1>, i32
  %stays = llvm.icmp "ult" %y, %blocks : i32
  llvm.cond_br %stays, ^add, ^meet
^meet:
  nvvm.barrier0
  llvm.cond_br %leads, ^read, ^end
^read:
  %other = llvm.sub %c8, %block : i32
  %theirs = llvm.getelementptr %parts[%other] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %z = llvm.load %theirs : !llvm.ptr<1> -> i32
  %target = llvm.getelementptr %out[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %z, %target : i32, !llvm.ptr<1>
  llvm.br ^end
^end:
  llvm.return
}
