//===- OverlapProducts.cpp - products run under what does not need them ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sum that a loop only adds products to stays in flight:
//
//   for j { consume(j); d += a b, in flight; wait 1; release(j - 1) }; wait 0
//   release the last one, if another loop goes on in the ring
//
// where waiting for all but the products of this iteration says that those of
// the one before have read their slots.
//
// Of two products, where the second needs the first and adds to a sum, the
// second is left to the next iteration and runs beside its first product and
// what follows that:
//
//   s = first(lb);  x = work(s)
//   for j from lb + step
//     s = first(j), in flight;  d = second(x), in flight
//     wait 1:  release what first reads;  y = work(s)
//     wait 0:  release what second reads;  x = y;  d = update(d)
//   d = second(x)
//
// The operands of the product in flight are made anew only behind the wait:
// they are in registers that it reads.
//
//===----------------------------------------------------------------------===//

#include "Consumers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_OVERLAPPRODUCTS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static void wait(OpBuilder &b, Location loc, int64_t pending) {
  tile::MmaWaitOp::create(b, loc, b.getI64IntegerAttr(pending), ValueRange());
}
static Value wait(OpBuilder &b, Location loc, int64_t pending, Value product) {
  return tile::MmaWaitOp::create(b, loc, b.getI64IntegerAttr(pending), product)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Whether the product adds to what the loop carries for nobody else, from
/// slots.
static bool isOfSum(tile::MmaOp mma, scf::ForOp loop) {
  auto sum = dyn_cast_or_null<BlockArgument>(mma.getC());
  if (mma->getParentOp() != loop || !sum || sum.getOwner() != loop.getBody() ||
      !sum.hasOneUse() || !mma.getD().hasOneUse() ||
      !isSharedTile(mma.getA().getType()))
    return false;
  OpOperand &use = *mma.getD().use_begin();
  return isa<scf::YieldOp>(use.getOwner()) &&
         use.getOperandNumber() + 1 == sum.getArgNumber();
}

/// Whether another loop goes on in the ring.
static bool goesOn(Value ring, scf::ForOp loop) {
  return llvm::any_of(ring.getUsers(), [&](Operation *user) {
    return isa<tile::ConsumeOp>(user) && !loop->isAncestor(user);
  });
}

/// A scalar of the loop's body in the last iteration, which there is.
static Value getLast(OpBuilder &b, scf::ForOp loop, Value value) {
  Location loc = loop.getLoc();
  if (value == loop.getInductionVar()) {
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value last = arith::SubIOp::create(b, loc, loop.getUpperBound(), one);
    last = arith::SubIOp::create(b, loc, last, loop.getLowerBound());
    Value rest = arith::RemUIOp::create(b, loc, last, loop.getStep());
    last = arith::SubIOp::create(b, loc, last, rest);
    return arith::AddIOp::create(b, loc, last, loop.getLowerBound());
  }
  Operation *op = value.getDefiningOp();
  if (!op || !loop->isProperAncestor(op))
    return value;
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, getLast(b, loop, operand));
  return b.clone(*op, mapping)
      ->getResult(cast<OpResult>(value).getResultNumber());
}

/// Products of sums stay in flight, if the loop has no others.
static bool keepSumsInFlight(scf::ForOp loop) {
  SmallVector<tile::ConsumeOp> consumes = getConsumes(loop);
  SmallVector<tile::MmaOp> products;
  bool all = true;
  loop.walk([&](tile::MmaOp mma) {
    products.push_back(mma);
    all &= isOfSum(mma, loop);
  });
  // A slot is released while the next one is read.
  for (tile::ConsumeOp consume : consumes)
    all &= consume.getRing().getType().getSlots() > 1;
  if (!all || products.empty())
    return false;
  for (tile::MmaOp mma : products)
    mma.setFlight(true);

  Location loc = loop.getLoc();
  OpBuilder b = OpBuilder::atBlockTerminator(loop.getBody());
  wait(b, loc, static_cast<int64_t>(products.size()));
  Value isLater =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                            loop.getInductionVar(), loop.getLowerBound());
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  for (tile::ConsumeOp consume : consumes) {
    Value before = arith::SubIOp::create(b, loc, consume.getFill(), one);
    tile::ReleaseOp::create(b, loc, consume.getRing(), before, isLater);
  }
  b.setInsertionPointAfter(loop);
  SmallVector<Value> sums;
  for (tile::MmaOp mma : products)
    sums.push_back(loop.getTiedLoopResult(cast<BlockArgument>(mma.getC())));
  auto done = tile::MmaWaitOp::create(b, loc, b.getI64IntegerAttr(0), sums);
  for (auto [sum, waited] : llvm::zip(sums, done.getResults()))
    sum.replaceAllUsesExcept(waited, done);
  for (tile::ConsumeOp consume : consumes)
    if (goesOn(consume.getRing(), loop))
      tile::ReleaseOp::create(b, loc, consume.getRing(),
                              getLast(b, loop, consume.getFill()),
                              /*predicate=*/Value());
  return true;
}

