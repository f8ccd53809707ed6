//===- TileSelectionOps.td - the largest of each row ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A selection is a tile of keys, unsigned numbers of 64 bits that are ordered as
// what they stand for is: a score in the upper half, the complement of its number
// in the lower one. Making and reading keys is `arith`.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILESELECTIONOPS_TD
#define PEERMLA_DIALECT_TILE_IR_TILESELECTIONOPS_TD

def Tile_TopkOp : Tile_Op<"topk", [Pure, AllTypesMatch<["best", "result"]>]> {
  let summary = "the largest keys of each row of two tiles";
  let description = [{
    With K columns of `best`, whose rows are in descending order:

    ```
    result[i, :] = the K largest of keys[i, :] and best[i, :], descending
    ```

    as unsigned numbers. Key 0 stands for no key. With `sorted` the rows of `keys`
    are in descending order, too, at least of the upper halves of keys: so is the
    result then.

    Constraints:
    * (C1) `keys` and `best` have rank 2, elements of i64 and as many rows.
    * (C2) K is a power of two; with `sorted`, `keys` have K columns.
    * (C3) with layouts: both live in the same `#tile.rows` of at most 32 lanes,
      several of which have K / lanes neighbouring columns of `best` each.

    ```mlir
    %best1 = tile.topk %keys into %best : tensor<128x64xi64>, tensor<128x16xi64>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$keys, AnyRankedTensor:$best,
                       UnitAttr:$sorted);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    (`sorted` $sorted^)? $keys `into` $best `:` type($keys) `,` type($best)
    attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_ScanOp : Tile_Op<"scan",
    [AllTypesMatch<["best", "result"]>, AllTypesMatch<["top", "highest"]>]> {
  let summary = "the largest scores of each row of scratch";
  let description = [{
    With K columns of `best`, whose rows are in descending order, and key(s, n) the
    number of 64 bits that is ordered by score s, NaN as -inf, then by lower n:

    ```
    result[i, :] = the K largest of best[i, :] and key(scores[i, j], first + j),
                   j < min(count, columns), descending
    highest[i]   = the maximum of top[i] and scores[i, j], j < columns; NaN if one is
    ```

    Key 0 stands for no key. `best` has keys of numbers below `first`: a score that
    equals the lowest of K loses against it.

    Constraints:
    * (C1) `scores` has rank 2, rows of f32 that follow each other, and at least
      `columns` of them, a multiple of 32.
    * (C2) `best` has rank 2, elements of i64, the rows of `scores` and a number of
      columns that is a power of two and at least 2; `top` has an f32 per row.
    * (C3) with layouts: `best` lives in the `#tile.rows` of single threads that has
      a row per thread, `top` in its slice.

    ```mlir
    %best1, %top1 = tile.scan %scores first %f count %n columns 64 into %best, %top
        : memref<128x68xf32, #gpu.address_space<workgroup>>, tensor<128x16xi64>, tensor<128xf32>
    ```
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemRead<Tile_ScratchResource>]>:$scores,
                       Index:$first, Index:$count, I64Attr:$columns,
                       AnyRankedTensor:$best, AnyRankedTensor:$top);
  let results = (outs AnyRankedTensor:$result, AnyRankedTensor:$highest);
  let assemblyFormat = [{
    $scores `first` $first `count` $count `columns` $columns `into` $best `,` $top
    `:` type($scores) `,` type($best) `,` type($top) attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_ColumnsOp : Tile_Op<"columns", [Pure]> {
  let summary = "chosen columns of a tile";
  let description = [{
    ```
    result[i, j] = source[i, columns[j]]
    ```

    Constraints:
    * (C1) both have rank 2 and the same rows and element type; the result has a
      column per entry of `columns`.
    * (C2) `columns` are columns of `source`.
    * (C3) with layouts: both live in the same `#tile.rows` of single threads.

    ```mlir
    %c = tile.columns %s [0, 0, 1] : tensor<128x16xf32> -> tensor<128x3xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source, DenseI64ArrayAttr:$columns);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $source $columns `:` type($source) `->` type($result) attr-dict
  }];
  let hasVerifier = 1;
}

#endif // PEERMLA_DIALECT_TILE_IR_TILESELECTIONOPS_TD
