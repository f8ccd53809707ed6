//===- FuseProjections.cpp - few tokens are projected where they select ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A selection has work items of few tokens of one head each, which need the
// queries of this head alone: computed there, they take no launch and no memory
// of their own. With many tokens the projection would read its weight once per
// block of the selection, by smaller tiles than its own: it stays.
//
// Scores are sums of parts then, so that few columns of queries at a time are
// accumulators of the projection.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "Versions.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/KernelPlan.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_FUSEPROJECTIONS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Tokens that are few, a multiple of all blocks'.
static constexpr int64_t fewTokens = 128;
/// Columns of queries that are accumulators at a time, and steps of sums.
static constexpr int64_t columnsOfPart = 64, unit = 64;
/// Bytes of shared memory for what is not counted.
static constexpr int64_t margin = 2048;

namespace {

/// A selection with what computes its scores.
class Selection {
public:
  explicit Selection(peer::SelectOp select) : select(select) {}

  /// Finds the projection, if it is there for the selection alone.
  bool match() {
    tile::ScheduleAttr schedule = getSchedule(select);
    if (!schedule || schedule.getWarps().empty() ||
        schedule.getInner().size() != 2 || schedule.getBlock().empty() ||
        schedule.getBlock().front() < 1)
      return false;
    int64_t tokens = schedule.getBlock().front();
    for (Value scores : select.getScores()) {
      auto product = scores.getDefiningOp<linalg::LinalgOp>();
      if (!product || !isContraction(product))
        return false;
      // A single column makes no tile, nor do sums of one product below.
      int64_t columns = getQueryType(product).getShape().back();
      if (ShapedType::isDynamic(columns) || columns < 2 ||
          !areRowsClear(tokens, columns))
        return false;
    }
    collect();
    const GpuTarget *gpu = GpuTarget::of(select);
    if (!projection || getDepth() < 2 || !areRowsClear(tokens, getDepth()) ||
        getSharedBytes() > gpu->sharedBytesPerBlock - margin)
      return false;
    // All of it is repeated: nobody else may read of it.
    for (Operation *op : ops)
      for (Operation *user : op->getUsers())
        if (op != select && !ops.contains(user))
          return false;
    return true;
  }

  /// Makes it two, for few tokens and for more.
  void version() {
    OpBuilder b(select);
    Value extent =
        tensor::DimOp::create(b, select.getLoc(), select.getGatesInit(), 0);
    auto fuseFew = [&](Version &few) {
      Operation *root = few.copies.lookup(projection);
      root->removeAttr(scheduleName);
      root->removeAttr(planName);
      planVersion(few, "projects its few tokens");
      for (OpOperand &scores :
           cast<peer::SelectOp>(few.root).getScoresMutable())
        splitSum(scores);
    };
    makeVersions(select, ops, extent, fewTokens, fuseFew, keepVersion);
  }

private:
  /// What TileAndFuse computes with the selection's tiles, with the projection
  /// among them.
  void collect() {
    ops = collectKernel(select);
    for (Operation *op : ops)
      for (Value operand : op->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            !projection && isa_and_nonnull<linalg::LinalgOp>(producer) &&
            producer->getBlock() == select->getBlock() &&
            getSchedule(producer) && isProjection(producer))
          projection = producer;
    if (projection)
      ops.insert_range(collectKernel(projection));
  }

  static RankedTensorType getQueryType(linalg::LinalgOp product) {
    return cast<RankedTensorType>(
        product.getDpsInputOperand(0)->get().getType());
  }

  /// What the projection sums over.
  int64_t getDepth() {
    int64_t depth = 0;
    for (Operation *op : ops)
      if (isContraction(op) && op->getNumOperands() == 3 &&
          getQueryType(cast<linalg::LinalgOp>(op)).getRank() == 2)
        depth = getQueryType(cast<linalg::LinalgOp>(op)).getShape().back();
    return depth;
  }

