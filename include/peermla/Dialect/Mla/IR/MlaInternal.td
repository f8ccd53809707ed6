//===- MlaInternal.td - what passes make of mla.attention -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops into which the choice of the attention form, the splitting of keys and
// tiling turn `mla.attention`: `mla.online_attention`, `mla.merge` and
// `mla.work_items`.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_MLA_IR_MLAINTERNAL_TD
#define PEERMLA_DIALECT_MLA_IR_MLAINTERNAL_TD

include "peermla/Dialect/Mla/IR/MlaBase.td"

def Mla_OnlineAttentionOp
    : Mla_StructuredOp<"online_attention", [AttrSizedOperandSegments,
        Mla_TilingInterface]> {
  let summary = "attention over given keys and values, with a running softmax";
  let description = [{
    ```
    s[t, j]   = scale <q[t, h], k[j, h]>                    -inf where masked
    o[t, h]   = sum over j of softmax_j(s[t, j]) v[j, h]
    lse[t, h] = log(sum over j of exp(s[t, j]))
    ```

    Keys are visited in blocks that carry the running maximum `m`, the sum `l` and
    the unnormalised `o`. `k` is `S x H x D` (keys per head), `S x D` (one key row
    for all heads) or a paged cache `num_blocks x page x D`; without `v` a value is
    the first `dv` columns of its key row. Ragged and paged batches as in
    `mla.attention`.

    **Parts.** With `parts(P by g)` the results are partial, one for each of `P`
    parts of the keys: `o` is `P x T x H x dv`, `lse` is `P x T x H`, both of f32 and
    both normalised within the part; `mla.merge` joins them. Part `i` of a sequence
    of `S` keys is `[i n, (i + 1) n)` with `n = g ceil(ceil(S / P) / g)`: it follows
    from the length of the sequence and from nothing else. A part without a key that
    the query sees has lse = -inf, and its o is not defined.

    Iteration domain: part (parallel, only with `parts`), token (parallel), head
    (parallel). A tile of it lists the sequence and the first token of its rows in
    `item`, and its first part if there are parts: then all rows of `q` and `o`
    belong to sequence `item[0]`, row 0 is token `item[1]` of the batch and the first
    partial result that of part `item[2]`.

    * (C1) `q`, `o`, and `k` and `v` if per head, agree in `H`; `q` and `k` agree
      in `D`; `q`, `k` and `v` have one element type.
    * (C2) `v` agrees with `k` in `S` and with `o` in `dv`; without `v`, `dv <= D`.
    * (C3) `past_lens` and `block_table` are given if and only if `k` is paged, with
      one row per sequence; `cu_seqlens` has one element more, at least one.
    * (C4) the destinations are `o` and, if asked for, `lse`; they agree with `q` in
      `T` and `H`. With `parts` both are asked for and agree in `P`; without, `o` has
      the element type of `q`.
    * (C5) `item` holds no value, or two, or three with `parts`.
    * (C6) on tensors there is one result per destination, of its type; on
      memrefs there are none.
    * (C7) `parts` are two positive numbers; without `item`, the first is the extent
      `P` of the destinations.

    Example:

    ```mlir
    %po, %pl = mla.online_attention causal scale(0.25) parts(8 by 128)
        ins(%q, %cache : tensor<?x3x20xf32>, tensor<?x?x20xf32>)
        ragged(%cu : tensor<?xi32>)
        paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>)
        outs(%oi, %li : tensor<8x?x3x16xf32>, tensor<8x?x3xf32>)
        -> tensor<8x?x3x16xf32>, tensor<8x?x3xf32>
    ```
  }];
  let extraClassDefinition = Peermla_TileableDefinition;
  let arguments = (ins
    Peermla_FloatOf<[3]>:$q,
    Peermla_FloatOf<[2, 3]>:$k,
    Optional<Peermla_FloatOf<[3]>>:$v,
    Peermla_IndexOf<[1]>:$cu_seqlens,
    Optional<Peermla_IndexOf<[1]>>:$past_lens,
    Optional<Peermla_IndexOf<[2]>>:$block_table,
    Variadic<Index>:$item,
    Variadic<Peermla_ShapedOf<Peermla_Storage, [2, 3, 4]>>:$inits,
    F64Attr:$scale,
    UnitAttr:$causal,
    OptionalAttr<I64Attr>:$parts,
    OptionalAttr<I64Attr>:$part_step);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`causal` $causal^)? `scale` `(` $scale `)`
    (`parts` `(` $parts^ `by` $part_step `)`)? attr-dict
    `ins` `(` $q `,` $k `:` type($q) `,` type($k) `)`
    (`values` `(` $v^ `:` type($v) `)`)?
    `ragged` `(` $cu_seqlens `:` type($cu_seqlens) `)`
    (`paged` `(` $past_lens^ `,` $block_table `:` type($past_lens) `,`
        type($block_table) `)`)?
    (`item` `(` $item^ `)`)?
    `outs` `(` $inits `:` type($inits) `)` (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    bool isPaged() { return static_cast<bool>(getBlockTable()); }
    /// Whether keys are stored per head.
    bool hasKeysPerHead() { return static_cast<bool>(getV()); }
    /// Whether the results are those of parts of the keys.
    bool isPartial() { return getParts().has_value(); }
  }];
}

