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
// Short sequences do not fill the rows that long ones are fastest with: beside
// the schedule for these there are some of smaller tiles.
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
/// Bytes of partial results of a token on a GPU, and parts, at most.
static constexpr int64_t bytesOfParts = 8 << 20, mostParts = 64;
/// Rows (pairs of a token and a head) that one work item merges.
static constexpr int64_t mergedRows = 8;
static constexpr int64_t leastKeys = 64, mostKeys = 256;
/// Keys of a block on a GPU: those of a warp.
static constexpr int64_t keysOfGpu = 32;
/// Rows of a tile for matrix instructions at most, those of one instruction,
/// and the slots that keys and values go through.
static constexpr int64_t mmaRows = 64, mmaRowsOfWarp = 16, mmaStages = 2;
/// Registers of threads that copy rows that a table names, and of those beside.
static constexpr int64_t registersOfCopier = 88, registersBesideCopier = 208;
/// What extents of tiles and starts of slots in bytes are rounded up to.
static constexpr int64_t tileUnit = 64, slotAlignment = 1024;
/// What copies of threads that do not go through registers start at multiples
/// of, and what tensor copies do.
static constexpr int64_t bytesOfCopy = 4, bytesOfTensorCopy = 16;
/// Threads of a warp, warps of a warpgroup, and accumulators of a thread that
/// leave registers enough for the rest.
static constexpr int64_t warpThreads = 32, warpsOfGroup = 4,
                         mostAccumulators = 128;

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
complete(mla::OnlineAttentionOp op,
         llvm::function_ref<SmallVector<int64_t>()> chooseRows,
         llvm::function_ref<int64_t(ArrayRef<int64_t> block)> chooseKeys,
         llvm::function_ref<int64_t(ArrayRef<int64_t> block)> chooseParts,
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
    block = chooseRows();
  if (inner.empty() && block.size() == 2)
    inner = {chooseKeys(block)};
  if (parts == 0)
    parts = op.isPaged() && !op.isPartial() ? chooseParts(block) : 1;
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
      op, [&] { return chooseRows(op, wantedRows); },
      [&](ArrayRef<int64_t> block) { return chooseKeys(op, block, level); },
      [](ArrayRef<int64_t>) { return wantedParts; },
      "half of " + std::to_string(level.l2Bytes) + " B");
}

/// A tile of attention for matrix instructions.
struct MmaTile {
  int64_t tokens, heads, keys;
  SmallVector<int64_t> warps, roles = {};
};

/// Whether rows of one head are multiples of so many bytes.
static bool hasRowsOf(mla::OnlineAttentionOp op, int64_t bytes) {
  return llvm::all_of(op->getOperandTypes(), [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !isa<FloatType>(tensor.getElementType()))
      return true;
    int64_t bits = tensor.getShape().back() * tensor.getElementTypeBitWidth();
    return bits % (8 * bytes) == 0;
  });
}

/// The tiles of attention whose heads have keys of their own, best first for
/// long sequences.
static SmallVector<MmaTile, 3> getTilesPerHead(mla::OnlineAttentionOp op,
                                               const GpuTarget &gpu) {
  // With more keys of f32, registers would not hold the scores.
  if (typeOf(op.getQ()).getElementType().isF32())
    return {{mmaRows, 1, 32, {4, 1}}};
  SmallVector<MmaTile, 3> tiles;
  // Two warpgroups compute while a third brings keys by tensor copies; one
  // alone would wait for its products.
  if (gpu.hasWgmma && gpu.hasTma && gpu.hasSetMaxRegisters &&
      hasRowsOf(op, bytesOfTensorCopy))
    tiles.push_back({2 * mmaRows,
                     1,
                     2 * mmaRows,
                     {8, 1},
                     {rolesOfBoxes[0], rolesOfBoxes[1]}});
  tiles.push_back({mmaRows, 1, 64, {4, 1}});
  tiles.push_back({mmaRows / 2, 1, 32, {2, 1}});
  return tiles;
}

/// Registers of a thread that hold rows of `o`.
static int64_t countAccumulators(mla::OnlineAttentionOp op,
                                 const MmaTile &tile) {
  int64_t rows =
      llvm::alignTo(tile.tokens * tile.heads, mmaRowsOfWarp * tile.warps[0]);
  int64_t width =
      llvm::alignTo(typeOf(op.getInits().front()).getShape().back(), tileUnit);
  return rows * width / (warpThreads * tile.warps[0] * tile.warps[1]);
}

/// Registers of threads that bring keys by copies of their own beside warps
/// that compute the tile; empty where all threads do both.
static SmallVector<int64_t> getRolesOfCopies(mla::OnlineAttentionOp op,
                                             const MmaTile &tile,
                                             const GpuTarget &gpu) {
  if (!gpu.hasTma)
    return {};
  // Four warps leave half of the registers to others.
  if (tile.warps[0] == 1)
    return {0, 0};
  if (gpu.hasSetMaxRegisters &&
      countAccumulators(op, tile) <= mostAccumulators / 2)
    return {registersOfCopier, registersBesideCopier};
  return {};
}

