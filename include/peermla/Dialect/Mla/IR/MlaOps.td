//===- MlaOps.td - Multi-head Latent Attention ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The specification of the mla dialect. Here are the model ops: `mla.positions`,
// `mla.rope_table`, `mla.rope`, `mla.cache_append` and `mla.attention`. Those that
// only passes make follow in MlaInternal.td.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_MLA_IR_MLAOPS_TD
#define PEERMLA_DIALECT_MLA_IR_MLAOPS_TD

include "peermla/Dialect/Mla/IR/MlaBase.td"

def Mla_PositionsOp
    : Mla_StructuredOp<"positions",
                       [AttrSizedOperandSegments, Mla_TilingInterface]> {
  let summary = "position of each token of a ragged batch";
  let description = [{
    ```
    positions[t] = past_lens[b] + t - cu_seqlens[b]   for cu_seqlens[b] <= t < cu_seqlens[b+1]
    ```

    Without `past_lens` it counts as 0. A token outside all sequences has position
    0.

    Iteration domain: token (parallel). A tile says in `first` which token of the
    batch its element 0 is; without it that is token 0.

    * (C1) `cu_seqlens` has at least one element, and `past_lens` one less than it.
    * (C2) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %p = mla.positions ins(%cu, %past : tensor<?xi32>, tensor<?xi32>)
        outs(%init : tensor<?xi32>) -> tensor<?xi32>
    ```
  }];
  let arguments = (ins
    Peermla_IndexOf<[1]>:$cu_seqlens,
    Optional<Peermla_IndexOf<[1]>>:$past_lens,
    Optional<Index>:$first,
    Peermla_IndexOf<[1]>:$init);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let extraClassDefinition = Peermla_TileableDefinition;
  let assemblyFormat = [{
    attr-dict `ins` `(` $cu_seqlens (`,` $past_lens^)? `:` type($cu_seqlens)
        (`,` type($past_lens)^)? `)`
    (`first` `(` $first^ `)`)?
    `outs` `(` $init `:` type($init) `)` (`->` type($result)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

def Mla_RopeTableOp
    : Mla_StructuredOp<"rope_table", [Mla_TilingInterface]> {
  let summary = "cosines and sines of a rotary embedding";
  let description = [{
    ```
    table[t, i]        = multiplier cos(positions[t] inv_freq[i])    i < dr/2
    table[t, dr/2 + i] = multiplier sin(positions[t] inv_freq[i])
    ```

    The angle, its cosine and its sine are computed in f64 and rounded once: an
    angle in f32 would be off by 2.5e-5 at position 4096.

    Iteration domain: token (parallel).

    Properties: `inv_freq`, f64 values; `multiplier`, an f64 value (1 but for YaRN).

    * (C1) `positions` and `table` agree in `T`.
    * (C2) the rows of `table` have two elements per element of `inv_freq`.
    * (C3) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %t = mla.rope_table {inv_freq = array<f64: 1.0, 0.01>, multiplier = 1.0 : f64}
        ins(%p : tensor<?xi32>) outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
    ```
  }];
  let arguments = (ins
    Peermla_IndexOf<[1]>:$positions,
    Peermla_WideOf<[2]>:$init,
    DenseF64ArrayAttr:$inv_freq,
    F64Attr:$multiplier);
  let extraClassDefinition = Peermla_TileableDefinition;
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    attr-dict `ins` `(` $positions `:` type($positions) `)`
    `outs` `(` $init `:` type($init) `)` (`->` type($result)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

def Mla_RopeOp : Mla_StructuredOp<"rope", [Mla_TilingInterface]> {
  let summary = "rotation of the last columns of each row";
  let description = [{
    Rotates the last `dr` columns of each row of `x` and passes the others on:

    ```
    y[t, h, j]             = x[t, h, j]                                  j < D - dr
    y[t, h, D - dr + 2i]   = a cos[t, i] - b sin[t, i]
    y[t, h, D - dr + 2i+1] = a sin[t, i] + b cos[t, i]
    ```

    with `a, b` the elements `2i, 2i+1` of the rotated columns and `table` as
    `mla.rope_table` writes it. Computed in f32 and rounded once. Iteration domain:
    token (parallel) and, if `x` has heads, head (parallel).

    | value   | shape                  | element | constraint |
    |---------|------------------------|---------|------------|
    | `x`     | `T x H x D` or `T x D` | float   | (C1) (C2)  |
    | `table` | `T x dr`               | f32     | (C1) (C3)  |
    | `y`     | as `x`                 | float   | (C2)       |

    * (C1) `x` and `table` agree in `T`.
    * (C2) `x` and `y` have one shape and element type.
    * (C3) `dr` is even and at most `D`.
    * (C4) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %y = mla.rope ins(%x, %t : tensor<?x4x12xf32>, tensor<?x4xf32>)
        outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
    ```
  }];
  let arguments = (ins
    Peermla_FloatOf<[2, 3]>:$x,
    Peermla_WideOf<[2]>:$table,
    Peermla_FloatOf<[2, 3]>:$init);
  let extraClassDefinition = Peermla_TileableDefinition;
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `,` $table `:` type($x) `,` type($table) `)`
    `outs` `(` $init `:` type($init) `)` (`->` type($result)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

def Mla_CacheAppendOp
    : Mla_StructuredOp<"cache_append", [Mla_TilingInterface]> {
  let summary = "write of new key rows into a paged cache";
  let description = [{
    ```
    cache[block_table[b, p div page], p mod page, :] = rows[t, :]
    ```

    for each token `t` of sequence `b` at position `p`; all other rows keep their
    bits. A token whose position or block is out of range writes nothing. The cache
    is updated in place.

    Iteration domain: token (parallel), over `rows`. A tile says in `first` which
    token of the batch its row 0 is; without it that is token 0. Where the rows go
    is known on the device only, so that a tile has the whole cache as its
    destination, and hands it on as a whole, like a tile of a scatter: no slice of
    the cache is cut out, so none is copied. Tiles may run side by side since no two
    tokens have one place, and a tile reads nothing that it does not write.

    * (C1) `rows` and `cache` agree in the row length and the element type.
    * (C2) `past_lens` and `block_table` have one row per sequence, `cu_seqlens` one
      more.
    * (C3) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %new = mla.cache_append
        ins(%rows, %cu, %past, %blocks : tensor<?x20xf32>, tensor<?xi32>,
            tensor<?xi32>, tensor<?x?xi32>)
        outs(%cache : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
    ```
  }];
  let arguments = (ins
    Peermla_FloatOf<[2]>:$rows,
    Peermla_IndexOf<[1]>:$cu_seqlens,
    Peermla_IndexOf<[1]>:$past_lens,
    Peermla_IndexOf<[2]>:$block_table,
    Optional<Index>:$first,
    Peermla_FloatOf<[3]>:$init);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let extraClassDefinition = Peermla_TileableDefinition;
  let assemblyFormat = [{
    attr-dict `ins` `(` $rows `,` $cu_seqlens `,` $past_lens `,` $block_table
        `:` type($rows) `,` type($cu_seqlens) `,` type($past_lens) `,`
        type($block_table) `)`
    (`first` `(` $first^ `)`)?
    `outs` `(` $init `:` type($init) `)` (`->` type($result)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

def Mla_AttentionOp
    : Mla_StructuredOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "multi-head latent attention, in no particular form";
  let description = [{
    For each head `h` and each query row `t` of sequence `b`, over the key rows
    `j` of the sequence, `kv[j] = [c[j] | k_pe[j]]`:

    ```
    k[j]    = [w_uk[h] c[j] | k_pe[j]]                      [dn + dr]
    s[t, j] = scale <q[t, h], k[j]>                         -inf where masked
    o[t, h] = sum over j of softmax_j(s[t, j]) (w_uv[h] c[j])
    lse[t, h] = log(sum over j of exp(s[t, j]))             natural logarithm
    ```

    A sequence has `past_lens[b]` + (its number of query rows) key rows. Without
    `past_lens` and `block_table`, `kv` is `T x (dc + dr)` and row `j` of sequence
    `b` is row `cu_seqlens[b] + j`; with them `kv` is a paged cache. Rows past a
    sequence's length may hold any bits and never reach a result. A query that
    sees no key yields 0 and `lse` = -inf, and so does a token outside all
    sequences. A key row whose block is out of range counts as zeros.

    The op says nothing about the form: `peermla-choose-attention-form` expands
    the latent (keys and values per head) or absorbs `w_uk` into the queries.
    Scores, softmax and accumulation are in f32; the probabilities are rounded to the
    storage type as an operand of the last product.

    Properties: `scale`, an f64 value; `causal`: a query at position `p` sees the
    keys at positions up to `p` (bottom-right aligned).

    | value         | shape                        | element | constraint |
    |---------------|------------------------------|---------|------------|
    | `q`           | `T x H x (dn + dr)`          | float   | (C1) (C2)  |
    | `kv`          | `T x (dc + dr)` or `num_blocks x page x (dc + dr)` | float | (C2) (C3) |
    | `w_uk`        | `H x dn x dc`                | float   | (C1) (C2)  |
    | `w_uv`        | `H x dv x dc`                | float   | (C1) (C2)  |
    | `cu_seqlens`  | `B + 1`                      | i32     | (C3)       |
    | `past_lens`   | `B`, with a paged cache      | i32     | (C3)       |
    | `block_table` | `B x max_blocks`, with a paged cache | i32 | (C3)   |
    | `o`           | `T x H x dv`                 | float   | (C1) (C4)  |
    | `lse`         | `T x H`, optional            | f32     | (C4)       |

    * (C1) `q`, `w_uk`, `w_uv` and `o` agree in `H`; `w_uv` and `o` agree in `dv`.
    * (C2) `w_uk` and `w_uv` agree in `dc`; `q` and `kv` agree in `dr`, which is
      what is left of their rows beyond `dn` and `dc`, even and at least 0; `q`,
      `kv`, `w_uk` and `w_uv` have one element type.
    * (C3) `past_lens` and `block_table` are given if and only if `kv` is paged, with
      one row per sequence; `cu_seqlens` has one element more, at least one. If it
      is not paged, `kv` agrees with `q` in `T`.
    * (C4) the destinations are `o`, of the element type of `q`, and, if asked for,
      `lse`; they agree with `q` in `T` and `H`.
    * (C5) on tensors there is one result per destination, of its type; on
      memrefs there are none.

    Example:

    ```mlir
    %o = mla.attention causal scale(0.25)
        ins(%q, %cache, %w_uk, %w_uv : tensor<?x3x12xf32>, tensor<?x?x20xf32>,
            tensor<3x8x16xf32>, tensor<3x6x16xf32>)
        ragged(%cu : tensor<?xi32>)
        paged(%past, %blocks : tensor<?xi32>, tensor<?x?xi32>)
        outs(%init : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
    ```
  }];
  let arguments = (ins
    Peermla_FloatOf<[3]>:$q,
    Peermla_FloatOf<[2, 3]>:$kv,
    Peermla_FloatOf<[3]>:$w_uk,
    Peermla_FloatOf<[3]>:$w_uv,
    Peermla_IndexOf<[1]>:$cu_seqlens,
    Optional<Peermla_IndexOf<[1]>>:$past_lens,
    Optional<Peermla_IndexOf<[2]>>:$block_table,
    Variadic<Peermla_ShapedOf<Peermla_Storage, [2, 3]>>:$inits,
    F64Attr:$scale,
    UnitAttr:$causal);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`causal` $causal^)? `scale` `(` $scale `)` attr-dict
    `ins` `(` $q `,` $kv `,` $w_uk `,` $w_uv `:` type($q) `,` type($kv) `,`
        type($w_uk) `,` type($w_uv) `)`
    `ragged` `(` $cu_seqlens `:` type($cu_seqlens) `)`
    (`paged` `(` $past_lens^ `,` $block_table `:` type($past_lens) `,`
        type($block_table) `)`)?
    `outs` `(` $inits `:` type($inits) `)` (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    ::mlir::ShapedType getTypeOf(::mlir::Value value) {
      return ::mlir::cast<::mlir::ShapedType>(value.getType());
    }
    bool isPaged() { return static_cast<bool>(getBlockTable()); }
    /// H, the number of heads.
    int64_t getNumHeads() { return getTypeOf(getWUk()).getDimSize(0); }
    /// dn, the columns of a query without position.
    int64_t getNopeDim() { return getTypeOf(getWUk()).getDimSize(1); }
    /// dc, the width of the latent.
    int64_t getLatentDim() { return getTypeOf(getWUk()).getDimSize(2); }
    /// dv, the columns of a value.
    int64_t getValueDim() { return getTypeOf(getWUv()).getDimSize(1); }
    /// dr, the rotated columns.
    int64_t getRopeDim() { return getTypeOf(getQ()).getDimSize(2) - getNopeDim(); }
  }];
}

include "peermla/Dialect/Mla/IR/MlaInternal.td"

#endif // PEERMLA_DIALECT_MLA_IR_MLAOPS_TD