def Mla_MergeOp : Mla_StructuredOp<"merge", [Mla_TilingInterface]> {
  let summary = "join of attention over parts of the keys";
  let description = [{
    ```
    lse[t, h] = log(sum over i of exp(lse_i[i, t, h]))
    o[t, h]   = sum over i of exp(lse_i[i, t, h] - lse[t, h]) o_i[i, t, h]
    ```

    for the partial results of `mla.online_attention`, added in the order of the
    parts in f32 and rounded once. Where `lse_i` = -inf, `o_i` may be anything. A
    query whose parts all have `lse_i` = -inf yields 0 and `lse` = -inf.

    Iteration domain: token (parallel), head (parallel); parts are not cut.

    | value   | shape              | element | constraint |
    |---------|--------------------|---------|------------|
    | `o_i`   | `P x T x H x dv`   | f32     | (C1)       |
    | `lse_i` | `P x T x H`        | f32     | (C1)       |
    | `o`     | `T x H x dv`       | float   | (C2)       |
    | `lse`   | `T x H`, optional  | f32     | (C2)       |

    * (C1) `o_i` and `lse_i` agree in `P`, `T` and `H`.
    * (C2) the destinations are `o` and, if asked for, `lse`; they agree with `o_i`
      in `T`, `H` and `dv`.
    * (C3) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %o = mla.merge ins(%po, %pl : tensor<8x?x3x16xf32>, tensor<8x?x3xf32>)
        outs(%init : tensor<?x3x16xbf16>) -> tensor<?x3x16xbf16>
    ```
  }];
  let extraClassDefinition = Peermla_TileableDefinition;
  let arguments = (ins
    Peermla_WideOf<[4]>:$o_parts,
    Peermla_WideOf<[3]>:$lse_parts,
    Variadic<Peermla_ShapedOf<Peermla_Storage, [2, 3]>>:$inits);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    attr-dict `ins` `(` $o_parts `,` $lse_parts `:` type($o_parts) `,`
        type($lse_parts) `)`
    `outs` `(` $inits `:` type($inits) `)` (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
  }];
}

def Mla_WorkItemsOp : Mla_StructuredOp<"work_items"> {
  let summary = "table of runs of tokens that belong to one sequence";
  let description = [{
    Cuts each sequence into runs of up to `n` tokens, which are numbered in order,
    and writes one row per run:

    ```
    items[i] = (sequence, first token, number of tokens)
    ```

    Rows past the last run have no token: (0, 0, 0). `T` says how many tokens the
    batch has; what `cu_seqlens` says beyond it is not listed, and neither is a token
    outside all sequences. A table of `ceil(T / n) + B` rows holds all runs, so that
    the number of work items follows from shapes that the host knows, whatever the
    lengths are; runs that a smaller table has no row for are left out.

    The rows depend on each other: the op is not cut, and it is the one that stays
    outside of all kernels of the stage `tiled`.

    Property: `n`, the largest number of tokens of a run.

    * (C1) the rows of `items` have three elements; `cu_seqlens` has at least one.
    * (C2) `n` is at least 1.
    * (C3) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %items = mla.work_items tokens(4 of %T) ins(%cu : tensor<?xi32>)
        outs(%init : tensor<?x3xi32>) -> tensor<?x3xi32>
    ```
  }];
  let arguments = (ins
    Index:$T,
    Peermla_IndexOf<[1]>:$cu_seqlens,
    Peermla_IndexOf<[2]>:$init,
    I64Attr:$tokens);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `tokens` `(` $tokens `of` $T `)` attr-dict
    `ins` `(` $cu_seqlens `:` type($cu_seqlens) `)`
    `outs` `(` $init `:` type($init) `)` (`->` type($result)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

#endif // PEERMLA_DIALECT_MLA_IR_MLAINTERNAL_TD