/// The tiles of attention whose heads share their keys, best first: heads of a
/// token fill the rows of an instruction, up to 64 read the keys together, or
/// 16 where rows are too wide for that.
static SmallVector<MmaTile> getSharedTiles(mla::OnlineAttentionOp op,
                                           const GpuTarget &gpu) {
  int64_t H = std::max<int64_t>(typeOf(op.getQ()).getDimSize(1), 1);
  int64_t width =
      llvm::alignTo(typeOf(op.getInits().front()).getShape().back(), tileUnit);
  bool hasWarpgroups = gpu.hasWgmma && gpu.hasSetMaxRegisters &&
                       typeOf(op.getQ()).getElementTypeBitWidth() == 16 &&
                       hasRowsOf(op, bytesOfCopy);
  SmallVector<MmaTile> tiles;
  for (int64_t most : {mmaRows, mmaRowsOfWarp}) {
    int64_t heads = llvm::divideCeil(H, llvm::divideCeil(H, most));
    int64_t tokens = std::max<int64_t>(1, mmaRowsOfWarp / heads);
    int64_t rows =
        llvm::PowerOf2Ceil(std::max<int64_t>(tokens * heads, mmaRowsOfWarp));
    // Two warpgroups share the columns of scores and values while a third
    // brings keys, if their columns are whole panels.
    if (hasWarpgroups && rows == mmaRows && width % (2 * tileUnit) == 0)
      tiles.push_back({tokens,
                       heads,
                       64,
                       {4, 2},
                       {registersOfCopier, registersBesideCopier}});
    SmallVector<MmaTile, 3> ofWarps;
    for (int64_t keys : {64, 32})
      ofWarps.push_back(
          {tokens, heads, keys, {rows > mmaRowsOfWarp ? 2 : 1, 4}});
    if (rows == mmaRowsOfWarp)
      ofWarps.push_back({tokens, heads, 16, {1, 2}});
    for (MmaTile &tile : ofWarps)
      tile.roles = getRolesOfCopies(op, tile, gpu);
    llvm::append_range(tiles, ofWarps);
  }
  return tiles;
}

/// Whether the tile fits into the memory and the registers of a block.
static bool fits(mla::OnlineAttentionOp op, const MmaTile &tile,
                 const GpuTarget &gpu) {
  ShapedType q = typeOf(op.getQ());
  int64_t elementBytes = q.getElementTypeBitWidth() / 8;
  int64_t warpsM = tile.warps[0], warpsN = tile.warps[1];
  int64_t rows =
      llvm::alignTo(tile.tokens * tile.heads, mmaRowsOfWarp * warpsM);
  int64_t depth = llvm::alignTo(q.getDimSize(2), tileUnit);
  int64_t width =
      llvm::alignTo(typeOf(op.getInits().front()).getShape().back(), tileUnit);
  int64_t ofKey = depth + (op.getV() ? width : 0);
  int64_t bytes = (rows * depth + mmaStages * tile.keys * ofKey) * elementBytes;
  // Probabilities, and what columns of warps know of rows.
  if (warpsN > 1)
    bytes += rows * std::max<int64_t>(tile.keys * elementBytes, 128) +
             2 * rows * warpsN * int64_t(sizeof(float)) + slotAlignment;
  if (!tile.roles.empty())
    bytes += tile::bytesForBarriers;
  return bytes <= gpu.sharedBytesPerBlock &&
         countAccumulators(op, tile) <= mostAccumulators;
}

/// The tile of a tile program that computes the attention, if there is one.
static std::optional<MmaTile> chooseMmaTile(mla::OnlineAttentionOp op,
                                            const GpuTarget &gpu) {
  ShapedType q = typeOf(op.getQ()), o = typeOf(op.getInits().front());
  Type element = q.getElementType();
  if (q.isDynamicDim(1) || q.isDynamicDim(2) ||
      ShapedType::isDynamic(o.getShape().back()) || q.getDimSize(2) == 0 ||
      o.getShape().back() == 0 || !(op.getScale().convertToDouble() > 0) ||
      !(element.isBF16() || element.isF16() || element.isF32()))
    return std::nullopt;
  if (hasKeysPerHead(op)) {
    for (const MmaTile &tile : getTilesPerHead(op, gpu))
      if (fits(op, tile, gpu))
        return tile;
    return std::nullopt;
  }
  for (const MmaTile &tile : getSharedTiles(op, gpu)) {
    // Beside many accumulators, scores of 64 keys spill, unless warpgroups
    // multiply: those have few scores.
    bool isCrowded = tile.warps[0] < 4 && tile.keys > 32 &&
                     countAccumulators(op, tile) > mostAccumulators / 2;
    if (!isCrowded && fits(op, tile, gpu))
      return tile;
  }
  return std::nullopt;
}

