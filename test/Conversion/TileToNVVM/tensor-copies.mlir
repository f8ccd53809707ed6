// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tile-to-nvvm,canonicalize,cse)' -split-input-file | FileCheck %s

// One thread makes the barriers ready, a map is a parameter for itself, and fills
// of equal boxes share it. Fill n completes the phase n / 2 of slot n % 2.

!a = tensor<64x128xbf16, #tile.shared>

// CHECK-LABEL: llvm.func @copies(
// CHECK-SAME: %[[N:[^:]+]]: i64, %{{[^:]+}}: !llvm.ptr, %[[MAP:[^:]+]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant})
// CHECK-SAME: tile.tensor_maps = [{box = array<i64: 64, 1, 64>, operand = 1 : i64}]
// CHECK: %[[FIRST:.+]] = arith.cmpi eq, %{{.+}}, %c0_i32
// CHECK: scf.if %[[FIRST]]
// CHECK: nvvm.mbarrier.init %{{.+}}, %c1_i32
// CHECK: nvvm.mbarrier.init %{{.+}}, %c1_i32
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.barrier
// CHECK: scf.if %[[FIRST]]
// CHECK: nvvm.mbarrier.arrive.expect_tx %[[B0:.+]], %c16384_i32
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.+}}, %[[MAP]], %[[B0]], box[%c0_i32, %c1_i32, %{{.+}}]
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.+}}, %[[MAP]], %[[B0]], box[%c64_i32, %c1_i32, %{{.+}}]
// CHECK: %[[BOTH:.+]] = arith.andi %[[FIRST]], %{{.+}}
// CHECK: scf.if %[[BOTH]]
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.+}}, %[[MAP]]
// CHECK: %[[TURN:.+]] = arith.divui %{{.+}}, %c2_i32
// CHECK: %[[PARITY:.+]] = arith.remui %[[TURN]], %c2_i32
// CHECK: nvvm.mbarrier.try_wait.parity %{{.+}}, %[[PARITY]],
// CHECK-NEXT: nvvm.barrier
gpu.module @copies {
  func.func @copies(%n: index, %x: memref<80x4x128xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 32784 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %more = arith.cmpi slt, %c1, %n : index
    %r = tile.ring {barriers = 32768, offset = 0} : !tile.ring<2 x !a>
    tile.fill_box %r[%c0], %x[%n, %c1, %c0] along [0, 2] : !tile.ring<2 x !a>, memref<80x4x128xbf16>
    tile.fill_box %r[%n], %x[%c0, %n, %c0] along [0, 2] if %more : !tile.ring<2 x !a>, memref<80x4x128xbf16>
    %a = tile.consume %r[%n] pending 0 : !tile.ring<2 x !a> -> !a
    return
  }
}

// -----

// Memory without elements has no map: one thread writes zeros and arrives. Rows
// that are cleared are the ends of both panels, and published.

!a = tensor<64x128xbf16, #tile.shared>

// CHECK-LABEL: llvm.func @empty(
// CHECK: %[[NONE:.+]] = arith.cmpi eq, %{{.+}}, %c0
// CHECK: scf.if %[[NONE]]
// CHECK: scf.for %{{.+}} = %c0 to %c16384 step %c16
// CHECK: nvvm.fence.proxy
// CHECK: nvvm.mbarrier.arrive %
// CHECK: } else {
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: %[[SOME:.+]] = arith.cmpi slt, %[[ROWS:.+]], %c64
// CHECK: scf.if %[[SOME]]
// CHECK: arith.maxsi %[[ROWS]], %c0
// CHECK: scf.for %{{.+}} = %{{.+}} to %c8192 step %c2048
// CHECK-COUNT-2: llvm.store %cst, %{{.+}} {alignment = 16 : i64} : vector<4xi32>
// CHECK: nvvm.fence.proxy
// CHECK-NEXT: nvvm.barrier
gpu.module @empty {
  func.func @empty(%n: index, %x: memref<?x128xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 16392 : i64} {
    %c0 = arith.constant 0 : index
    %r = tile.ring {barriers = 16384, offset = 0} : !tile.ring<1 x !a>
    tile.fill_box %r[%c0], %x[%n, %c0] along [0, 1] : !tile.ring<1 x !a>, memref<?x128xbf16>
    %a = tile.consume %r[%c0] pending 0 : !tile.ring<1 x !a> -> !a
    %b = tile.clear_rows %a from %n : !a
    return
  }
}

// -----

// The threads that compute come first and meet among themselves. The producer waits
// for the release of what a slot held before; warps release with one lane, when
// products in flight have read the slot.

