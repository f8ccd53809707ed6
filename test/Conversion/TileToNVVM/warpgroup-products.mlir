// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tile-to-nvvm,canonicalize,cse)' -split-input-file -verify-diagnostics | FileCheck %s

// Two warpgroups along the rows: each has descriptors of its own, and one
// instruction per 16 of the sum. What threads copied is made visible before they
// meet.

#rows = #tile.mma<warps = [8, 1]>

// CHECK-LABEL: llvm.func @rows(
// CHECK: nvvm.cp.async.wait.group 0
// CHECK-NEXT: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
// CHECK-NEXT: nvvm.barrier
// CHECK: %[[WARP:.+]] = nvvm.shfl.sync idx
// CHECK: %[[B:.+]] = frag.descriptor %{{.+}} leading 0
// CHECK: %[[A:.+]] = frag.descriptor %{{.+}} leading 0
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-NEXT: %[[D0:.+]] = frag.wgmma %[[A]], %[[B]] offsets [0, 0] of bf16 : i64, vector<32xf32>
// CHECK-NEXT: %[[D1:.+]] = frag.wgmma %[[A]], %[[B]], acc %[[D0]] offsets [32, 32] of bf16
// CHECK-NEXT: %[[D2:.+]] = frag.wgmma %[[A]], %[[B]], acc %[[D1]] offsets [64, 64] of bf16
// CHECK-NEXT: %[[D3:.+]] = frag.wgmma %[[A]], %[[B]], acc %[[D2]] offsets [96, 96] of bf16
// The next panel of a has 128 rows before it, that of b 64.
// CHECK-NEXT: %[[D4:.+]] = frag.wgmma %[[A]], %[[B]], acc %[[D3]] offsets [16384, 8192] of bf16
// CHECK-COUNT-3: frag.wgmma
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// CHECK-NEXT: frag.wgmma_wait 0,
gpu.module @rows {
  func.func @rows(%y: memref<128x64xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [8, 1], instructions = wgmma>, tile.shared_bytes = 49152 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x tensor<128x128xbf16, #tile.shared>>
    %s = tile.ring {offset = 32768} : !tile.ring<1 x tensor<64x128xbf16, #tile.shared>>
    %a = tile.consume %r[%c0] pending 0 : !tile.ring<1 x tensor<128x128xbf16, #tile.shared>> -> tensor<128x128xbf16, #tile.shared>
    %b = tile.consume %s[%c0] pending 0 : !tile.ring<1 x tensor<64x128xbf16, #tile.shared>> -> tensor<64x128xbf16, #tile.shared>
    %d = tile.mma %a, %b transpose_b : tensor<128x128xbf16, #tile.shared>, tensor<64x128xbf16, #tile.shared> -> tensor<128x64xf32, #rows>
    tile.store %d, %y[%c0, %c0] sizes(%c128, %c64) along [0, 1] : tensor<128x64xf32, #rows>, memref<128x64xf32>
    return
  }
}

// -----

// A in registers, b in columns: 16 rows of a panel are 2048 bytes, the next 64
// columns are 64 rows of 128 bytes on. The accumulator is the program's.

#mma = #tile.mma<warps = [4, 1]>

// A slot that threads rewrote is made visible, too.

// CHECK-LABEL: llvm.func @columns(
// CHECK: scf.for
// CHECK: nvvm.fence.proxy
// CHECK-NEXT: nvvm.barrier
// CHECK: %[[B:.+]] = frag.descriptor %{{.+}} leading 8192
// CHECK: frag.wgmma %{{.+}}, %[[B]], acc %{{.+}} offsets [0, 0] columns of f16 : vector<4xi32>, vector<64xf32>
// CHECK: frag.wgmma %{{.+}}, %[[B]], acc %{{.+}} offsets [0, 2048] columns of f16
// CHECK: frag.wgmma %{{.+}}, %[[B]], acc %{{.+}} offsets [0, 4096] columns of f16
// CHECK: frag.wgmma %{{.+}}, %[[B]], acc %{{.+}} offsets [0, 6144] columns of f16
// CHECK-NOT: frag.wgmma %
gpu.module @columns {
  func.func @columns(%y: memref<64x128xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 16384 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %p = arith.constant dense<1.0> : tensor<64x64xf16, #mma>
    %c = arith.constant dense<2.0> : tensor<64x128xf32, #mma>
    %r = tile.ring {offset = 0} : !tile.ring<1 x tensor<64x128xf16, #tile.shared>>
    %v = tile.consume %r[%c0] pending 0 : !tile.ring<1 x tensor<64x128xf16, #tile.shared>> -> tensor<64x128xf16, #tile.shared>
    %w = tile.clear_nonfinite %v : tensor<64x128xf16, #tile.shared>
    %d = tile.mma %p, %w, acc %c : tensor<64x64xf16, #mma>, tensor<64x128xf16, #tile.shared> -> tensor<64x128xf32, #mma>
    tile.store %d, %y[%c0, %c0] sizes(%c64, %c128) along [0, 1] : tensor<64x128xf32, #mma>, memref<64x128xf32>
    return
  }
}

