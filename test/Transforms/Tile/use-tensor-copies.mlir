// RUN: peermla-opt %s -peermla-use-tensor-copies -split-input-file -verify-diagnostics | FileCheck %s

// Rows that end with the memory, as all launches say, need no clearing; barriers
// come behind what the kernel has in shared memory.

#mma = #tile.mma<warps = [4, 1]>
!a = tensor<64x128xbf16, #tile.shared>

// CHECK-LABEL: func.func @rows_of_memory(
// CHECK-SAME: tile.shared_bytes = 32784 : i64
// CHECK: %[[R:.+]] = tile.ring {barriers = 32768 : i64, offset = 0 : i64} : <2 x tensor<64x128xbf16, #tile.shared>>
// CHECK: tile.fill_box %[[R]][%c0], %{{.+}}[%[[I:.+]], %c0] along [0, 1] : <2 x
// CHECK: tile.fill_box %[[R]][%c1], %{{.+}}[%[[I]], %c128] along [0, 1] if %{{.+}} : <2 x
// CHECK-NEXT: tile.consume %[[R]][%c0] pending 0 :
// CHECK-NOT: tile.clear_rows
gpu.module @rows_of_memory {
  func.func @rows_of_memory(%T: index, %x: memref<?x256xbf16>, %y: memref<?x64xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 32766 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %cm64 = arith.constant -64 : index
    %b = gpu.block_id x
    %i = arith.muli %b, %c64 : index
    %j = arith.muli %b, %cm64 : index
    %left = arith.addi %T, %j : index
    %rows = arith.minsi %left, %c64 : index
    %more = arith.cmpi slt, %b, %c1 : index
    %r = tile.ring {offset = 0} : !tile.ring<2 x !a>
    tile.fill %r[%c0], %x[%i, %c0] sizes(%rows, %c128) along [0, 1] : !tile.ring<2 x !a>, memref<?x256xbf16>
    tile.fill %r[%c1], %x[%i, %c128] sizes(%rows, %c128) along [0, 1] if %more : !tile.ring<2 x !a>, memref<?x256xbf16>
    %a = tile.consume %r[%c0] pending 0 rows %rows : !tile.ring<2 x !a> -> !a
    %d = tile.mma %a, %a transpose_b : !a, !a -> tensor<64x64xf32, #mma>
    tile.store %d, %y[%i, %c0] sizes(%rows, %c64) along [0, 1] : tensor<64x64xf32, #mma>, memref<?x64xf32>
    return
  }
}
func.func @launch(%x: memref<?x256xbf16>, %y: memref<?x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %T = memref.dim %x, %c0 : memref<?x256xbf16>
  tile.launch @rows_of_memory::@rows_of_memory blocks(%n) ins(%T, %x : index, memref<?x256xbf16>) outs(%y : memref<?x64xf32>)
  return
}

// -----

// A part of an allocation has the extents that it was cut to.

