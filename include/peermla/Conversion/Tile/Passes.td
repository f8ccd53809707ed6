//===- Passes.td - passes into and out of tile programs -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/Pass/PassBase.td"

def TiledToTile : Pass<"peermla-tiled-to-tile", "mlir::ModuleOp"> {
  let summary = "Turn kernels on tensors into tile programs and launches";
  let description = [{
    An `scf.forall` that holds a product, attention, experts or a selection whose
    schedule has `warps` becomes a function in a `gpu.module` and a `tile.launch`, if all it does can
    be said by tile ops; else it stays as it is, and a remark says why.

    ```mlir
    %y = scf.forall (%i, %j) = (0, 0) to (%T, 256) step (128, 128) shared_outs(%o = %init) -> (tensor<?x256xf32>) {
      %a = tensor.extract_slice %x[%i, 0] [%m, 64] [1, 1]
      %b = tensor.extract_slice %w[%j, 0] [128, 64] [1, 1]
      %d = linalg.matmul ... ins(%a, %b) outs(%zero)
      tensor.parallel_insert_slice %d into %o[%i, %j] [%m, 128] [1, 1]
    ```
    becomes
    ```mlir
    %y = tile.launch @proj::@proj blocks(%gx, %c2) ins(%x, %w, %T : ...) outs(%init : ...)

    func.func @proj(%x: memref<?x64xbf16>, %w: memref<256x64xbf16>, %T: index, %y: memref<?x256xf32>) {
      %a = tile.load %x[%i, %c0] sizes(%m, %c64) along [0, 1] : memref<?x64xbf16> -> tensor<128x64xbf16>
      %b = tile.load %w[%j, %c0] sizes(%c128, %c64) along [0, 1] : ...
      %d = tile.mma %a, %b transpose_b : ...
      tile.store %d, %y[%i, %j] sizes(%m, %c128) along [0, 1] : ...
    ```
    `mla.online_attention` over keys in memory or in a paged cache becomes a loop
    over blocks of keys with a running softmax; a row of its tiles is a token and a
    head. In blocks with keys that are past the end or after a token, those are
    masked and values that are no numbers cleared: such a value reaches the tokens
    that see its key, and no others.

    `peer.expert_mlp` of one token becomes two loops over steps of its retrievals,
    as many together as the first of `registers`: gathers of rows of `down` for dot
    products, whose parts, like numbers of experts, pass through scratch, then
    gathers of rows of `up` for the sum.

    `peer.select` of scores that are products becomes, per dimension, a loop over
    as many sub-keys as the first of `inner`: a product, to scratch. Behind it, or
    inside where there are more than the second of `inner`, lanes of a warp per token
    look through the scores (`tile.scan`); then folds and gates. Scores never leave
    the chip. Scores that are in memory are read from there.

    Extents of tiles are rounded up to multiples of 64, but for the tokens of a
    selection; what lies outside is loaded as zero and not stored. Numerics: those of `tile.mma`; probabilities
    are rounded to the storage type.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::func::FuncDialect",
                           "mlir::gpu::GPUDialect",
                           "mlir::math::MathDialect",
                           "mlir::memref::MemRefDialect",
                           "mlir::tensor::TensorDialect",
                           "peermla::tile::TileDialect"];
  let statistics = [
    Statistic<"numTaken", "num-taken", "Kernels that became tile programs">
  ];
}

def TileToNVVM : Pass<"peermla-tile-to-nvvm", "mlir::ModuleOp"> {
  let summary = "Replace tiles by what one thread holds of them";
  let description = [{
    Functions with `tile.schedule` in a `gpu.module` become kernels, `llvm.func`s
    with the parameters that `tile.launch` describes. Tiles in registers become
    vectors, those in shared memory and rings become pointers:

    | tile level     | threads                                             |
    |----------------|-----------------------------------------------------|
    | `tile.fill`    | `cp.async` to swizzled places, or loads and stores where pieces of memory are not aligned |
    | `tile.fill_box` | tensor copies (TMA) by one thread, a tensor map as parameter |
    | `tile.consume` | `cp.async.wait_group` or a wait at the slot's mbarrier, a barrier |
    | `tile.release` | an arrival of each warp at the slot's second mbarrier |
    | `tile.specialize` | a branch on the thread, `setmaxnreg`; barriers among those that compute |
    | `tile.clear_rows` | stores to the ends of panels and a barrier, if there are rows to clear |
    | `tile.convert` | stores to swizzled places, a barrier                 |
    | `tile.reduce`  | shuffles; across warps through shared memory        |
    | `tile.mma`     | `ldmatrix` and `mma.sync`, three of TF32 for f32; `frag.wgmma` where the schedule says so |
    | `tile.clear_nonfinite` | a loop over the slot between two barriers   |
    | `tile.any_nonfinite` | a loop over the slot, a barrier that reduces   |
    | `math.exp2`    | `ex2.approx.ftz`, within 2^-22                      |
    | `tile.gather`  | loads of 16 bytes, or of as much as is aligned      |
    | `tile.reduce`  | a thread's elements, then shuffles                  |
    | `tile.scratch` | a place in shared memory                            |
    | `tile.topk`    | sorting networks in registers, shuffles between lanes that share a row |
    | `tile.scan`    | the same, of scores above a bound that K of them reach |
    | elementwise    | the same op on vectors                              |

    ```mlir
    %d = tile.mma %a, %b, acc %c transpose_b
        : tensor<64x64xbf16, #tile.shared>, tensor<64x64xbf16, #tile.shared> -> tensor<64x64xf32, #tile.mma<warps = [4, 1]>>
    ```
    becomes, 32 times with its ldmatrix,
    ```mlir
    %0 = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%c0, %c1, %c2, %c3] {...}
    ```
    With `instructions = wgmma`, products of 16-bit elements whose columns start
    where a panel of shared memory does are computed by warpgroups, and threads
    make what they wrote into a slot visible to them before they meet; a remark
    names other products.

    What is left of `arith`, `math`, `vector` and `scf` in a kernel is for the
    upstream conversions. Numerics: those of the tile ops.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::gpu::GPUDialect",
                           "peermla::frag::FragDialect",
                           "mlir::LLVM::LLVMDialect",
                           "mlir::NVVM::NVVMDialect",
                           "mlir::scf::SCFDialect",
                           "mlir::vector::VectorDialect"];
}