//===----------------------------------------------------------------------===//
// Two products
//===----------------------------------------------------------------------===//

namespace {

/// A loop with a product that needs another one.
class ProductChain {
public:
  explicit ProductChain(scf::ForOp loop) : loop(loop), body(*loop.getBody()) {}

  /// Whether the loop is one, and its ops fall into the phases.
  bool match();

  /// Moves the second product into the next iteration.
  void rotate();

private:
  /// When an op runs: before the first product, behind the wait for it, or
  /// behind the wait for the second product.
  enum class Phase { Before, Between, Behind };

  void addSlice(Value value, llvm::DenseSet<Operation *> &slice) {
    Operation *op = value.getDefiningOp();
    if (!op || op->getBlock() != &body || !slice.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      addSlice(operand, slice);
  }

  Phase phaseOf(Operation *op) const { return phases.lookup(op); }
  void clone(OpBuilder &b, Phase phase, IRMapping &mapping) {
    for (Operation &op : body.without_terminator())
      if (&op != first && &op != second && phaseOf(&op) == phase)
        b.clone(op, mapping);
  }
  void release(OpBuilder &b, tile::ConsumeOp consume, Value fill) {
    tile::ReleaseOp::create(b, consume.getLoc(), consume.getRing(), fill,
                            /*predicate=*/Value());
  }
  Value runSecond(OpBuilder &b, ValueRange operands, bool flight) {
    return tile::MmaOp::create(b, second.getLoc(), second.getD().getType(),
                               operands[0], operands[1], operands[2],
                               /*until=*/Value(), second.getTransposeB(),
                               flight,
                               /*sum=*/false, /*group=*/1)
        .getD();
  }
  SmallVector<Value> operandsOfSecond(const IRMapping &mapping) {
    SmallVector<Value> operands;
    for (Value operand : {second.getA(), second.getB(), second.getC()})
      operands.push_back(mapping.lookupOrDefault(operand));
    return operands;
  }
  /// Without the sum, which is in flight: what the loop carries.
  SmallVector<Value> withoutSum(ValueRange values) {
    SmallVector<Value> others(values);
    others.erase(others.begin() + sum);
    return others;
  }

  static constexpr size_t numOperands = 3;

  scf::ForOp loop;
  Block &body;
  tile::MmaOp first, second;
  /// Which of the values that the loop carries is the second product.
  unsigned sum = 0;
  /// What each of them is the only one to read.
  SmallVector<tile::ConsumeOp> ofFirst, ofSecond;
  llvm::DenseMap<Operation *, Phase> phases;
};

bool ProductChain::match() {
  SmallVector<tile::MmaOp> products;
  loop.walk([&](tile::MmaOp mma) { products.push_back(mma); });
  if (products.size() != 2 || products[0]->getBlock() != &body ||
      products[1]->getBlock() != &body)
    return false;
  first = products[0];
  second = products[1];
  // The second is a sum that the loop carries, and needs the first.
  llvm::DenseSet<Operation *> beforeSecond, beforeFirst, beforeA, beforeB;
  for (Value operand : second->getOperands())
    addSlice(operand, beforeSecond);
  if (!second.getC() || !beforeSecond.contains(first) ||
      !second.getD().hasOneUse())
    return false;
  OpOperand &use = *second.getD().use_begin();
  if (use.getOwner() != body.getTerminator())
    return false;
  sum = use.getOperandNumber();

  addSlice(first.getA(), beforeFirst);
  addSlice(first.getB(), beforeFirst);
  addSlice(second.getB(), beforeB);
  if (first.getC() || beforeB.contains(first) || first.getUntil() ||
      second.getUntil())
    return false;
  Value carried = loop.getRegionIterArg(sum);
  llvm::DenseSet<Operation *> needSum;
  for (Operation &op : body.without_terminator()) {
    bool usesSum = llvm::any_of(op.getOperands(), [&](Value operand) {
      return operand == carried || (operand.getDefiningOp() &&
                                    needSum.contains(operand.getDefiningOp()));
    });
    if (usesSum)
      needSum.insert(&op);
    // Ops are in order by what they read alone, but for these.
    auto consume = dyn_cast<tile::ConsumeOp>(op);
    if (!consume && !isPure(&op))
      return false;
    if (op.getNumRegions() != 0)
      return false;
  }
  if (needSum.contains(first) || !needSum.contains(second))
    return false;

  // Ops run in order of phases, so that a phase is not left again.
  Operation *makesA = second.getA().getDefiningOp();
  for (Operation &op : body.without_terminator()) {
    Phase phase = beforeFirst.contains(&op) ? Phase::Before : Phase::Between;
    if (!beforeFirst.contains(&op) &&
        (needSum.contains(&op) || beforeB.contains(&op) || &op == makesA))
      phase = Phase::Behind;
    phases[&op] = phase;
  }
  for (Operation &op : body.without_terminator())
    for (Value operand : op.getOperands())
      if (Operation *producer = operand.getDefiningOp();
          producer && phases.count(producer) && &op != second &&
          producer != first && phaseOf(producer) > phaseOf(&op))
        return false;

  for (tile::ConsumeOp consume : getConsumes(loop)) {
    bool isOfFirst = beforeFirst.contains(consume);
    bool isOfSecond = beforeB.contains(consume);
    if (isOfFirst == isOfSecond ||
        (isOfSecond && consume.getRing().getType().getSlots() < 2))
      return false;
    (isOfFirst ? ofFirst : ofSecond).push_back(consume);
  }
  return true;
}

void ProductChain::rotate() {
  Location loc = loop.getLoc();
  OpBuilder b(loop);
  auto yield = cast<scf::YieldOp>(body.getTerminator());
  Value lower = loop.getLowerBound(), upper = loop.getUpperBound();
  auto guard = scf::IfOp::create(
      b, loc, loop.getResultTypes(),
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, lower, upper),
      /*withElseRegion=*/true);
  b.setInsertionPointToEnd(guard.elseBlock());
  scf::YieldOp::create(b, loc, loop.getInitArgs());
  b.setInsertionPointToEnd(guard.thenBlock());

