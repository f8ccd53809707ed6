//===- TileRingOps.td - slots of shared memory, and who fills them --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rings of slots through which copies come into shared memory: filled,
// consumed, released, by all threads or by those of a role, and changed in
// place.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILERINGOPS_TD
#define PEERMLA_DIALECT_TILE_IR_TILERINGOPS_TD

def Tile_RingOp : Tile_Op<"ring"> {
  let summary = "slots of shared memory";
  let description = [{
    `offset` is where the first slot lies in the block's shared memory, in bytes;
    slots are 1024-byte aligned. With `barriers`, slot i has an mbarrier of 8 bytes
    at `barriers` + 8 i, where its fills arrive: a `tile.fill_box` does once, a
    `tile.fill` with each of `producers` threads. With `consumers`, so many warps, slot
    i of S has another one 8 S bytes behind it, where these release what they have read
    of the slot; fills wait for that.

    Constraints:
    * (C1) `barriers` is a multiple of 8.
    * (C2) `consumers` is at least 1, and there are `barriers`.
    * (C3) `producers` is at least 1, and there are `consumers`.

    ```mlir
    %kr = tile.ring {offset = 16384 : i64} : !tile.ring<2 x tensor<128x64xbf16, #tile.shared>>
    %vr = tile.ring {barriers = 49152 : i64, offset = 0 : i64}
        : !tile.ring<2 x tensor<64x64xbf16, #tile.shared>>
    ```
  }];
  let arguments = (ins I64Attr:$offset, OptionalAttr<I64Attr>:$barriers,
                       OptionalAttr<I64Attr>:$consumers,
                       OptionalAttr<I64Attr>:$producers);
  let builders = [
    OpBuilder<(ins "::mlir::Type":$result, "int64_t":$offset), [{
      build($_builder, $_state, result, $_builder.getI64IntegerAttr(offset),
            /*barriers=*/::mlir::IntegerAttr(),
            /*consumers=*/::mlir::IntegerAttr(),
            /*producers=*/::mlir::IntegerAttr());
    }]>
  ];
  let results = (outs Res<Tile_RingType, "", [MemAlloc<Tile_RingResource>]>:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_FillOp : Tile_Op<"fill",
    [AttrSizedOperandSegments, MemoryEffects<[MemRead<Tile_RingResource>,
                                              MemWrite<Tile_RingResource>,
                                              MemRead]>]> {
  let summary = "start to copy a box of global memory into a slot";
  let description = [{
    All threads of the block copy a part, or those of the producer that it is in. The
    box is given as for `tile.load`. With a false `predicate` nothing is copied, but
    the fill still counts; where the ring has `producers`, nothing arrives.

    Constraints:
    * (C1) there is one offset per dimension of `source`.
    * (C2) `dims` increases, and has one entry per size and per dimension of the
      ring's tile, with `group` one more.
    * (C3) `source` and the ring's tile agree in their element type.
    * (C4) `group` is at least 1.
    * (C5) `table` is a memref of i32 of rank 2, the first of `dims` is not the first
      of `source`, and there is no `group`.
    * (C6) a ring with `barriers` has `producers`.

    ```mlir
    tile.fill %kr[%n], %x[%i, %k] sizes(%rows, %c64) along [0, 1] if %more
        : !tile.ring<2 x tensor<128x64xbf16, #tile.shared>>, memref<?x192xbf16>
    ```
  }];
  let arguments = (ins Tile_RingType:$ring, Index:$fill, AnyMemRef:$source,
                       Variadic<Index>:$offsets, Variadic<Index>:$sizes,
                       Optional<I1>:$predicate,
                       Arg<Optional<AnyMemRef>, "", [MemRead]>:$table,
                       Optional<Index>:$sequence,
                       DenseI64ArrayAttr:$dims, OptionalAttr<I64Attr>:$group);
  let assemblyFormat = [{
    $ring `[` $fill `]` `,` $source `[` $offsets `]` `sizes` `(` $sizes `)`
    `along` $dims (`group` $group^)?
    (`pages` `(` $table^ `[` $sequence `]` `:` type($table) `)`)? (`if` $predicate^)? `:` type($ring) `,` type($source) attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_FillBoxOp : Tile_Op<"fill_box",
    [AttrSizedOperandSegments,
     MemoryEffects<[MemRead<Tile_RingResource>, MemWrite<Tile_RingResource>,
                    MemRead]>]> {
  let summary = "start tensor copies of a whole box into a slot";
  let description = [{
    One thread of the block starts the copies (TMA), which arrive at the slot's
    barrier. The box begins at `offsets` and has the rows and the columns of the
    ring's tile along the two `dims`, and extent 1 elsewhere. What `source` does
    not have of it is zero in the tile; what it has is copied, whoever it belongs
    to. With a false `predicate` nothing is copied and nothing arrives.

    The kernel gets a tensor map of `source` with the box of one copy: the rows of
    the tile by the columns of one of its panels.

    Constraints:
    * (C1) `source` has rank 2 to 5, and there is one offset per dimension.
    * (C2) `dims` are two increasing dimensions of `source`, the second its last.
    * (C3) `source` and the ring's tile agree in their element type.
    * (C4) the tile has at most 256 rows.
    * (C5) the ring has `barriers`.

    ```mlir
    tile.fill_box %kr[%n], %x[%i, %h, %k] along [0, 2] if %more
        : !tile.ring<2 x tensor<128x64xbf16, #tile.shared>>, memref<?x16x192xbf16>
    ```
  }];
  let arguments = (ins Tile_RingType:$ring, Index:$fill, AnyMemRef:$source,
                       Variadic<Index>:$offsets, Optional<I1>:$predicate,
                       DenseI64ArrayAttr:$dims);
  let assemblyFormat = [{
    $ring `[` $fill `]` `,` $source `[` $offsets `]` `along` $dims
    (`if` $predicate^)? `:` type($ring) `,` type($source) attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The extents of the box that one copy brings, per dimension of `source`:
    /// the rows of the tile by the columns of one of its panels.
    ::llvm::SmallVector<int64_t> getBox();
  }];
}

def Tile_ConsumeOp : Tile_Op<"consume",
    [MemoryEffects<[MemRead<Tile_RingResource>, MemWrite<Tile_RingResource>]>]> {
  let summary = "wait until a fill has arrived, and read its slot as a tile";
  let description = [{
    `pending` younger fills by `tile.fill`, of any ring, may still be on their way.
    The threads of the block meet: what they read of older slots has been read.
    `rows` says how many rows the box of the fill had; without it, all.

    Constraints:
    * (C1) the result is of the type of the ring's tiles.

    ```mlir
    %k = tile.consume %kr[%n] pending 2
        : !tile.ring<2 x tensor<128x64xbf16, #tile.shared>> -> tensor<128x64xbf16, #tile.shared>
    ```
  }];
  let arguments = (ins Tile_RingType:$ring, Index:$fill,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$pending,
                       Optional<Index>:$rows);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $ring `[` $fill `]` `pending` $pending (`rows` $rows^)?
    `:` type($ring) `->` type($result) attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_ReleaseOp : Tile_Op<"release",
    [MemoryEffects<[MemRead<Tile_RingResource>, MemWrite<Tile_RingResource>]>]> {
  let summary = "say that a slot may be filled again";
  let description = [{
    Each warp says so for itself: it has read what it reads of the fill, products
    that read it have ended. With a false `predicate` nothing is said.

    Constraints:
    * (C1) the ring has `consumers`.

    ```mlir
    tile.release %kr[%n] if %more : !tile.ring<2 x tensor<128x64xbf16, #tile.shared>>
    ```
  }];
  let arguments = (ins Tile_RingType:$ring, Index:$fill,
                       Optional<I1>:$predicate);
  let assemblyFormat = [{
    $ring `[` $fill `]` (`if` $predicate^)? `:` type($ring) attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_SpecializeOp : Tile_Op<"specialize",
    [SingleBlock, NoTerminator, RecursiveMemoryEffects]> {
  let summary = "threads that fill slots, and threads that compute";
  let description = [{
    The warps of the program's layouts run the region `consumer`, and wherever threads
    of the block meet there, these do. One thread of one more warpgroup runs `producer`,
    with nothing but `tile.fill_box` and what that needs; with a `tile.fill` in it, all
    threads of that warpgroup do, and the first of them starts tensor copies. With
    `registers`, threads of the two give away or take registers first, in this order.

    Constraints:
    * (C1) `producer` has no operation on tiles.
    * (C2) the program has one such op.

    ```mlir
    tile.specialize registers [24, 240] {
      scf.for %k = %c0 to %K step %c64 {
        tile.fill_box %r[%n], %x[%i, %k] along [0, 1] : ...
      }
    }, {
      scf.for %k = %c0 to %K step %c64 {
        %a = tile.consume %r[%n] pending 0 : ...
        ...
        tile.release %r[%n] : ...
      }
    }
    ```
  }];
  let arguments = (ins OptionalAttr<DenseI64ArrayAttr>:$registers);
  let regions = (region SizedRegion<1>:$producer, SizedRegion<1>:$consumer);
  let assemblyFormat = [{
    (`registers` $registers^)? $producer `,` $consumer attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_AnyNonfiniteOp : Tile_Op<"any_nonfinite",
    [MemoryEffects<[MemRead<Tile_RingResource>, MemWrite<Tile_RingResource>]>]> {
  let summary = "whether an element of a slot is no finite number";
  let description = [{
    ```
    any = exists i, j: source[i, j] is infinite or NaN
    ```

    All threads of the block have the same result: they meet.

    Constraints:
    * (C1) `source` has elements of f16, bf16 or f32 and, with a layout, is in
      `#tile.shared`.

    ```mlir
    %any = tile.any_nonfinite %v : tensor<64x128xbf16, #tile.shared>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source);
  let results = (outs I1:$any);
  let assemblyFormat = "$source `:` type($source) attr-dict";
  let hasVerifier = 1;
}

def Tile_ClearNonfiniteOp : Tile_Op<"clear_nonfinite",
    [SameOperandsAndResultType,
     MemoryEffects<[MemRead<Tile_RingResource>, MemWrite<Tile_RingResource>]>]> {
  let summary = "replace what is no finite number by zero, in place";
  let description = [{
    ```
    result[i, j] = source[i, j]        or 0 if that is infinite or NaN
    ```

    The result takes the place of `source`, which nothing reads afterwards, and the
    threads of the block meet before and after. A product with zero then is zero:
    that is what a masked probability times a value has to be.

    Constraints:
    * (C1) `source` has elements of f16, bf16 or f32 and, with a layout, is in
      `#tile.shared`.

    ```mlir
    %finite = tile.clear_nonfinite %v : tensor<64x128xbf16, #tile.shared>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source `:` type($source) attr-dict";
  let hasVerifier = 1;
}

def Tile_ClearRowsOp : Tile_Op<"clear_rows",
    [TypesMatchWith<"the result is a tile like 'source'", "source", "result", "$_self">,
     MemoryEffects<[MemRead<Tile_RingResource>, MemWrite<Tile_RingResource>]>]> {
  let summary = "replace the last rows of a tile by zero, in place";
  let description = [{
    ```
    result[i, j] = i < rows ? source[i, j] : 0
    ```

    The result takes the place of `source`, which nothing reads afterwards. If there
    are rows to be cleared, the threads of the block meet behind it.

    Constraints:
    * (C1) `source` has rank 2 and, with a layout, is in `#tile.shared`.

    ```mlir
    %known = tile.clear_rows %v from %rows : tensor<64x128xbf16, #tile.shared>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source, Index:$rows);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source `from` $rows `:` type($source) attr-dict";
  let hasFolder = 1;
  let hasVerifier = 1;
}

#endif // PEERMLA_DIALECT_TILE_IR_TILERINGOPS_TD
