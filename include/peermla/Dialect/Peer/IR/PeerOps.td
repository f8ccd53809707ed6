//===- PeerOps.td - product-key retrieval and tiny experts ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The specification of the peer dialect. The two model ops are
// `peer.retrieve` (from queries to expert indices and gates) and
// `peer.expert_mlp` (from indices and gates to the layer's output). `peer.select`
// is what remains of `peer.retrieve` once the scores are matrix products.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_PEER_IR_PEEROPS_TD
#define PEERMLA_DIALECT_PEER_IR_PEEROPS_TD

include "peermla/Support/StructuredOps.td"

def Peer_Dialect : Dialect {
  let name = "peer";
  let summary = "product-key retrieval over many tiny experts";
  let description = [{
    Layers of the paper "Mixture of A Million Experts" (arXiv 2407.04153). All
    ops are in destination style, on tensors or on memrefs.
  }];
  let cppNamespace = "::peermla::peer";
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

/// Attributes and not native properties: upstream rewrites (folding of
/// tensor.cast, cloning on other operands) carry over attributes only.
class Peer_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::peermla::peer";
}

def Peer_ScoreFunction
    : Peer_Enum<"ScoreFunction", "function from scores to gates", [
        I32EnumAttrCase<"softmax", 0>, I32EnumAttrCase<"sigmoid", 1>,
        I32EnumAttrCase<"relu", 2>]>;
def Peer_Activation
    : Peer_Enum<"Activation", "activation of an expert's neurons", [
        I32EnumAttrCase<"gelu", 0>, I32EnumAttrCase<"relu", 1>,
        I32EnumAttrCase<"silu", 2>]>;
def Peer_Norm
    : Peer_Enum<"Norm", "normalisation of queries or keys", [
        I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"l2", 1>]>;
def Peer_UpLayout
    : Peer_Enum<"UpLayout", "order of the rows of expert_up", [
        I32EnumAttrCase<"neuron_major", 0>, I32EnumAttrCase<"output_major", 1>]>;

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

class Peer_StructuredOp<string mnemonic, list<Trait> traits = []>
    : Op<Peer_Dialect, mnemonic, traits # [
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<ConditionallySpeculatable>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let hasVerifier = 1;
  let extraClassDefinition = Peermla_StructuredDefinition;
}

/// Ops that tile-and-fuse cuts into kernels.
class Peer_TileableOp<string mnemonic, list<Trait> traits = []>
    : Peer_StructuredOp<mnemonic, traits # [
        DeclareOpInterfaceMethods<TilingInterface, [
          "getLoopIteratorTypes", "getIterationDomain",
          "getTiledImplementation", "getResultTilePosition",
          "generateResultTileValue"]>]> {
  let extraClassDefinition = Peermla_TileableDefinition;
}

