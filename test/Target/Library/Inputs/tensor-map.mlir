// A kernel that takes a tensor map of its input, T x 2 x 64 numbers of which a copy
// brings 8 x 1 x 32, and does nothing with it.

module @TensorMap {
  module @gpu_sm_90a attributes {peermla.gpu = "sm_90a"} {
    gpu.module @mapped {
      llvm.func @mapped(%x: !llvm.ptr, %y: !llvm.ptr, %T: i64,
                        %map: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant})
          attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>,
                      tile.tensor_maps = [{box = array<i64: 8, 1, 32>, operand = 0 : i64}]} {
        llvm.return
      }
    }
    func.func @forward(%x: memref<?x2x64xf32> {peermla.kind = "in", peermla.name = "x", peermla.dims = ["T", "", ""]},
                       %y: memref<8xf32> {peermla.kind = "out", peermla.name = "y", peermla.dims = [""]})
        attributes {peermla.entry} {
      %c1 = arith.constant 1 : index
      tile.launch @mapped::@mapped blocks(%c1) ins(%x : memref<?x2x64xf32>) outs(%y : memref<8xf32>)
      return
    }
  }
}
