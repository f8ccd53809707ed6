// RUN: peermla-opt %s -pass-pipeline='builtin.module(peermla-tile-to-nvvm,canonicalize,cse)' | FileCheck %s

// The parameters are those of tile.launch: pointers and scalars, then of each
// memref its dynamic sizes and strides, here those it has at the launch.

#mma = #tile.mma<warps = [4, 1]>

func.func @host(%x: memref<?x64xbf16>, %s: memref<4x64xf32, strided<[?, 1]>>, %n: index, %y: memref<?x64xf32, strided<[80, 1], offset: ?>>) {
  tile.launch @k::@k blocks(%n) ins(%x, %s, %n : memref<?x64xbf16>, memref<4x64xf32, strided<[?, 1]>>, index) outs(%y : memref<?x64xf32, strided<[80, 1], offset: ?>>)
  return
}

// CHECK: gpu.module @k
// CHECK:   llvm.mlir.global external @shared_memory() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
// CHECK:   llvm.func @k(%[[X:[^:]+]]: !llvm.ptr, %[[S:[^:]+]]: !llvm.ptr, %[[N:[^:]+]]: i64, %[[Y:[^:]+]]: !llvm.ptr, %[[X0:[^:]+]]: i64, %[[S0:[^:]+]]: i64, %[[Y0:[^:]+]]: i64)
// CHECK-SAME: nvvm.kernel, nvvm.reqntid = array<i32: 128>, tile.shared_bytes = 8192
gpu.module @k {
  func.func @k(%x: memref<?x64xbf16>, %s: memref<4x64xf32>, %n: index, %y: memref<?x64xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1]>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %rows = memref.dim %x, %c0 : memref<?x64xbf16>
    // CHECK-DAG: %[[BASE:.+]] = llvm.mlir.addressof @shared_memory : !llvm.ptr<3>
    %r = tile.ring {offset = 0} : !tile.ring<1 x tensor<64x64xbf16, #tile.shared>>
    // CHECK: scf.if
    // CHECK-COUNT-4: nvvm.cp.async.shared.global {{.+}}, 16, cache = cg
    // CHECK-NOT: nvvm.cp.async.shared.global
    // CHECK: } else {
    // CHECK: scf.for
    // CHECK: llvm.store {{.+}} : bf16, !llvm.ptr<3>
    // CHECK: nvvm.cp.async.commit.group
    tile.fill %r[%c0], %x[%c0, %c0] sizes(%rows, %c64) along [0, 1] : !tile.ring<1 x tensor<64x64xbf16, #tile.shared>>, memref<?x64xbf16>
    // CHECK: nvvm.cp.async.wait.group 0
    // CHECK: nvvm.barrier
    %a = tile.consume %r[%c0] pending 0 : !tile.ring<1 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
    // One ldmatrix of a and four of b per 16 of the sum.
    // CHECK-COUNT-20: nvvm.ldmatrix
    // CHECK-NOT: nvvm.ldmatrix
    %d = tile.mma %a, %a transpose_b : tensor<64x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<64x64xf32, #mma>
    // Pairs where the box is whole, elements else.
    // CHECK: scf.if
    // CHECK-COUNT-16: llvm.store {{.+}} : vector<2xf32>, !llvm.ptr<1>
    // CHECK: } else {
    // CHECK-COUNT-32: llvm.store {{.+}} : f32, !llvm.ptr<1>
    tile.store %d, %y[%c0, %c0] sizes(%rows, %c64) along [0, 1] : tensor<64x64xf32, #mma>, memref<?x64xf32>
    // CHECK: nvvm.cp.async.wait.group 0
    // CHECK-NEXT: llvm.return
    return
  }
}

// All threads know whether all of a slot is finite. It is rewritten between two
// barriers; powers of two are one instruction.