  // The first iteration, but for the second product.
  IRMapping start;
  start.map(loop.getInductionVar(), lower);
  start.map(loop.getRegionIterArgs(), loop.getInitArgs());
  clone(b, Phase::Before, start);
  b.clone(*first, start);
  for (tile::ConsumeOp consume : ofFirst)
    release(b, consume, start.lookupOrDefault(consume.getFill()));
  clone(b, Phase::Between, start);
  clone(b, Phase::Behind, start);
  auto valuesOf = [&](const IRMapping &mapping) {
    SmallVector<Value> values;
    for (Value value : withoutSum(yield.getOperands()))
      values.push_back(mapping.lookupOrDefault(value));
    llvm::append_range(values, operandsOfSecond(mapping));
    for (tile::ConsumeOp consume : ofSecond)
      values.push_back(mapping.lookupOrDefault(consume.getFill()));
    return values;
  };

  // The others, each with the second product of the one before.
  size_t numOthers = loop.getNumResults() - 1;
  Value next = arith::AddIOp::create(b, loc, lower, loop.getStep());
  auto rotated =
      scf::ForOp::create(b, loc, next, upper, loop.getStep(), valuesOf(start));
  if (rotated.getBody()->mightHaveTerminator())
    rotated.getBody()->getTerminator()->erase();
  b.setInsertionPointToEnd(rotated.getBody());
  auto operandsIn = [&](ValueRange values) {
    return values.slice(numOthers, numOperands);
  };
  auto fillsIn = [&](ValueRange values) {
    return values.drop_front(numOthers + numOperands);
  };
  IRMapping mapping;
  mapping.map(loop.getInductionVar(), rotated.getInductionVar());
  unsigned number = 0;
  for (auto [i, argument] : llvm::enumerate(loop.getRegionIterArgs()))
    if (i != sum)
      mapping.map(argument, rotated.getRegionIterArg(number++));
  clone(b, Phase::Before, mapping);
  auto product = cast<tile::MmaOp>(b.clone(*first, mapping));
  product.setFlight(true);
  Value running =
      runSecond(b, operandsIn(rotated.getRegionIterArgs()), /*flight=*/true);
  mapping.map(first.getD(), wait(b, first.getLoc(), 1, product.getD()));
  for (tile::ConsumeOp consume : ofFirst)
    release(b, consume, mapping.lookupOrDefault(consume.getFill()));
  clone(b, Phase::Between, mapping);
  mapping.map(loop.getRegionIterArg(sum), wait(b, second.getLoc(), 0, running));
  for (auto [consume, fill] :
       llvm::zip(ofSecond, fillsIn(rotated.getRegionIterArgs())))
    release(b, consume, fill);
  clone(b, Phase::Behind, mapping);
  scf::YieldOp::create(b, loc, valuesOf(mapping));

  // The second product of the last one.
  b.setInsertionPointToEnd(guard.thenBlock());
  Value last = runSecond(b, operandsIn(rotated.getResults()), /*flight=*/false);
  for (auto [consume, fill] :
       llvm::zip(ofSecond, fillsIn(rotated.getResults())))
    release(b, consume, fill);
  SmallVector<Value> results(rotated.getResults().take_front(numOthers));
  results.insert(results.begin() + sum, last);
  scf::YieldOp::create(b, loc, results);
  loop.replaceAllUsesWith(guard.getResults());
  loop.erase();
}

struct OverlapProducts : peermla::impl::OverlapProductsBase<OverlapProducts> {
  using Base::Base;

  void runOnOperation() override {
    for (scf::ForOp loop : getConsumingLoops(getOperation())) {
      if (keepSumsInFlight(loop)) {
        ++numSums;
        continue;
      }
      ProductChain chain(loop);
      if (chain.match()) {
        chain.rotate();
        ++numRotated;
      }
    }
  }
};

} // namespace
