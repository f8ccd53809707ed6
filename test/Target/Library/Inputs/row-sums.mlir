// y[t] = 0.5 sum_j x[t, j] w2[j], where w2 = 2 w is prepared on the device: two
// kernels with a buffer between them, and a copy.

module @RowSums {
  module @gpu_sm_80 attributes {peermla.gpu = "sm_80"} {
    gpu.module @scale {
      // t[b, j] = x[b, j] w[j] f
      llvm.func @scale(%x: !llvm.ptr<1>, %w: !llvm.ptr<1>, %f: f32, %t: !llvm.ptr<1>, %xT: i64, %tT: i64)
          attributes {nvvm.kernel, nvvm.reqntid = array<i32: 64>} {
        %c64 = llvm.mlir.constant(64 : i64) : i64
        %b32 = nvvm.read.ptx.sreg.ctaid.x : i32
        %j32 = nvvm.read.ptx.sreg.tid.x : i32
        %b = llvm.sext %b32 : i32 to i64
        %j = llvm.sext %j32 : i32 to i64
        %row = llvm.mul %b, %c64 : i64
        %i = llvm.add %row, %j : i64
        %px = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %pw = llvm.getelementptr %w[%j] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %pt = llvm.getelementptr %t[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %vx = llvm.load %px : !llvm.ptr<1> -> f32
        %vw = llvm.load %pw : !llvm.ptr<1> -> f32
        %p = llvm.fmul %vx, %vw : f32
        %v = llvm.fmul %p, %f : f32
        llvm.store %v, %pt : f32, !llvm.ptr<1>
        llvm.return
      }
    }
    gpu.module @sum {
      llvm.mlir.global internal @staged() {addr_space = 3 : i32} : !llvm.array<64 x f32>
      // y[b] = sum_j t[b, j], in the order of j
      llvm.func @sum(%t: !llvm.ptr<1>, %y: !llvm.ptr<1>, %tT: i64, %yT: i64)
          attributes {nvvm.kernel, nvvm.reqntid = array<i32: 64>} {
        %c0 = llvm.mlir.constant(0 : i64) : i64
        %c1 = llvm.mlir.constant(1 : i64) : i64
        %c64 = llvm.mlir.constant(64 : i64) : i64
        %zero = llvm.mlir.constant(0.0 : f32) : f32
        %s = llvm.mlir.addressof @staged : !llvm.ptr<3>
        %b32 = nvvm.read.ptx.sreg.ctaid.x : i32
        %j32 = nvvm.read.ptx.sreg.tid.x : i32
        %b = llvm.sext %b32 : i32 to i64
        %j = llvm.sext %j32 : i32 to i64
        %row = llvm.mul %b, %c64 : i64
        %i = llvm.add %row, %j : i64
        %pt = llvm.getelementptr %t[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %v = llvm.load %pt : !llvm.ptr<1> -> f32
        %ps = llvm.getelementptr %s[%j] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
        llvm.store %v, %ps : f32, !llvm.ptr<3>
        nvvm.barrier0
        %isFirst = llvm.icmp "eq" %j, %c0 : i64
        llvm.cond_br %isFirst, ^loop(%c0, %zero : i64, f32), ^exit
      ^loop(%k: i64, %sum: f32):
        %pk = llvm.getelementptr %s[%k] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
        %vk = llvm.load %pk : !llvm.ptr<3> -> f32
        %next = llvm.fadd %sum, %vk : f32
        %k1 = llvm.add %k, %c1 : i64
        %more = llvm.icmp "slt" %k1, %c64 : i64
        llvm.cond_br %more, ^loop(%k1, %next : i64, f32), ^store
      ^store:
        %py = llvm.getelementptr %y[%b] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        llvm.store %next, %py : f32, !llvm.ptr<1>
        llvm.br ^exit
      ^exit:
        llvm.return
      }
    }
    gpu.module @twice {
      // o[j] = w[j] + w[j]
      llvm.func @twice(%w: !llvm.ptr<1>, %o: !llvm.ptr<1>)
          attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
        %c32 = llvm.mlir.constant(32 : i32) : i32
        %b = nvvm.read.ptx.sreg.ctaid.x : i32
        %l = nvvm.read.ptx.sreg.tid.x : i32
        %first = llvm.mul %b, %c32 : i32
        %j = llvm.add %first, %l : i32
        %pw = llvm.getelementptr %w[%j] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
        %po = llvm.getelementptr %o[%j] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
        %v = llvm.load %pw : !llvm.ptr<1> -> f32
        %v2 = llvm.fadd %v, %v : f32
        llvm.store %v2, %po : f32, !llvm.ptr<1>
        llvm.return
      }
    }
    func.func @forward(%x: memref<?x64xf32> {peermla.kind = "in", peermla.name = "x", peermla.dims = ["T", ""]},
                       %y: memref<?xf32> {peermla.kind = "out", peermla.name = "y", peermla.dims = ["T"]},
                       %w: memref<64xf32> {peermla.kind = "weight", peermla.weight = "prepared.w"})
        attributes {peermla.entry} {
      %c0 = arith.constant 0 : index
      %half = arith.constant 0.5 : f32
      %T = memref.dim %x, %c0 : memref<?x64xf32>
      %t = memref.alloc(%T) : memref<?x64xf32>
      %u = memref.alloc(%T) : memref<?xf32>
      tile.launch @scale::@scale blocks(%T) ins(%x, %w, %half : memref<?x64xf32>, memref<64xf32>, f32) outs(%t : memref<?x64xf32>)
      tile.launch @sum::@sum blocks(%T) ins(%t : memref<?x64xf32>) outs(%u : memref<?xf32>)
      memref.copy %u, %y : memref<?xf32> to memref<?xf32>
      return
    }
    func.func @prepare(%w: memref<64xf32> {peermla.kind = "weight", peermla.weight = "w"},
                       %o: memref<64xf32> {peermla.kind = "out"})
        attributes {peermla.prepare, peermla.prepares = "prepared.w"} {
      %c2 = arith.constant 2 : index
      tile.launch @twice::@twice blocks(%c2) ins(%w : memref<64xf32>) outs(%o : memref<64xf32>)
      return
    }
  }
}
