//===- PeelMasks.cpp - iterations without a mask, then those with one -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The condition of a choice in a loop,
//
//   iv + offset > bound          offset, bound: the same in all iterations
//
// is false in some iterations, then true. The first with
// iv >= bound - offset + 1 starts the second loop.
//
//===----------------------------------------------------------------------===//

#include "Consumers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_PEELMASKS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// Where a condition of a loop becomes true.
struct Threshold {
  arith::CmpIOp condition;
  /// What is added to the induction variable; may be null.
  Value offset;
  Value bound;
  /// Whether the sides may be equal, too.
  bool orEqual;
};

/// A loop, and what is the same in all its iterations.
class MaskedLoop {
public:
  explicit MaskedLoop(scf::ForOp loop) : loop(loop) {}

  /// The threshold of the first choice on tiles that has one.
  std::optional<Threshold> findThreshold() {
    for (auto choice : loop.getOps<scf::IfOp>()) {
      auto condition = choice.getCondition().getDefiningOp<arith::CmpIOp>();
      if (condition && condition->getParentOp() == loop)
        if (std::optional<Threshold> found = match(condition))
          return found;
    }
    return std::nullopt;
  }

  void peel(Threshold at) {
    OpBuilder b(loop);
    Location loc = loop.getLoc();
    Value middle = findMiddle(b, at);

    IRMapping mapping;
    auto plain = cast<scf::ForOp>(b.clone(*loop, mapping));
    plain.setUpperBound(middle);
    simplify(plain, mapping, at);
    auto isMasked = [&](arith::CmpIOp condition, bool value) {
      OpBuilder inside(condition);
      condition.replaceAllUsesWith(
          arith::ConstantIntOp::create(inside, loc, value, 1).getResult());
    };
    isMasked(cast<arith::CmpIOp>(
                 mapping.lookup(at.condition.getResult()).getDefiningOp()),
             false);
    loop.setLowerBound(middle);
    loop.getInitArgsMutable().assign(plain.getResults());
    isMasked(at.condition, true);
  }

private:
  bool isInvariant(Value value) {
    if (loop.isDefinedOutsideOfLoop(value))
      return true;
    Operation *op = value.getDefiningOp();
    return op && op->getNumRegions() == 0 && isPure(op) &&
           llvm::all_of(op->getOperands(),
                        [&](Value operand) { return isInvariant(operand); });
  }

