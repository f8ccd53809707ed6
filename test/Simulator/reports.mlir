// Every kind of report once: what is wrong, at which op, in which thread.

llvm.mlir.global internal @words() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
llvm.mlir.global internal @barrier() {addr_space = 3 : i32, alignment = 8 : i64} : i64

// RUN: not peermla-sim %s --kernel=race --block=64 --output=out:i32:64 2>&1 | FileCheck %s --check-prefix=RACE
// RACE: race: block (0,0,0) thread
// RACE: at llvm.load {{.*}}reports.mlir:[[#@LINE+9]]:
llvm.func @race(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c63 = llvm.mlir.constant(63 : i32) : i32
  %words = llvm.mlir.addressof @words : !llvm.ptr<3>
  %mine = llvm.getelementptr %words[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %tid, %mine : i32, !llvm.ptr<3>
  %other = llvm.sub %c63, %tid : i32
  %p = llvm.getelementptr %words[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %x = llvm.load %p : !llvm.ptr<3> -> i32
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %q : i32, !llvm.ptr<1>
  llvm.return
}

// The same with a barrier is clean, and a check that is off reports nothing.
// RUN: peermla-sim %s --kernel=ordered --block=64 --output=out:i32:64 2>&1 | count 0
llvm.func @ordered(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c63 = llvm.mlir.constant(63 : i32) : i32
  %words = llvm.mlir.addressof @words : !llvm.ptr<3>
  %mine = llvm.getelementptr %words[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %tid, %mine : i32, !llvm.ptr<3>
  nvvm.barrier0
  %other = llvm.sub %c63, %tid : i32
  %p = llvm.getelementptr %words[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %x = llvm.load %p : !llvm.ptr<3> -> i32
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %q : i32, !llvm.ptr<1>
  llvm.return
}

// RUN: not peermla-sim %s --kernel=uninitialised --block=1 --output=out:i32:1 2>&1 | FileCheck %s --check-prefix=INIT
// RUN: peermla-sim %s --kernel=uninitialised --block=1 --output=out:i32:1 --check=race,bounds 2>&1 | count 0
// INIT: uninit{{.*}}: block (0,0,0) thread 0
// INIT-NEXT: at llvm.load {{.*}}reports.mlir:[[#@LINE+3]]:
llvm.func @uninitialised(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %words = llvm.mlir.addressof @words : !llvm.ptr<3>
  %x = llvm.load %words : !llvm.ptr<3> -> i32
  llvm.store %x, %out : i32, !llvm.ptr<1>
  llvm.return
}

// RUN: not peermla-sim %s --kernel=outside_shared --block=2 --set=i=65000 2>&1 | FileCheck %s --check-prefix=SHARED
// SHARED: out-of-bounds: block (0,0,0) thread {{[01]}}: {{.*}}write
// SHARED: at llvm.store {{.*}}reports.mlir:[[#@LINE+4]]:
llvm.func @outside_shared(%i: i32) attributes {nvvm.kernel} {
  %words = llvm.mlir.addressof @words : !llvm.ptr<3>
  %p = llvm.getelementptr %words[%i] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %i, %p : i32, !llvm.ptr<3>
  llvm.return
}

// RUN: not peermla-sim %s --kernel=outside_global --block=5 --output=out:i32:4 2>&1 | FileCheck %s --check-prefix=GLOBAL
// RUN: peermla-sim %s --kernel=outside_global --block=4 --output=out:i32:4 2>&1 | count 0
// GLOBAL: out-of-bounds: block (0,0,0) thread 4: {{.*}}'out' (16 bytes)
// GLOBAL-NEXT: at llvm.store {{.*}}reports.mlir:[[#@LINE+4]]:
llvm.func @outside_global(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %p = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %tid, %p : i32, !llvm.ptr<1>
  llvm.return
}

// RUN: not peermla-sim %s --kernel=misaligned --block=1 --output=out:i32:4 2>&1 | FileCheck %s --check-prefix=ALIGN
// ALIGN: misaligned: block (0,0,0) thread 0
// ALIGN-NEXT: at llvm.store {{.*}}reports.mlir:[[#@LINE+4]]:
llvm.func @misaligned(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %x = llvm.mlir.constant(1 : i64) : i64
  %p = llvm.getelementptr %out[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %x, %p : i64, !llvm.ptr<1>
  llvm.return
}

// Half of the threads wait where the others never come.
// RUN: not peermla-sim %s --kernel=deadlock --block=64 2>&1 | FileCheck %s --check-prefix=DEADLOCK
// DEADLOCK: deadlock: block (0,0,0)
// DEADLOCK: 32 threads (0-31) in {{.*}} at nvvm.barrier {{.*}}reports.mlir:[[#@LINE+9]]:
llvm.func @deadlock() attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c32 = llvm.mlir.constant(32 : i32) : i32
  %c64 = llvm.mlir.constant(64 : i32) : i32
  %p = llvm.icmp "ult" %tid, %c32 : i32
  llvm.cond_br %p, ^wait, ^end
^wait:
  nvvm.barrier id = %c1 number_of_threads = %c64
  llvm.br ^end
^end:
  llvm.return
}

// RUN: not peermla-sim %s --kernel=mid_phase --block=1 2>&1 | FileCheck %s --check-prefix=EXIT
// EXIT: exit: block (0,0,0){{.*}}mbarrier
llvm.func @mid_phase() attributes {nvvm.kernel} {
  %c2 = llvm.mlir.constant(2 : i32) : i32
  %b = llvm.mlir.addressof @barrier : !llvm.ptr<3>
  nvvm.mbarrier.init %b, %c2 : !llvm.ptr<3>, i32
  nvvm.mbarrier.arrive %b : !llvm.ptr<3>
  llvm.return
}

// RUN: not peermla-sim %s --kernel=no_mbarrier --block=1 2>&1 | FileCheck %s --check-prefix=BARRIER
// BARRIER: barrier: block (0,0,0) thread 0
// BARRIER-NEXT: at nvvm.mbarrier.arrive {{.*}}reports.mlir:[[#@LINE+3]]:
llvm.func @no_mbarrier() attributes {nvvm.kernel} {
  %b = llvm.mlir.addressof @barrier : !llvm.ptr<3>
  nvvm.mbarrier.arrive %b : !llvm.ptr<3>
  llvm.return
}

// Lanes of one warp are at shuffles of two kinds.
// RUN: not peermla-sim %s --kernel=divergence --block=32 --output=out:i32:32 2>&1 | FileCheck %s --check-prefix=DIVERGENCE
// DIVERGENCE: divergence: block (0,0,0) thread
// DIVERGENCE: nvvm.shfl.sync
llvm.func @divergence(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %all = llvm.mlir.constant(-1 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %clamp = llvm.mlir.constant(31 : i32) : i32
  %c16 = llvm.mlir.constant(16 : i32) : i32
  %p = llvm.icmp "ult" %tid, %c16 : i32
  llvm.cond_br %p, ^a, ^b
^a:
  %x = nvvm.shfl.sync bfly %all, %tid, %c1, %clamp : i32 -> i32
  llvm.br ^end(%x : i32)
^b:
  %y = nvvm.shfl.sync idx %all, %tid, %c1, %clamp : i32 -> i32
  llvm.br ^end(%y : i32)
^end(%z: i32):
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %z, %q : i32, !llvm.ptr<1>
  llvm.return
}

// An increase to fewer registers than there are.
// RUN: not peermla-sim %s --kernel=registers --block=512 2>&1 | FileCheck %s --check-prefix=REGISTERS
// REGISTERS: registers: block (0,0,0) thread
// REGISTERS: at nvvm.setmaxregister
llvm.func @registers() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 512, 1, 1>, nvvm.maxnreg = 128 : i32} {
  nvvm.setmaxregister increase 64
  llvm.return
}

// A number read before the wait.
// RUN: not peermla-sim %s --kernel=accumulator --block=128 --shared=4096 --check=none --output=out:f32:1 2>&1 | FileCheck %s --check-prefix=ACC
// ACC: accumulator: block (0,0,0) thread
llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
llvm.func @accumulator(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %s = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
  %i = llvm.ptrtoint %s : !llvm.ptr<3> to i64
  %c4 = llvm.mlir.constant(4 : i64) : i64
  %mask = llvm.mlir.constant(262143 : i64) : i64
  %m = llvm.and %i, %mask : i64
  %start = llvm.lshr %m, %c4 : i64
  %fields = llvm.mlir.constant(137439019008 : i64) : i64
  %d = llvm.or %start, %fields : i64
  %zero = llvm.mlir.zero : !llvm.struct<(f32, f32, f32, f32)>
  nvvm.wgmma.fence.aligned
  %r = nvvm.wgmma.mma_async %d, %d, %zero, <m = 64, n = 8, k = 16>, D [<f32>, <zero>], A [<bf16>, <one>, <row>], B [<bf16>, <one>, <col>] : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
  nvvm.wgmma.commit.group.sync.aligned
  %x = llvm.extractvalue %r[0] : !llvm.struct<(f32, f32, f32, f32)>
  nvvm.wgmma.wait.group.sync.aligned 0
  llvm.store %x, %out : f32, !llvm.ptr<1>
  llvm.return
}

// RUN: not peermla-sim %s --kernel=endless --block=1 --instruction-limit=100000 2>&1 | FileCheck %s --check-prefix=TRAP
// TRAP: trap: block (0,0,0) thread 0{{.*}}100000
llvm.func @endless() attributes {nvvm.kernel} {
  llvm.br ^loop
^loop:
  llvm.br ^loop
}

// What the kernel's own code does to the process ends in a report, too.
// RUN: not peermla-sim %s --kernel=divides --block=2 --output=out:i32:2 --set=by=0 2>&1 | FileCheck %s --check-prefix=DIVIDES
// RUN: peermla-sim %s --kernel=divides --block=2 --output=out:i32:2 --set=by=3 2>&1 | count 0
// DIVIDES: trap: block (0,0,0) thread 0: an integer division by zero
llvm.func @divides(%out: !llvm.ptr<1>, %by: i32) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %x = llvm.udiv %tid, %by : i32
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %q : i32, !llvm.ptr<1>
  llvm.return
}

// A recursion without an end.
// RUN: not peermla-sim %s --kernel=recurses --block=8 --output=out:i32:8 2>&1 | FileCheck %s --check-prefix=STACK
// RUN: not peermla-sim %s --kernel=recurses --block=8 --output=out:i32:8 --async=random --seed=9 2>&1 | FileCheck %s --check-prefix=STACK
// STACK: trap: block (0,0,0) thread {{[0-7]}}: the thread needs more stack than its {{[0-9]+}} bytes
// STACK-NEXT: at llvm.store
llvm.func @again(%out: !llvm.ptr<1>, %n: i32) -> i32 attributes {no_inline} {
  %one = llvm.mlir.constant(1 : i32) : i32
  %more = llvm.add %n, %one : i32
  llvm.store %more, %out : i32, !llvm.ptr<1>
  %deeper = llvm.call @again(%out, %more) : (!llvm.ptr<1>, i32) -> i32
  %old = llvm.load %out : !llvm.ptr<1> -> i32
  %sum = llvm.add %deeper, %old : i32
  llvm.return %sum : i32
}
llvm.func @recurses(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %n = llvm.call @again(%q, %tid) : (!llvm.ptr<1>, i32) -> i32
  llvm.store %n, %q : i32, !llvm.ptr<1>
  llvm.return
}

// RUN: not peermla-sim %s --kernel=race --block=1025 --output=out:i32:64 2>&1 | FileCheck %s --check-prefix=LAUNCH
// LAUNCH: launch: {{.*}}1025

// RUN: not peermla-sim %s --kernel=race --block=64 --output=out:i32:64 --report=json 2>/dev/null | FileCheck %s --check-prefix=JSON
// JSON: {"launch":0,"part":0,"result":{{.*}}"kind":"race"

// Several launches of one compilation, each over the options for all.
// RUN: rm -f %t.*.safetensors
// RUN: not peermla-sim %s --kernel=race --block=64 --output=out:i32:64 --check=race --report=json --outputs=%t.%%l.safetensors \
// RUN:   --launch=check=none --launch=async=lazy,seed=7,runs=2 --launch=check=init+bounds,strict 2>/dev/null | FileCheck %s --check-prefix=LAUNCHES
// RUN: ls %t.0.safetensors %t.1.safetensors %t.2.safetensors
// LAUNCHES: {"launch":0,{{.*}}"reports":[]{{.*}}"seed":0}
// LAUNCHES-NEXT: {"launch":1,{{.*}}"kind":"race"{{.*}}"seed":7}
// LAUNCHES-NEXT: {"launch":1,{{.*}}"kind":"race"{{.*}}"seed":8}
// LAUNCHES-NEXT: {"launch":2,{{.*}}"kind":"uninitialized"{{.*}}"seed":0}
// LAUNCHES-NOT: launch

// The tool's own errors have the status 2.
// RUN: not peermla-sim %s --block=64 2>&1 | FileCheck %s --check-prefix=WHICH
// WHICH: error: expected --kernel with one of the kernels: race, ordered
// RUN: not peermla-sim %s --kernel=race --block=64 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: error: parameter 0 ('out') has no value
// RUN: not peermla-sim %s --kernel=race --block=64 --output=out:i32:64 --launch=async=never 2>&1 | FileCheck %s --check-prefix=ASYNC
// ASYNC: error: expected async=eager|lazy|random, {{.*}}, got 'async=never'
// RUN: not peermla-sim %s --kernel=race --block=64 --output=out:i32:64 --launch=seed=1,runs=0 2>&1 | FileCheck %s --check-prefix=RUNS
// RUNS: error: expected {{.*}} runs=N of 1 or more, got 'runs=0'
// RUN: not peermla-sim %s --kernel=race --block=64 --output=out:i32:64 --launch=check=race+speed 2>&1 | FileCheck %s --check-prefix=CHECKS
// CHECKS: error: expected checks such as race+init+bounds, all or none, got 'race+speed'
// RUN: not peermla-sim %s --kernel=race --block=64 --output=out:i32:64 --set=n=1 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: --set 'n': the kernel has no such parameter
// RUN: not peermla-sim %s --kernel=race --block=64 --output=out:q7:64 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: parameter 0 ('out') has an unknown type of elements: 'q7'
