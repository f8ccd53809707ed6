//===- TileOps.td - schedules, launches and programs of blocks ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `#tile.schedule` is the decision how a kernel is cut: one pass writes it from
// a cost model, the others read it. `tile.launch` runs a kernel of a GPU; what
// a kernel is made of is in TileProgramOps.td and the files after it.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILEOPS_TD
#define PEERMLA_DIALECT_TILE_IR_TILEOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "peermla/Support/StructuredOps.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let summary = "block-level programs and their schedules";
  let cppNamespace = "::peermla::tile";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

include "peermla/Dialect/Tile/IR/TileLayouts.td"
include "peermla/Dialect/Tile/IR/TileProgramOps.td"
include "peermla/Dialect/Tile/IR/TileRingOps.td"
include "peermla/Dialect/Tile/IR/TileRowsOps.td"
include "peermla/Dialect/Tile/IR/TileSelectionOps.td"

def Tile_Instructions
    : I32EnumAttr<"Instructions", "what computes the products of a kernel", [
        I32EnumAttrCase<"MmaSync", 0, "mma_sync">,
        I32EnumAttrCase<"Wgmma", 1, "wgmma">]> {
  let cppNamespace = "::peermla::tile";
}

def Tile_ScheduleAttr : AttrDef<Tile_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "how one kernel is cut";
  let description = [{
    `block`: extent of one work item per loop of the op's iteration domain; 0
    leaves a loop whole. `inner`: extent of one step inside a work item, per loop
    (key block of attention, part of a token's experts, k block of a matrix
    product; of a selection, sub-keys that are scored and that are scanned together). `registers`: rows and columns of the register tile; for experts, rows
    read together and lines of each row that are asked for ahead. `split`: while the
    first loop has at most so many iterations, the steps of `inner` are work items
    of their own; 0, the default: never. `parts`: into how
    many parts the keys of attention may be split; 0 and 1 leave them whole.
    `warps`: rows and columns of the warps that share a block's matrix product;
    without it, no matrix instructions. `stages`: slots of shared memory that
    the steps of `inner` go through. `instructions`: `mma_sync`, the default, of
    single warps, or `wgmma`, where four warps that own 64 rows multiply together;
    then the rows of `warps` are a multiple of 4, and products of f32 are made by
    `mma_sync` nevertheless. `roles`: the warps that compute do not fill slots, which
    a warpgroup of its own does, from sm_90 on; registers of a thread of that and of one that
    computes, multiples of 8 from 24 to 256, or 0 to leave them as they are. With fewer
    than 64 the warpgroup makes tensor copies only. No number is negative.

    ```mlir
    #tile.schedule<block = [64, 192], inner = [256], registers = [8, 48]>
    #tile.schedule<block = [1, 0, 0], inner = [0, 1, 16], registers = [8, 4], split = 8>
    #tile.schedule<block = [128, 128, 0], inner = [64], warps = [4, 2], stages = 3>
    #tile.schedule<block = [128, 128, 0], inner = [64], warps = [8, 1], stages = 4, instructions = wgmma, roles = [24, 240]>
    ```
  }];
  let parameters = (ins
    OptionalArrayRefParameter<"int64_t">:$block,
    OptionalArrayRefParameter<"int64_t">:$inner,
    OptionalArrayRefParameter<"int64_t">:$registers,
    DefaultValuedParameter<"int64_t", "0">:$split,
    DefaultValuedParameter<"int64_t", "0">:$parts,
    OptionalArrayRefParameter<"int64_t">:$warps,
    DefaultValuedParameter<"int64_t", "0">:$stages,
    DefaultValuedParameter<"::peermla::tile::Instructions",
                           "Instructions::MmaSync">:$instructions,
    OptionalArrayRefParameter<"int64_t">:$roles);
  let builders = [
    AttrBuilder<(ins "::llvm::ArrayRef<int64_t>":$block,
                     "::llvm::ArrayRef<int64_t>":$inner,
                     "::llvm::ArrayRef<int64_t>":$registers), [{
      return $_get($_ctxt, block, inner, registers, /*split=*/int64_t(0),
                   /*parts=*/int64_t(0), ::llvm::ArrayRef<int64_t>(),
                   /*stages=*/int64_t(0),
                   ::peermla::tile::Instructions::MmaSync,
                   ::llvm::ArrayRef<int64_t>());
    }]>,
    AttrBuilder<(ins "::llvm::ArrayRef<int64_t>":$block,
                     "::llvm::ArrayRef<int64_t>":$inner,
                     "::llvm::ArrayRef<int64_t>":$registers,
                     "int64_t":$split), [{
      return $_get($_ctxt, block, inner, registers, split,
                   /*parts=*/int64_t(0), ::llvm::ArrayRef<int64_t>(),
                   /*stages=*/int64_t(0),
                   ::peermla::tile::Instructions::MmaSync,
                   ::llvm::ArrayRef<int64_t>());
    }]>,
    AttrBuilder<(ins "::llvm::ArrayRef<int64_t>":$block,
                     "::llvm::ArrayRef<int64_t>":$inner,
                     "::llvm::ArrayRef<int64_t>":$registers,
                     "int64_t":$split, "int64_t":$parts), [{
      return $_get($_ctxt, block, inner, registers, split, parts,
                   ::llvm::ArrayRef<int64_t>(), /*stages=*/int64_t(0),
                   ::peermla::tile::Instructions::MmaSync,
                   ::llvm::ArrayRef<int64_t>());
    }]>,
    AttrBuilder<(ins "::llvm::ArrayRef<int64_t>":$block,
                     "::llvm::ArrayRef<int64_t>":$inner,
                     "::llvm::ArrayRef<int64_t>":$registers,
                     "int64_t":$split, "int64_t":$parts,
                     "::llvm::ArrayRef<int64_t>":$warps,
                     "int64_t":$stages), [{
      return $_get($_ctxt, block, inner, registers, split, parts, warps, stages,
                   ::peermla::tile::Instructions::MmaSync,
                   ::llvm::ArrayRef<int64_t>());
    }]>
  ];
  let assemblyFormat = [{
    `<` struct(custom<Extents>($block), custom<Extents>($inner),
               custom<Extents>($registers), $split, $parts,
               custom<Extents>($warps), $stages, $instructions,
               custom<Extents>($roles)) `>`
  }];
  let genVerifyDecl = 1;
}