  /// What a block keeps in shared memory: the queries of all dimensions, two
  /// slots of the projection and of keys, scores and lists. Loops one after the
  /// other have the same slots, or, where a warp fills those of the next ones
  /// already, if they are alike. What takes a single step stays where it is.
  int64_t getSharedBytes() {
    tile::ScheduleAttr schedule = getSchedule(select);
    bool hasRoles = !schedule.getRoles().empty();
    int64_t rows = schedule.getBlock().front(), slots = 0, last = 0, bytes = 0;
    int64_t depth = getDepth(), bytesOfElement = 0;
    auto addSlots = [&](int64_t slot) {
      if (!hasRoles)
        slots = std::max(slots, slot);
      else if (slot != last)
        slots += slot;
      last = slot;
    };
    SmallVector<int64_t> slotsOfKeys;
    for (auto [scores, numKeys] :
         llvm::zip(select.getScores(), select.getNumKeys())) {
      RankedTensorType queries =
          getQueryType(scores.getDefiningOp<linalg::LinalgOp>());
      bytesOfElement = queries.getElementTypeBitWidth() / 8;
      int64_t columns = llvm::alignTo(queries.getShape().back(), unit);
      int64_t row = columns * bytesOfElement;
      int64_t keys = schedule.getInner().front();
      bytes += rows * row;
      if (numKeys > keys)
        slotsOfKeys.push_back(keys * row);
      else
        bytes += keys * row;
      int64_t step = (rows + columnsOfPart) * unit * bytesOfElement;
      // All queries come first.
      for (int64_t i = 0; i < columns; i += columnsOfPart)
        if (depth > unit)
          addSlots(step);
        else
          bytes += step;
    }
    llvm::for_each(slotsOfKeys, addSlots);
    if (hasRoles)
      bytes += tile::bytesForBarriers;
    return bytes + 2 * slots + getBytesOfSelection(select, schedule);
  }

  /// A kernel over tokens with a matrix product for matrix instructions.
  static bool isProjection(Operation *root) {
    auto type = cast<RankedTensorType>(root->getResult(0).getType());
    auto hasProduct = [](Operation *op) { return op && isContraction(op); };
    bool multiplies = hasProduct(root);
    for (Value operand : root->getOperands())
      multiplies |= hasProduct(operand.getDefiningOp());
    return multiplies && type.getRank() == 2 && !type.isDynamicDim(1) &&
           !getSchedule(root).getWarps().empty();
  }

  /// Scores of a part of the columns after the other.
  static void splitSum(OpOperand &scores) {
    auto product = scores.get().getDefiningOp<linalg::LinalgOp>();
    SmallVector<Value> factors{product.getDpsInputOperand(0)->get(),
                               product.getDpsInputOperand(1)->get()};
    int64_t columns =
        cast<RankedTensorType>(factors[0].getType()).getShape().back();
    SmallVector<AffineMap> maps = product.getIndexingMapsArray();
    bool endWithSum =
        maps[0].getResults().back() == maps[1].getResults().back();
    if (columns <= columnsOfPart || !endWithSum)
      return;
    OpBuilder b(product);
    Value sum = product.getDpsInitOperand(0)->get();
    for (int64_t first = 0; first < columns; first += columnsOfPart) {
      IRMapping part;
      for (Value factor : factors)
        part.map(factor, takeColumns(b, product.getLoc(), factor, first,
                                     std::min(columnsOfPart, columns - first)));
      part.map(product.getDpsInitOperand(0)->get(), sum);
      sum = b.clone(*product, part)->getResult(0);
    }
    scores.set(sum);
    product.erase();
  }

  static Value takeColumns(OpBuilder &b, Location loc, Value tensor,
                           int64_t first, int64_t count) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tensor);
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
    offsets.back() = b.getIndexAttr(first);
    sizes.back() = b.getIndexAttr(count);
    return tensor::ExtractSliceOp::create(b, loc, tensor, offsets, sizes,
                                          strides);
  }

  peer::SelectOp select;
  Operation *projection = nullptr;
  llvm::SetVector<Operation *> ops;
};

struct FuseProjections : peermla::impl::FuseProjectionsBase<FuseProjections> {
  using Base::Base;

  void runOnOperation() override {
    if (deterministic || getOperation().isExternal() ||
        !GpuTarget::of(getOperation()))
      return;
    SmallVector<peer::SelectOp> selects(
        getOperation().getFunctionBody().front().getOps<peer::SelectOp>());
    for (peer::SelectOp select : selects) {
      Selection selection(select);
      if (!selection.match())
        continue;
      selection.version();
      ++numFused;
    }
  }
};

} // namespace
