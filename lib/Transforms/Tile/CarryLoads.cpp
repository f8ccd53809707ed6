//===- CarryLoads.cpp - rows are loaded a step before their use -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An assembler may sink a load to its first use, but not across the back edge
// of a loop: rows that the loop carries are under way while others are worked
// on.
//
//   r = gather 0;  for j { work r; r = gather j + 1 };  work r
//
// This file says which op runs ahead; the upstream pipeliner rewrites. What the
// next loop gathers first starts behind the last work on rows before it, so
// that it is under way while threads hand over what they have.
//
//===----------------------------------------------------------------------===//

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_CARRYLOADS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using StageSchedule = std::vector<std::pair<Operation *, unsigned>>;

/// Whether the value is rows that all threads share.
static bool isRows(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return false;
  auto layout = dyn_cast_or_null<tile::RowsLayoutAttr>(type.getEncoding());
  return layout && layout.getLanes() == layout.getThreads();
}

static bool isGatherOfRows(Operation &op) {
  auto gather = dyn_cast<tile::GatherOp>(op);
  return gather && isRows(gather.getResult());
}

/// What `op` is computed from in its block, and itself.
static SetVector<Operation *> getSources(Operation *op) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  options.filter = [&](Operation *other) {
    return other->getBlock() == op->getBlock();
  };
  (void)getBackwardSlice(op, &slice, options);
  return slice;
}

/// The work first, then the gathers of the next iteration.
static StageSchedule getSchedule(scf::ForOp loop) {
  SetVector<Operation *> early;
  for (Operation &op : loop.getBody()->without_terminator())
    if (isGatherOfRows(op))
      early.insert_range(getSources(&op));
  StageSchedule schedule;
  for (bool isEarly : {false, true})
    for (Operation &op : loop.getBody()->without_terminator())
      if (early.contains(&op) == isEarly)
        schedule.emplace_back(&op, isEarly ? 0 : 1);
  return schedule;
}

static int64_t getTripCount(scf::ForOp loop) {
  std::optional<int64_t> lower = getConstantIntValue(loop.getLowerBound());
  std::optional<int64_t> upper = getConstantIntValue(loop.getUpperBound());
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  if (!lower || !upper || !step)
    return 0;
  return llvm::divideCeil(std::max<int64_t>(*upper - *lower, 0), *step);
}

/// Moves a gather, with what it needs, behind the last work on rows before it,
/// unless scratch that it reads is written in between.
static void moveUp(Operation *gather) {
  Operation *anchor = nullptr;
  for (Operation *op = gather->getPrevNode(); op && !anchor;
       op = op->getPrevNode())
    if (op->getNumRegions() != 0 || llvm::any_of(op->getOperands(), isRows))
      anchor = op;
  if (!anchor)
    return;
  SmallVector<Operation *> moved;
  llvm::DenseSet<Value> read;
  SetVector<Operation *> slice = getSources(gather);
  for (Operation *op = anchor->getNextNode(); op != gather->getNextNode();
       op = op->getNextNode()) {
    if (!slice.contains(op))
      continue;
    moved.push_back(op);
    if (auto load = dyn_cast<tile::LoadOp>(op))
      read.insert(load.getSource());
  }
  for (Operation *op = anchor; op != gather; op = op->getNextNode())
    if (auto store = dyn_cast<tile::StoreOp>(op))
      if (read.contains(store.getTarget()))
        return;
  for (Operation *op : llvm::reverse(moved))
    op->moveAfter(anchor);
}

namespace {

struct CarryLoads : peermla::impl::CarryLoadsBase<CarryLoads> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (llvm::any_of(*loop.getBody(), isGatherOfRows))
        loops.push_back(loop);
    });
    for (scf::ForOp loop : loops)
      moveLoopInvariantCode(cast<LoopLikeOpInterface>(*loop));
    for (scf::ForOp loop : loops)
      if (getTripCount(loop) > 1 && failed(pipeline(loop))) {
        loop.emitError("cannot be pipelined");
        return signalPassFailure();
      }
    SmallVector<Operation *> first;
    getOperation().walk([&](Operation *op) {
      if (isGatherOfRows(*op) && !op->getParentOfType<scf::ForOp>())
        first.push_back(op);
    });
    for (Operation *op : first)
      moveUp(op);
  }

  LogicalResult pipeline(scf::ForOp loop) {
    scf::PipeliningOption options;
    options.getScheduleFn = [](scf::ForOp loop, StageSchedule &schedule) {
      schedule = getSchedule(loop);
    };
    options.peelEpilogue = true;
    IRRewriter rewriter(loop.getContext());
    rewriter.setInsertionPoint(loop);
    if (failed(scf::pipelineForLoop(rewriter, loop, options)))
      return failure();
    ++numPipelined;
    return success();
  }
};

} // namespace
