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
/// Keys of a block on a GPU: those of a warp.
static constexpr int64_t keysOfGpu = 32;
/// Rows and keys of a tile for matrix instructions, and the slots that keys and
/// values go through.
static constexpr int64_t mmaRows = 64, mmaStages = 2;

static ShapedType typeOf(Value value) {
  return cast<ShapedType>(value.getType());
}

/// Whether heads have keys of their own, so that an item has one head.
static bool hasKeysPerHead(mla::OnlineAttentionOp op) {
  return op.hasKeysPerHead() ||
         (!op.isPaged() && typeOf(op.getK()).getRank() == 3);
}

/// Tokens and heads of a work item of so many rows.
static SmallVector<int64_t> chooseRows(mla::OnlineAttentionOp op,
                                       int64_t rows) {
  if (hasKeysPerHead(op))
    return {rows, 1};
  int64_t H = typeOf(op.getQ()).getDimSize(1);
  int64_t heads = llvm::divideCeil(H, llvm::divideCeil(H, rows));
  return {std::max<int64_t>(1, rows / heads), heads};
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

/// Completes what the op was given; `memory` says what the choice fills.
static FailureOr<Schedule>
complete(mla::OnlineAttentionOp op, int64_t rows,
         llvm::function_ref<int64_t(ArrayRef<int64_t> block)> chooseKeys,
         const std::string &memory) {
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
    block = chooseRows(op, rows);
  if (inner.empty() && block.size() == 2)
    inner = {chooseKeys(block)};
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
                      " rows of a register tile, " + memory};
}

FailureOr<Schedule> peermla::scheduleAttention(mla::OnlineAttentionOp op,
                                               const CpuLevel &level) {
  return complete(
      op, wantedRows,
      [&](ArrayRef<int64_t> block) { return chooseKeys(op, block, level); },
      "half of " + std::to_string(level.l2Bytes) + " B");
}

/// Keys of a block: with more of f32, registers would not hold the scores.
static int64_t chooseMmaKeys(mla::OnlineAttentionOp op) {
  return typeOf(op.getQ()).getElementType().isF32() ? 32 : 64;
}

/// Whether a tile program can compute the attention, in the memory of a block.
static bool fitsMma(mla::OnlineAttentionOp op, const GpuTarget &gpu) {
  ShapedType q = typeOf(op.getQ()), o = typeOf(op.getInits().front());
  Type element = q.getElementType();
  if (op.isPaged() || op.isPartial() || op.getInits().size() != 1 ||
      !hasKeysPerHead(op) || q.isDynamicDim(2) || o.isDynamicDim(2) ||
      !(element.isBF16() || element.isF16() || element.isF32()))
    return false;
  int64_t depth = llvm::alignTo(q.getDimSize(2), mmaRows),
          width = llvm::alignTo(o.getDimSize(2), mmaRows);
  int64_t elements =
      mmaRows * depth + mmaStages * chooseMmaKeys(op) * (depth + width);
  // Without such a program, accumulators would be in shared memory.
  return elements * element.getIntOrFloatBitWidth() / 8 <=
             gpu.sharedBytesPerBlock &&
         mmaRows * width * int64_t(sizeof(float)) <=
             gpu.sharedBytesPerBlock / 5;
}

/// The same decision, for matrix instructions where the tile is as they want
/// it.
static Schedule useMma(Schedule schedule) {
  tile::ScheduleAttr attribute = schedule.attribute;
  if (attribute.getBlock().size() != 2 || attribute.getBlock()[0] < 2 ||
      attribute.getBlock()[1] != 1 || attribute.getInner()[0] % 16 != 0 ||
      attribute.getParts() > 1)
    return schedule;
  schedule.attribute = tile::ScheduleAttr::get(
      attribute.getContext(), attribute.getBlock(), attribute.getInner(),
      attribute.getRegisters(), attribute.getSplit(), attribute.getParts(),
      {4, 1}, mmaStages);
  return schedule;
}

FailureOr<Schedule> peermla::scheduleAttention(mla::OnlineAttentionOp op,
                                               const GpuTarget &gpu) {
  if (fitsMma(op, gpu)) {
    FailureOr<Schedule> schedule = complete(
        op, mmaRows, [&](ArrayRef<int64_t>) { return chooseMmaKeys(op); },
        "by matrix instructions");
    if (failed(schedule))
      return failure();
    return useMma(*schedule);
  }
  // The rows of `o` in f32 take a fifth of the shared memory: there are two of
  // them at a time, and keys, values and scores beside them.
  int64_t valueDim = typeOf(op.getInits().front()).getShape().back();
  int64_t bytes = std::max<int64_t>(valueDim, 1) * sizeof(float);
  int64_t fitting = gpu.sharedBytesPerBlock / 5 / bytes;
  int64_t rows = std::clamp<int64_t>(
      llvm::bit_floor(uint64_t(std::max<int64_t>(fitting, 1))), 8, 32);
  return complete(
      op, rows, [](ArrayRef<int64_t>) { return keysOfGpu; },
      "accumulators in a fifth of " + std::to_string(gpu.sharedBytesPerBlock) +
          " B");
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
