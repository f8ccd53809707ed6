//===- SpecializeWarps.cpp - some warps fill slots, others compute --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The producer is the backward slice of the fills: their numbers, predicates
// and offsets, and the loops around them without what these carry. The consumer
// is all else.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SPECIALIZEWARPS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static bool touchesTiles(Operation *op) {
  auto isTile = [](Type type) { return isa<RankedTensorType>(type); };
  return llvm::any_of(op->getOperandTypes(), isTile) ||
         llvm::any_of(op->getResultTypes(), isTile);
}

//===----------------------------------------------------------------------===//
// The producer
//===----------------------------------------------------------------------===//

namespace {

/// The ops of a function that its fills need.
class Slice {
public:
  /// Returns false if a tile or what a loop carries is among them.
  bool addFillsOf(func::FuncOp function) {
    function.walk([&](tile::FillBoxOp fill) { add(fill); });
    while (isScalar && !todo.empty())
      visit(todo.pop_back_val());
    return isScalar;
  }

  /// Copies those of a block to the builder's place.
  void clone(Block &block, OpBuilder &b, IRMapping &mapping) {
    for (Operation &op : block.without_terminator()) {
      if (!ops.contains(&op) || isa<tile::RingOp>(op))
        continue;
      auto loop = dyn_cast<scf::ForOp>(op);
      if (!loop || !hasFills(loop)) {
        b.clone(op, mapping);
        continue;
      }
      auto copy = scf::ForOp::create(
          b, loop.getLoc(), mapping.lookupOrDefault(loop.getLowerBound()),
          mapping.lookupOrDefault(loop.getUpperBound()),
          mapping.lookupOrDefault(loop.getStep()));
      mapping.map(loop.getInductionVar(), copy.getInductionVar());
      OpBuilder inside = OpBuilder::atBlockTerminator(copy.getBody());
      clone(*loop.getBody(), inside, mapping);
    }
  }

private:
  static bool hasFills(scf::ForOp loop) {
    return loop.walk([](tile::FillBoxOp) { return WalkResult::interrupt(); })
        .wasInterrupted();
  }

  void add(Operation *op) {
    if (ops.insert(op))
      todo.push_back(op);
  }
  void addValue(Value value) {
    if (Operation *op = value.getDefiningOp())
      return add(op);
    auto argument = cast<BlockArgument>(value);
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    if (loop && argument != loop.getInductionVar())
      isScalar = false;
  }

  void visit(Operation *op) {
    auto loop = dyn_cast<scf::ForOp>(op);
    if (loop && hasFills(loop)) {
      for (Value bound :
           {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})
        addValue(bound);
    } else {
      if (touchesTiles(op))
        isScalar = false;
      llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
      getUsedValuesDefinedAbove(op->getRegions(), used);
      for (Value value : used)
        addValue(value);
    }
    Operation *parent = op->getParentOp();
    if (isa<scf::ForOp>(parent))
      add(parent);
    else if (!isa<func::FuncOp>(parent))
      isScalar = false;
  }

  llvm::SetVector<Operation *> ops;
  SmallVector<Operation *> todo;
  bool isScalar = true;
};

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

struct SpecializeWarps : peermla::impl::SpecializeWarpsBase<SpecializeWarps> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto schedule =
        function->getAttrOfType<tile::ScheduleAttr>(tile::programScheduleName);
    if (!schedule || schedule.getRoles().empty())
      return;
    bool fillsInLoops = false, copiesInLoops = false;
    function.walk([&](Operation *op) {
      if (op->getParentOfType<scf::ForOp>()) {
        fillsInLoops |= isa<tile::FillBoxOp>(op);
        copiesInLoops |= isa<tile::FillOp>(op);
      }
    });
    if (!fillsInLoops)
      return;
    if (copiesInLoops) {
      function.emitRemark() << "all threads fill and compute: a loop has fills "
                               "that are no tensor copies";
      return;
    }
    Slice slice;
    if (!slice.addFillsOf(function)) {
      function.emitRemark()
          << "all threads fill and compute: fills depend on what they compute";
      return;
    }
    addConsumers(function, schedule);
    specialize(function, schedule, slice);
    ++numSpecialized;
  }

  /// Barriers for releases of the rings that loops fill.
  static void addConsumers(func::FuncOp function, tile::ScheduleAttr schedule) {
    Builder b(function.getContext());
    int64_t warps = schedule.getWarps()[0] * schedule.getWarps()[1];
    function.walk([&](tile::FillBoxOp fill) {
      auto ring = fill.getRing().getDefiningOp<tile::RingOp>();
      if (ring && fill->getParentOfType<scf::ForOp>())
        ring.setConsumersAttr(b.getI64IntegerAttr(warps));
    });
  }

  static void specialize(func::FuncOp function, tile::ScheduleAttr schedule,
                         Slice &slice) {
    Block &body = function.getBody().front();
    Operation *end = body.getTerminator();
    OpBuilder b(end);
    ArrayRef<int64_t> roles = schedule.getRoles();
    DenseI64ArrayAttr registers;
    if (roles[0] != 0 || roles[1] != 0)
      registers = b.getDenseI64ArrayAttr(roles);
    auto op = tile::SpecializeOp::create(b, function.getLoc(), registers);
    IRMapping mapping;
    OpBuilder inProducer(op->getContext());
    inProducer.createBlock(&op.getProducer());
    slice.clone(body, inProducer, mapping);

    Block *consumer = b.createBlock(&op.getConsumer());
    for (Operation &other : llvm::make_early_inc_range(body))
      if (&other != op && &other != end && !isa<tile::RingOp>(other))
        other.moveBefore(consumer, consumer->end());
    op.getConsumer().walk([](tile::FillBoxOp fill) { fill.erase(); });
  }
};

} // namespace
