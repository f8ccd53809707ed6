//===- MlaTiling.h - loops of the mla ops ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which loop indexes which dimension of which operand: all that tiling needs.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_DIALECT_MLA_IR_MLATILING_H
#define PEERMLA_LIB_DIALECT_MLA_IR_MLATILING_H

#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Support/RowTiling.h"

namespace peermla::mla {

/// Loops: part if there are parts, token, head. Rows of one sequence are a tile
/// only with `item`, which whoever cuts the op adds.
OperandLoops getOperandLoops(OnlineAttentionOp op);
/// Loops: token, head.
OperandLoops getOperandLoops(MergeOp op);
/// Loop: token.
OperandLoops getOperandLoops(PositionsOp op);
OperandLoops getOperandLoops(RopeTableOp op);
/// Loops: token, and head if there are heads.
OperandLoops getOperandLoops(RopeOp op);
/// Loop: token, of the rows; the cache stays whole.
OperandLoops getOperandLoops(CacheAppendOp op);

/// Moves `first` by the tile's first token.
void placeTile(PositionsOp tile, mlir::OpBuilder &builder,
               llvm::ArrayRef<mlir::OpFoldResult> offsets);
void placeTile(CacheAppendOp tile, mlir::OpBuilder &builder,
               llvm::ArrayRef<mlir::OpFoldResult> offsets);

} // namespace peermla::mla

#endif // PEERMLA_LIB_DIALECT_MLA_IR_MLATILING_H
