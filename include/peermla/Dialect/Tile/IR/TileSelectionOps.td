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
    highest[i]   = the maximum of top[i] and these scores[i, j]; NaN if one is
    ```

    Key 0 stands for no key. `best` has keys of numbers below `first`: a score that
    equals the lowest of K loses against it. Lanes that share a row collect the
    columns of scores that may win in its `list`, up to K at a time.

    Constraints:
    * (C1) `scores` has rank 2, rows of f32 that follow each other, and at least
      `columns` of them, a multiple of 32.
    * (C2) `best` has rank 2, elements of i64, the rows of `scores` and a number of
      columns that is a power of two and at least 2; `top` has an f32 per row, and
      `list` an i32 per element of `best`, or longer rows.
    * (C3) with layouts: `best` lives in a `#tile.rows` with a row per 2 to 32 lanes
      of a warp, which have K / lanes neighbouring columns each, `top` in its slice;
      `columns` are a multiple of 4 per lane.

    ```mlir
    %best1, %top1 = tile.scan %scores first %f count %n columns 512 into %best, %top through %list
        : memref<32x520xf32, #gpu.address_space<workgroup>>, tensor<32x16xi64>, tensor<32xf32>,
          memref<32x16xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemRead<Tile_ScratchResource>]>:$scores,
                       Index:$first, Index:$count, I64Attr:$columns,
                       AnyRankedTensor:$best, AnyRankedTensor:$top,
                       Arg<AnyMemRef, "", [MemRead<Tile_ScratchResource>,
                                           MemWrite<Tile_ScratchResource>]>:$list);
  let results = (outs AnyRankedTensor:$result, AnyRankedTensor:$highest);
  let assemblyFormat = [{
    $scores `first` $first `count` $count `columns` $columns `into` $best `,` $top
    `through` $list `:` type($scores) `,` type($best) `,` type($top) `,` type($list)
    attr-dict
  }];
  let hasVerifier = 1;
}

#endif // PEERMLA_DIALECT_TILE_IR_TILESELECTIONOPS_TD
