//===- TileOps.td - schedules ---------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tile dialect so far holds one attribute: the decision how a kernel is
// cut. One pass writes it from a cost model, the others read it.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILEOPS_TD
#define PEERMLA_DIALECT_TILE_IR_TILEOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let summary = "block-level programs and their schedules";
  let cppNamespace = "::peermla::tile";
  let useDefaultAttributePrinterParser = 1;
}

def Tile_ScheduleAttr : AttrDef<Tile_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "how one kernel is cut";
  let description = [{
    `block`: extent of one work item per loop of the op's iteration domain; 0
    leaves a loop whole. `inner`: extent of one step inside a work item, per loop
    (key block of attention, part of a token's experts, k block of a matrix
    product). `registers`: rows and columns of the register tile; for experts, rows
    read together and lines of each row that are asked for ahead. `split`: while the
    first loop has at most so many iterations, the steps of `inner` are work items
    of their own; 0, the default: never. `parts`: into how
    many parts the keys of attention may be split; 0 and 1 leave them whole. No
    number is negative.

    ```mlir
    #tile.schedule<block = [64, 192], inner = [256], registers = [8, 48]>
    #tile.schedule<block = [1, 0, 0], inner = [0, 1, 16], registers = [8, 4], split = 8>
    ```
  }];
  let parameters = (ins
    OptionalArrayRefParameter<"int64_t">:$block,
    OptionalArrayRefParameter<"int64_t">:$inner,
    OptionalArrayRefParameter<"int64_t">:$registers,
    DefaultValuedParameter<"int64_t", "0">:$split,
    DefaultValuedParameter<"int64_t", "0">:$parts);
  let builders = [
    AttrBuilder<(ins "::llvm::ArrayRef<int64_t>":$block,
                     "::llvm::ArrayRef<int64_t>":$inner,
                     "::llvm::ArrayRef<int64_t>":$registers), [{
      return $_get($_ctxt, block, inner, registers, /*split=*/int64_t(0),
                   /*parts=*/int64_t(0));
    }]>,
    AttrBuilder<(ins "::llvm::ArrayRef<int64_t>":$block,
                     "::llvm::ArrayRef<int64_t>":$inner,
                     "::llvm::ArrayRef<int64_t>":$registers,
                     "int64_t":$split), [{
      return $_get($_ctxt, block, inner, registers, split,
                   /*parts=*/int64_t(0));
    }]>
  ];
  let assemblyFormat = [{
    `<` struct(custom<Extents>($block), custom<Extents>($inner),
               custom<Extents>($registers), $split, $parts) `>`
  }];
  let genVerifyDecl = 1;
}

#endif // PEERMLA_DIALECT_TILE_IR_TILEOPS_TD
