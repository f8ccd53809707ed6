//===- Batches.h - ragged batches and paged caches ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sequences are clamped to the T tokens that exist, negative lengths count as
// 0, and a row of a cache comes with the condition that it exists.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_BATCHES_H
#define PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_BATCHES_H

#include "LoopBuilder.h"

namespace peermla::reference {

/// Rows `begin` to `end` of the batch are tokens of sequence `id`, which had
/// `past` tokens before.
struct Sequence {
  mlir::Value id, begin, end, past;
};

/// A row of a paged cache. If it does not exist, neither index may be used.
struct CacheRow {
  mlir::Value exists, block, row;
};

/// The sequence with the given number; `pastLens` may be null.
Sequence getSequence(LoopBuilder &b, mlir::Value cuSeqlens,
                     mlir::Value pastLens, mlir::Value id,
                     mlir::Value numTokens);

/// A loop over the sequences of a batch of `numTokens` tokens.
void forEachSequence(LoopBuilder &b, mlir::Value cuSeqlens,
                     mlir::Value pastLens, mlir::Value numTokens,
                     llvm::function_ref<void(Sequence)> body);

/// The row of the cache that holds the given position of a sequence.
CacheRow findRow(LoopBuilder &b, mlir::Value cache, mlir::Value blockTable,
                 mlir::Value sequence, mlir::Value position);

} // namespace peermla::reference

#endif // PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_BATCHES_H
