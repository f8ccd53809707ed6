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
    (key block of attention, rows handled together by the experts, k block of a
    matrix product). `registers`: rows and columns of the register tile. No extent
    is negative.

    ```mlir
    #tile.schedule<block = [64, 192], inner = [256], registers = [8, 48]>
    ```
  }];
  let parameters = (ins
    OptionalArrayRefParameter<"int64_t">:$block,
    OptionalArrayRefParameter<"int64_t">:$inner,
    OptionalArrayRefParameter<"int64_t">:$registers);
  let assemblyFormat = [{
    `<` struct(custom<Extents>($block), custom<Extents>($inner),
               custom<Extents>($registers)) `>`
  }];
  let genVerifyDecl = 1;
}

#endif // PEERMLA_DIALECT_TILE_IR_TILEOPS_TD
