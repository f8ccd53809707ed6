//===- SelectionForGpu.cpp - tokens of one head that a block selects for --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block has 128 to 16 tokens of one head: as many as fit in shared memory
// with their queries, blocks of keys, scores and lists that wait. A thread
// keeps the list of a token in registers, or, where lists are long or tokens
// few, lanes of a warp do together. Queries that are too wide even for 16
// tokens are scored by a kernel of their own, and selection reads its scores
// from memory. Lists of more than 512 experts are made by threads in plain
// loops, for as many tokens as have scores of a sixth of shared memory.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "peermla/Dialect/Peer/IR/Peer.h"

using namespace mlir;
using namespace peermla;

/// Sub-keys that are scored together; experts that a thread keeps alone, that
/// it keeps of a longer list, and at most; warps that share rows of a list.
static constexpr int64_t selectedKeys = 64, expertsOfThread = 32,
                         expertsOfLane = 16, maxExpertsOfLane = 32,
                         maxWarpsOfRows = 8;
/// Registers of a thread for lists and sums, as of peermla-park-values.
static constexpr int64_t registersOfValues = 160;
/// Tokens of a block, at most, whose experts threads select in plain loops.
static constexpr int64_t maxTokens = 8;

/// Bytes of shared memory in which a token's list of the best waits while other
/// keys are looked through: its scores, then its ids, where registers are too
/// few for it, the next list and the sums of a product - of f32 beside the two
/// parts of factors. What peermla-park-values finds, before the program is.
static int64_t getWaitingBytes(int64_t k, Type element) {
  int64_t size = llvm::PowerOf2Ceil(k);
  int64_t sums = element.isF32() ? selectedKeys * 3 / 2 : selectedKeys;
  int64_t registers = sums + 2 * size + 2 * size, parked = 0;
  for (; registers > registersOfValues && parked < 2; ++parked)
    registers -= size;
  return parked * (size | 1) * 4;
}

namespace {

/// How a block selects for its tokens.
struct Selection {
  /// 0 if it cannot do so by a tile program.
  int64_t tokens = 0;
  /// Along tokens, and that share those of a row of warps.
  int64_t warps[2] = {0, 0};

  int64_t getLanes() const { return 32 * warps[0] * warps[1] / tokens; }
};

} // namespace

/// The shapes that a block may have, the best one first.
static SmallVector<Selection> getSelectionShapes(int64_t k) {
  if (k <= expertsOfThread)
    return {{128, {4, 1}}, {64, {2, 1}}, {32, {2, 1}}, {16, {1, 1}}};
  // A warp has 16 rows, so that two lanes of it share one.
  int64_t size = llvm::PowerOf2Ceil(k);
  int64_t warps = std::min(size / expertsOfLane / 2, maxWarpsOfRows);
  if (size / (2 * warps) > maxExpertsOfLane)
    return {};
  if (warps == maxWarpsOfRows)
    return {{16, {1, warps}}};
  return {{32, {2, warps}}, {16, {1, warps}}};
}

/// Bytes of shared memory for a token, without its queries: the scores of a
/// block of keys, if `element` says what they are products of, and lists that
/// wait for each other.
static int64_t getBytesOfToken(peer::SelectOp op, const Selection &shape,
                               Type element, bool waits) {
  int64_t size = std::max<int64_t>(2, llvm::PowerOf2Ceil(op.getK()));
  bool isAlone = shape.getLanes() == 1;
  int64_t bytes = 0;
  if (element)
    bytes = ((isAlone ? selectedKeys : std::max(size, selectedKeys)) + 4) *
            int64_t(sizeof(float));
  if (isAlone)
    return bytes + (waits ? getWaitingBytes(op.getK(), element) : 0);
  int64_t lists = op.getNumKeys().size() > 1 ? 2 : 0;
  return bytes + lists * (size + 1) * int64_t(sizeof(float) + sizeof(int32_t));
}

/// The first shape that fits in shared memory: scores and lists, and, of scores
/// that are `products` of the block, queries and blocks of keys in two slots,
/// or one where a dimension has one block.
static Selection getSelection(peer::SelectOp op,
                              ArrayRef<linalg::LinalgOp> products,
                              const GpuTarget &gpu) {
  int64_t columns = 0, slots = 0, single = 0, bytesOfElement = 0;
  bool waits = false;
  Type element;
  for (linalg::LinalgOp product : products) {
    if (!hasMmaTypes(product))
      return {};
    auto keys = cast<RankedTensorType>(product->getOperand(1).getType());
    element = keys.getElementType();
    bytesOfElement = element.getIntOrFloatBitWidth() / 8;
    int64_t width = llvm::alignTo(keys.getShape().back(), selectedKeys);
    int64_t numKeys =
        cast<RankedTensorType>(product->getResult(0).getType()).getShape()[2];
    columns += width;
    waits |= columns > width && numKeys > selectedKeys;
    // Loops behind each other have their slots in the same place.
    if (numKeys > selectedKeys)
      slots = std::max(slots, 2 * width);
    else
      single += width;
  }
  for (Value init : op.getInits())
    if (getElementTypeOrSelf(init.getType()).getIntOrFloatBitWidth() != 32)
      return {};
  int64_t T = cast<RankedTensorType>(op.getGatesInit().getType()).getDimSize(0);
  for (const Selection &shape : getSelectionShapes(op.getK())) {
    int64_t bytes = (shape.tokens * columns + selectedKeys * (slots + single)) *
                        bytesOfElement +
                    shape.tokens * getBytesOfToken(op, shape, element, waits);
    if (bytes <= gpu.sharedBytesPerBlock &&
        (ShapedType::isDynamic(T) || T >= shape.tokens))
      return shape;
  }
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
    int64_t lanes = shape.getLanes();
    std::string threads = lanes == 1
                              ? "one per thread"
                              : std::to_string(lanes) + " threads for each";
    return {tile::ScheduleAttr::get(kernel.root->getContext(),
                                    cutResult(kernel, tile).getBlock(),
                                    {selectedKeys}, {}, /*split=*/0,
                                    /*parts=*/0, shape.warps, /*stages=*/2),
            "tokens of one head, " + threads};
  }
  int64_t bytes = 0;
  for (int64_t keys : cast<peer::SelectOp>(kernel.root).getNumKeys())
    bytes += keys * sizeof(float);
  int64_t tokens = 1;
  while (tokens < maxTokens &&
         2 * tokens * bytes <= gpu.sharedBytesPerBlock / 6)
    tokens *= 2;
  SmallVector<int64_t> tile(kernel.getType().getRank(), 0);
  tile[0] = tokens;
  tile[1] = 1;
  return {cutResult(kernel, tile), "scores of one head take " +
                                       formatBytes(tokens * bytes) + " of " +
                                       formatBytes(gpu.sharedBytesPerBlock)};
}
