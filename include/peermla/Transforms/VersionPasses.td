//===- VersionPasses.td - kernels that the host chooses by extents --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a kernel is best cut or fused depends on how many tokens, sequences and
// keys a call has: these passes make several of one, between SelectSchedules and
// TileAndFuse, and the host takes one of them.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_VERSIONPASSES_TD
#define PEERMLA_TRANSFORMS_VERSIONPASSES_TD

def FuseProjections
    : InterfacePass<"peermla-fuse-projections", "mlir::FunctionOpInterface"> {
  let summary = "Project queries where they select, while there are few";
  let description = [{
    On GPUs. A selection of experts whose queries come from a projection that nobody
    else reads is there twice: up to 128 tokens, the projection loses its schedule and
    so becomes part of the selection's kernel; else it stays one of its own. The choice is made on the host, from the extent of a tensor.
    Numerics: unchanged but for what matrix instructions of two kinds may round
    differently; nothing is done where results must be `deterministic`, the same for a
    token whatever is beside it.

    ```mlir
    %q = linalg.matmul {peermla.schedule = ...} ins(%x, %w) ...
    %s = linalg.generic ... ins(%q, %keys)
    %gates, %ids = peer.select {peermla.schedule = #tile.schedule<block = [32, 1], ...>} ins(%s) ...
    ```
    becomes
    ```mlir
    %few = arith.cmpi ule, %T, %c128
    %gates, %ids = scf.if %few {
      %q = linalg.matmul ins(%x, %w) ...
      ...
    } else {
      %q = linalg.matmul {peermla.schedule = ...} ins(%x, %w) ...
      ...
    }
    ```
  }];
  let options = [
    Option<"deterministic", "deterministic", "bool", /*default=*/"false",
           "Leave all projections kernels of their own">
  ];
  let statistics = [
    Statistic<"numFused", "num-fused", "Selections that may project">
  ];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

def FusePrologues
    : InterfacePass<"peermla-fuse-prologues", "mlir::FunctionOpInterface"> {
  let summary = "Compute rows where a product reads them, while there are few";
  let description = [{
    On GPUs. A kernel of rows, such as a norm, that a matrix product alone reads is
    there twice: up to a number of rows it loses its schedule, so that each block of
    the product computes the rows it multiplies; else it stays a kernel of its own.
    The number is what blocks can read twice, by the rates of the target, in the time
    of a launch. The choice is made on the host, from the extent of a tensor. Numerics:
    unchanged but for the order of sums of rows; nothing is done where results must be
    `deterministic`, the same for a token whatever is beside it.

    ```mlir
    %y = linalg.generic {peermla.schedule = #tile.schedule<block = [1, 0]>} ins(%x, %sums, %scale) ...
    %q = linalg.matmul {peermla.schedule = #tile.schedule<block = [64, 128, 0], ...>} ins(%y, %w) ...
    ```
    becomes
    ```mlir
    %few = arith.cmpi ule, %T, %c16
    %q = scf.if %few {
      %y = linalg.generic ins(%x, %sums, %scale) ...
      %p = linalg.matmul {peermla.schedule = #tile.schedule<block = [64, 128, 0], ...>} ins(%y, %w) ...
      scf.yield %p
    } else {
      %y = linalg.generic {peermla.schedule = #tile.schedule<block = [1, 0]>} ins(%x, %sums, %scale) ...
      %p = linalg.matmul {peermla.schedule = #tile.schedule<block = [64, 128, 0], ...>} ins(%y, %w) ...
      scf.yield %p
    }
    ```
  }];
  let options = [Option<"deterministic", "deterministic", "bool", "false",
                        "the same bits for a token whatever is beside it">];
  let statistics = [
    Statistic<"numFused", "num-fused", "Rows that products may compute">
  ];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

def SplitReductions
    : InterfacePass<"peermla-split-reductions", "mlir::FunctionOpInterface"> {
  let summary = "Make parts of a reduction work items while there are few others";
  let description = [{
    An op whose schedule has `split` is there twice: for up to so many iterations
    of its first loop the steps of `inner` along its reductions become work items,
    by the partial-reduction tiling of the op, and an op after them adds their
    results in their order. Else it is cut by `block` alone. The choice is made on
    the host, from the extent of a tensor. Numerics: unchanged if the op itself adds
    up its parts in this order, as the lowering of `peer.expert_mlp` does.

    ```mlir
    %y = peer.expert_mlp {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 16], split = 8>} ...
    ```
    becomes
    ```mlir
    %few = arith.cmpi ule, %T, %c8
    %y = scf.if %few {
      %parts = scf.forall (%t, %p) ... {
        %part = peer.expert_mlp {peermla.schedule = #tile.schedule<inner = [0, 1, 16]>} ... -> tensor<1x1024xf32>
        ...
      %sum = linalg.generic ... ins(%parts) outs(%zero) {peermla.schedule = #tile.schedule<block = [1, 0, 0]>}
      scf.yield %sum
    } else {
      %all = peer.expert_mlp {peermla.schedule = #tile.schedule<block = [1, 0, 0], inner = [0, 1, 16]>} ...
      scf.yield %all
    }
    ```
  }];
  let statistics = [
    Statistic<"numSplit", "num-split", "Reductions that may be split">
  ];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
    "mlir::linalg::LinalgDialect", "mlir::scf::SCFDialect",
    "mlir::tensor::TensorDialect"];
}

def WidenProducts
    : InterfacePass<"peermla-widen-products", "mlir::FunctionOpInterface"> {
  let summary = "Give products of many rows larger tiles";
  let description = [{
    On GPUs with wgmma and tensor copies. A kernel with a product of f16 or bf16 in
    tiles of 64 x 128 is there twice: above a number of rows at which larger tiles are
    enough to keep the multiprocessors busy, as the target's rates tell, it has tiles of
    128 rows by 128 columns, or 256 where sums are at most rounded, of two warpgroups
    that a producer brings the rows of its factors. The choice is made on the host, from the extent of a tensor. A
    product stays as it is if its sum has fewer steps than the producer has slots, or,
    as a remark says, if rows do not start at multiples of 16 bytes. Numerics:
    unchanged.

    ```mlir
    %y = linalg.matmul {peermla.schedule = #tile.schedule<block = [64, 128, 0], ...>} ins(%x, %w) ...
    ```
    becomes
    ```mlir
    %few = arith.cmpi ule, %T, %c1024
    %y = scf.if %few {
      %small = linalg.matmul {peermla.schedule = #tile.schedule<block = [64, 128, 0], ...>} ins(%x, %w) ...
      scf.yield %small
    } else {
      %large = linalg.matmul {peermla.schedule = #tile.schedule<block = [128, 256, 0], ..., roles = [24, 240]>} ins(%x, %w) ...
      scf.yield %large
    }
    ```
  }];
  let statistics = [
    Statistic<"numWidened", "num-widened", "Kernels that may have larger tiles">
  ];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

def ShrinkAttention
    : InterfacePass<"peermla-shrink-attention", "mlir::FunctionOpInterface"> {
  let summary = "Give attention over short sequences smaller tiles";
  let description = [{
    An `mla.online_attention` with `peermla.smaller_schedules` is there once more with
    each of these, largest first, until one is of no use: a smaller tile is taken up to
    an average number of tokens per sequence at which it reads no more keys than the
    larger one, if lengths are spread evenly around the average. The choice is made on
    the host, from the extents of the destination and of `ragged`. The attribute goes.

    Numerics: the keys of a block share one maximum, so that versions round
    differently. With `deterministic`, the same bits for a sequence whatever is beside
    it, all sequences have the tile of `peermla.schedule`.

    ```mlir
    %o = mla.online_attention causal scale(0.2) {
            peermla.schedule = #tile.schedule<block = [128, 1], inner = [128], ...>,
            peermla.smaller_schedules = [#tile.schedule<block = [64, 1], inner = [64], ...>]}
        ins(%q, %k) values(%v) ragged(%cu) outs(%init)
    ```
    becomes
    ```mlir
    %most = arith.muli %B, %c96
    %few = arith.cmpi ule, %T, %most
    %o = scf.if %few {
      %small = mla.online_attention ... {peermla.schedule = #tile.schedule<block = [64, 1], inner = [64], ...>} ...
      scf.yield %small
    } else {
      %large = mla.online_attention ... {peermla.schedule = #tile.schedule<block = [128, 1], inner = [128], ...>} ...
      scf.yield %large
    }
    ```
  }];
  let options = [
    Option<"deterministic", "deterministic", "bool", /*default=*/"false",
           "one tile for sequences of all lengths">
  ];
  let statistics = [
    Statistic<"numShrunk", "num-shrunk", "Attention ops that may have smaller tiles">
  ];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

def SplitKeys
    : InterfacePass<"peermla-split-keys", "mlir::FunctionOpInterface"> {
  let summary = "Split the keys of attention where there are few work items";
  let description = [{
    An `mla.online_attention` whose schedule has `parts` above 1 becomes partial
    results, one for each part of the keys, and `mla.merge`, which joins them. Where
    the batch gives enough work items by itself, it stays whole: the choice is an
    `scf.if` on shapes that the host knows.

    With `deterministic` both branches compute the same parts. In the second one they
    belong to one kernel, whose work items visit all parts of their rows and merge
    them: the bits of a sequence depend neither on the rest of the batch nor on the
    number of threads. On a GPU that is for schedules without `warps`: a tile program,
    whose registers hold the rows of one part, keeps the keys whole in both cases.

    Numerics: each part has a maximum and a sum of its own; the order of additions
    follows from the length of a sequence and, but with `deterministic`, from the
    number of work items.

    ```mlir
    %o = mla.online_attention scale(0.2) {peermla.schedule = #tile.schedule<block = [4, 16], inner = [128], parts = 8>}
        ins(%q, %cache) ragged(%cu) paged(%past, %blocks) outs(%init)
    ```
    becomes
    ```mlir
    %few = arith.cmpi slt, %items, %c16 : index
    %o = scf.if %few -> (tensor<?x16x64xf32>) {
      %po, %pl = mla.online_attention scale(0.2) parts(8 by 128)
          {peermla.schedule = #tile.schedule<block = [1, 4, 16], inner = [128]>} ...
          outs(%oi, %li : tensor<8x?x16x64xf32>, tensor<8x?x16xf32>)
      %merged = mla.merge {peermla.schedule = #tile.schedule<block = [1, 8]>} ins(%po, %pl) outs(%init)
      scf.yield %merged
    } else {
      %whole = mla.online_attention scale(0.2) ... outs(%init)
      scf.yield %whole
    }
    ```
  }];
  let options = [
    Option<"deterministic", "deterministic", "bool", "false",
           "the same parts whatever the batch is">
  ];
  let statistics = [
    Statistic<"numSplit", "num-split", "Attention ops whose keys are split">
  ];
  let dependentDialects = ["mlir::affine::AffineDialect",
                           "mlir::arith::ArithDialect",
                           "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect",
                           "peermla::mla::MlaDialect"];
}

def ShareWorkItems
    : InterfacePass<"peermla-share-work-items", "mlir::FunctionOpInterface"> {
  let summary = "Choose tables of runs in front of the versions that read them";
  let description = [{
    On GPUs, where a kernel makes the table. Where both sides of an `scf.if` have an
    `mla.work_items`, a choice of its own is made in front of it, from the same
    condition: what other layers choose is then the same, and common subexpressions
    are eliminated. The table has as many rows as the longer of both. Choices inside
    of others move on to the front of these. Numerics: unchanged.

    ```mlir
    %o = scf.if %few {
      %a = mla.work_items tokens(64 of %T) ins(%cu) outs(%short)
      ...
    } else {
      %b = mla.work_items tokens(128 of %T) ins(%cu) outs(%shorter)
      ...
    }
    ```
    becomes
    ```mlir
    %items = scf.if %few {
      %a = mla.work_items tokens(64 of %T) ins(%cu) outs(%long)
      scf.yield %a
    } else {
      %b = mla.work_items tokens(128 of %T) ins(%cu) outs(%long)
      scf.yield %b
    }
    %o = scf.if %few { ... } else { ... }
    ```
  }];
  let statistics = [
    Statistic<"numShared", "num-shared", "Choices of tables in front of versions">
  ];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

#endif // PEERMLA_TRANSFORMS_VERSIONPASSES_TD
