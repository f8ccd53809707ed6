//===- Passes.td - passes that keep the dialects --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_PASSES_TD
#define PEERMLA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def OverrideSchedules : Pass<"peermla-override-schedules", "mlir::ModuleOp"> {
  let summary = "Give ops schedules by their names";
  let description = [{
    `schedules` is a list `ID = SCHEDULE; ID = SCHEDULE ...`: every op whose
    `peermla.id` matches ID (which may have the wildcards of a shell) gets the
    attribute, as if it were written in the model. Blocks are counted along the
    loops of the op as the model has it; what later passes make of the op takes
    the schedule along. An id that no op has is an error. Numerics: as the
    schedule has it; sums are never split between work items.

    ```mlir
    %y = linalg.matmul {peermla.id = "lm_head"} ...
    ```
    becomes, with `lm_head = block = [96, 128, 0]`,
    ```mlir
    %y = linalg.matmul {peermla.id = "lm_head",
                        peermla.schedule = #tile.schedule<block = [96, 128, 0]>} ...
    ```
  }];
  let options = [
    Option<"schedules", "schedules", "std::string", /*default=*/"",
           "`ID = SCHEDULE; ...`">
  ];
  let dependentDialects = ["peermla::tile::TileDialect"];
}

def SplitTargets : Pass<"peermla-split-targets", "mlir::ModuleOp"> {
  let summary = "Make one nested module per target";
  let description = [{
    Everything that depends on a machine (tile sizes, packing, registers) is
    decided in a nested module of its own. The outer module keeps its name and its
    attributes. Numerics: unchanged.

    ```mlir
    module @m { func.func @forward(...) {...} }
    ```
    becomes
    ```mlir
    module @m {
      module @cpu_x86_64_v3 attributes {peermla.level = "x86-64-v3"} {
        func.func @forward(...) {...}
      }
      module @gpu_sm_80 attributes {peermla.gpu = "sm_80"} {
        func.func @forward(...) {...}
      }
    }
    ```
  }];
  let options = [
    ListOption<"cpuLevels", "cpu-levels", "std::string",
               "CPU levels to compile for">,
    ListOption<"gpuTargets", "gpu-targets", "std::string",
               "GPU targets to compile for, after the levels">
  ];
}

