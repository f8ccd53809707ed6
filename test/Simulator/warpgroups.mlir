// Frag ops in a kernel of a gpu.module, as a pass before the last ones may leave
// them: D[m, n] = 2 sum_k A[m, k] B[n, k], m < 64, n < 8, k < 16, in two
// products of which the second adds to the first.

// RUN: peermla-sim %s --kernel=right --block=128 --output=out:f32:512 --outputs=%t.right --launch=async=eager --launch=async=lazy,strict --launch=async=random,runs=8
// RUN: %python %S/show.py %t.right | FileCheck %s --check-prefix=RIGHT
// A[m, k] = m + k, B[n, k] = n: 2 (16 m + 120) n.
// RIGHT: out: 0 240 480 720 960 1200 1440 1680 0 272 544 816 {{.*}} 0 2256 4512 6768 9024 11280 13536 15792{{$}}

// The same bytes by way of PTX.
// RUN: peermla-opt %s --peermla-warpgroups-to-nvvm --convert-vector-to-llvm --convert-to-llvm --reconcile-unrealized-casts -o %t.ptx.mlir
// RUN: not grep "frag\." %t.ptx.mlir
// RUN: peermla-sim %t.ptx.mlir --kernel=right --block=128 --parameters=out --output=out:f32:512 --outputs=%t.ptx
// RUN: cmp %t.right %t.ptx

// RUN: not peermla-sim %s --kernel=unawaited --block=128 --output=out:f32:512 2>&1 | FileCheck %s --check-prefix=UNAWAITED
// RUN: not peermla-sim %s --kernel=awaited_by_none --block=128 --output=out:f32:512 2>&1 | FileCheck %s --check-prefix=AWAITED
// RUN: not peermla-sim %s --kernel=refilled --block=128 --output=out:f32:512 2>&1 | FileCheck %s --check-prefix=REFILLED
// RUN: not peermla-sim %s --kernel=too_early --block=128 --output=out:f32:512 2>&1 | FileCheck %s --check-prefix=EARLY
// RUN: not peermla-sim %s --kernel=unfenced --block=128 --output=out:f32:512 2>&1 | FileCheck %s --check-prefix=UNFENCED