/// The same decision, for matrix instructions where the tile is as they want
/// it.
static tile::ScheduleAttr useMma(tile::ScheduleAttr schedule,
                                 const MmaTile &tile, mla::OnlineAttentionOp op,
                                 const GpuTarget &gpu) {
  if (schedule.getBlock() != ArrayRef{tile.tokens, tile.heads} ||
      schedule.getInner() != ArrayRef{tile.keys})
    return schedule;
  // A copy through registers would wait for products in flight, and beside
  // copies of its threads ptxas lets one warpgroup have none.
  bool isOneGroup = tile.warps[0] * tile.warps[1] == warpsOfGroup;
  bool isWgmma = gpu.hasWgmma && tile.warps[0] % warpsOfGroup == 0 &&
                 typeOf(op.getQ()).getElementTypeBitWidth() == 16 &&
                 hasRowsOf(op, isOneGroup ? bytesOfTensorCopy : bytesOfCopy);
  return tile::ScheduleAttr::get(
      schedule.getContext(), schedule.getBlock(), schedule.getInner(),
      schedule.getRegisters(), schedule.getSplit(), schedule.getParts(),
      tile.warps, mmaStages,
      isWgmma ? tile::Instructions::Wgmma : tile::Instructions::MmaSync,
      tile.roles);
}

/// Tokens and heads of a block without matrix instructions: the rows of `o` in
/// f32 take a fifth of the shared memory. There are two of them at a time, and
/// keys, values and scores beside them.
static SmallVector<int64_t> chooseThreadRows(mla::OnlineAttentionOp op,
                                             const GpuTarget &gpu) {
  int64_t valueDim = typeOf(op.getInits().front()).getShape().back();
  int64_t bytes = std::max<int64_t>(valueDim, 1) * sizeof(float);
  int64_t fitting = gpu.sharedBytesPerBlock / 5 / bytes;
  int64_t rows = std::clamp<int64_t>(
      llvm::bit_floor(uint64_t(std::max<int64_t>(fitting, 1))), 8, 32);
  return chooseRows(op, rows);
}

/// Parts of the keys of one item that are as many as multiprocessors, if what
/// they leave for the merge stays in the second-level cache; a power of two.
static int64_t chooseParts(mla::OnlineAttentionOp op, ArrayRef<int64_t> block,
                           const GpuTarget &gpu) {
  ShapedType o = typeOf(op.getInits().front());
  int64_t heads = std::max<int64_t>(o.getDimSize(1), 1);
  int64_t bytes =
      heads * std::max<int64_t>(o.getDimSize(2), 1) * int64_t(sizeof(float));
  int64_t groups =
      block.size() == 2 && block[1] > 0 ? llvm::divideCeil(heads, block[1]) : 1;
  int64_t parts =
      std::min({gpu.numUnits / groups, bytesOfParts / bytes, mostParts});
  return std::max<int64_t>(
      llvm::bit_floor(uint64_t(std::max<int64_t>(parts, 1))), wantedParts);
}

FailureOr<Schedule> peermla::scheduleAttention(mla::OnlineAttentionOp op,
                                               const GpuTarget &gpu) {
  if (std::optional<MmaTile> tile = chooseMmaTile(op, gpu)) {
    FailureOr<Schedule> schedule = complete(
        op, [&] { return SmallVector<int64_t>{tile->tokens, tile->heads}; },
        [&](ArrayRef<int64_t>) { return tile->keys; },
        [&](ArrayRef<int64_t> block) { return chooseParts(op, block, gpu); },
        "by matrix instructions");
    if (failed(schedule))
      return failure();
    schedule->attribute = useMma(schedule->attribute, *tile, op, gpu);
    return schedule;
  }
  return complete(
      op, [&] { return chooseThreadRows(op, gpu); },
      [](ArrayRef<int64_t>) { return keysOfGpu; },
      [&](ArrayRef<int64_t> block) { return chooseParts(op, block, gpu); },
      "accumulators in a fifth of " + std::to_string(gpu.sharedBytesPerBlock) +
          " B");
}

SmallVector<tile::ScheduleAttr>
peermla::getSmallerSchedules(mla::OnlineAttentionOp op,
                             tile::ScheduleAttr schedule,
                             const GpuTarget &gpu) {
  SmallVector<tile::ScheduleAttr> smaller;
  if (!hasKeysPerHead(op) || op.isPaged() || schedule.getWarps().empty())
    return smaller;
  for (const MmaTile &tile : getTilesPerHead(op, gpu)) {
    if (tile.tokens >= schedule.getBlock().front() || !fits(op, tile, gpu))
      continue;
    auto plain = tile::ScheduleAttr::get(
        op.getContext(), {tile.tokens, tile.heads}, {tile.keys},
        schedule.getRegisters(), /*split=*/0, schedule.getParts());
    smaller.push_back(useMma(plain, tile, op, gpu));
  }
  return smaller;
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
