//===- Passes.td - named ops on tiles to plain steps ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inside the kernels of the stage `tiled`, on tensors: what a named op computes is
// said by linalg.generic, linalg.fill, scf, arith, math and tensor ops. Whoever
// distributes a kernel over threads, or matches matrix products in it, then has
// to know four forms only:
//
//   * linalg ops, whose parallel iterators are independent. A body may hold
//     scf.for, scf.while and scf.if on scalars and tensor.extract of tensors from
//     outside: addresses that data decides. It never writes a tensor
//   * scf.for around such ops, which carries tensors that are updated in place
//   * scf.forall inside the kernel's scf.forall, whose iterations are independent
//     and belong to one thread each: lists of peer.select, elements of
//     mla.cache_append. Tensors made in it are memory of the thread, of static
//     extents. What it inserts may be a slice of no element
//   * a slice of bufferization.alloc_tensor, which has static extents, from the
//     schedule: a temporary of the kernel, or of the thread. (One tensor.empty that
//     CSE has made of several would be copied for each.)
//
// All other ops of a kernel are scalar arithmetic.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_TILEDTOSTEPS_PASSES_TD
#define PEERMLA_CONVERSION_TILEDTOSTEPS_PASSES_TD

include "mlir/Pass/PassBase.td"

class StepsPass<string argument, list<string> dialects>
    : InterfacePass<argument, "mlir::FunctionOpInterface"> {
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::bufferization::BufferizationDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"] # dialects;
}

def DecomposeAttention
    : StepsPass<"peermla-decompose-attention", ["mlir::math::MathDialect"]> {
  let summary = "Turn a tile of attention into products and softmax steps";
  let description = [{
    A loop over blocks of keys carries (o, m, l) in f32. Keys of a paged cache are
    gathered into a temporary of the storage type; others are slices. Where rows of
    the tile may see different keys, scores are masked, and the product with the
    values leaves out what has the probability 0, whatever the value is.

    `block` of the op's schedule bounds tokens and heads, `inner` the keys of a
    block; temporaries hold tokens x heads x (dv + keys + 5) elements of f32, the
    probabilities in 16 bit, and keys x D elements of a paged cache.

    Numerics: probabilities are rounded to the storage type as an operand of the
    last product; all else is f32.

    ```mlir
    %o = mla.online_attention causal scale(0.25) {peermla.schedule = #tile.schedule<block = [16, 4], inner = [32]>}
        ins(%q, %k) values(%v) ragged(%cu) item(%sequence, %first) outs(%init)
    ```
    becomes
    ```mlir
    %state:3 = scf.for %j = %c0 to %end step %c32 iter_args(%o, %m, %l) {
      %k_j = tensor.extract_slice %k[..]
      %s = linalg.generic ... ins(%q, %k_j)               // sums over columns
      %masked = linalg.generic ... outs(%s)
      %x = linalg.generic ... ins(%masked)                // row maxima
      ...
      %p = linalg.generic ... ins(%m1) outs(%masked)
      %o1 = linalg.generic ... ins(%p, %v_j) outs(%rescaled)
      scf.yield %o1, %m1, %l1
    }
    %o = linalg.generic ... ins(%state#0, %state#2) outs(%init)
    ```
  }];
}

def DecomposeCacheAppend : StepsPass<"peermla-decompose-cache-append", []> {
  let summary = "Turn the append to a paged cache into a scatter";
  let description = [{
    The place of each row is computed once, then an scf.forall over the elements
    of the rows inserts them; one without a place inserts nothing. Numerics:
    unchanged.

    ```mlir
    %new = mla.cache_append ins(%rows, %cu, %past, %blocks) outs(%cache)
    ```
    becomes
    ```mlir
    %places = linalg.generic ... outs(%p : tensor<?x2xi32>)
    %new = scf.forall (%t, %c) in (%T, 20) shared_outs(%out = %cache) {
      ...
      %element = tensor.extract_slice %rows[%t, %c] [%count, 1] [1, 1]
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %element into %out[%block, %row, %c] [%count, 1, 1] [1, 1, 1]
      }
    }
    ```
  }];
}