def Peer_RetrieveOp : Peer_TileableOp<"retrieve", [AttrSizedOperandSegments]> {
  let summary = "exact top-k product-key retrieval of experts";
  let description = [{
    Scores every expert of a product-key table against a query and keeps the
    `k` best per token and head:

    ```
    q_i     = query_norm(i-th part of query[t, h, :])         i = 0 .. D-1
    s_i[j]  = <q_i, key_norm(keys_i[j, :])>                    in f32
    score(j_0, ..., j_{D-1}) = (s_0[j_0] + s_1[j_1]) + s_2[j_2] ...
    scores[t, h, :], indices[t, h, :] = k best of all scores, descending
    gates[t, h, :] = score_function(scores[t, h, :])           in f32
    ```

    An index is row-major: `((j_0 n_1) + j_1) n_2 + j_2 ...`. Ties go to the
    lower index; sums that tie only after rounding to f32 may resolve to either.
    The selection is exact for any keys: `min(k, n_i)` are kept per dimension
    and `k` after each fold.

    Properties: `score_function` is `softmax` (over the `k` of one head, with
    the maximum subtracted), `sigmoid` or `relu`; `query_norm` and `key_norm` are
    `none` or `l2`, which divides each sub-query or sub-key by
    max(its euclidean norm, 1e-12). A NaN in a query makes the gates of its
    token and head NaN; indices always lie in [0, N).

    | value     | shape                        | element | constraint     |
    |-----------|------------------------------|---------|----------------|
    | `query`   | `T x h x dq`                 | float   | (C1)           |
    | `keys_i`  | `n_i x dq/D` or `h x n_i x dq/D` | float | (C1) (C2) (C3) |
    | `gates`   | `T x h x k`                  | f32     | (C4) (C5)      |
    | `indices` | `T x h x k`                  | i32     | (C4) (C5)      |
    | `scores`  | `T x h x k`, optional        | f32     | (C4)           |

    * (C1) there is at least one `keys_i`, D divides `dq`, and each has `dq/D`
      columns, where `dq` is not known as many as the others.
    * (C2) keys per head agree with `query` in `h`.
    * (C3) `query` and all `keys_i` have one element type.
    * (C4) the destinations are `gates`, `indices` and, if asked for, `scores`;
      all have one shape and agree with `query` in `T` and `h`.
    * (C5) `1 <= k <= N` with N the product of all `n_i`, and N - 1 fits i32.
    * (C6) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %gates, %indices = peer.retrieve softmax query_norm(l2)
        ins(%q, %k0, %k1 : tensor<?x8x256xbf16>, tensor<1024x128xbf16>,
                           tensor<512x128xbf16>)
        outs(%g, %i : tensor<?x8x16xf32>, tensor<?x8x16xi32>)
        -> tensor<?x8x16xf32>, tensor<?x8x16xi32>
    ```
  }];
  let arguments = (ins
    Peermla_FloatOf<[3]>:$query,
    Variadic<Peermla_FloatOf<[2, 3]>>:$keys,
    Variadic<Peermla_ShapedOf<[F32, F64, I32], [3]>>:$inits,
    Peer_ScoreFunction:$score_function,
    DefaultValuedAttr<Peer_Norm, "Norm::none">:$query_norm,
    DefaultValuedAttr<Peer_Norm, "Norm::none">:$key_norm);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $score_function (`query_norm` `(` $query_norm^ `)`)?
    (`key_norm` `(` $key_norm^ `)`)?
    attr-dict
    `ins` `(` $query `,` $keys `:` type($query) `,` type($keys) `)`
    `outs` `(` $inits `:` type($inits) `)`
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    ::mlir::ShapedType getQueryType() {
      return ::mlir::cast<::mlir::ShapedType>(getQuery().getType());
    }
    ::mlir::ShapedType getKeysType(unsigned i) {
      return ::mlir::cast<::mlir::ShapedType>(getKeys()[i].getType());
    }
    ::mlir::Value getGatesInit() { return getInits()[0]; }
    ::mlir::Value getIndicesInit() { return getInits()[1]; }
    /// The destination of the scores, or null.
    ::mlir::Value getScoresInit() {
      return getInits().size() > 2 ? getInits()[2] : ::mlir::Value();
    }
    /// D, the number of key dimensions.
    unsigned getNumDimensions() { return getKeys().size(); }
    /// n_i, the number of sub-keys of dimension i.
    int64_t getNumKeys(unsigned i) {
      ::mlir::ShapedType type = getKeysType(i);
      return type.getDimSize(type.getRank() - 2);
    }
    /// k, the experts kept per token and head.
    int64_t getK() {
      return ::mlir::cast<::mlir::ShapedType>(getInits()[0].getType())
          .getDimSize(2);
    }
  }];
}

def Peer_SelectOp : Peer_TileableOp<"select", [AttrSizedOperandSegments]> {
  let summary = "the k best sums of scores per dimension, and their gates";
  let description = [{
    The second half of `peer.retrieve`: from the scores of each dimension's
    sub-keys to experts. Internal; `peermla-decompose-retrieve` makes it so that
    tile-and-fuse computes the scores where they are selected from.

    ```
    score(j_0, ..., j_{D-1}) = (scores_0[t, h, j_0] + scores_1[t, h, j_1]) + ...
    scores[t, h, :], indices[t, h, :] = k best of all, descending
    gates[t, h, :] = score_function(scores[t, h, :])
    ```

    Order, ties and NaN as in `peer.retrieve`. Scores may lie in panels, as matrix
    products leave them: dimensions from the third on are flattened, and what lies
    past `num_keys[i]` is not read.

    * (C1) there is at least one `scores_i` and one element of `num_keys` for each; all
      agree with `gates` in `T` and `h`; flattened, `scores_i` has at least
      `num_keys[i]` columns.
    * (C2) the destinations are `gates`, `indices` and, if asked for, `scores`, all of
      one shape.
    * (C3) `1 <= k <= N` with N the product of all `n_i`, and N - 1 fits i32.
    * (C4) on tensors there is one result per destination, of its type; on
      memrefs there are none.
  }];
  let arguments = (ins
    Variadic<Peermla_WideOf<[3, 4]>>:$scores,
    Variadic<Peermla_ShapedOf<[F32, F64, I32], [3]>>:$inits,
    Peer_ScoreFunction:$score_function,
    DenseI64ArrayAttr:$num_keys);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $score_function `num_keys` `(` $num_keys `)` attr-dict
    `ins` `(` $scores `:` type($scores) `)`
    `outs` `(` $inits `:` type($inits) `)`
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    ::mlir::Value getGatesInit() { return getInits()[0]; }
    ::mlir::Value getIndicesInit() { return getInits()[1]; }
    /// The destination of the scores, or null.
    ::mlir::Value getScoresInit() {
      return getInits().size() > 2 ? getInits()[2] : ::mlir::Value();
    }
    /// n_i, the number of sub-keys of dimension i.
    int64_t getNumKeys(unsigned i) { return getNumKeys()[i]; }
    /// k, the experts kept per token and head.
    int64_t getK() {
      return ::mlir::cast<::mlir::ShapedType>(getInits()[0].getType())
          .getDimSize(2);
    }
  }];
}

def Peer_ExpertMlpOp
    : Peer_TileableOp<"expert_mlp", [
        AttrSizedOperandSegments, PartialReductionOpInterface]> {
  let summary = "weighted sum of the chosen experts' outputs";
  let description = [{
    Applies the experts that `peer.retrieve` chose to each token:

    ```
    u[t, h, k, n] = act(<down[index, n, :], x[t, :]>)                 ungated
    u[t, h, k, n] = act(<gate[index, n, :], x[t, :]>)
                        * <down[index, n, :], x[t, :]>                gated
    y[t, :] = sum over h, k, n of gates[t, h, k] u[t, h, k, n] up[index, n, :]
    ```

    with `index = indices[t, h, k]`. All sums are in f32; `y` is rounded once. The
    same expert chosen by several heads adds up. `y` is overwritten, not
    accumulated into. An index outside [0, N) contributes nothing.

    The sum may be cut over heads and ranks: an op on part of the retrievals whose
    `y` is f32 gives a partial sum that is not rounded, and partial sums are added
    in the order of their retrievals.

    Properties: `activation` is `gelu` (the erf form), `relu` or `silu`;
    `up_layout` says whether an expert's row of `up` is stored `e x d_out`
    (`neuron_major`) or `d_out x e` (`output_major`).

    | value     | shape                    | element | constraint |
    |-----------|--------------------------|---------|------------|
    | `x`       | `T x d`                  | float   | (C2) (C4)  |
    | `indices` | `T x h x k`              | i32     | (C1)       |
    | `gates`   | `T x h x k`              | f32     | (C1)       |
    | `down`    | `N x e x d`              | float   | (C2) (C3)  |
    | `gate`    | `N x e x d`, optional    | float   | (C3)       |
    | `up`      | `N x e x d_out` or `N x d_out x e` | float | (C3) (C4) |
    | `y`       | `T x d_out`              | float   | (C1) (C4)  |
    | `neurons` | `T x h x k x e`, optional | f32    | (C5)       |

    * (C1) `indices` and `gates` have one shape and agree with `x` and `y` in `T`.
    * (C2) `down` and `x` agree in `d`.
    * (C3) `down`, `gate` and `up` agree in `N` and `e`; `gate` has the type of
      `down`.
    * (C4) `up` and `y` agree in `d_out`; `x`, `down`, `up` and `y` have one
      element type, except that `y` may be f32.
    * (C5) the destinations are `y` and, if asked for, `neurons`, which holds `u`.
    * (C6) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %y = peer.expert_mlp gelu
        ins(%x, %i, %g, %down, %up : tensor<?x64xf32>, tensor<?x8x16xi32>,
            tensor<?x8x16xf32>, tensor<4096x1x64xf32>, tensor<4096x1x64xf32>)
        outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    Peermla_FloatOf<[2]>:$x,
    Peermla_IndexOf<[3]>:$indices,
    Peermla_WideOf<[3]>:$gates,
    Peermla_FloatOf<[3]>:$down,
    Peermla_FloatOf<[3]>:$up,
    Optional<Peermla_FloatOf<[3]>>:$gate,
    Variadic<Peermla_ShapedOf<Peermla_Storage, [2, 4]>>:$inits,
    Peer_Activation:$activation,
    DefaultValuedAttr<Peer_UpLayout, "UpLayout::neuron_major">:$up_layout);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $activation (`up_layout` `(` $up_layout^ `)`)? attr-dict
    `ins` `(` $x `,` $indices `,` $gates `,` $down `,` $up `:` type($x) `,`
        type($indices) `,` type($gates) `,` type($down) `,` type($up) `)`
    (`gate` `(` $gate^ `:` type($gate) `)`)?
    `outs` `(` $inits `:` type($inits) `)`
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    ::mlir::Value getYInit() { return getInits()[0]; }
    /// The destination of the neuron values, or null.
    ::mlir::Value getNeuronsInit() {
      return getInits().size() > 1 ? getInits()[1] : ::mlir::Value();
    }
    /// e, the hidden neurons of one expert.
    int64_t getExpertHiddenSize() {
      return ::mlir::cast<::mlir::ShapedType>(getDown().getType()).getDimSize(1);
    }

    // PartialReductionOpInterface. Declared here, as the declarations that the
    // interface generates name types of mlir without their namespace.
    ::mlir::FailureOr<::mlir::SmallVector<::mlir::Value>>
    generateInitialTensorForPartialReduction(
        ::mlir::OpBuilder &builder, ::mlir::Location loc,
        ::mlir::ArrayRef<::mlir::OpFoldResult> sizes,
        const ::mlir::SetVector<unsigned> &reductionDims);
    ::mlir::FailureOr<::mlir::TilingResult> tileToPartialReduction(
        ::mlir::OpBuilder &builder, ::mlir::Location loc,
        ::mlir::ReductionTilingStrategy strategy, ::mlir::ValueRange initial,
        ::mlir::ArrayRef<::mlir::OpFoldResult> offsets,
        ::mlir::ArrayRef<::mlir::OpFoldResult> sizes,
        const ::mlir::SetVector<unsigned> &reductionDims,
        ::mlir::ArrayRef<::mlir::OpFoldResult> parts);
    ::mlir::FailureOr<::mlir::MergeResult> mergeReductions(
        ::mlir::OpBuilder &builder, ::mlir::Location loc,
        ::mlir::ValueRange partial,
        const ::mlir::SetVector<unsigned> &reductionDims);
    ::llvm::LogicalResult getPartialResultTilePosition(
        ::mlir::OpBuilder &builder, unsigned result,
        ::mlir::ReductionTilingStrategy strategy,
        ::mlir::ArrayRef<::mlir::OpFoldResult> offsets,
        ::mlir::ArrayRef<::mlir::OpFoldResult> sizes,
        const ::mlir::SetVector<unsigned> &reductionDims,
        ::mlir::ArrayRef<::mlir::OpFoldResult> parts,
        ::mlir::SmallVector<::mlir::OpFoldResult> &resultOffsets,
        ::mlir::SmallVector<::mlir::OpFoldResult> &resultSizes);
  }];
}

#endif // PEERMLA_DIALECT_PEER_IR_PEEROPS_TD
