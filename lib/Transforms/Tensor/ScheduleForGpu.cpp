//===- ScheduleForGpu.cpp - work items that are blocks of threads ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block is worth its launch if its threads have elements enough, and what its
// ops hand on to each other must fit in shared memory:
//
//   products     tiles of 64 rows and up to 128 columns, one matrix of a batch,
//                in steps of 64 through three slots, by four warps, which are
//                a warpgroup where the target has them and types are narrow
//   selection    128 or 64 tokens of one head, or, without matrix instructions,
//                as many as have scores of a sixth of that memory
//   experts      one token, or a part of its retrievals while tokens are few;
//                enough warps that a thread has one or two pieces of 16 bytes
//                of a row, and rows enough together that it has 8 on their way
//   rows         rows of about a thousand elements together, long ones alone
//   weights      about four thousand elements
//
// Attention is in ScheduleAttention.cpp.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "peermla/Dialect/Peer/IR/Peer.h"

using namespace mlir;
using namespace peermla;

static constexpr int64_t productRows = 64, productColumns = 64,
                         wideColumns = 128;
/// Bytes of a step along the sum, the slots that steps go through, and the
/// warps of a block.
static constexpr int64_t productStepBytes = 128, productStages = 3;
static constexpr int64_t productWarps[] = {2, 2}, wideProductWarps[] = {2, 4},
                         warpgroup[] = {4, 1};
static constexpr int64_t elementsOfRows = 1024, elementsOfWeights = 4096;
static constexpr int64_t maxTokens = 8;
/// Sub-keys that are scored together, and experts that a thread can keep.
static constexpr int64_t selectedKeys = 64, maxSelectedExperts = 32;
/// Registers of a thread for lists and sums, as of peermla-park-values.
static constexpr int64_t registersOfValues = 160;
/// Parts of a token's retrievals, at most, and tokens that are few.
static constexpr int64_t maxParts = 8, fewTokens = 32;
/// Pieces of rows that a thread has on their way, warps of a block with one
/// piece of a row per thread, and with more.
static constexpr int64_t piecesOnTheirWay = 8, narrowWarps = 4, wideWarps = 16;

bool peermla::hasMmaTypes(linalg::LinalgOp op) {
  auto element = [](Value value) { return getElementTypeOrSelf(value); };
  Type type = element(op->getOperand(0));
  return op.getNumDpsInputs() == 2 && type == element(op->getOperand(1)) &&
         (type.isBF16() || type.isF16() || type.isF32()) &&
         element(op->getResult(0)).isF32();
}

/// A tile of the result: 64 rows of the outermost dimension, 64 or 128 columns
/// of the innermost.
static Schedule scheduleProduct(const Kernel &kernel, const GpuTarget &gpu) {
  RankedTensorType type = kernel.getType();
  SmallVector<int64_t> tile(type.getRank(), 1);
  tile.front() = productRows;
  tile.back() = productColumns;
  if (type.getRank() < 2 || !hasMmaTypes(kernel.getContraction()))
    return {cutResult(kernel, tile), "a tile of a matrix product"};
  int64_t bits = getElementTypeOrSelf(kernel.getContraction()->getOperand(0))
                     .getIntOrFloatBitWidth();
  bool isWide = type.getShape().back() >= wideColumns;
  if (isWide)
    tile.back() = wideColumns;
  bool isWgmma = gpu.hasWgmma && bits == 16;
  // A factor of f32 is two numbers in registers.
  ArrayRef<int64_t> warps = productWarps;
  if (isWgmma)
    warps = warpgroup;
  else if (isWide && bits == 32)
    warps = wideProductWarps;
  return {tile::ScheduleAttr::get(
              type.getContext(), cutResult(kernel, tile).getBlock(),
              {8 * productStepBytes / bits}, {}, /*split=*/0, /*parts=*/0,
              warps, productStages,
              isWgmma ? tile::Instructions::Wgmma : tile::Instructions::MmaSync,
              /*roles=*/ArrayRef<int64_t>()),
          "a tile of a matrix product for matrix instructions"};
}

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

