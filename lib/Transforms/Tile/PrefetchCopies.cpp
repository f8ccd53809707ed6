//===- PrefetchCopies.cpp - fill rings ahead of their use -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All threads fill and consume. With S slots the fill runs S - 1 iterations
// ahead:
//
//   fill 0 .. S-2;  for j { consume(j); fill(j + S-1) if it exists; work }
//
// This file says which op runs how far ahead; the upstream pipeliner rewrites.
//
//===----------------------------------------------------------------------===//

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_PREFETCHCOPIES
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using StageSchedule = std::vector<std::pair<Operation *, unsigned>>;

/// A copy of `value`, and of what it is computed from, in the block of `b`.
static Value cloneScalar(OpBuilder &b, Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != b.getInsertionBlock())
    return value;
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, cloneScalar(b, operand));
  return b.clone(*op, mapping)
      ->getResult(cast<OpResult>(value).getResultNumber());
}

/// Consumes first, then fills and the scalars that only they need, then the
/// work.
static StageSchedule getSchedule(scf::ForOp loop, unsigned ahead) {
  DenseSet<Operation *> early;
  for (Operation &op : llvm::reverse(loop.getBody()->without_terminator())) {
    bool isScalar =
        llvm::none_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>) &&
        isMemoryEffectFree(&op);
    auto isEarly = [&](Operation *user) { return early.contains(user); };
    if (isa<tile::FillOp>(op) ||
        (isScalar && !op.use_empty() && llvm::all_of(op.getUsers(), isEarly)))
      early.insert(&op);
  }
  SetVector<Operation *> consumes;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  options.filter = [&](Operation *op) {
    return op->getBlock() == loop.getBody();
  };
  for (auto consume : loop.getBody()->getOps<tile::ConsumeOp>())
    (void)getBackwardSlice(consume.getOperation(), &consumes, options);

  StageSchedule schedule;
  auto add = [&](auto &&isWanted, unsigned stage) {
    for (Operation &op : loop.getBody()->without_terminator())
      if (isWanted(&op))
        schedule.emplace_back(&op, stage);
  };
  add([&](Operation *op) { return consumes.contains(op); }, ahead);
  add(
      [&](Operation *op) {
        return early.contains(op) && !consumes.contains(op);
      },
      0);
  add(
      [&](Operation *op) {
        return !early.contains(op) && !consumes.contains(op);
      },
      ahead);
  return schedule;
}

namespace {

struct PrefetchCopies : peermla::impl::PrefetchCopiesBase<PrefetchCopies> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<tile::LoadOp> loads;
    getOperation().walk([&](tile::LoadOp load) {
      if (load.getRing())
        loads.push_back(load);
    });
    // Slots of the rings that each loop fills.
    llvm::MapVector<scf::ForOp, int64_t> loops;
    for (tile::LoadOp load : loads) {
      auto loop = dyn_cast<scf::ForOp>(load->getParentOp());
      if (!loop && load.getRing().getType().getSlots() > 1) {
        load.emitOpError("expects the loop that its ring was made for around "
                         "it");
        return signalPassFailure();
      }
      if (loop)
        loops[loop] = load.getRing().getType().getSlots();
    }
    for (auto [loop, slots] : loops)
      split(loop, slots, loads);
    for (tile::LoadOp load : loads)
      if (!isa<scf::ForOp>(load->getParentOp()))
        splitLoad(load, /*pending=*/0);
    for (tile::LoadOp load : loads)
      load.erase();
    for (auto [loop, slots] : loops)
      if (slots > 1 && failed(pipeline(loop, slots))) {
        loop.emitError("cannot be pipelined");
        return signalPassFailure();
      }
  }

  static void split(scf::ForOp loop, int64_t slots,
                    ArrayRef<tile::LoadOp> loads) {
    auto isOfLoop = [&](tile::LoadOp load) {
      return load->getParentOp() == loop;
    };
    int64_t rings = llvm::count_if(loads, isOfLoop);
    for (tile::LoadOp load : llvm::make_filter_range(loads, isOfLoop))
      splitLoad(load, rings * std::max<int64_t>(slots - 2, 0));
  }

  static void splitLoad(tile::LoadOp load, int64_t pending) {
    OpBuilder b(load);
    Location loc = load.getLoc();
    // What the fill needs is computed for it alone: it runs ahead.
    auto clone = [&](ValueRange values) {
      return llvm::map_to_vector(
          values, [&](Value value) { return cloneScalar(b, value); });
    };
    Value number = cloneScalar(b, load.getFill());
    SmallVector<Value> offsets = clone(load.getOffsets());
    SmallVector<Value> sizes = clone(load.getSizes());
    tile::FillOp::create(b, loc, load.getRing(), number, load.getSource(),
                         offsets, sizes, /*predicate=*/Value(), load.getTable(),
                         load.getSequence(), load.getDimsAttr(),
                         load.getGroupAttr());
    // Boxes with fewer rows than the tile say so once more.
    Value rows = load.getSizes().front();
    auto type = cast<RankedTensorType>(load.getResult().getType());
    if (load.getGroup() || isConstantIntValue(rows, type.getDimSize(0)))
      rows = Value();
    auto tile =
        tile::ConsumeOp::create(b, loc, type, load.getRing(), load.getFill(),
                                b.getI64IntegerAttr(pending), rows);
    load.getResult().replaceAllUsesWith(tile.getResult());
  }

  static LogicalResult pipeline(scf::ForOp loop, int64_t slots) {
    scf::PipeliningOption options;
    options.getScheduleFn = [=](scf::ForOp loop, StageSchedule &schedule) {
      schedule = getSchedule(loop, slots - 1);
    };
    options.supportDynamicLoops = true;
    options.peelEpilogue = false;
    options.predicateFn = [](RewriterBase &, Operation *op, Value predicate) {
      if (auto fill = dyn_cast<tile::FillOp>(op))
        fill.getPredicateMutable().assign(predicate);
      return op;
    };
    IRRewriter rewriter(loop.getContext());
    rewriter.setInsertionPoint(loop);
    return success(succeeded(scf::pipelineForLoop(rewriter, loop, options)));
  }
};

} // namespace
