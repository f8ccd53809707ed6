// Kernels that are subtly wrong, and what is said of them in each mode.

llvm.mlir.global internal @s() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<512 x i32>
llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 8 : i64} : i64

// Lanes of a warp read what other lanes wrote, without __syncwarp.
// RUN: not peermla-sim %s --kernel=warpsync --block=32 --output=out:i32:32 2>&1 | FileCheck %s --check-prefix=WARPSYNC
// WARPSYNC: {{race|uninitialized}}: block (0,0,0) thread
llvm.func @warpsync(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %m = llvm.getelementptr %s[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %tid, %m : i32, !llvm.ptr<3>
  %o = llvm.xor %tid, %c1 : i32
  %p = llvm.getelementptr %s[%o] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %x = llvm.load %p : !llvm.ptr<3> -> i32
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %q : i32, !llvm.ptr<1>
  llvm.return
}

// Atomic additions race with the store before them, also after the thread of
// the store has added, too.
// RUN: not peermla-sim %s --kernel=atomic --block=64 --output=out:i32:64 2>&1 | FileCheck %s --check-prefix=ATOMIC
// RUN: not peermla-sim %s --kernel=atomic --block=64 --output=out:i32:64 --async=random --seed=5 2>&1 | FileCheck %s --check-prefix=ATOMIC
// ATOMIC: race: block (0,0,0) thread {{.*}} shared memory at offset 0
// ATOMIC-DAG: llvm.atomicrmw {{.*}}faults.mlir
// ATOMIC-DAG: llvm.store {{.*}}faults.mlir
// RUN: sed -e 's|// BARRIER|nvvm.barrier0|' %s > %t.mlir
// RUN: peermla-sim %t.mlir --kernel=atomic --block=64 --output=out:i32:64 --launch=async=eager --launch=async=random,runs=20 2>&1 | count 0
llvm.func @atomic(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %z = llvm.icmp "eq" %tid, %c0 : i32
  llvm.cond_br %z, ^init, ^add
^init:
  llvm.store %c0, %s : i32, !llvm.ptr<3>
  llvm.br ^add
^add:
  // BARRIER
  %old = llvm.atomicrmw add %s, %c1 monotonic : !llvm.ptr<3>, i32
  nvvm.barrier0
  %x = llvm.load %s : !llvm.ptr<3> -> i32
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %q : i32, !llvm.ptr<1>
  llvm.return
}

// A named barrier of 96 among 128 threads.
// RUN: not peermla-sim %s --kernel=count --block=128 --output=out:i32:4 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: deadlock: block (0,0,0): no thread can run, 32 wait
// COUNT: barrier 1: 32 of 96 threads
llvm.func @count(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c96 = llvm.mlir.constant(96 : i32) : i32
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %m = llvm.getelementptr %s[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %tid, %m : i32, !llvm.ptr<3>
  nvvm.barrier id = %c1 number_of_threads = %c96
  llvm.return
}

// A barrier expects half of the bytes that come.
// RUN: %python %S/make_tensor.py %t.in in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
// RUN: not peermla-sim %s --kernel=tx --block=32 --args=%t.in --output=out:i32:32 --async=lazy 2>&1 | FileCheck %s --check-prefix=TX
// TX: deadlock: block (0,0,0): no thread can run, 32 wait
// TX: 0 of 1 arrivals pending, 64 bytes more than expected
llvm.func @tx(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %few = llvm.mlir.constant(64 : i32) : i32
  %all = llvm.mlir.constant(128 : i32) : i32
  %ticks = llvm.mlir.constant(10000000 : i32) : i32
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %b = llvm.mlir.addressof @b : !llvm.ptr<3>
  %z = llvm.icmp "eq" %tid, %c0 : i32
  llvm.cond_br %z, ^init, ^go
^init:
  nvvm.mbarrier.init %b, %c1 : !llvm.ptr<3>, i32
  nvvm.fence.mbarrier.init
  nvvm.mbarrier.arrive.expect_tx %b, %few : !llvm.ptr<3>, i32
  llvm.inline_asm has_side_effects "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$3], $1, [$2];", "r,r,r,l" %s, %all, %b, %in : (!llvm.ptr<3>, i32, !llvm.ptr<3>, !llvm.ptr<1>) -> ()
  llvm.br ^go
^go:
  nvvm.barrier0
  nvvm.mbarrier.try_wait.parity %b, %c0, %ticks : !llvm.ptr<3>, i32, i32
  %p = llvm.getelementptr %s[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %x = llvm.load %p : !llvm.ptr<3> -> i32
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %q : i32, !llvm.ptr<1>
  llvm.return
}

// Shared memory is written again before the bulk store has read it.
// RUN: not peermla-sim %s --kernel=reuse --block=32 --output=out:i32:32 --async=lazy 2>&1 | FileCheck %s --check-prefix=REUSE
// RUN: not peermla-sim %s --kernel=reuse --block=32 --output=out:i32:32 --async=eager 2>&1 | FileCheck %s --check-prefix=REUSE
// REUSE: race: {{.*}} write after an unordered read by a bulk store of thread 0
llvm.func @reuse(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %all = llvm.mlir.constant(128 : i32) : i32
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %m = llvm.getelementptr %s[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %tid, %m : i32, !llvm.ptr<3>
  nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  nvvm.barrier0
  %z = llvm.icmp "eq" %tid, %c0 : i32
  llvm.cond_br %z, ^st, ^go
^st:
  llvm.inline_asm has_side_effects "cp.async.bulk.global.shared::cta.bulk_group [$2], [$0], $1;", "r,r,l" %s, %all, %out : (!llvm.ptr<3>, i32, !llvm.ptr<1>) -> ()
  nvvm.cp.async.bulk.commit.group
  llvm.br ^go
^go:
  nvvm.barrier0
  llvm.store %c0, %m : i32, !llvm.ptr<3>
  llvm.cond_br %z, ^w, ^e
^w:
  nvvm.cp.async.bulk.wait_group 0
  llvm.br ^e
^e:
  llvm.return
}

// The last thread reads one word past the end.
// RUN: not peermla-sim %s --kernel=off --block=32 --args=%t.in --output=out:i32:32 2>&1 | FileCheck %s --check-prefix=OFF
// OFF: out-of-bounds: block (0,0,0) thread 31: read of 4 bytes at 0 bytes past the end of 'in' (128 bytes)
llvm.func @off(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %t1 = llvm.add %tid, %c1 : i32
  %p = llvm.getelementptr %in[%t1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %x = llvm.load %p : !llvm.ptr<1> -> i32
  %q = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %x, %q : i32, !llvm.ptr<1>
  llvm.return
}

// Rows of ldmatrix that do not begin at multiples of 16 bytes.
// RUN: not peermla-sim %s --kernel=unaligned --block=32 --output=out:i32:32 2>&1 | FileCheck %s --check-prefix=UNALIGNED
// UNALIGNED: misaligned: block (0,0,0) thread 1: read by ldmatrix at offset 5
llvm.func @unaligned(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %c5 = llvm.mlir.constant(5 : i32) : i32
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %m = llvm.getelementptr %s[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %tid, %m : i32, !llvm.ptr<3>
  nvvm.barrier0
  %r = llvm.mul %tid, %c5 : i32
  %a = llvm.getelementptr %s[%r] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %x = nvvm.ldmatrix %a {num = 1 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32
  llvm.return
}