/// Tokens of a block whose scores are products of matrix instructions and are
/// selected from by a thread per token: as many as fit with their queries,
/// blocks of keys in two slots, or one where a dimension has one block, a block
/// of scores, and lists that wait; 0 if none do.
static int64_t getSelectedTokens(const Kernel &kernel, const GpuTarget &gpu) {
  auto op = cast<peer::SelectOp>(kernel.root);
  int64_t columns = 0, slots = 0, single = 0;
  bool hasTypes = true, waits = false;
  Type element;
  for (auto [scores, numKeys] : llvm::zip(op.getScores(), op.getNumKeys())) {
    auto product = scores.getDefiningOp<linalg::LinalgOp>();
    if (!product || !llvm::is_contained(kernel.members, product) ||
        !hasMmaTypes(product))
      return 0;
    auto keys = cast<RankedTensorType>(product->getOperand(1).getType());
    element = keys.getElementType();
    int64_t width = llvm::alignTo(keys.getShape().back(), selectedKeys);
    columns += width;
    waits |= columns > width && numKeys > selectedKeys;
    // Loops behind each other have their slots in the same place.
    if (numKeys > selectedKeys)
      slots = std::max(slots, 2 * width);
    else
      single += width;
  }
  for (Value init : op.getInits()) {
    auto type = cast<RankedTensorType>(init.getType());
    hasTypes &= type.getElementType().getIntOrFloatBitWidth() == 32;
  }
  int64_t k = op.getK(), T = kernel.getType().getDimSize(0);
  if (!hasTypes || k < 2 || k > maxSelectedExperts)
    return 0;
  int64_t ofToken = (selectedKeys + 4) * int64_t(sizeof(float)) +
                    (waits ? getWaitingBytes(k, element) : 0);
  for (int64_t tokens : {2 * productRows, productRows}) {
    int64_t bytes = (tokens * columns + selectedKeys * (slots + single)) *
                        element.getIntOrFloatBitWidth() / 8 +
                    tokens * ofToken;
    if (bytes <= gpu.sharedBytesPerBlock &&
        (ShapedType::isDynamic(T) || T >= tokens))
      return tokens;
  }
  return 0;
}

