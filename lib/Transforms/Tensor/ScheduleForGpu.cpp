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
//   experts      one token, or a part of its retrievals while tokens are few;
//                enough warps that a thread has one or two pieces of 16 bytes
//                of a row, and rows enough together that it has 8 on their way
//   rows         rows of about a thousand elements together, long ones alone
//   weights      about four thousand elements
//
// Attention is in ScheduleAttention.cpp, selection in SelectionForGpu.cpp.
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
    return scheduleSelectionForGpu(kernel, gpu);
  if (isa<peer::ExpertMlpOp>(kernel.root))
    return scheduleTokenOfExperts(kernel);
  if (kernel.getContraction())
    return scheduleProduct(kernel, gpu);
  if (kernel.getType().isDynamicDim(0))
    return scheduleRowsOfTokens(kernel);
  return scheduleElements(kernel);
}
