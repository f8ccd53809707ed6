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

/// Loops: token, head. Rows of one sequence are a tile only with `item`.
OperandLoops getOperandLoops(OnlineAttentionOp op);

} // namespace peermla::mla

#endif // PEERMLA_LIB_DIALECT_MLA_IR_MLATILING_H
