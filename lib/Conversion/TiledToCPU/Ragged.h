//===- Ragged.h - sequences, positions and pages of a batch ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Index arithmetic of ragged and paged batches. `cu_seqlens`, lengths and block
// tables are device data: nothing here reads outside a buffer whatever they
// hold.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_RAGGED_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_RAGGED_H

#include "KernelBuilder.h"

namespace peermla {

/// One sequence of a batch; all values are of type index.
struct Sequence {
  mlir::Value number;
  /// Its rows among the T tokens.
  mlir::Value begin, end;
};

/// The sequence of token `t`, by bisection, and whether there is one.
std::pair<Sequence, mlir::Value>
findSequence(KernelBuilder &b, mlir::Value cuSeqlens, mlir::Value t);

/// Row `position` of a sequence in a paged cache: calls `body(block, row)` if
/// the position is in the block table's range and the block in the cache's, and
/// `otherwise` if not.
void whenPaged(KernelBuilder &b, mlir::Value cache, mlir::Value blockTable,
               mlir::Value sequence, mlir::Value position,
               llvm::function_ref<void(mlir::Value, mlir::Value)> body,
               llvm::function_ref<void()> otherwise = nullptr);

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_RAGGED_H
