//===- ScheduleAttention.cpp - block sizes of attention -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item is a run of tokens of one sequence and a group of heads; each
// pair of them is a row of its two matrix products.
//
//   heads, tokens   rows that keep a register tile busy. Heads that share their
//                   keys come first, since they read the same ones
//   keys            what a block of keys touches takes half of the second cache
//   parts           keys of a cache are split where there are few items
//
//===----------------------------------------------------------------------===//

#include "ScheduleAttention.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

/// Rows that keep a register tile of the score product busy.
static constexpr int64_t wantedRows = 64;
/// Parts into which the keys of a cache may be split: enough for the threads of
/// one item, few enough that merging costs little.
static constexpr int64_t wantedParts = 8;
/// Rows (pairs of a token and a head) that one work item merges.
static constexpr int64_t mergedRows = 8;
static constexpr int64_t leastKeys = 64, mostKeys = 256;

static ShapedType typeOf(Value value) {
  return cast<ShapedType>(value.getType());
}

/// Whether heads have keys of their own, so that an item has one head.
static bool hasKeysPerHead(mla::OnlineAttentionOp op) {
  return op.hasKeysPerHead() ||
         (!op.isPaged() && typeOf(op.getK()).getRank() == 3);
}

/// Tokens and heads of a work item.
static SmallVector<int64_t> chooseRows(mla::OnlineAttentionOp op) {
  if (hasKeysPerHead(op))
    return {wantedRows, 1};
  int64_t H = typeOf(op.getQ()).getDimSize(1);
  int64_t heads = llvm::divideCeil(H, llvm::divideCeil(H, wantedRows));
  return {std::max<int64_t>(1, wantedRows / heads), heads};
}

/// The keys of a block.
static int64_t chooseKeys(mla::OnlineAttentionOp op, ArrayRef<int64_t> rows,
                          const CpuLevel &level) {
  ShapedType q = typeOf(op.getQ());
  Type element = q.getElementType();
  int64_t dim = q.getDimSize(2),
          valueDim = typeOf(op.getInits().front()).getShape().back();
  int64_t elementBytes = element.getIntOrFloatBitWidth() / 8;
  int64_t numRows = llvm::alignTo(rows[0] * rows[1], level.lanes);
  // Per key: its row, widened if it is copied, and its scores in f32. With pair
  // products also its values and probabilities as pairs.
  bool hasPairs = level.hasBf16Dot && element.isBF16();
  bool isWidened = !hasPairs && (op.isPaged() || !element.isF32());
  int64_t bytes = dim * (isWidened ? 4 : elementBytes) + numRows * 4;
  if (hasPairs)
    bytes += (valueDim + numRows) * elementBytes;
  int64_t keys = llvm::bit_floor(uint64_t(level.l2Bytes / 2 / bytes));
  return std::clamp(keys, leastKeys, mostKeys);
}

/// Emits an error unless attention can be cut as `schedule` says.
static LogicalResult verifySchedule(mla::OnlineAttentionOp op,
                                    tile::ScheduleAttr schedule) {
  ArrayRef<int64_t> block = schedule.getBlock(), inner = schedule.getInner();
  if (block.size() != 2 || block[0] < 1 || block[1] < 1 ||
      (hasKeysPerHead(op) && block[1] != 1))
    return op->emitOpError()
           << "expects 'block' of its schedule to be tokens and heads (1 if "
              "keys are per head), got "
           << schedule;
  if (inner.size() != 1 || inner[0] < 2 || inner[0] % 2 != 0)
    return op->emitOpError() << "expects 'inner' of its schedule to be an even "
                                "number of keys, got "
                             << schedule;
  return success();
}

FailureOr<Schedule> peermla::scheduleAttention(mla::OnlineAttentionOp op,
                                               const CpuLevel &level) {
  ShapedType q = typeOf(op.getQ());
  if (q.isDynamicDim(1) || q.isDynamicDim(2) ||
      ShapedType::isDynamic(typeOf(op.getInits().front()).getShape().back()))
    return op->emitOpError() << "expects a static number of heads and static "
                                "rows of 'q' and 'o', got "
                             << q << " and " << op.getInits().front().getType();
  auto given = op->getAttrOfType<tile::ScheduleAttr>(scheduleName);
  if (!given && op->hasAttr(scheduleName))
    return op->emitOpError()
           << "expects '" << scheduleName << "' to be a #tile.schedule, got "
           << op->getAttr(scheduleName);
  SmallVector<int64_t> block, inner, registers;
  int64_t parts = 0;
  if (given) {
    llvm::append_range(block, given.getBlock());
    llvm::append_range(inner, given.getInner());
    llvm::append_range(registers, given.getRegisters());
    parts = given.getParts();
  }
  if (block.empty())
    block = chooseRows(op);
  if (inner.empty() && block.size() == 2)
    inner = {chooseKeys(op, block, level)};
  if (parts == 0)
    parts = op.isPaged() && !op.isPartial() ? wantedParts : 1;
  auto schedule = tile::ScheduleAttr::get(op.getContext(), block, inner,
                                          registers, /*split=*/0, parts);
  if (failed(verifySchedule(op, schedule)))
    return failure();
  return Schedule{schedule,
                  "chose items of " + std::to_string(block[0]) +
                      " tokens and " + std::to_string(block[1]) +
                      " heads, blocks of " + std::to_string(inner[0]) +
                      " keys, up to " + std::to_string(parts) +
                      " parts: " + std::to_string(block[0] * block[1]) +
                      " rows of a register tile, half of " +
                      std::to_string(level.l2Bytes) + " B"};
}

tile::ScheduleAttr peermla::getMergeSchedule(mla::MergeOp op) {
  int64_t H = typeOf(op.getOParts()).getDimSize(2);
  int64_t heads = ShapedType::isDynamic(H)
                      ? mergedRows
                      : std::min(std::max<int64_t>(H, 1), mergedRows);
  return tile::ScheduleAttr::get(op.getContext(), {mergedRows / heads, heads},
                                 {}, {});
}

int64_t peermla::getHeadGroups(mla::OnlineAttentionOp op,
                               tile::ScheduleAttr schedule) {
  return llvm::divideCeil(typeOf(op.getQ()).getDimSize(1),
                          schedule.getBlock()[1]);
}