def ChooseAttentionForm
    : InterfacePass<"peermla-choose-attention-form",
                    "mlir::FunctionOpInterface"> {
  let summary = "Rewrite latent attention into its expanded or absorbed form";
  let description = [{
    `expand` makes keys and values per head from the latent; `absorb` carries the
    queries into the latent space and the result back. Per head, expanded costs
    `s_k dc (dn+dv) + s_q s_k (dn+dr+dv)` multiply-adds and absorbed
    `s_q dc (dn+dv) + s_q s_k (2 dc + dr)`. Without a cache all keys are new
    (s_q = s_k) and attention is expanded; over a paged cache it is absorbed. The
    option or an attribute `peermla.form` of an op overrides the choice; a paged
    cache can only be absorbed.

    Numerics: the two forms agree to rounding; queries in the latent space, keys
    and values are rounded to the storage type.

    ```mlir
    %o = mla.attention causal scale(0.2) ins(%q, %kv, %w_uk, %w_uv) ragged(%cu) outs(%i)
    ```
    becomes, absorbed,
    ```mlir
    %ql = linalg.generic ... ins(%q_nope, %w_uk)
    %z = mla.online_attention causal scale(0.2) ins(%ql_pe, %kv) ragged(%cu) outs(%zi)
    %o = linalg.generic ... ins(%z, %w_uv)
    ```
  }];
  let options = [
    Option<"form", "form", "std::string", "\"\"",
           "`expand` or `absorb` for every op, else by cost">
  ];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def DecomposeRetrieve
    : InterfacePass<"peermla-decompose-retrieve", "mlir::FunctionOpInterface"> {
  let summary = "Split product-key retrieval into scores and selection";
  let description = [{
    Scores become matrix products, which tile-and-fuse computes where
    `peer.select` consumes them, and norms become elementwise ops on queries and
    keys. Numerics: normalised queries and keys are rounded to the storage type.

    ```mlir
    %g, %i = peer.retrieve softmax ins(%q, %k0, %k1) outs(%gi, %ii)
    ```
    becomes
    ```mlir
    %s0 = linalg.generic ... ins(%q0, %k0) outs(%z0 : tensor<?x8x1024xf32>)
    %s1 = linalg.generic ... ins(%q1, %k1) outs(%z1 : tensor<?x8x1024xf32>)
    %g, %i = peer.select softmax ins(%s0, %s1) outs(%gi, %ii)
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::math::MathDialect",
                           "mlir::tensor::TensorDialect"];
}

def FoldNorms
    : InterfacePass<"peermla-fold-norms", "mlir::FunctionOpInterface"> {
  let summary = "Split what norms compute from columns alone off the rows";
  let description = [{
    The body of an elementwise op over rows may compute values that depend on its
    column vectors only, such as `rsqrt(running_var + eps)` of a batch norm. They
    become an op of their own over the columns, which preparation then computes once
    per session. Numerics: unchanged.

    ```mlir
    %y = linalg.generic ... ins(%x, %var : tensor<?x8xf32>, tensor<8xf32>) { x * rsqrt(var + eps) }
    ```
    becomes
    ```mlir
    %s = linalg.generic ... ins(%var : tensor<8xf32>) { rsqrt(var + eps) }
    %y = linalg.generic ... ins(%x, %var, %s) { x * s }
    ```
  }];
  let dependentDialects = ["mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def FuseElementwise
    : InterfacePass<"peermla-fuse-elementwise", "mlir::FunctionOpInterface"> {
  let summary = "Merge chains of elementwise ops";
  let description = [{
    A producer with one use is merged into its elementwise consumer, unless it
    runs over fewer dimensions and would be computed more often. Matrix
    products and reductions stay ops of their own: what is computed with their tiles
    is for tile-and-fuse to decide. Numerics: a rounding between the two ops is
    kept.
  }];
  let dependentDialects = ["mlir::linalg::LinalgDialect"];
}

def PrepareWeights : Pass<"peermla-prepare-weights", "mlir::ModuleOp"> {
  let summary = "Move work on weights alone to the creation of a session";
  let description = [{
    What depends on weights alone is computed once per session by functions with
    the attribute `peermla.prepare`, one per prepared weight; entries load the
    result. Weights of matrix products are packed for the register tile of the
    target: `[.., n, k]` becomes `[.., n/NR, k/KP, NR, KP]`, with KP = 2 where the
    target has a pair product and n padded with zeros.

    Numerics: unchanged.

    ```mlir
    %w = ml_program.global_load_const @w : tensor<96x64xf32>
    %y = linalg.matmul ... ins(%x, %w)
    ```
    becomes
    ```mlir
    %w = ml_program.global_load_const @prepared.w : tensor<2x64x48xf32>
    %y = linalg.generic ... ins(%x, %w) outs(%init : tensor<?x2x48xf32>)
    ```
    and
    ```mlir
    func.func @prepared.w(%w: tensor<96x64xf32>) -> tensor<2x64x48xf32> attributes {peermla.prepare}
    ```
  }];
  let statistics = [
    Statistic<"numPacked", "num-packed", "Weights of matrix products packed">,
    Statistic<"numHoisted", "num-hoisted", "Other values moved to preparation">
  ];
  let dependentDialects = ["mlir::linalg::LinalgDialect",
                           "mlir::ml_program::MLProgramDialect",
                           "mlir::tensor::TensorDialect"];
}

def InterleaveExperts : Pass<"peermla-interleave-experts", "mlir::ModuleOp"> {
  let summary = "Store the rows of an expert's tables side by side";
  let description = [{
    The layer is bound by the start of each row: reading one row of
    `down | gate | up` starts once where tables of their own start two or three
    times. The tables of all `peer.expert_mlp` that read them whole become views
    of one prepared weight, whose rows are made of rows of the tables while these
    are read from their files: nothing is ever there twice. A row is a neuron, or
    an expert where `up` is stored per output. Tables that anything else reads
    stay as they are, as do tables that two ops pair differently; a remark says
    so. Numerics: unchanged.

    ```mlir
    %down = ml_program.global_load_const @down : tensor<100x32xbf16>
    %up = ml_program.global_load_const @up : tensor<100x48xbf16>
    %d = tensor.expand_shape %down [[0], [1, 2]] output_shape [100, 1, 32] : ...
    %u = tensor.expand_shape %up [[0], [1, 2]] output_shape [100, 1, 48] : ...
    %y = peer.expert_mlp gelu ins(%x, %i, %g, %d, %u : ...) outs(%init : ...)
    ```
    becomes
    ```mlir
    ml_program.global private @prepared.down(#ml_program.extern : tensor<100x80xbf16>) : tensor<100x80xbf16>
        {peermla.rows_of = [@down, @up]}
    %rows = ml_program.global_load_const @prepared.down : tensor<100x80xbf16>
    %down = tensor.extract_slice %rows[0, 0] [100, 32] [1, 1] : ...
    %up = tensor.extract_slice %rows[0, 32] [100, 48] [1, 1] : ...
    ```
  }];
  let statistics = [
    Statistic<"numInterleaved", "num-interleaved", "Sets of tables interleaved">
  ];
  let dependentDialects = ["mlir::ml_program::MLProgramDialect",
                           "mlir::tensor::TensorDialect"];
}

def SelectSchedules
    : InterfacePass<"peermla-select-schedules", "mlir::FunctionOpInterface"> {
  let summary = "Decide what becomes a kernel and how it is cut";
  let description = [{
    Every op that becomes a kernel of its own gets the attribute
    `peermla.schedule`; an op without it is computed inside the kernel that
    consumes it: epilogues of matrix products, sums of rows under the elementwise op
    that reads them, scores under selection. Elementwise ops and sums of rows in
    front of a matrix product, a norm, a cast or a gate product, are stored by a
    kernel of their own, or a prologue that each block of columns computes for the
    rows it reads, where the cost model (Support/CostModel.h) predicts that this
    takes less time. A prologue has one reader, a product without batches.
    Blocks of products, rows, selections and weights are those that the cost model
    predicts to be fastest on the function's level over the usual numbers of rows
    and cores.
    For attention the schedule says tokens and heads of a work item, keys of a block
    and parts of the keys; what an op gives stays, the rest is chosen. On a GPU,
    attention that gives nothing also gets `peermla.smaller_schedules`, for
    `peermla-shrink-attention`, if there are smaller tiles than the chosen one.
    Each decision is a remark. An op that has the attribute keeps it; a matrix
    product takes it along to the elementwise op that is computed with its tiles.
    With `plans`, each kernel also gets what a report tells of it, the attribute
    `peermla.plan` of Support/KernelPlan.h. Numerics: unchanged; what a prologue
    computes is rounded as it would be to be stored.

    ```mlir
    %sum = linalg.generic ins(%x) {iterator_types = ["parallel", "reduction"]}
    %n = linalg.generic ins(%x, %sum)
    %y = linalg.matmul ins(%n, %w)
    ```
    becomes, if `%w` has few columns,
    ```mlir
    %sum = linalg.generic ins(%x) {iterator_types = ["parallel", "reduction"]}
    %n = linalg.generic ins(%x, %sum)
    %y = linalg.matmul {peermla.schedule = #tile.schedule<block = [24, 0, 0]>} ins(%n, %w)
    ```
    and if it has many, `%n` has a schedule of its own.
  }];
  let options = [
    Option<"plans", "plans", "bool", /*default=*/"false",
           "write what a report tells of kernels">
  ];
  let dependentDialects = ["peermla::tile::TileDialect"];
}

include "peermla/Transforms/VersionPasses.td"

def TileAndFuse
    : InterfacePass<"peermla-tile-and-fuse", "mlir::FunctionOpInterface"> {
  let summary = "Cut every scheduled op into one scf.forall and fuse producers";
  let description = [{
    Ops in the branches of an `scf.if` are cut there. Attention is cut by a table of
    runs of tokens, `mla.work_items`, since no tile may cross the end of a sequence;
    a join of partial results whose attention has no schedule computes them in the
    same kernel. Where a producer's tile is read through `tensor.expand_shape`, the
    tile is what is expanded, and where it is some columns of rows that
    `tensor.insert_slice` puts together, rows of the tile are.

    Numerics: unchanged, reductions are not split.

    ```mlir
    %acc = linalg.matmul ins(%x, %w) outs(%zero)
    %y = linalg.generic ins(%acc, %residual) {peermla.schedule = #tile.schedule<block = [32, 4]>}
    ```
    becomes
    ```mlir
    %y = scf.forall (%i, %j) in (%m, 12) shared_outs(%o = %init) {
      %t0 = linalg.fill ...
      %t1 = linalg.matmul ...
      %t2 = linalg.generic ...
      scf.forall.in_parallel { tensor.parallel_insert_slice %t2 into %o ... }
    }
    ```
    and attention with `block = [4, 16]`
    ```mlir
    %items = mla.work_items tokens(4 of %T) ins(%cu) outs(%table)
    %o = scf.forall (%i, %h) = (0, 0) to (%bound, 32) step (1, 16) shared_outs(%out = %init) {
      %sequence, %first, %count = ... // tensor.extract %items[%i, 0], [%i, 1], [%i, 2]
      %qt = tensor.extract_slice %q[%first, %h, 0] [%count, 16, 80]
      %t = mla.online_attention ... ins(%qt, %cache) item(%sequence, %first) outs(%ot)
      scf.forall.in_parallel { tensor.parallel_insert_slice %t into %out[%first, %h, 0] ... }
    }
    ```
  }];
  let statistics = [
    Statistic<"numTiled", "num-tiled", "Kernels made">
  ];
  let dependentDialects = ["mlir::affine::AffineDialect",
                           "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

def RunOnTargets : Pass<"peermla-run-on-targets", "mlir::ModuleOp"> {
  let summary = "Run passes on the module if it is of one kind of target";
  let description = [{
    Runs `pipeline` on the module of a target (SplitTargets) if that is a CPU level
    or a GPU, as `kind` says; other modules stay as they are. Numerics: those of the
    passes.

    ```mlir
    module @cpu_amx attributes {peermla.level = "amx"} {...}    // kind=cpu
    module @gpu_sm_80 attributes {peermla.gpu = "sm_80"} {...}  // kind=gpu
    ```
  }];
  let options = [
    Option<"kind", "kind", "std::string", "\"\"", "`cpu` or `gpu`">,
    ListOption<"pipeline", "pipeline", "mlir::OpPassManager",
               "What to run, in the form `builtin.module(...)`">
  ];
}

def VerifyContract : Pass<"peermla-verify-contract", "mlir::ModuleOp"> {
  let summary = "Check that the IR is what a stage promises";
  let description = [{
    Every stage ends with this check, so that what a later pass relies on is an
    error where it arises and not where it hurts:

    | stage     | what may exist                                               |
    |-----------|--------------------------------------------------------------|
    | `model`   | func, linalg, tensor, arith, math, ml_program, peer, mla      |
    | `tiled`   | the same, scf and affine, without `mla.attention` and `peer.retrieve`; ops of peer and mla in kernels only, but for `mla.work_items`, which kernels read |
    | `buffers` | memrefs in place of tensors and globals                      |
    | `cpu`     | scalars, vectors and loops; no named op, copy or allocation  |

    GPU targets go on from `buffers` differently; modules that have not got there
    yet are not looked at:

    | stage  | what may exist                                                  |
    |--------|-----------------------------------------------------------------|
    | `tile` | host code without loops over blocks and without named ops; kernels as functions in gpu.modules, for a block of threads |
    | `frag` | kernels for one thread: scalars, vectors, loops; gpu and nvvm     |
    | `nvvm` | kernels in the LLVM and NVVM dialects                           |

    A `tensor.dim` of a constant dimension that its tensor lacks is an error, too. All
    verifiers run first: compiling does without them between the passes of a stage.

    Numerics: unchanged.
  }];
  let options = [Option<"stage", "stage", "std::string", "\"\"",
                        "`model`, `tiled`, `buffers`, `cpu`, `tile`, `frag` or `nvvm`">];
}

#endif // PEERMLA_TRANSFORMS_PASSES_TD