def DecomposeExperts
    : StepsPass<"peermla-decompose-experts", ["mlir::math::MathDialect"]> {
  let summary = "Turn experts into gathered dot products and sums";
  let description = [{
    One dot product per retrieval and neuron, then one sum per output element;
    table rows are addressed by tensor.extract. The weighted neurons are a
    temporary. Numerics: sums in f32, in the order of the retrievals.

    ```mlir
    %y = peer.expert_mlp gelu ins(%x, %i, %g, %down, %up) outs(%init)
    ```
    becomes
    ```mlir
    %w = linalg.generic ... outs(%t : tensor<1x8x16x1xf32>) { scf.if exists { scf.for over columns } }
    %y = linalg.generic ... outs(%init : tensor<1x64xf32>) { scf.for over heads, ranks, neurons }
    ```
  }];
}

def DecomposeMerge
    : StepsPass<"peermla-decompose-merge", ["mlir::math::MathDialect"]> {
  let summary = "Turn the join of partial attention into weights and sums over parts";
  let description = [{
    The weights of all parts are a temporary, computed once per row; then each
    element sums over the parts, in their order, and passes over those without a key.
    Numerics: in f32, rounded once.

    ```mlir
    %o = mla.merge ins(%po, %pl) outs(%init)
    ```
    becomes
    ```mlir
    %w = linalg.generic ... outs(%t : tensor<2x3x8xf32>) { scf.for over parts, twice }
    %o = linalg.generic ... outs(%init : tensor<2x3x16xf32>) { scf.for over parts }
    ```
  }];
}

def DecomposeRope
    : StepsPass<"peermla-decompose-rope", ["mlir::math::MathDialect"]> {
  let summary = "Turn positions, rotary tables and rotations into generics";
  let description = [{
    `mla.positions`, `mla.rope_table` and `mla.rope` are elementwise once tokens
    find their sequence (by bisection) and columns their partner. Numerics: angles
    in f64, rounded once; the rotation in f32.

    ```mlir
    %y = mla.rope ins(%x, %t) outs(%init)
    ```
    becomes
    ```mlir
    %y = linalg.generic ... ins(%x) outs(%init) { tensor.extract of %x and %t }
    ```
  }];
}

def DecomposeSelect
    : StepsPass<"peermla-decompose-select", ["mlir::math::MathDialect"]> {
  let summary = "Turn selection into sorted lists, one thread per row";
  let description = [{
    An scf.forall over tokens and heads: each iteration scans the scores of each
    dimension into a list by insertion, folds the lists, and writes the row's
    results. Numerics: sums of scores in f32 from the left; ties go to the lower
    index; a NaN makes scores and gates of its row NaN.

    ```mlir
    %g, %i = peer.select softmax num_keys([32, 64]) ins(%s0, %s1) outs(%gi, %ii)
    ```
    becomes
    ```mlir
    %g, %i = scf.forall (%t, %h) in (%T, 8) shared_outs(%go = %gi, %io = %ii) {
      %list0:4 = scf.for %j ... { tensor.extract %s0, insertion into tensor<16xf32>, tensor<16xi32> }
      ...
    }
    ```
  }];
}

def DecomposeWorkItems
    : StepsPass<"peermla-decompose-work-items",
                ["mlir::affine::AffineDialect"]> {
  let summary = "Turn the table of runs of tokens into a kernel";
  let description = [{
    Rows of the table are independent; outside of all kernels the op becomes one.
    Numerics: unchanged.

    ```mlir
    %items = mla.work_items tokens(4 of %T) ins(%cu) outs(%init)
    ```
    becomes
    ```mlir
    %items = scf.forall (%i) = (0) to (%rows) step (128) shared_outs(%out = %init) {
      %tile = linalg.generic ... { scf.for over sequences }
      ...
    }
    ```
  }];
}

#endif // PEERMLA_CONVERSION_TILEDTOSTEPS_PASSES_TD