// CHECK-LABEL: llvm.func @slot(
// CHECK: %[[PIECES:.+]] = scf.for %{{.+}} = %{{.+}} to %c8192 step %c1024 iter_args(%[[OTHERS:.+]] = %{{.+}}) -> (vector<8xi1>)
// CHECK: %[[MINE:.+]] = arith.cmpi ne, %{{.+}}, %{{.+}} : vector<8xi16>
// CHECK-NEXT: arith.andi %[[OTHERS]], %[[MINE]]
// CHECK: %[[THREAD:.+]] = vector.reduction <and>, %[[PIECES]]
// CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.barrier.cta.red.and.aligned.count"(%c0_i32, %c64_i32, %[[THREAD]])
// CHECK: nvvm.barrier
// CHECK: scf.for %{{.+}} = %{{.+}} to %c8192 step %c1024
// CHECK: %[[PIECE:.+]] = llvm.load %{{.+}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<8xi16>
// CHECK: %[[EXPONENT:.+]] = arith.andi %[[PIECE]], %[[ALL:.+]] : vector<8xi16>
// CHECK: %[[FINITE:.+]] = arith.cmpi ne, %[[EXPONENT]], %[[ALL]]
// CHECK: %[[CLEARED:.+]] = arith.select %[[FINITE]], %[[PIECE]]
// CHECK: llvm.store %[[CLEARED]]
// CHECK: nvvm.barrier
// CHECK: nvvm.mma.sync
// CHECK-COUNT-32: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"
gpu.module @slots {
  func.func @slot(%y: memref<16x32xf32>)
      attributes {tile.schedule = #tile.schedule<warps = [1, 2]>, tile.shared_bytes = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %c32 = arith.constant 32 : index
    %r = tile.ring {offset = 0} : !tile.ring<1 x tensor<64x64xbf16, #tile.shared>>
    %v = tile.consume %r[%c0] pending 0 : !tile.ring<1 x tensor<64x64xbf16, #tile.shared>> -> tensor<64x64xbf16, #tile.shared>
    %any = tile.any_nonfinite %v : tensor<64x64xbf16, #tile.shared>
    %f = tile.clear_nonfinite %v : tensor<64x64xbf16, #tile.shared>
    %ones = arith.constant dense<1.0> : tensor<32x64xbf16, #tile.mma<warps = [1, 1]>>
    %s = tile.mma %ones, %f : tensor<32x64xbf16, #tile.mma<warps = [1, 1]>>, tensor<64x64xbf16, #tile.shared> -> tensor<32x64xf32, #tile.mma<warps = [1, 2]>>
    %p = math.exp2 %s : tensor<32x64xf32, #tile.mma<warps = [1, 2]>>
    tile.store %p, %y[%c0, %c0] sizes(%c16, %c32) along [0, 1] : tensor<32x64xf32, #tile.mma<warps = [1, 2]>>, memref<16x32xf32>
    return
  }
}

// Of 16 bits lanes exchange words, and have four columns together. Strides of
// contiguous memory are products of its extents: they are known to be multiples
// of four here.

// CHECK-LABEL: llvm.func @fours(
// CHECK: %[[LOADED:.+]] = llvm.load %{{.+}} {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xi32>
// CHECK: nvvm.shfl.sync bfly %{{.+}}, %{{.+}}, %c1_i32, %c31_i32
// CHECK: llvm.load %{{.+}} : !llvm.ptr<1> -> bf16
// CHECK: nvvm.shfl.sync bfly
// CHECK-COUNT-8: llvm.store %{{.+}}, %{{.+}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
// CHECK: } else {
// CHECK-COUNT-32: llvm.store {{.+}} : bf16, !llvm.ptr<1>
gpu.module @fours {
  func.func @fours(%p: index, %x: memref<?x?x64xbf16>)
      attributes {tile.schedule = #tile.schedule<warps = [4, 1]>, tile.shared_bytes = 0 : i64} {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %a = tile.load %x[%p, %c0, %c0] sizes(%c64, %c64) along [1, 2] : memref<?x?x64xbf16> -> tensor<64x64xbf16, #mma>
    %b = arith.addf %a, %a : tensor<64x64xbf16, #mma>
    tile.store %b, %x[%p, %c0, %c0] sizes(%c64, %c64) along [1, 2] : tensor<64x64xbf16, #mma>, memref<?x?x64xbf16>
    return
  }
}
