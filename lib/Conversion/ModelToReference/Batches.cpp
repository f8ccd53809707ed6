//===- Batches.cpp - ragged batches and paged caches ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Batches.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::reference;

Sequence reference::getSequence(LoopBuilder &b, Value cuSeqlens, Value pastLens,
                                Value id, Value numTokens) {
  Value next = b.addIndex(id, b.index(1));
  Value begin = b.clamp(b.loadIndex(cuSeqlens, id), b.index(0), numTokens);
  Value end = b.clamp(b.loadIndex(cuSeqlens, next), begin, numTokens);
  Value past =
      pastLens ? b.maxIndex(b.loadIndex(pastLens, id), b.index(0)) : b.index(0);
  return {id, begin, end, past};
}

void reference::forEachSequence(LoopBuilder &b, Value cuSeqlens, Value pastLens,
                                Value numTokens,
                                function_ref<void(Sequence)> body) {
  Value count = b.subtractIndex(b.dim(cuSeqlens, 0), b.index(1));
  b.forEach(count, [&](Value id) {
    body(getSequence(b, cuSeqlens, pastLens, id, numTokens));
  });
}

CacheRow reference::findRow(LoopBuilder &b, Value cache, Value blockTable,
                            Value sequence, Value position) {
  Value page = b.maxIndex(b.dim(cache, 1), b.index(1));
  Value column = b.divideIndex(position, page);
  Value hasEntry = b.isWithin(column, b.index(0), b.dim(blockTable, 1));
  Value block = b.choose(
      hasEntry, b.builder().getIndexType(),
      [&] { return b.loadIndex(blockTable, {sequence, column}); },
      [&] { return b.index(-1); });
  return {b.isWithin(block, b.index(0), b.dim(cache, 0)), block,
          b.remainder(position, page)};
}