!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: func.func @rows_of_part(
// CHECK: tile.fill_box
// CHECK: tile.consume
// CHECK-NOT: tile.clear_rows
gpu.module @rows_of_part {
  func.func @rows_of_part(%T: index, %x: memref<?x128xbf16>, %y: memref<?x64xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %rows = arith.minsi %T, %c64 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    tile.fill %r[%c0], %x[%c0, %c0] sizes(%rows, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<?x128xbf16>
    %a = tile.consume %r[%c0] pending 0 rows %rows : !tile.ring<1 x !a> -> !a
    %d = tile.mma %a, %a transpose_b : !a, !a -> tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
    tile.store %d, %y[%c0, %c0] sizes(%rows, %c64) along [0, 1] : tensor<64x64xf32, #tile.mma<warps = [4, 1]>>, memref<?x64xf32>
    return
  }
}
func.func @launch(%T: index, %y: memref<?x64xf32>, %n: index) {
  %x = memref.alloc(%T) : memref<?x192xbf16>
  %part = memref.subview %x[0, 64] [%T, 128] [1, 1] : memref<?x192xbf16> to memref<?x128xbf16, strided<[192, 1], offset: 64>>
  tile.launch @rows_of_part::@rows_of_part blocks(%n) ins(%T, %part : index, memref<?x128xbf16, strided<[192, 1], offset: 64>>) outs(%y : memref<?x64xf32>)
  return
}

// -----

// Nobody says that %T is the extent: rows from there on are cleared.

!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: func.func @rows_of_box(
// CHECK: tile.fill_box
// CHECK: %[[A:.+]] = tile.consume %{{.+}}[%c0] pending 0 :
// CHECK-NEXT: %[[B:.+]] = tile.clear_rows %[[A]] from %{{.+}} : tensor<64x64xbf16, #tile.shared>
// CHECK-NEXT: tile.mma %[[B]], %[[B]]
gpu.module @rows_of_box {
  func.func @rows_of_box(%T: index, %x: memref<?x2x64xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    tile.fill %r[%c0], %x[%c0, %c1, %c0] sizes(%T, %c64) along [0, 2] : !tile.ring<1 x !a>, memref<?x2x64xbf16>
    %a = tile.consume %r[%c0] pending 0 rows %T : !tile.ring<1 x !a> -> !a
    %d = tile.mma %a, %a transpose_b : !a, !a -> tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
    return
  }
}

// -----

// Fills that stay are those that others count: of two per step one.

#mma = #tile.mma<warps = [4, 1]>
!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: func.func @pending(
// CHECK: scf.for
// CHECK: tile.consume %{{.+}} pending 0 :
// CHECK: tile.consume %{{.+}} pending 2 rows
gpu.module @pending {
  func.func @pending(%T: index, %x: memref<64x512xbf16>, %z: memref<64x500xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 65536 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {offset = 0} : !tile.ring<4 x !a>
    %s = tile.ring {offset = 32768} : !tile.ring<4 x !a>
    scf.for %k = %c0 to %c4 step %c1 {
      %a = tile.consume %r[%k] pending 4 : !tile.ring<4 x !a> -> !a
      %b = tile.consume %s[%k] pending 4 rows %T : !tile.ring<4 x !a> -> !a
      tile.fill %r[%k], %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<4 x !a>, memref<64x512xbf16>
      // expected-remark @below {{copied by cp.async: not all strides and the offset of memref<64x500xbf16> are known to be multiples of 16 bytes}}
      tile.fill %s[%k], %z[%c0, %c0] sizes(%T, %c64) along [0, 1] : !tile.ring<4 x !a>, memref<64x500xbf16>
    }
    return
  }
}

// -----

// The type is that of the launch: strides that are known there only.

!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: func.func @launched(
// CHECK: tile.fill %
gpu.module @launched {
  func.func @launched(%x: memref<64x64xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    // expected-remark @below {{copied by cp.async: not all strides and the offset of memref<64x64xbf16, strided<[?, 1]>> are known to be multiples of 16 bytes}}
    tile.fill %r[%c0], %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<64x64xbf16>
    return
  }
}
func.func @launch(%x: memref<64x64xbf16, strided<[?, 1]>>, %n: index) {
  tile.launch @launched::@launched blocks(%n) ins(%x : memref<64x64xbf16, strided<[?, 1]>>)
  return
}

// -----

!a = tensor<64x64xbf16, #tile.shared>
!tall = tensor<320x64xbf16, #tile.shared>

// CHECK-LABEL: func.func @rules(
// CHECK-NOT: tile.fill_box
gpu.module @rules {
  func.func @rules(%n: index, %x: memref<?x64xbf16>, %g: memref<?x4x64xbf16>, %c: memref<?x64xbf16, strided<[64, 2]>>, %t: memref<?x?xi32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 81920 : i64} {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c64 = arith.constant 64 : index
    %c320 = arith.constant 320 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    %s = tile.ring {offset = 8192} : !tile.ring<1 x !tall>
    %u = tile.ring {offset = 49152} : !tile.ring<1 x !a>
    %v = tile.ring {offset = 57344} : !tile.ring<1 x !a>
    %w = tile.ring {offset = 65536} : !tile.ring<1 x !a>
    // expected-remark @below {{copied by cp.async: columns may end before those of the memory do}}
    tile.fill %r[%c0], %x[%c0, %c0] sizes(%c64, %n) along [0, 1] : !tile.ring<1 x !a>, memref<?x64xbf16>
    // expected-remark @below {{copied by cp.async: a box has at most 256 rows}}
    tile.fill %s[%c0], %x[%c0, %c0] sizes(%c320, %c64) along [0, 1] : !tile.ring<1 x !tall>, memref<?x64xbf16>
    // expected-remark @below {{copied by cp.async: rows of the tile are no rows of the memory}}
    tile.fill %u[%c0], %g[%c0, %c0, %c0] sizes(%n, %c4, %c64) along [0, 1, 2] group 4 : !tile.ring<1 x !a>, memref<?x4x64xbf16>
    // expected-remark @below {{copied by cp.async: rows are not contiguous}}
    tile.fill %v[%c0], %c[%c0, %c0] sizes(%n, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<?x64xbf16, strided<[64, 2]>>
    // expected-remark @below {{copied by cp.async: a table says where rows are}}
    tile.fill %w[%c0], %g[%c0, %c0, %c0] sizes(%n, %c64) along [1, 2] pages(%t[%n] : memref<?x?xi32>) : !tile.ring<1 x !a>, memref<?x4x64xbf16>
    return
  }
}

// -----

// Without warpgroups or roles nothing changes.

!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: func.func @mma_sync(
// CHECK: tile.fill %
gpu.module @mma_sync {
  func.func @mma_sync(%x: memref<64x64xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1]>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    tile.fill %r[%c0], %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<64x64xbf16>
    return
  }
}

// -----

// A role with registers too few to copy rows brings boxes for warps, too.

!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: func.func @boxes_of_role(
// CHECK: tile.ring {barriers = 8192 : i64, offset = 0 : i64}
// CHECK: tile.fill_box %
gpu.module @boxes_of_role {
  func.func @boxes_of_role(%x: memref<64x64xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], roles = [24, 240]>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    tile.fill %r[%c0], %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<64x64xbf16>
    return
  }
}

// -----

// One that can copy rows does.

!a = tensor<64x64xbf16, #tile.shared>

// CHECK-LABEL: func.func @rows_of_role(
// CHECK: tile.fill %
gpu.module @rows_of_role {
  func.func @rows_of_role(%x: memref<64x64xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], roles = [64, 232]>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    tile.fill %r[%c0], %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<64x64xbf16>
    return
  }
}

// -----

// Shared memory that is full has no room for barriers.

!a = tensor<64x64xbf16, #tile.shared>

gpu.module @full {
  func.func @full(%x: memref<64x64xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1], instructions = wgmma>, tile.shared_bytes = 232448 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x !a>
    // expected-remark @below {{copied by cp.async: shared memory has no room for barriers}}
    tile.fill %r[%c0], %x[%c0, %c0] sizes(%c64, %c64) along [0, 1] : !tile.ring<1 x !a>, memref<64x64xbf16>
    return
  }
}
