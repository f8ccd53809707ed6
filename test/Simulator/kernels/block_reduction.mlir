// Sums the rows of a matrix: a block per row, any number of columns.
//
//   out[b] = sum_i in[b, i]      i = 0 .. columns-1
//
//  1. Every thread adds up the columns `tid, tid + 128, ...` of the row.
//  2. Each warp adds its 32 sums with shuffles; lane 0 leaves the warp's sum in
//     shared memory.
//  3. Behind a barrier, the first warp reads the four sums and adds them.

gpu.module @kernels {
  llvm.mlir.global internal @warp_sums() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<4 x f32>

  llvm.func @block_reduction(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>, %columns: i32)
      attributes {gpu.kernel, nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c4 = arith.constant 4 : i32
    %c8 = arith.constant 8 : i32
    %c16 = arith.constant 16 : i32
    %clamp = arith.constant 31 : i32
    %lanes = arith.constant 32 : i32
    %threads = arith.constant 128 : i32
    %warp_mask = arith.constant -1 : i32
    %four_lanes = arith.constant 15 : i32
    %zero = arith.constant 0.0 : f32

    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %lane = arith.remui %tid, %lanes : i32
    %warp = arith.divui %tid, %lanes : i32

    %row_start = arith.muli %block, %columns : i32
    %row = llvm.getelementptr %in[%row_start] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %mine = scf.for %i = %tid to %columns step %threads iter_args(%sum = %zero) -> (f32) : i32 {
      %p = llvm.getelementptr %row[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      %x = llvm.load %p : !llvm.ptr<1> -> f32
      %next = arith.addf %sum, %x : f32
      scf.yield %next : f32
    }

    %x16 = nvvm.shfl.sync bfly %warp_mask, %mine, %c16, %clamp : f32 -> f32
    %s16 = arith.addf %mine, %x16 : f32
    %x8 = nvvm.shfl.sync bfly %warp_mask, %s16, %c8, %clamp : f32 -> f32
    %s8 = arith.addf %s16, %x8 : f32
    %x4 = nvvm.shfl.sync bfly %warp_mask, %s8, %c4, %clamp : f32 -> f32
    %s4 = arith.addf %s8, %x4 : f32
    %x2 = nvvm.shfl.sync bfly %warp_mask, %s4, %c2, %clamp : f32 -> f32
    %s2 = arith.addf %s4, %x2 : f32
    %x1 = nvvm.shfl.sync bfly %warp_mask, %s2, %c1, %clamp : f32 -> f32
    %s1 = arith.addf %s2, %x1 : f32

    %sums = llvm.mlir.addressof @warp_sums : !llvm.ptr<3>
    %is_first_lane = arith.cmpi eq, %lane, %c0 : i32
    scf.if %is_first_lane {
      %p = llvm.getelementptr %sums[%warp] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
      llvm.store %s1, %p : f32, !llvm.ptr<3>
    }
    nvvm.barrier0

    %reads = arith.cmpi ult, %tid, %c4 : i32
    scf.if %reads {
      %p = llvm.getelementptr %sums[%lane] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
      %y = llvm.load %p : !llvm.ptr<3> -> f32
      %y2 = nvvm.shfl.sync bfly %four_lanes, %y, %c2, %clamp : f32 -> f32
      %t2 = arith.addf %y, %y2 : f32
      %y1 = nvvm.shfl.sync bfly %four_lanes, %t2, %c1, %clamp : f32 -> f32
      %t1 = arith.addf %t2, %y1 : f32
      %is_first = arith.cmpi eq, %tid, %c0 : i32
      scf.if %is_first {
        %q = llvm.getelementptr %out[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
        llvm.store %t1, %q : f32, !llvm.ptr<1>
      }
    }
    llvm.return
  }
}
