//===- TileProgramOps.td - programs of one block --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a block of threads does with whole tiles. Elementwise work is `arith`
// and `math` on tensors, control is `scf`, ids are `gpu.block_id`; global memory
// is a memref. Tiles have no layout until one is assigned, and no ring until
// copies are staged; until then programs are purely functional.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILEPROGRAMOPS_TD
#define PEERMLA_DIALECT_TILE_IR_TILEPROGRAMOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

/// Slots of shared memory and the copies on their way to them.
def Tile_RingResource : Resource<"::peermla::tile::RingResource">;

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

def Tile_LoadOp : Tile_Op<"load", [AttrSizedOperandSegments]> {
  let summary = "copy a box of global memory into a tile";
  let description = [{
    `dims` names the dimension of `source` that each dimension of the tile runs
    along; the box has extent 1 in the others. `sizes` are the extents of the box
    along `dims`, at most those of the tile; what is beyond them in the tile is
    zero. `ring` and `fill` name the slot that the tile goes through.

    **Groups.** With `group g` the first dimension of the tile runs along the first
    two of `dims`: its element i is element (i / g, i mod g) of the box.

    **Pages.** With `pages` the rows of the tile are scattered: with p the offset
    along the first of `dims`, whose extent is n, row i is row (p + i) mod n of block
    `table[sequence, (p + i) / n]`, along the dimension before. A block that the
    source does not have is zero.

    Constraints:
    * (C1) there is one offset per dimension of `source`.
    * (C2) `dims` increases, and has one entry per size and per dimension of the
      tile, with `group` one more.
    * (C3) `source` and the tile agree in their element type, and the tile is
      static.
    * (C4) a ring has a fill, and tiles of the result's type.
    * (C5) `group` is at least 1.
    * (C6) `table` is a memref of i32 of rank 2, the first of `dims` is not the first
      of `source`, and there is no `group`.

    ```mlir
    %a = tile.load %x[%i, %k] sizes(%rows, %c64) along [0, 1]
        : memref<?x192xbf16> -> tensor<128x64xbf16>
    %q = tile.load %y[%t, %h, %c0] sizes(%tokens, %c12, %c64) along [0, 1, 2] group 12
        : memref<?x24x64xbf16> -> tensor<64x64xbf16>
    %k = tile.load %cache[%c0, %j, %c0] sizes(%keys, %c64) along [1, 2]
        pages(%blocks[%s] : memref<?x?xi32>)
        : memref<?x16x64xbf16> -> tensor<64x64xbf16>
    ```
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemRead]>:$source,
                       Variadic<Index>:$offsets, Variadic<Index>:$sizes,
                       Optional<Tile_RingType>:$ring, Optional<Index>:$fill,
                       Arg<Optional<AnyMemRef>, "", [MemRead]>:$table,
                       Optional<Index>:$sequence,
                       DenseI64ArrayAttr:$dims, OptionalAttr<I64Attr>:$group);
  let results = (outs AnyRankedTensor:$result);
  let builders = [
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$source,
                   "::mlir::ValueRange":$offsets, "::mlir::ValueRange":$sizes,
                   "::mlir::Value":$ring, "::mlir::Value":$fill,
                   "::llvm::ArrayRef<int64_t>":$dims), [{
      build($_builder, $_state, result, source, offsets, sizes, ring, fill,
            /*table=*/::mlir::Value(), /*sequence=*/::mlir::Value(), dims,
            /*group=*/::mlir::IntegerAttr());
    }]>
  ];
  let assemblyFormat = [{
    $source `[` $offsets `]` `sizes` `(` $sizes `)` `along` $dims
    (`group` $group^)?
    (`pages` `(` $table^ `[` $sequence `]` `:` type($table) `)`)?
    (`via` $ring^ `[` $fill `]` `:` type($ring) `,`) : (`:`)?
    type($source) `->` type($result) attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [AttrSizedOperandSegments]> {
  let summary = "copy a tile into a box of global memory";
  let description = [{
    As `tile.load` in the other direction: of the tile, the first `sizes`
    elements along each dimension are written.

    Constraints:
    * (C1) there is one offset per dimension of `target`.
    * (C2) `dims` increases, and has one entry per size and per dimension of the
      tile, with `group` one more.
    * (C3) `target` and the tile agree in their element type, and the tile is
      static.
    * (C4) `group` is at least 1.

    ```mlir
    tile.store %d, %y[%i, %j] sizes(%rows, %c128) along [0, 1]
        : tensor<128x128xbf16>, memref<?x256xbf16>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$value,
                       Arg<AnyMemRef, "", [MemWrite]>:$target,
                       Variadic<Index>:$offsets, Variadic<Index>:$sizes,
                       DenseI64ArrayAttr:$dims, OptionalAttr<I64Attr>:$group);
  let builders = [
    OpBuilder<(ins "::mlir::Value":$value, "::mlir::Value":$target,
                   "::mlir::ValueRange":$offsets, "::mlir::ValueRange":$sizes,
                   "::llvm::ArrayRef<int64_t>":$dims), [{
      build($_builder, $_state, value, target, offsets, sizes, dims,
            /*group=*/::mlir::IntegerAttr());
    }]>
  ];
  let assemblyFormat = [{
    $value `,` $target `[` $offsets `]` `sizes` `(` $sizes `)` `along` $dims
    (`group` $group^)? `:` type($value) `,` type($target) attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

def Tile_MmaOp : Tile_Op<"mma", [Pure, AttrSizedOperandSegments]> {
  let summary = "a product of tiles, d = a b + c";
  let description = [{
    ```
    d[m, n] = c[m, n] + sum_k a[m, k] b[k, n]        transpose_b: b[n, k]
    ```
    in f32. Products of f32 are computed as three products of TF32 numbers, which
    leaves a relative error of about 2^-21 in each; an infinite factor gives NaN.
    Without `c` it is zero. A product in `flight` may still run when the op ends: its
    result is `c` of another one in flight, or what `tile.mma_wait` waits for.

    Products of a triangle may be left out. With `until x`, nothing is asked of
    d[m, n] for n > x + m floordiv `group`. With `sum until x`, a[m, k] is zero for
    k > x + m floordiv `group`, and b[k, n] finite.

    Constraints:
    * (C1) `a`, `b` and `d` have rank 2 and agree in M, N and K.
    * (C2) `a` and `b` agree in their element type: f16, bf16 or f32.
    * (C3) `d` has elements of f32, `c` is of its type.
    * (C4) with layouts: `b` in `#tile.shared`, `a` there or in `#tile.mma`, `d`
      in `#tile.mma`.
    * (C5) the result of a product in flight is `c` of one in flight, goes round or
      out of a loop, or to `tile.mma_wait`. An `a` in registers is made anew behind
      that only.
    * (C6) `group` and `sum` come with `until`.

    ```mlir
    %d = tile.mma %a, %b, acc %c transpose_b
        : tensor<64x64xbf16>, tensor<128x64xbf16> -> tensor<64x128xf32>
    %s = tile.mma %q, %k transpose_b until %x
        : tensor<64x64xbf16>, tensor<128x64xbf16> -> tensor<64x128xf32> {group = 4}
    ```
  }];
  let arguments = (ins AnyRankedTensor:$a, AnyRankedTensor:$b,
                       Optional<AnyRankedTensor>:$c, Optional<Index>:$until,
                       UnitAttr:$transpose_b, UnitAttr:$flight, UnitAttr:$sum,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$group);
  let results = (outs AnyRankedTensor:$d);
  let builders = [
    OpBuilder<(ins "::mlir::Type":$d, "::mlir::Value":$a, "::mlir::Value":$b,
                   "::mlir::Value":$c, "bool":$transposeB), [{
      build($_builder, $_state, d, a, b, c, /*until=*/::mlir::Value(), transposeB,
            /*flight=*/false, /*sum=*/false, /*group=*/1);
    }]>
  ];
  let extraClassDeclaration = [{
    /// The extent of what `until` ends: N, or K of a `sum`.
    int64_t getExtentOfTriangle();
  }];
  let assemblyFormat = [{
    $a `,` $b (`,` `acc` $c^)? (`transpose_b` $transpose_b^)? (`flight` $flight^)?
    (`sum` $sum^)? (`until` $until^)?
    `:` type($a) `,` type($b) `->` custom<Product>(type($c), ref($c), type($d))
    attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_MmaWaitOp : Tile_Op<"mma_wait",
    [DeclareOpInterfaceMethods<InferTypeOpInterface>,
     MemoryEffects<[MemRead<Tile_RingResource>, MemWrite<Tile_RingResource>]>]> {
  let summary = "wait for products in flight";
  let description = [{
    At most `pending` of the products that were started last may still run. Results
    are `products`, none of which runs. Without `products`, the others have read
    their operands.

    ```mlir
    tile.mma_wait 1
    %d = tile.mma_wait 0, %p : tensor<64x128xf32, #tile.mma<warps = [4, 1]>>
    ```
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$pending,
                       Variadic<AnyRankedTensor>:$products);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $pending (`,` $products^ `:` type($products))? attr-dict
  }];
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure]> {
  let summary = "repeat a tile along a new dimension";
  let description = [{
    Constraints:
    * (C1) the result without dimension `dim` has the shape of `source`, and its
      element type.
    * (C2) with layouts: that of `source` is the slice of the result's.

    ```mlir
    %rows = tile.broadcast %bias along 0 : tensor<128xf32> -> tensor<64x128xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$dim);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $source `along` $dim `:` type($source) `->` type($result) attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_ConvertOp : Tile_Op<"convert",
    [AttrSizedOperandSegments,
     MemoryEffects<[MemRead<Tile_RingResource>, MemWrite<Tile_RingResource>]>]> {
  let summary = "the same tile in shared memory";
  let description = [{
    A tile in registers goes through a slot, where all warps can read all of it as
    an operand of a product.

    Constraints:
    * (C1) the result has the shape and the element type of `source`.
    * (C2) with layouts: `source` is in `#tile.mma`, the result in `#tile.shared`,
      and a ring has its type.

    ```mlir
    %shared = tile.convert %p via %r[%c0] : !tile.ring<1 x tensor<64x64xbf16, #tile.shared>>,
        tensor<64x64xbf16, #tile.mma<warps = [2, 4]>> -> tensor<64x64xbf16, #tile.shared>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source, Optional<Tile_RingType>:$ring,
                       Optional<Index>:$fill);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $source (`via` $ring^ `[` $fill `]` `:` type($ring) `,`) : (`:`)?
    type($source) `->` type($result) attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_ReadOp : Tile_Op<"read", [MemoryEffects<[MemRead<Tile_RingResource>]>]> {
  let summary = "a tile in shared memory, in registers";
  let description = [{
    The other direction of `tile.convert`, without a meeting of threads: what is in
    the slot was waited for.

    Constraints:
    * (C1) the result has the shape and the element type of `source`.
    * (C2) with layouts: `source` is in `#tile.shared`, the result in `#tile.mma`.

    ```mlir
    %x = tile.read %slot : tensor<64x64xbf16, #tile.shared>
        -> tensor<64x64xbf16, #tile.mma<warps = [4, 1]>>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source `:` type($source) `->` type($result) attr-dict";
  let hasVerifier = 1;
}

def Tile_RotateOp : Tile_Op<"rotate", [AllTypesMatch<["source", "result"]>]> {
  let summary = "rotation of pairs of columns";
  let description = [{
    With `c` the first half of a row of `table` and `s` the second, of `n` columns
    each, which are read from global memory:

    ```
    result[i, first + 2 j]     = c[row + i, j] source[i, first + 2 j] - s[row + i, j] source[i, first + 2 j + 1]
    result[i, first + 2 j + 1] = s[row + i, j] source[i, first + 2 j] + c[row + i, j] source[i, first + 2 j + 1]
    ```

    for j < n and i < `rows`; other columns and rows are those of `source`.

    Constraints:
    * (C1) `source` has rank 2 and elements of f32, and so has the result.
    * (C2) `table` has rank 2, elements of f32 and an even number of columns, which is
      known.
    * (C3) `first` is even, and the rotated columns are columns of the tile.

    ```mlir
    %y = tile.rotate %x from 128 by %table[%t] rows %tokens : tensor<64x192xf32>, memref<?x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source,
                       Arg<AnyMemRef, "", [MemRead]>:$table, Index:$row, Index:$rows,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$first);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $source `from` $first `by` $table `[` $row `]` `rows` $rows `:` type($source) `,`
    type($table) attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

def Tile_Combine : I32EnumAttr<"Combine", "how a reduction combines", [
    I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"Add", 1, "add">]> {
  let cppNamespace = "::peermla::tile";
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "maximum or sum along a dimension of a tile";
  let description = [{
    ```
    result[i] = max_j source[i, j]        or        sum_j source[i, j]
    ```
    The order of a sum is that of the layout; the maximum with a NaN is NaN. Columns
    of warps meet at `offset` of the block's shared memory, where they leave what
    they have of each row.
    `init` is combined first. With `parts`, the dimension is cut into as many
    contiguous parts, and the result keeps it:

    ```
    result[i, s] = sum of the j in part s of source[i, j]
    ```

    Constraints:
    * (C1) the result is `source` without dimension `dim`; with `parts`, which
      divides it, `dim` is 1 and has the extent `parts` in the result.
    * (C2) elements are f32; `init` is of the result's type.
    * (C3) with layouts in `#tile.mma`: `dim` is 1, there are no `parts`, and the
      layout of the result is the slice of that of `source`.
    * (C4) with layouts in `#tile.rows`: a thread has all elements that meet, or,
      without `init`, lanes of a warp share rows, along `dim` 1; or `parts` sums
      meet in the warps that share a row, which all threads do, and the result
      lives in `#tile.parts`. Otherwise it lives in the slice.

    ```mlir
    %m = tile.reduce max %s along 1 : tensor<64x128xf32> -> tensor<64xf32>
    %y1 = tile.reduce add %p along 0 init %y : tensor<8x512xf32> -> tensor<512xf32>
    %d = tile.reduce add %p along 1 parts 4 : tensor<8x512xf32> -> tensor<8x4xf32>
    ```
  }];
  let arguments = (ins Tile_Combine:$combine,
                       AnyRankedTensor:$source,
                       Optional<AnyRankedTensor>:$init,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$dim,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$parts,
                       OptionalAttr<I64Attr>:$offset);
  let builders = [
    OpBuilder<(ins "::mlir::Type":$result, "Combine":$combine,
                   "::mlir::Value":$source, "::mlir::Value":$init,
                   "int64_t":$dim, CArg<"int64_t", "0">:$parts), [{
      build($_builder, $_state, result,
            CombineAttr::get($_builder.getContext(), combine), source, init,
            $_builder.getI64IntegerAttr(dim),
            parts ? $_builder.getI64IntegerAttr(parts) : ::mlir::IntegerAttr(),
            /*offset=*/::mlir::IntegerAttr());
    }]>,
    OpBuilder<(ins "::mlir::Type":$result, "Combine":$combine,
                   "::mlir::Value":$source, "int64_t":$dim), [{
      build($_builder, $_state, result, combine, source, ::mlir::Value(), dim);
    }]>
  ];
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $combine $source `along` $dim (`parts` $parts^)? (`at` $offset^)?
    (`init` $init^)? `:` type($source) `->`
    custom<Product>(type($init), ref($init), type($result)) attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Bytes that columns of warps meet in; 0 if there is one, or no layout.
    int64_t getMeetingBytes();
  }];
}

def Tile_IndexOp : Tile_Op<"index", [Pure]> {
  let summary = "the coordinate of each element along a dimension";
  let description = [{
    Constraints:
    * (C1) `dim` is a dimension of the result, whose elements are i32.

    ```mlir
    %column = tile.index 1 : tensor<64x128xi32>
    ```
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$dim);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$dim `:` type($result) attr-dict";
  let hasVerifier = 1;
}

#endif // PEERMLA_DIALECT_TILE_IR_TILEPROGRAMOPS_TD