def Tile_LaunchOp : Op<Tile_Dialect, "launch",
    [AttrSizedOperandSegments, DestinationStyleOpInterface,
     DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
     DeclareOpInterfaceMethods<ConditionallySpeculatable>,
     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                               ["reifyResultShapes"]>,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "run a kernel on a grid of blocks";
  let description = [{
    Runs the function `kernel` of a `gpu.module` once for each block of a grid of
    one to three dimensions, x first. Extents of the grid are computed on the host
    and at least 0; a grid with an extent 0 runs nothing.

    Destinations are read and written in place. On tensors there is one result per
    destination, of its type; on memrefs there are none.

    **Parameters.** While the kernel is a `func.func`, its parameters are the
    operands of `ins`, then those of `outs`, tensors as memrefs. As an `llvm.func`
    it takes

    1. for each operand in that order: a memref as a pointer to its first element
       (its offset applied), an index as i64, any other scalar as itself;
    2. for each memref operand in that order: its dynamic sizes, then its dynamic
       strides, in the order of the dimensions, each as i64;
    3. for each entry of the kernel's array `tile.tensor_maps`: a tensor map, 128
       bytes by value.

    **Tensor maps.** An entry `{box = array<i64: 128, 64>, operand = 1}` asks for a
    map of operand 1, memory of rank 2 to 5 with contiguous rows, whose other strides
    and whose address are multiples of 16 bytes. A tensor copy brings a box of these
    extents, in the order of the dimensions, to rows of 128 bytes, swizzled as
    `#tile.shared` says. What the memory does not have is zero. Memory without
    elements has a map that nothing may be copied by.

    The number of threads of a block is the kernel's `nvvm.reqntid`, the bytes of
    shared memory that the launch provides its `tile.shared_bytes` (0 if absent).

    Constraints:
    * (C1) `blocks` has 1 to 3 extents.
    * (C2) operands of `ins` and `outs` are tensors, memrefs, integers or floats;
      those of `outs` are tensors or memrefs.
    * (C3) `kernel` names a function in a `gpu.module`.
    * (C4) the function has the number of parameters given above.
    * (C5) tensors and memrefs are not mixed; there is one result per tensor of
      `outs`, of its type.

    ```mlir
    %y = tile.launch @scale::@scale blocks(%n) ins(%x, %f : tensor<?x64xf32>, f32)
           outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    tile.launch @scale::@scale blocks(%n) ins(%x, %f : memref<?x64xf32>, f32)
           outs(%y : memref<?x64xf32>)
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, Variadic<Index>:$blocks,
                       Variadic<AnyType>:$inputs, Variadic<AnyType>:$outputs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `blocks` `(` $blocks `)`
    (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    (`outs` `(` $outputs^ `:` type($outputs) `)`)?
    attr-dict (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return getOutputsMutable();
    }
  }];
  let extraClassDefinition = Peermla_StructuredDefinition;
}

#endif // PEERMLA_DIALECT_TILE_IR_TILEOPS_TD