// -----

// Columns of the second warpgroup start in the middle of a panel.

#half = #tile.mma<warps = [4, 2]>

// CHECK-LABEL: llvm.func @half(
// CHECK-NOT: nvvm.fence.proxy
// CHECK: nvvm.mma.sync
gpu.module @half {
  func.func @half(%y: memref<64x64xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 2], instructions = wgmma>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x tensor<64x64xbf16, #tile.shared>>
    %a = tile.consume %r[%c0] pending 0 : !tile.ring<1 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
    // expected-remark @below {{computed by mma.sync: wgmma does not take 'tensor<64x64xbf16, #tile.shared>' and 'tensor<64x64xbf16, #tile.shared>'}}
    %d = tile.mma %a, %a : tensor<64x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<64x64xf32, #half>
    tile.store %d, %y[%c0, %c0] sizes(%c64, %c64) along [0, 1] : tensor<64x64xf32, #half>, memref<64x64xf32>
    return
  }
}

// -----

// A warpgroup whose last row, 63 or 127, needs less than half of the columns, or
// of the sum, computes half. Three heads are the rows of a token.

#mma = #tile.mma<warps = [8, 1]>
!a = tensor<128x64xbf16, #tile.shared>
!p = tensor<128x128xbf16, #mma>
!d = tensor<128x128xf32, #mma>
!v = tensor<128x128xbf16, #tile.shared>

// CHECK-LABEL: llvm.func @triangle(
// CHECK: %[[FIRST:.+]] = arith.muli %{{.+}}, %c64_i32
// CHECK: %[[X:.+]] = arith.index_cast
// CHECK-NEXT: %[[ROW:.+]] = arith.addi %[[FIRST]], %c63_i32
// CHECK-NEXT: %[[TOKEN:.+]] = arith.divui %[[ROW]], %c3_i32
// CHECK-NEXT: %[[COLUMN:.+]] = arith.addi %[[X]], %[[TOKEN]]
// CHECK-NEXT: %[[FEW:.+]] = arith.cmpi slt, %[[COLUMN]], %c64_i32
// CHECK-NEXT: scf.if %[[FEW]] -> (vector<64xf32>)
// CHECK-COUNT-4: frag.wgmma %{{.+}} : i64, vector<32xf32>
// CHECK-NEXT: nvvm.wgmma.commit
// CHECK-NEXT: %[[DONE:.+]] = frag.wgmma_wait 0
// CHECK-NEXT: %[[ALL:.+]] = vector.insert_strided_slice %[[DONE]], %{{.+}} {offsets = [0], strides = [1]}
// CHECK-NEXT: scf.yield %[[ALL]]
// CHECK: } else {
// CHECK-COUNT-4: frag.wgmma %{{.+}} : i64, vector<64xf32>
// CHECK-NEXT: nvvm.wgmma.commit
// Of the sum: 4 and 8 steps.
// CHECK: scf.if %{{.+}} -> (vector<64xf32>)
// CHECK-COUNT-4: frag.wgmma %{{.+}} : vector<4xi32>, vector<64xf32>
// CHECK-NEXT: nvvm.wgmma.commit
// CHECK: } else {
// CHECK-COUNT-8: frag.wgmma %{{.+}} : vector<4xi32>, vector<64xf32>
// CHECK-NEXT: nvvm.wgmma.commit
gpu.module @triangle {
  func.func @triangle(%x: index, %y: memref<128x128xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [8, 1], instructions = wgmma>, tile.shared_bytes = 65536 : i64} {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    %s = tile.ring {offset = 16384} : !tile.ring<1 x !a>
    %t = tile.ring {offset = 32768} : !tile.ring<1 x !v>
    %a = tile.consume %r[%c0] pending 0 : !tile.ring<1 x !a> -> !a
    %b = tile.consume %s[%c0] pending 0 : !tile.ring<1 x !a> -> !a
    %d = tile.mma %a, %b transpose_b until %x : !a, !a -> !d {group = 3}
    %p = arith.truncf %d : !d to !p
    %v = tile.consume %t[%c0] pending 0 : !tile.ring<1 x !v> -> !v
    %e = tile.mma %p, %v, acc %d sum until %x : !p, !v -> !d {group = 3}
    tile.store %e, %y[%c0, %c0] sizes(%c128, %c128) along [0, 1] : !d, memref<128x128xf32>
    return
  }
}
