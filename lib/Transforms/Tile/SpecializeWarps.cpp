//===- SpecializeWarps.cpp - some warps fill slots, others compute --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The producer is the backward slice of the fills of loops: their numbers,
// predicates and offsets, and the loops around them without what these carry.
// The consumer is all else. Fills that are no tensor copies get barriers.
//
//===----------------------------------------------------------------------===//

#include "Consumers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SPECIALIZEWARPS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static constexpr int64_t warpgroupThreads = 128;

static bool touchesTiles(Operation *op) {
  auto isTile = [](Type type) { return isa<RankedTensorType>(type); };
  return llvm::any_of(op->getOperandTypes(), isTile) ||
         llvm::any_of(op->getResultTypes(), isTile);
}

//===----------------------------------------------------------------------===//
// The producer
//===----------------------------------------------------------------------===//

namespace {

/// The ops of a function that fills need, and these.
class Slice {
public:
  /// Returns false if a tile or what a loop carries is among them.
  bool addFills(ArrayRef<Operation *> fills) {
    for (Operation *fill : fills)
      add(fill);
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
  bool hasFills(scf::ForOp loop) const {
    return loop
        .walk([&](Operation *op) {
          bool isFill = isa<tile::FillOp, tile::FillBoxOp>(op);
          return isFill && ops.contains(op) ? WalkResult::interrupt()
                                            : WalkResult::advance();
        })
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
    if (!specialize(function, schedule))
      separateLoops(function);
  }

  /// Whether warps have roles now.
  bool specialize(func::FuncOp function, tile::ScheduleAttr schedule) {
    const GpuTarget *target = GpuTarget::of(function);
    if (target && !target->hasTma) {
      function.emitRemark() << "all threads fill and compute: threads of "
                            << target->name << " cannot wait for fills";
      return false;
    }
    llvm::SetVector<tile::RingOp> inLoops, copied;
    function.walk([&](Operation *op) {
      Value ring;
      if (auto fill = dyn_cast<tile::FillOp>(op))
        ring = fill.getRing();
      else if (auto box = dyn_cast<tile::FillBoxOp>(op))
        ring = box.getRing();
      auto found = ring ? ring.getDefiningOp<tile::RingOp>() : tile::RingOp();
      if (!found || !op->getParentOfType<scf::ForOp>())
        return;
      inLoops.insert(found);
      if (isa<tile::FillOp>(op))
        copied.insert(found);
    });
    if (inLoops.empty())
      return false;
    int64_t registers = schedule.getRoles()[0];
    if (!copied.empty() && registers != 0 &&
        registers < tile::registersOfCopies) {
      function.emitRemark() << "all threads fill and compute: a loop has fills "
                               "that are no tensor copies";
      return false;
    }
    // Tensor copies in front of loops are made by the producer, too.
    SmallVector<Operation *> fills;
    function.walk([&](Operation *op) {
      auto fill = dyn_cast<tile::FillOp>(op);
      if (isa<tile::FillBoxOp>(op) ||
          (fill &&
           copied.contains(fill.getRing().getDefiningOp<tile::RingOp>())))
        fills.push_back(op);
    });
    Slice slice;
    if (!slice.addFills(fills)) {
      function.emitRemark()
          << "all threads fill and compute: fills depend on what they compute";
      return false;
    }
    if (failed(addBarriers(function, copied.getArrayRef())))
      return false;
    Builder b(&getContext());
    for (tile::RingOp ring : inLoops)
      ring.setConsumersAttr(
          b.getI64IntegerAttr(schedule.getWarps()[0] * schedule.getWarps()[1]));
    for (tile::RingOp ring : copied)
      ring.setProducersAttr(b.getI64IntegerAttr(warpgroupThreads));
    split(function, schedule, slice, fills);
    ++numSpecialized;
    return true;
  }

  /// Threads that copy themselves: in front of a loop that goes on in the slots
  /// of another one, no copy is on its way, and they have met. A fill that does
  /// not take place writes zeros, too.
  static void separateLoops(func::FuncOp function) {
    llvm::DenseSet<Value> used;
    for (Operation &op :
         llvm::make_early_inc_range(function.getFunctionBody().front())) {
      if (auto fill = dyn_cast<tile::FillOp>(op);
          fill && used.contains(fill.getRing())) {
        OpBuilder b(fill);
        Location loc = fill.getLoc();
        tile::RingType type = fill.getRing().getType();
        tile::ConsumeOp::create(b, loc, type.getTile(), fill.getRing(),
                                arith::ConstantIndexOp::create(b, loc, 0),
                                b.getI64IntegerAttr(0), /*rows=*/Value());
        used.clear();
      }
      op.walk([&](tile::FillOp fill) {
        if (fill->getParentOp() != function)
          used.insert(fill.getRing());
      });
    }
  }

  /// Barriers for fills and releases of rings, behind all else in shared
  /// memory.
  static LogicalResult addBarriers(func::FuncOp function,
                                   ArrayRef<tile::RingOp> rings) {
    auto shared = function->getAttrOfType<IntegerAttr>(tile::sharedBytesName);
    int64_t offset = llvm::alignTo(shared ? shared.getInt() : 0, barrierBytes);
    SmallVector<int64_t> offsets;
    for (tile::RingOp ring : rings) {
      offsets.push_back(offset);
      offset += getBytesOfBarriers(ring, /*hasRoles=*/true);
    }
    const GpuTarget *target = GpuTarget::of(function);
    if (target && offset > target->sharedBytesPerBlock) {
      function.emitRemark() << "all threads fill and compute: shared memory "
                               "has no room for barriers";
      return failure();
    }
    Builder b(function.getContext());
    for (auto [ring, at] : llvm::zip(rings, offsets))
      tile::RingOp(ring).setBarriersAttr(b.getI64IntegerAttr(at));
    if (!rings.empty())
      function->setAttr(tile::sharedBytesName, b.getI64IntegerAttr(offset));
    return success();
  }

  static void split(func::FuncOp function, tile::ScheduleAttr schedule,
                    Slice &slice, ArrayRef<Operation *> fills) {
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
    for (Operation *fill : fills)
      fill->erase();
  }
};

} // namespace
