//===- TileLayouts.td - where the elements of a tile live -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is a builtin tensor. Its encoding, once there is one, says where its
// elements live: in registers of the threads of a block (`#tile.mma`,
// `#tile.slice`) or in a slot of shared memory (`#tile.shared`).
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

def Tile_SliceLayoutAttr : Tile_Layout<"SliceLayout", "slice",
    [DeclareAttrInterfaceMethods<Tile_FragmentLayout>]> {
  let summary = "the parent layout without dimension `dim`, replicated over it";
  let description = [{
    In the symbols of `#tile.mma`: without columns (`dim` = 1) element `2 b + h`
    is a row, without rows (`dim` = 0) element `2 g + p` is a column.

    Constraints:
    * (C1) `dim` is 0 or 1.
    * (C2) the tile has rank 1 and an extent that is a multiple of 16 WM, or of
      8 WN.
  }];
  let parameters = (ins "int64_t":$dim, "::peermla::tile::MmaLayoutAttr":$parent);
  let assemblyFormat = "`<` $dim `,` $parent `>`";
}

def Tile_SharedLayoutAttr : Tile_Layout<"SharedLayout", "shared"> {
  let summary = "a slot of shared memory, in swizzled panels of 128 bytes";
  let description = [{
    With element (r, c) of a tile of R rows at the byte column
    `b = c sizeof(element)`:

    ```
    address = (b / 128) 128 R + 128 r + ((b % 128) ^ 16 (r % 8))
    ```

    Eight rows of 16 bytes lie in different banks, and 16 bytes stay together.

    Constraints:
    * (C1) the tile has rank 2, R a multiple of 8 and rows of a multiple of 128
      bytes.
  }];
  let extraClassDeclaration = [{
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
    int64_t getSlotBytes() {
      return getTile().getNumElements() *
             getTile().getElementTypeBitWidth() / 8;
    }
  }];
}

#endif // PEERMLA_DIALECT_TILE_IR_TILELAYOUTS_TD