  /// The value, in front of the loop.
  Value hoist(OpBuilder &b, Value value) {
    if (loop.isDefinedOutsideOfLoop(value))
      return value;
    Operation *op = value.getDefiningOp();
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, hoist(b, operand));
    return b.clone(*op, mapping)
        ->getResult(cast<OpResult>(value).getResultNumber());
  }

  std::optional<Threshold> match(arith::CmpIOp condition) {
    using P = arith::CmpIPredicate;
    Value left = condition.getLhs(), right = condition.getRhs();
    P predicate = condition.getPredicate();
    if (predicate == P::slt || predicate == P::sle) {
      std::swap(left, right);
      predicate = predicate == P::slt ? P::sgt : P::sge;
    }
    if (predicate != P::sgt && predicate != P::sge)
      return std::nullopt;
    Threshold found{condition, Value(), right, predicate == P::sge};
    if (!isInvariant(right))
      return std::nullopt;
    if (left == loop.getInductionVar())
      return found;
    auto sum = left.getDefiningOp<arith::AddIOp>();
    if (!sum)
      return std::nullopt;
    for (auto [iv, offset] : {std::pair(sum.getLhs(), sum.getRhs()),
                              std::pair(sum.getRhs(), sum.getLhs())})
      if (iv == loop.getInductionVar() && isInvariant(offset)) {
        found.offset = offset;
        return found;
      }
    return std::nullopt;
  }

  /// min(lb + step ceil(max(first - lb, 0) / step), ub)
  Value findMiddle(OpBuilder &b, const Threshold &at) {
    Location loc = loop.getLoc();
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, loc, value);
    };
    Value first = hoist(b, at.bound);
    if (at.offset)
      first = b.createOrFold<arith::SubIOp>(loc, first, hoist(b, at.offset));
    if (!at.orEqual)
      first = b.createOrFold<arith::AddIOp>(loc, first, constant(1));
    Value lower = loop.getLowerBound(), step = loop.getStep();
    Value distance = b.createOrFold<arith::MaxSIOp>(
        loc, b.createOrFold<arith::SubIOp>(loc, first, lower), constant(0));
    Value rounded = b.createOrFold<arith::AddIOp>(
        loc, distance, b.createOrFold<arith::SubIOp>(loc, step, constant(1)));
    Value steps = b.createOrFold<arith::DivUIOp>(loc, rounded, step);
    Value middle = b.createOrFold<arith::AddIOp>(
        loc, lower, b.createOrFold<arith::MulIOp>(loc, steps, step));
    return b.createOrFold<arith::MinSIOp>(loc, middle, loop.getUpperBound());
  }

  /// The least constant c with bound <= value + c, where the bound is a minimum
  /// of several.
  static std::optional<int64_t> findExcess(Value bound, Value value) {
    if (bound == value)
      return 0;
    if (auto sum = bound.getDefiningOp<arith::AddIOp>())
      for (auto [term, other] : {std::pair(sum.getLhs(), sum.getRhs()),
                                 std::pair(sum.getRhs(), sum.getLhs())})
        if (term == value)
          return getConstantIntValue(other);
    auto least = bound.getDefiningOp<arith::MinSIOp>();
    if (!least)
      return std::nullopt;
    std::optional<int64_t> left = findExcess(least.getLhs(), value);
    std::optional<int64_t> right = findExcess(least.getRhs(), value);
    return left && right ? std::min(*left, *right) : left ? left : right;
  }

  /// What is known of values end - iv where iv + offset <= bound.
  void simplify(scf::ForOp plain, const IRMapping &mapping,
                const Threshold &at) {
    std::optional<int64_t> offset =
        at.offset ? getConstantIntValue(at.offset) : 0;
    if (!offset)
      return;
    Value bound = mapping.lookupOrDefault(at.bound);
    // end - iv >= end + offset - bound >= offset - c
    auto findLeast = [&](Value rest) -> std::optional<int64_t> {
      auto difference = rest.getDefiningOp<arith::SubIOp>();
      if (!difference || difference.getRhs() != plain.getInductionVar())
        return std::nullopt;
      std::optional<int64_t> excess = findExcess(bound, difference.getLhs());
      if (!excess)
        return std::nullopt;
      return *offset - *excess;
    };
    for (auto least : plain.getOps<arith::MinSIOp>())
      for (auto [rest, other] : {std::pair(least.getLhs(), least.getRhs()),
                                 std::pair(least.getRhs(), least.getLhs())}) {
        std::optional<int64_t> atLeast = findLeast(rest);
        std::optional<int64_t> limit = getConstantIntValue(other);
        if (atLeast && limit && *atLeast >= *limit)
          least.getResult().replaceAllUsesWith(other);
      }
    for (auto mma : plain.getOps<tile::MmaOp>()) {
      std::optional<int64_t> atLeast =
          mma.getUntil() ? findLeast(mma.getUntil()) : std::nullopt;
      if (!atLeast || *atLeast < mma.getExtentOfTriangle() - 1)
        continue;
      mma.getUntilMutable().clear();
      mma.removeSumAttr();
      mma.setGroup(1);
    }
  }

  scf::ForOp loop;
};

struct PeelMasks : peermla::impl::PeelMasksBase<PeelMasks> {
  using Base::Base;

  void runOnOperation() override {
    for (scf::ForOp loop : getConsumingLoops(getOperation())) {
      MaskedLoop masked(loop);
      if (std::optional<Threshold> at = masked.findThreshold()) {
        masked.peel(*at);
        ++numPeeled;
      }
    }
  }
};

} // namespace
