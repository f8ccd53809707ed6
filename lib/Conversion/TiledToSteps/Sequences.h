//===- Sequences.h - sequences and pages of a batch -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOSTEPS_SEQUENCES_H
#define PEERMLA_LIB_CONVERSION_TILEDTOSTEPS_SEQUENCES_H

#include "StepBuilder.h"

namespace peermla {

/// A sequence: its number and its tokens [begin, end) of the batch.
struct TokenSequence {
  mlir::Value number, begin, end;
};

/// `then(sequence that token `t` belongs to)`, or `otherwise()` where it
/// belongs to none.
StepBuilder::Values
withSequence(StepBuilder &b, mlir::Value cuSeqlens, mlir::Value t,
             llvm::function_ref<StepBuilder::Values(TokenSequence)> then,
             llvm::function_ref<StepBuilder::Values()> otherwise);

/// The block of a paged cache that holds a position of a sequence, and the row
/// in it; the block is -1 where there is none.
std::pair<mlir::Value, mlir::Value>
findCacheRow(StepBuilder &b, mlir::Value cache, mlir::Value blockTable,
             mlir::Value sequence, mlir::Value position);

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOSTEPS_SEQUENCES_H
