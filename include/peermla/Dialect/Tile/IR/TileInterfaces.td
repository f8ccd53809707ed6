//===- TileInterfaces.td - layouts in registers ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILEINTERFACES_TD
#define PEERMLA_DIALECT_TILE_IR_TILEINTERFACES_TD

include "mlir/IR/OpBase.td"

def Tile_FragmentLayout : AttrInterface<"FragmentLayout"> {
  let cppNamespace = "::peermla::tile";
  let description = [{
    A layout in registers: each thread of a block holds a fragment, a list of
    elements of the tile. Threads are numbered within the block.
  }];
  let methods = [
    InterfaceMethod<"Elements that one thread holds of a tile of that shape.",
                    "int64_t", "getFragmentSize",
                    (ins "::llvm::ArrayRef<int64_t>":$shape)>,
    InterfaceMethod<"The place in the tile of an element of a thread's fragment.",
                    "::llvm::SmallVector<int64_t>", "getCoordinates",
                    (ins "::llvm::ArrayRef<int64_t>":$shape, "int64_t":$thread,
                         "int64_t":$element)>
  ];
}

#endif // PEERMLA_DIALECT_TILE_IR_TILEINTERFACES_TD
