//===- SelectionForGpu.cpp - tokens of one head that a block selects for --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block has the tokens of one head that fit in shared memory with their
// queries, blocks of keys, scores and lists: 32 or 16, for each of which lanes
// of a warp scan all scores of a dimension at once, or as many as there is room
// for. Queries that are too wide even for 16 tokens are scored by a kernel of
// their own, and selection reads its scores from memory. Lists of more than 512
// experts are made by threads in plain loops, for as many tokens as have scores
// of a sixth of shared memory and lists of a half.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "peermla/Dialect/Peer/IR/Peer.h"

using namespace mlir;
using namespace peermla;

/// Sub-keys that are scored together, if there is room for the larger number,
/// those that are scanned together at least, where others leave room for so
/// many, and scores of a lane at most.
static constexpr int64_t manyKeys = 128, fewKeys = 64, minScanned = 256,
                         scoresOfLane = 128;
/// Experts of a list at least, and those of a lane, which are in registers.
static constexpr int64_t minExperts = 16, expertsOfLane = 16,
                         maxExpertsOfLane = 32;
/// Floats between rows of scores; what columns of tiles are rounded up to.
static constexpr int64_t gapOfScores = 8, tileUnit = 64;
/// Tokens of a block, at most, whose experts threads select in plain loops.
static constexpr int64_t maxTokens = 8;

namespace {

/// How a block selects for its tokens.
struct Selection {
  /// 0 if it cannot do so by a tile program.
  int64_t tokens = 0;
  /// Along tokens, and that share those of a row of warps.
  int64_t warps[2] = {0, 0};
  /// Sub-keys that are scored together, and that lanes scan together.
  int64_t scored = 0, scanned = 0;

  int64_t getLanes() const { return 32 * warps[0] * warps[1] / tokens; }
  /// Whether a warp brings keys by tensor copies while others select.
  static bool hasRoles(const GpuTarget &gpu) {
    return gpu.hasTma && gpu.hasSetMaxRegisters;
  }
};

} // namespace

/// The shapes that a block may have, the best one first: with few blocks of
/// scores of up to `numKeys` sub-keys, for many tokens.
static SmallVector<Selection> getSelectionShapes(int64_t k, int64_t numKeys) {
  int64_t size = std::max<int64_t>(minExperts, llvm::PowerOf2Ceil(k));
  SmallVector<Selection> shapes, small;
  for (Selection shape : {Selection{32, {2, 4}}, Selection{16, {1, 8}}}) {
    int64_t experts = size / shape.getLanes();
    if (experts > (shape.tokens == 16 ? maxExpertsOfLane : expertsOfLane))
      continue;
    for (int64_t blocks = 1; blocks * fewKeys < numKeys + fewKeys; ++blocks)
      for (int64_t scored : {manyKeys, fewKeys}) {
        shape.scored = scored;
        shape.scanned =
            llvm::alignTo(llvm::divideCeil(numKeys, blocks), scored);
        if (shape.scanned > scoresOfLane * shape.getLanes() ||
            (scored == manyKeys && numKeys <= fewKeys))
          continue;
        bool isLarge = shape.scanned >= std::min(numKeys, minScanned);
        (isLarge ? shapes : small).push_back(shape);
      }
  }
  shapes.append(small);
  return shapes;
}

/// Bytes of shared memory for the scores and lists of a token.
static int64_t getBytesOfToken(peer::SelectOp op, int64_t scanned) {
  int64_t size = std::max<int64_t>(minExperts, llvm::PowerOf2Ceil(op.getK()));
  int64_t bytes = (scanned + gapOfScores) * sizeof(float);
  if (op.getNumKeys().size() == 1)
    return bytes + size * sizeof(int32_t);
  // Two lists of scores and numbers.
  return bytes + 2 * (size + 1) * (sizeof(float) + sizeof(int32_t));
}

int64_t peermla::getBytesOfSelection(Operation *select,
                                     tile::ScheduleAttr schedule) {
  return schedule.getBlock().front() *
         getBytesOfToken(cast<peer::SelectOp>(select),
                         schedule.getInner().back());
}

bool peermla::areRowsClear(int64_t tokens, int64_t columns) {
  int64_t part = columns % tileUnit;
  return tokens % tileUnit == 0 || tokens != (part ? part : tileUnit);
}

