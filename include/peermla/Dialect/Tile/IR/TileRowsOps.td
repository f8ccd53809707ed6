//===- TileRowsOps.td - rows at computed places, and tiles handed over ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What programs without matrix products need: rows of a table that are named by
// a tile of numbers, and shared memory through which the threads of a block hand
// tiles to each other by `tile.store` and `tile.load`.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILEROWSOPS_TD
#define PEERMLA_DIALECT_TILE_IR_TILEROWSOPS_TD

def Tile_GatherOp : Tile_Op<"gather", [AttrSizedOperandSegments]> {
  let summary = "copy rows or elements at computed places into a tile";
  let description = [{
    With one or more tiles of coordinates c_0, c_1, ..., along the first entries of
    `dims`, and the columns of a tile of rank 2 along the last one:

    ```
    result[i]    = source[offsets + c_0[i] along dims[0] + c_1[i] along dims[1] ...]
    result[i, j] = source[offsets + c_0[i] along dims[0] + ... + j along dims[last]]
    ```

    `sizes` are extents along `dims`: where a coordinate or a column is negative or
    not below its size, the result is zero and memory is not read.

    Constraints:
    * (C1) there is one offset per dimension of `source`.
    * (C2) `dims` are different dimensions of `source`, one per tile of coordinates
      and one for columns if the result has them, each with a size.
    * (C3) the result is static, of rank 1 or 2, and has elements of `source`.
    * (C4) there is at least one tile of coordinates; all have elements of i32,
      one per row of the result.
    * (C5) with layouts: a result of rank 2 lives in `#tile.rows`, and coordinates
      in its slice without columns; coordinates of a result of rank 1 live where it
      does.

    ```mlir
    %r = tile.gather %table[%c0, %c0] at(%ids) sizes(%n, %d) along [0, 1]
        : memref<4096x64xbf16>, tensor<8xi32> -> tensor<8x64xbf16>
    ```
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemRead]>:$source,
                       Variadic<Index>:$offsets,
                       Variadic<AnyRankedTensor>:$coordinates,
                       Variadic<Index>:$sizes, DenseI64ArrayAttr:$dims);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $source `[` $offsets `]` `at` `(` $coordinates `)` `sizes` `(` $sizes `)`
    `along` $dims `:` type($source) `,` type($coordinates) `->` type($result)
    attr-dict
  }];
  let hasVerifier = 1;
}

/// Memory of a block, written and read by all of its threads.
def Tile_ScratchResource : Resource<"::peermla::tile::ScratchResource">;

def Tile_ScratchOp : Tile_Op<"scratch"> {
  let summary = "shared memory that a block's threads hand tiles through";
  let description = [{
    `offset` is where it lies in the block's shared memory, in bytes, a multiple of
    16. What a `tile.store` puts there is read by `tile.load`s of any layout; a
    barrier is placed between them.

    Constraints:
    * (C1) the memory is static, contiguous and in the address space `workgroup`.

    ```mlir
    %ids = tile.scratch {offset = 512 : i64} : memref<128xi32, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Res<AnyMemRef, "", [MemAlloc<Tile_ScratchResource>]>:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif // PEERMLA_DIALECT_TILE_IR_TILEROWSOPS_TD