gpu.module @kernels {
  // Rows of 128 bytes, of which 16 elements matter; the pieces are swizzled.
  llvm.mlir.global internal @a() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<4096 x bf16>
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<512 x bf16>

  // Threads write a row of A each, and of B.
  llvm.func internal @fill(%a: !llvm.ptr<3>, %b: !llvm.ptr<3>) {
    %thread = nvvm.read.ptx.sreg.tid.x : i32
    %c0 = llvm.mlir.constant(0 : i32) : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c3 = llvm.mlir.constant(3 : i32) : i32
    %c7 = llvm.mlir.constant(7 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    llvm.br ^header(%c0 : i32)
  ^header(%k: i32):
    %more = llvm.icmp "slt" %k, %c16 : i32
    llvm.cond_br %more, ^body, ^exit
  ^body:
    // Piece k / 8 of row m lies where piece k / 8 xor m % 8 would.
    %piece = llvm.lshr %k, %c3 : i32
    %line = llvm.and %thread, %c7 : i32
    %swizzled = llvm.xor %piece, %line : i32
    %inside = llvm.and %k, %c7 : i32
    %start = llvm.mul %swizzled, %c8 : i32
    %column = llvm.add %start, %inside : i32
    %row = llvm.mul %thread, %c64 : i32
    %place = llvm.add %row, %column : i32
    %isA = llvm.icmp "slt" %thread, %c64 : i32
    llvm.cond_br %isA, ^writeA, ^nextB
  ^writeA:
    %sum = llvm.add %thread, %k : i32
    %x = llvm.sitofp %sum : i32 to bf16
    %target = llvm.getelementptr %a[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, bf16
    llvm.store %x, %target : bf16, !llvm.ptr<3>
    llvm.br ^nextB
  ^nextB:
    %isB = llvm.icmp "slt" %thread, %c8 : i32
    llvm.cond_br %isB, ^writeB, ^next
  ^writeB:
    %y = llvm.sitofp %thread : i32 to bf16
    %other = llvm.getelementptr %b[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, bf16
    llvm.store %y, %other : bf16, !llvm.ptr<3>
    llvm.br ^next
  ^next:
    %following = llvm.add %k, %c1 : i32
    llvm.br ^header(%following : i32)
  ^exit:
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    nvvm.barrier0
    llvm.return
  }

  // Lane l of warp w has rows 16 w + l / 4 and 8 more, columns 2 (l % 4) and 1
  // more.
  llvm.func internal @write(%d: vector<4xf32>, %out: !llvm.ptr<1>) {
    %thread = nvvm.read.ptx.sreg.tid.x : i32
    %c0 = llvm.mlir.constant(0 : i32) : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c2 = llvm.mlir.constant(2 : i32) : i32
    %c3 = llvm.mlir.constant(3 : i32) : i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %c5 = llvm.mlir.constant(5 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %warp = llvm.lshr %thread, %c5 : i32
    %lane = llvm.urem %thread, %c32 : i32
    %first = llvm.mul %warp, %c16 : i32
    %line = llvm.lshr %lane, %c2 : i32
    %row = llvm.add %first, %line : i32
    %pair = llvm.and %lane, %c3 : i32
    %column = llvm.mul %pair, %c2 : i32
    %start = llvm.mul %row, %c8 : i32
    %place = llvm.add %start, %column : i32
    %upper = llvm.getelementptr %out[%place] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %lower = llvm.getelementptr %upper[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    %uv = llvm.shufflevector %d, %d [0, 1] : vector<4xf32>
    %lv = llvm.shufflevector %d, %d [2, 3] : vector<4xf32>
    llvm.store %uv, %upper {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
    llvm.store %lv, %lower {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
    llvm.return
  }

  llvm.func @right(%out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    llvm.call @fill(%a, %b) : (!llvm.ptr<3>, !llvm.ptr<3>) -> ()
    %x = frag.descriptor %a leading 0
    %y = frag.descriptor %b leading 0
    nvvm.wgmma.fence.aligned
    %s = frag.wgmma %x, %y offsets [0, 0] of bf16 : i64, vector<4xf32>
    %t = frag.wgmma %x, %y, acc %s offsets [0, 0] of bf16 : i64, vector<4xf32>
    nvvm.wgmma.commit.group.sync.aligned
    %d = frag.wgmma_wait 0, %t : vector<4xf32>
    llvm.call @write(%d, %out) : (vector<4xf32>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  // The result is read beside the wait.
  // UNAWAITED: accumulator: block (0,0,0) thread {{[0-9]+}}: the result of a product is read, and no wait has carried it
  // UNAWAITED-NEXT: at llvm.extractelement {{.*}}warpgroups.mlir:[[#@LINE+13]]:
  // UNAWAITED-NEXT: against frag.wgmma {{.*}}warpgroups.mlir:[[#@LINE+10]]:
  llvm.func @unawaited(%out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %c0 = llvm.mlir.constant(0 : i32) : i32
    %thread = nvvm.read.ptx.sreg.tid.x : i32
    llvm.call @fill(%a, %b) : (!llvm.ptr<3>, !llvm.ptr<3>) -> ()
    %x = frag.descriptor %a leading 0
    %y = frag.descriptor %b leading 0
    nvvm.wgmma.fence.aligned
    %s = frag.wgmma %x, %y offsets [0, 0] of bf16 : i64, vector<4xf32>
    nvvm.wgmma.commit.group.sync.aligned
    %z = llvm.extractelement %s[%c0 : i32] : vector<4xf32>
    %d = frag.wgmma_wait 0, %s : vector<4xf32>
    %place = llvm.getelementptr %out[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %z, %place : f32, !llvm.ptr<1>
    llvm.return
  }

  // There is a wait, but the compiler may read before it.
  // AWAITED: accumulator: block (0,0,0) thread {{[0-9]+}}: the result of a product is read, and no wait has carried it
  // AWAITED-NEXT: at llvm.fadd {{.*}}warpgroups.mlir:[[#@LINE+11]]:
  llvm.func @awaited_by_none(%out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    llvm.call @fill(%a, %b) : (!llvm.ptr<3>, !llvm.ptr<3>) -> ()
    %x = frag.descriptor %a leading 0
    %y = frag.descriptor %b leading 0
    nvvm.wgmma.fence.aligned
    %s = frag.wgmma %x, %y offsets [0, 0] of bf16 : i64, vector<4xf32>
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.wgmma.wait.group.sync.aligned 0
    %d = llvm.fadd %s, %s : vector<4xf32>
    llvm.call @write(%d, %out) : (vector<4xf32>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  // Operands are written while the product reads them.
  // REFILLED: race: block (0,0,0) thread {{[0-9]+}}: write after an unordered read by wgmma of warpgroup 0, shared memory at offset
  // REFILLED-NEXT: at llvm.store {{.*}}warpgroups.mlir:
  // REFILLED-NEXT: against frag.wgmma {{.*}}warpgroups.mlir:[[#@LINE+8]]:
  llvm.func @refilled(%out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    llvm.call @fill(%a, %b) : (!llvm.ptr<3>, !llvm.ptr<3>) -> ()
    %x = frag.descriptor %a leading 0
    %y = frag.descriptor %b leading 0
    nvvm.wgmma.fence.aligned
    %s = frag.wgmma %x, %y offsets [0, 0] of bf16 : i64, vector<4xf32>
    nvvm.wgmma.commit.group.sync.aligned
    llvm.call @fill(%a, %b) : (!llvm.ptr<3>, !llvm.ptr<3>) -> ()
    %d = frag.wgmma_wait 0, %s : vector<4xf32>
    llvm.call @write(%d, %out) : (vector<4xf32>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  // The wait lets the group go on.
  // EARLY: accumulator: block (0,0,0) thread {{[0-9]+}}: an accumulator that the wait carries is still in flight
  // EARLY-NEXT: at frag.wgmma_wait {{.*}}warpgroups.mlir:[[#@LINE+10]]:
  llvm.func @too_early(%out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    llvm.call @fill(%a, %b) : (!llvm.ptr<3>, !llvm.ptr<3>) -> ()
    %x = frag.descriptor %a leading 0
    %y = frag.descriptor %b leading 0
    nvvm.wgmma.fence.aligned
    %s = frag.wgmma %x, %y offsets [0, 0] of bf16 : i64, vector<4xf32>
    nvvm.wgmma.commit.group.sync.aligned
    %d = frag.wgmma_wait 1, %s : vector<4xf32>
    llvm.call @write(%d, %out) : (vector<4xf32>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  // UNFENCED: accumulator: block (0,0,0) thread {{[0-9]+}}: registers are given to wgmma without a wgmma.fence since the last commit or wait
  // UNFENCED-NEXT: at frag.wgmma {{.*}}warpgroups.mlir:[[#@LINE+7]]:
  llvm.func @unfenced(%out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    llvm.call @fill(%a, %b) : (!llvm.ptr<3>, !llvm.ptr<3>) -> ()
    %x = frag.descriptor %a leading 0
    %y = frag.descriptor %b leading 0
    %s = frag.wgmma %x, %y offsets [0, 0] of bf16 : i64, vector<4xf32>
    nvvm.wgmma.commit.group.sync.aligned
    %d = frag.wgmma_wait 0, %s : vector<4xf32>
    llvm.call @write(%d, %out) : (vector<4xf32>, !llvm.ptr<1>) -> ()
    llvm.return
  }
}