/// The first shape that fits in shared memory: scores and lists, and, of scores
/// that are `products` of the block, queries and blocks of keys in two slots,
/// or one where a dimension has one block.
static Selection getSelection(peer::SelectOp op,
                              ArrayRef<linalg::LinalgOp> products,
                              const GpuTarget &gpu) {
  SmallVector<int64_t> widths, keysOfWidths;
  int64_t bytesOfElement = 0;
  for (linalg::LinalgOp product : products) {
    if (!hasMmaTypes(product))
      return {};
    auto keys = cast<RankedTensorType>(product->getOperand(1).getType());
    bytesOfElement = keys.getElementTypeBitWidth() / 8;
    widths.push_back(keys.getShape().back());
    keysOfWidths.push_back(
        cast<RankedTensorType>(product->getResult(0).getType()).getShape()[2]);
  }
  for (Value init : op.getInits())
    if (getElementTypeOrSelf(init.getType()).getIntOrFloatBitWidth() != 32)
      return {};
  bool hasRoles = Selection::hasRoles(gpu);
  int64_t T = cast<RankedTensorType>(op.getGatesInit().getType()).getDimSize(0);
  auto fits = [&](const Selection &shape) {
    int64_t columns = 0, slots = 0, single = 0, last = 0;
    for (auto [width, numKeys] : llvm::zip(widths, keysOfWidths)) {
      int64_t row = llvm::alignTo(width, tileUnit);
      columns += row;
      // Loops behind each other have their slots in the same place; where a
      // warp fills those of the next one already, only if they are alike.
      if (numKeys <= shape.scored) {
        single += row;
        continue;
      }
      if (!hasRoles)
        slots = std::max(slots, 2 * row);
      else if (row != last)
        slots += 2 * row;
      last = row;
    }
    int64_t bytes = (shape.tokens * columns + shape.scored * (single + slots)) *
                        bytesOfElement +
                    shape.tokens * getBytesOfToken(op, shape.scanned) +
                    (hasRoles ? tile::bytesForBarriers : 0);
    return bytes <= gpu.sharedBytesPerBlock &&
           (ShapedType::isDynamic(T) || T >= shape.tokens);
  };
  int64_t numKeys = *llvm::max_element(op.getNumKeys());
  SmallVector<Selection> shapes = getSelectionShapes(op.getK(), numKeys);
  for (bool isClear : {true, false})
    for (const Selection &shape : shapes)
      if (isClear == llvm::all_of(widths,
                                  [&](int64_t width) {
                                    return areRowsClear(shape.tokens, width);
                                  }) &&
          fits(shape))
        return shape;
  return {};
}

/// The matrix products that scores are.
static SmallVector<linalg::LinalgOp> getProducts(peer::SelectOp op) {
  SmallVector<linalg::LinalgOp> products;
  for (Value scores : op.getScores()) {
    Operation *product = scores.getDefiningOp();
    if (product && isContraction(product))
      products.push_back(cast<linalg::LinalgOp>(product));
  }
  return products;
}

bool peermla::selectsFromProducts(Operation *select, const GpuTarget &gpu) {
  auto op = cast<peer::SelectOp>(select);
  // Where no block could, threads compute them beside their plain loops.
  return getSelection(op, getProducts(op), gpu).tokens > 0 ||
         getSelection(op, {}, gpu).tokens == 0;
}

/// How a block selects where products are among the members of the kernel.
static Selection getSelection(const Kernel &kernel, const GpuTarget &gpu) {
  auto op = cast<peer::SelectOp>(kernel.root);
  SmallVector<linalg::LinalgOp> products = getProducts(op);
  llvm::erase_if(products, [&](linalg::LinalgOp product) {
    return !llvm::is_contained(kernel.members, product);
  });
  return getSelection(op, products, gpu);
}

Schedule peermla::scheduleSelectionForGpu(const Kernel &kernel,
                                          const GpuTarget &gpu) {
  if (Selection shape = getSelection(kernel, gpu); shape.tokens > 0) {
    SmallVector<int64_t> tile(kernel.getType().getRank(), 0);
    tile[0] = shape.tokens;
    tile[1] = 1;
    ArrayRef<int64_t> roles;
    if (Selection::hasRoles(gpu))
      roles = rolesOfBoxes;
    return {tile::ScheduleAttr::get(
                kernel.root->getContext(), cutResult(kernel, tile).getBlock(),
                {shape.scored, shape.scanned}, {}, /*split=*/0, /*parts=*/0,
                shape.warps, /*stages=*/2, tile::Instructions::MmaSync, roles),
            "tokens of one head, each by " + std::to_string(shape.getLanes()) +
                " threads that scan " + std::to_string(shape.scanned) +
                " scores at a time"};
  }
  // Scores, and a list of each dimension and of each sum.
  auto op = cast<peer::SelectOp>(kernel.root);
  int64_t bytes = 0, lists = 2 * op.getNumKeys().size() - 1;
  for (int64_t keys : op.getNumKeys())
    bytes += keys * sizeof(float);
  int64_t listBytes = lists * op.getK() * (sizeof(float) + sizeof(int32_t));
  int64_t tokens = 1;
  while (tokens < maxTokens &&
         2 * tokens * bytes <= gpu.sharedBytesPerBlock / 6 &&
         2 * tokens * listBytes <= gpu.sharedBytesPerBlock / 2)
    tokens *= 2;
  SmallVector<int64_t> tile(kernel.getType().getRank(), 0);
  tile[0] = tokens;
  tile[1] = 1;
  return {cutResult(kernel, tile), "scores of one head take " +
                                       formatBytes(tokens * bytes) + " of " +
                                       formatBytes(gpu.sharedBytesPerBlock)};
}