static Schedule scheduleTokensOfHead(const Kernel &kernel,
                                     const GpuTarget &gpu) {
  if (int64_t selected = getSelectedTokens(kernel, gpu)) {
    SmallVector<int64_t> tile(kernel.getType().getRank(), 0);
    tile[0] = selected;
    tile[1] = 1;
    return {tile::ScheduleAttr::get(
                kernel.root->getContext(), cutResult(kernel, tile).getBlock(),
                {selectedKeys}, {}, /*split=*/0, /*parts=*/0,
                ArrayRef<int64_t>{selected / 32, 1}, /*stages=*/2),
            "tokens of one head, one per thread"};
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

/// Warps that read a row together, and rows read together: for experts whose
/// rows have no more pieces than threads of a block can have on their way.
static std::pair<int64_t, int64_t> getGatherShape(peer::ExpertMlpOp op) {
  Type element = getElementTypeOrSelf(op.getX().getType());
  int64_t columns = 0;
  for (Value table : {op.getDown(), op.getUp()})
    for (int64_t extent :
         cast<RankedTensorType>(table.getType()).getShape().drop_front())
      columns = std::max(columns, extent);
  int64_t ofWarp = 32 * 128 / element.getIntOrFloatBitWidth();
  int64_t parts = llvm::divideCeil(std::max<int64_t>(columns, 1), ofWarp);
  int64_t pieces = 1;
  while (pieces < piecesOnTheirWay &&
         parts > pieces * (pieces == 1 ? narrowWarps : wideWarps))
    pieces *= 2;
  int64_t warps = llvm::divideCeil(parts, pieces);
  if (warps > wideWarps || op.getNeuronsInit())
    return {0, 0};
  return {warps, piecesOnTheirWay / pieces};
}

static Schedule scheduleTokenOfExperts(const Kernel &kernel) {
  auto op = cast<peer::ExpertMlpOp>(kernel.root);
  auto indices = cast<RankedTensorType>(op.getIndices().getType());
  int64_t heads = indices.getDimSize(1), ranks = indices.getDimSize(2);
  SmallVector<int64_t> part{0, 0, 0};
  int64_t split = 0;
  if (heads > 0 && ranks > 0) { // Static, and there are some.
    part[1] = llvm::divideCeil(heads, maxParts);
    part[2] = llvm::divideCeil(ranks, std::max<int64_t>(maxParts / heads, 1));
    if (part[1] < heads || part[2] < ranks)
      split = fewTokens;
  }
  std::string reason = "a token";
  if (split)
    reason += "; parts of [" + std::to_string(part[1]) + ", " +
              std::to_string(part[2]) + "] retrievals up to " +
              std::to_string(split) + " tokens";
  auto [warps, rows] = getGatherShape(op);
  if (warps == 0)
    return {
        tile::ScheduleAttr::get(op.getContext(), {1, 0, 0}, part, {}, split),
        reason};
  reason += "; " + std::to_string(warps) + " warps read " +
            std::to_string(rows) + " rows together";
  return {tile::ScheduleAttr::get(op.getContext(), {1, 0, 0}, part, {rows, 1},
                                  split, /*parts=*/0,
                                  ArrayRef<int64_t>{warps, 1}, /*stages=*/0),
          reason};
}

static Schedule scheduleRowsOfTokens(const Kernel &kernel) {
  RankedTensorType type = kernel.getType();
  int64_t elements = 1;
  for (int64_t extent : type.getShape().drop_front())
    elements *=
        ShapedType::isDynamic(extent) ? 1 : std::max<int64_t>(extent, 1);
  SmallVector<int64_t> tile(type.getRank(), 0);
  tile[0] = std::max<int64_t>(1, elementsOfRows / elements);
  return {cutResult(kernel, tile), "rows of " + std::to_string(elements)};
}

/// Cuts outer dimensions to 1 until the rest is small enough to be cut once.
static Schedule scheduleElements(const Kernel &kernel) {
  RankedTensorType type = kernel.getType();
  SmallVector<utils::IteratorType> loops;
  if (!isa<linalg::LinalgOp>(kernel.root))
    loops = cast<TilingInterface>(kernel.root).getLoopIteratorTypes();
  SmallVector<int64_t> tile(type.getRank(), 0);
  for (auto [dim, extent] : llvm::enumerate(type.getShape())) {
    bool isReduced =
        dim < loops.size() && loops[dim] == utils::IteratorType::reduction;
    if (isReduced)
      continue;
    int64_t inner = 1;
    for (int64_t other : type.getShape().drop_front(dim + 1))
      inner *= ShapedType::isDynamic(other) ? 1 : std::max<int64_t>(other, 1);
    tile[dim] = std::max<int64_t>(1, elementsOfWeights / inner);
    if (inner < elementsOfWeights)
      break;
  }
  return {cutResult(kernel, tile),
          "about " + std::to_string(elementsOfWeights) + " elements"};
}

Schedule peermla::scheduleForGpu(const Kernel &kernel, const GpuTarget &gpu) {
  if (isa<peer::SelectOp>(kernel.root))
    return scheduleTokensOfHead(kernel, gpu);
  if (isa<peer::ExpertMlpOp>(kernel.root))
    return scheduleTokenOfExperts(kernel);
  if (kernel.getContraction())
    return scheduleProduct(kernel, gpu);
  if (kernel.getType().isDynamicDim(0))
    return scheduleRowsOfTokens(kernel);
  return scheduleElements(kernel);
}
