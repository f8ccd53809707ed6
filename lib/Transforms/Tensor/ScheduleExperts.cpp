//===- ScheduleExperts.cpp - tokens, parts and rows of experts ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item is a token. Its retrievals are summed in parts, which are work
// items of their own while there are few tokens; the parts depend on h and k
// alone, so that a token has the same bits alone and among many.
//
// Inside, a core waits for rows of memory. What it can have under way are
// lines, so that the rows read together are streams that share these: many
// short ones where each table has its own, fewer where an expert's rows lie
// side by side and a stream goes on from one row to the next. Then the start of
// the rows that are read next is worth more lines, too.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

/// Parts of a token's retrievals, at most.
static constexpr int64_t maxParts = 8;
/// Tokens that are few: their parts are work items.
static constexpr int64_t fewTokens = 8;

/// What a table is a part of, reshapes apart.
static Value getBase(Value table) {
  Operation *op = table.getDefiningOp();
  while (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                         tensor::ExtractSliceOp>(op)) {
    table = op->getOperand(0);
    op = table.getDefiningOp();
  }
  return table;
}

Schedule peermla::scheduleExperts(const Kernel &kernel, const CpuLevel &level) {
  auto op = cast<peer::ExpertMlpOp>(kernel.root);
  auto indices = cast<RankedTensorType>(op.getIndices().getType());
  bool sideBySide = getBase(op.getDown()) == getBase(op.getUp());
  int64_t rows = sideBySide ? 8 : 16, lines = sideBySide ? 4 : 1;
  // Each row has an accumulator in a register.
  rows = std::min(rows, level.registers);

  // Whole heads, or equal shares of a head's ranks in whole groups of rows.
  int64_t heads = indices.getDimSize(1), ranks = indices.getDimSize(2);
  SmallVector<int64_t> part{0, 0, 0};
  int64_t split = 0;
  if (heads > 0 && ranks > 0) { // Static, and there are some.
    int64_t partsOfHead = std::max<int64_t>(maxParts / heads, 1);
    part[1] = llvm::divideCeil(heads, maxParts);
    part[2] = llvm::alignTo(llvm::divideCeil(ranks, partsOfHead), rows);
    part[2] = std::min(part[2], ranks);
    rows = std::min(rows, part[1] * part[2]);
    // A slice of the partial sums, parts x 1, would not say which of the two
    // unit dimensions is the row.
    bool hasRows = kernel.getType().getDimSize(1) != 1;
    if (hasRows && (part[1] < heads || part[2] < ranks))
      split = fewTokens;
  }
  std::string reason = std::to_string(rows) + " rows together, " +
                       std::to_string(lines) + " lines ahead, as tables lie " +
                       (sideBySide ? "side by side" : "apart");
  if (split)
    reason += "; parts of [" + std::to_string(part[1]) + ", " +
              std::to_string(part[2]) + "] retrievals are work items up to " +
              std::to_string(split) + " tokens";
  return {tile::ScheduleAttr::get(op.getContext(), {1, 0, 0}, part,
                                  {rows, lines}, split),
          reason};
}
