//===- TileLayouts.td - where the elements of a tile live -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is a builtin tensor. Its encoding, once there is one, says where its
// elements live: in registers of the threads of a block (`#tile.mma`,
// `#tile.rows`, `#tile.parts`, `#tile.slice`) or in a slot of shared memory
// (`#tile.shared`).
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILELAYOUTS_TD
#define PEERMLA_DIALECT_TILE_IR_TILELAYOUTS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/TensorEncoding.td"
include "peermla/Dialect/Tile/IR/TileInterfaces.td"

class Tile_Layout<string name, string text, list<Trait> traits = []>
    : AttrDef<Tile_Dialect, name,
              [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>] # traits> {
  let mnemonic = text;
  let genVerifyDecl = 1;
}

def Tile_MmaLayoutAttr : Tile_Layout<"MmaLayout", "mma",
    [DeclareAttrInterfaceMethods<Tile_FragmentLayout>]> {
  let summary = "registers as matrix instructions want them";
  let description = [{
    `warps = [WM, WN]` warps tile an M x N tensor. Thread `t` of warp
    `w = t / 32` and lane `l = t % 32` has `wm = w % WM`, `wn = (w / WM) % WN`;
    more warps than WM WN hold replicas. With G = N / (8 WN) its element
    `r = ((b G + g) 2 + h) 2 + p` is

    ```
    row = 16 WM b + 16 wm + l / 4 + 8 h        b < M / (16 WM), h < 2
    col = (N / WN) wn + 8 g + 2 (l % 4) + p    g < G, p < 2
    ```

    which is the accumulator of `mma.sync` and of `wgmma` and, in pairs of 16-bit
    elements, their operand A.

    Constraints:
    * (C1) WM and WN are at least 1.
    * (C2) the tile has rank 2, M a multiple of 16 WM and N of 8 WN.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$warps);
  let assemblyFormat = "`<` `warps` `=` `[` $warps `]` `>`";
}

def Tile_RowsLayoutAttr : Tile_Layout<"RowsLayout", "rows",
    [DeclareAttrInterfaceMethods<Tile_FragmentLayout>]> {
  let summary = "registers of threads that share rows, in pieces";
  let description = [{
    Of `threads` threads, `lanes` share each row of an R x C tile. They take pieces
    of `vector` columns in turn, within a warp; warps that share a row own
    contiguous parts of it. With G = threads / lanes, K = min(lanes, 32) and
    P = C K / lanes, element `e = i C / lanes + j` of thread `t` is

    ```
    row = t / lanes + G i
    col = P (t % lanes / K) + vector (t % K) + vector K (j / vector) + j % vector
    ```

    With all threads in a row and 16 bytes in a piece, a warp reads 512 contiguous
    bytes at once; with one lane, a thread owns whole rows.

    Constraints:
    * (C1) `threads`, `lanes` and `vector` are at least 1; `lanes` divides 32 or
      is a multiple of it, and divides `threads`.
    * (C2) the tile has rank 2, R a multiple of G and C of lanes vector.
  }];
  let parameters = (ins "int64_t":$threads, "int64_t":$lanes, "int64_t":$vector);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Tile_PartsLayoutAttr : Tile_Layout<"PartsLayout", "parts",
    [DeclareAttrInterfaceMethods<Tile_FragmentLayout>]> {
  let summary = "one element per thread: a part of a row's sum";
  let description = [{
    Where `warps` warps have each summed up their part of R rows, thread `t` holds
    of the R x warps tile the one element

    ```
    row = t % 32 / (32 / R)
    col = t / 32
    ```

    Constraints:
    * (C1) `warps` is at least 1.
    * (C2) the tile has rank 2, R divides 32 and there is one column per warp.
  }];
  let parameters = (ins "int64_t":$warps);
  let assemblyFormat = "`<` `warps` `=` $warps `>`";
}

def Tile_SliceLayoutAttr : Tile_Layout<"SliceLayout", "slice",
    [DeclareAttrInterfaceMethods<Tile_FragmentLayout>]> {
  let summary = "the parent layout without dimension `dim`, replicated over it";
  let description = [{
    In the symbols of `#tile.mma`: without columns (`dim` = 1) element `2 b + h`
    is a row, without rows (`dim` = 0) element `2 g + p` is a column. In those of
    `#tile.rows`: element `i` is a row, element `j` a column.

    Constraints:
    * (C1) `dim` is 0 or 1, and `parent` is `#tile.mma` or `#tile.rows`.
    * (C2) the tile has rank 1 and an extent that the parent allows in the other
      dimension.
  }];
  let parameters = (ins "int64_t":$dim, "::mlir::Attribute":$parent);
  // A parent in #tile.mma is written without its name.
  let assemblyFormat = "`<` $dim `,` custom<Parent>($parent) `>`";
  let extraClassDeclaration = [{
    /// The parent if that is #tile.mma, or null.
    ::peermla::tile::MmaLayoutAttr getMmaParent() const {
      return ::mlir::dyn_cast<::peermla::tile::MmaLayoutAttr>(getParent());
    }
    /// The parent if that is #tile.rows, or null.
    ::peermla::tile::RowsLayoutAttr getRowsParent() const {
      return ::mlir::dyn_cast<::peermla::tile::RowsLayoutAttr>(getParent());
    }
  }];
}

def Tile_SharedLayoutAttr : Tile_Layout<"SharedLayout", "shared"> {
  let summary = "a slot of shared memory, in swizzled panels of 128 bytes";
  let description = [{
    With element (r, c) of a tile of R rows at the byte column
    `b = c sizeof(element)`:

    ```
    address = (b / 128) 128 R + 128 r + ((b % 128) ^ 16 (r % 8))
    ```

    Eight rows of 16 bytes lie in different banks, and 16 bytes stay together. The
    last panel may be used in part.

    Constraints:
    * (C1) the tile has rank 2, R a multiple of 8 and rows of a multiple of 16
      bytes.
  }];
  let extraClassDeclaration = [{
    /// Bytes of a slot: all of its panels.
    static int64_t getSlotBytes(::mlir::RankedTensorType tile);
    /// Bytes of a panel's row, and of what the swizzle moves.
    static constexpr int64_t panelBytes = 128, pieceBytes = 16;
    /// Where element (row, column) lies in a slot.
    static int64_t getByteOffset(::mlir::RankedTensorType tile, int64_t row,
                                 int64_t column);
  }];
}

def Tile_RingType : TypeDef<Tile_Dialect, "Ring"> {
  let mnemonic = "ring";
  let summary = "`slots` slots of shared memory for tiles of one type";
  let description = [{
    Fill number n (n = 0, 1, ...) uses slot n mod `slots`.

    Constraints:
    * (C1) `slots` is at least 1.
    * (C2) the tile lives in `#tile.shared`.
  }];
  let parameters = (ins "int64_t":$slots, "::mlir::RankedTensorType":$tile);
  let assemblyFormat = "`<` $slots `x` $tile `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getSlotBytes() { return SharedLayoutAttr::getSlotBytes(getTile()); }
  }];
}

#endif // PEERMLA_DIALECT_TILE_IR_TILELAYOUTS_TD