!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: llvm.func @roles(
// CHECK-SAME: nvvm.reqntid = array<i32: 256>
// CHECK: nvvm.mbarrier.init %{{.+}}, %c1_i32
// CHECK: nvvm.mbarrier.init %{{.+}}, %c4_i32
// CHECK: nvvm.barrier{{$}}
// CHECK: %[[COMPUTES:.+]] = arith.cmpi slt, %{{.+}}, %c128_i32
// CHECK: scf.if %[[COMPUTES]]
// CHECK: nvvm.setmaxregister increase 240
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK-NOT: nvvm.barrier
// CHECK: frag.wgmma
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK-NEXT: frag.wgmma_wait 1
// CHECK-NEXT: nvvm.bar.warp.sync
// CHECK: nvvm.mbarrier.arrive %
// CHECK: frag.wgmma_wait 0, %
// CHECK: nvvm.fence.proxy
// CHECK-NEXT: nvvm.barrier id = %c1_i32 number_of_threads = %c128_i32
// CHECK: } else {
// CHECK: nvvm.setmaxregister decrease 24
// CHECK: %[[ONE:.+]] = arith.cmpi eq, %{{.+}}, %c128_i32
// CHECK: scf.if %[[ONE]]
// CHECK: %[[OTHER:.+]] = arith.xori %{{.+}}, %c1_i32
// CHECK: nvvm.mbarrier.try_wait.parity %{{.+}}, %[[OTHER]],
// CHECK: nvvm.mbarrier.arrive.expect_tx
gpu.module @roles {
  func.func @roles(%n: index, %x: memref<80x64xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma, roles = [24, 240]>, tile.shared_bytes = 16416 : i64} {
    %c0 = arith.constant 0 : index
    %r = tile.ring {barriers = 16384, consumers = 4, offset = 0} : !tile.ring<2 x !a>
    tile.specialize registers [24, 240] {
      tile.fill_box %r[%n], %x[%n, %c0] along [0, 1] : !tile.ring<2 x !a>, memref<80x64xbf16>
    }, {
      %a = tile.consume %r[%n] pending 0 : !tile.ring<2 x !a> -> !a
      %d = tile.mma %a, %a transpose_b flight : !a, !a -> tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
      tile.mma_wait 1
      tile.release %r[%n] : !tile.ring<2 x !a>
      %e = tile.mma_wait 0, %d : tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
      %b = tile.clear_rows %a from %n : !a
    }
    return
  }
}

// -----

// A warpgroup copies rows that a table names: it finds them, waits for the slot
// and arrives, each thread when its copies have. Who reads publishes.

!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: llvm.func @copiers
// CHECK-SAME: nvvm.reqntid = array<i32: 256>
// CHECK-DAG: nvvm.mbarrier.init %{{.+}}, %c128_i32
// CHECK-DAG: nvvm.mbarrier.init %{{.+}}, %c4_i32
// CHECK: nvvm.setmaxregister increase 208
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK-NEXT: nvvm.fence.proxy
// CHECK-NOT: nvvm.barrier
// CHECK: frag.wgmma
// CHECK: } else {
// CHECK-NEXT: nvvm.setmaxregister decrease 88
// CHECK: %[[THREAD:.+]] = arith.addi %{{.+}}, %c-128_i32
// CHECK: scf.if %{{.+}} {
// CHECK: arith.remui %[[THREAD]], %c8_i32
// CHECK: llvm.load %{{.+}} : !llvm.ptr<1> -> i32
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK-NOT: llvm.load
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.mbarrier.arrive %{{.+}} {noinc = true}
// CHECK: } else {
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: scf.for
// CHECK: nvvm.mbarrier.arrive %
// CHECK: nvvm.cp.async.commit.group
gpu.module @copiers {
  func.func @copiers(%n: index, %x: memref<?x16x64xbf16>, %t: memref<?x?xi32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma, roles = [88, 208]>, tile.shared_bytes = 16416 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {barriers = 16384, consumers = 4, offset = 0, producers = 128} : !tile.ring<2 x !a>
    tile.specialize registers [88, 208] {
      tile.fill %r[%n], %x[%c0, %n, %c0] sizes(%n, %c64) along [1, 2] pages(%t[%c0] : memref<?x?xi32>) : !tile.ring<2 x !a>, memref<?x16x64xbf16>
    }, {
      %a = tile.consume %r[%n] pending 0 : !tile.ring<2 x !a> -> !a
      %d = tile.mma %a, %a transpose_b : !a, !a -> tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
      tile.release %r[%n] : !tile.ring<2 x !a>
    }
    return
  }
}
