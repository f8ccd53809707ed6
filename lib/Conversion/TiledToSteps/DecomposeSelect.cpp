//===- DecomposeSelect.cpp - peer.select to insertions per row ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An scf.forall over tokens and heads, inside the kernel's; one iteration, of
// one thread, has lists of its own, `scores` and `ids`, in descending order:
//
//   1. each dimension's scores are visited in order and those that beat the
//   last
//      entry of a list of the min(k, n_i) best are inserted behind what they do
//      not beat
//   2. the lists are folded from the left: of the sums of the a-th and the b-th
//      entry only those with (a + 1)(b + 1) <= k can be among the k best; they
//      are inserted by score, then by index
//   3. the gates follow from the last list
//
// A NaN is never inserted before another score, and is noticed: the scores and
// gates of its row become NaN, its indices stay in range.
//
//===----------------------------------------------------------------------===//

#include "StepBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include <limits>

namespace peermla {
#define GEN_PASS_DEF_DECOMPOSESELECT
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using Values = StepBuilder::Values;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {

/// The best entries so far: `scores` and `ids` are tensors of `size` elements,
/// of which the first `count` are set.
struct BestList {
  int64_t size;
  Value scores, ids, count;

  static BestList make(StepBuilder &b, int64_t size) {
    OpFoldResult extent = b.getIndexAttr(size);
    return {size, b.temporary(size, extent, b.getF32Type()),
            b.temporary(size, extent, b.getI32Type()), b.index(0)};
  }
  Values state() const { return {scores, ids, count}; }
  BestList with(ValueRange state) const {
    return {size, state[0], state[1], state[2]};
  }
};

/// Lowers one op.
class SelectSteps {
public:
  explicit SelectSteps(peer::SelectOp op) : op(op), b(op), k(op.getK()) {}
  void lower();

private:
  Values selectRow(Value t, Value h, ValueRange rows);
  BestList scan(unsigned dimension, Value t, Value h, Value &sawNan);
  BestList fold(const BestList &lhs, const BestList &rhs, int64_t n,
                Value &sawNan);
  BestList insert(BestList list, Value score, Value id, bool byId);
  Values insertAt(const BestList &list, Value end, Value score, Value id,
                  bool byId);
  Value beats(const BestList &list, Value i, Value score, Value id, bool byId);
  Value computeGates(const BestList &list, Value scores, Value gates);
  Value add(Value lhs, Value rhs) { return arith::AddFOp::create(b, lhs, rhs); }

  peer::SelectOp op;
  StepBuilder b;
  int64_t k;
};

} // namespace

void SelectSteps::lower() {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               last = b.getIndexAttr(k);
  SmallVector<OpFoldResult> rows =
      tensor::getMixedSizes(b, b.getLoc(), op.getGatesInit());
  rows.pop_back();
  auto loop =
      scf::ForallOp::create(b, SmallVector<OpFoldResult>(2, zero), rows,
                            SmallVector<OpFoldResult>(2, one), op.getInits(),
                            /*mapping=*/std::nullopt);
  b.setInsertionPoint(loop.getTerminator());
  Value t = loop.getInductionVar(0), h = loop.getInductionVar(1);
  SmallVector<OpFoldResult> offsets = {t, h, zero}, sizes = {one, one, last},
                            strides(3, one);
  Values destinations;
  for (Value init : loop.getRegionIterArgs()) {
    auto type = RankedTensorType::get({k}, typeOf(init).getElementType());
    destinations.push_back(
        tensor::ExtractSliceOp::create(b, type, init, offsets, sizes, strides));
  }
  Values results = selectRow(t, h, destinations);
  b.setInsertionPointToEnd(loop.getTerminator().getBody());
  for (auto [result, init] : llvm::zip_equal(results, loop.getRegionIterArgs()))
    tensor::ParallelInsertSliceOp::create(b, result, init, offsets, sizes,
                                          strides);
  op->replaceAllUsesWith(loop.getResults());
  op->erase();
}

/// Gates, indices and perhaps scores of one token and head.
Values SelectSteps::selectRow(Value t, Value h, ValueRange rows) {
  Value sawNan = b.boolean(false);
  BestList list = scan(0, t, h, sawNan);
  for (unsigned i = 1, e = op.getScores().size(); i < e; ++i) {
    BestList other = scan(i, t, h, sawNan);
    list = fold(list, other, op.getNumKeys(i), sawNan);
  }
  Value nan = b.f32(std::numeric_limits<float>::quiet_NaN());
  Value count = b.index(k);
  Value scores = b.loop(count, list.scores, [&](Value i, ValueRange carried) {
    Value score = b.extract(carried[0], i);
    return Values{b.insert(b.select(sawNan, nan, score), carried[0], i)};
  })[0];
  auto copy = [&](Value from, Value to) -> Value {
    return b.loop(count, to, [&](Value i, ValueRange carried) {
      return Values{b.insert(b.extract(from, i), carried[0], i)};
    })[0];
  };
  Values results = {computeGates(list, scores, rows[0]),
                    copy(list.ids, rows[1])};
  if (rows.size() > 2)
    results.push_back(copy(scores, rows[2]));
  return results;
}

/// The best of the scores of a dimension, with their places in it.
BestList SelectSteps::scan(unsigned dimension, Value t, Value h,
                           Value &sawNan) {
  Value scores = op.getScores()[dimension];
  int64_t n = op.getNumKeys(dimension);
  auto scoreAt = [&](Value j) {
    if (typeOf(scores).getRank() == 3)
      return b.extract(scores, Values{t, h, j});
    Value width = b.dim(scores, 3);
    return b.extract(scores, Values{t, h, b.div(j, width), b.rem(j, width)});
  };
  BestList list = BestList::make(b, std::min(k, n));
  Values carried = list.state();
  carried.push_back(sawNan);
  Values state = b.loop(b.index(n), carried, [&](Value j, ValueRange values) {
    Value score = scoreAt(j);
    BestList next = insert(list.with(values), score, b.toI32(j), false);
    Values result = next.state();
    result.push_back(b.either(values[3], b.isNan(score)));
    return result;
  });
  sawNan = state[3];
  return list.with(state);
}

/// The best sums of an entry of `lhs` and one of `rhs`, which is of a dimension
/// of `n` keys.
BestList SelectSteps::fold(const BestList &lhs, const BestList &rhs, int64_t n,
                           Value &sawNan) {
  BestList list = BestList::make(b, std::min(k, lhs.size * rhs.size));
  Values carried = list.state();
  carried.push_back(sawNan);
  Value one = b.index(1);
  Values state =
      b.loop(b.index(lhs.size), carried, [&](Value rankA, ValueRange outer) {
        Value score = b.extract(lhs.scores, rankA);
        Value base =
            b.mul(b.extract(lhs.ids, rankA), b.i32(static_cast<int32_t>(n)));
        Value limit =
            b.min(b.index(rhs.size), b.div(b.index(k), b.add(rankA, one)));
        return b.loop(limit, outer, [&](Value rankB, ValueRange values) {
          Value sum = add(score, b.extract(rhs.scores, rankB));
          Value id = b.add(base, b.extract(rhs.ids, rankB));
          BestList next = insert(list.with(values), sum, id, true);
          Values result = next.state();
          result.push_back(b.either(values[3], b.isNan(sum)));
          return result;
        });
      });
  sawNan = state[3];
  return list.with(state);
}

/// Whether an entry goes before entry `i`.
Value SelectSteps::beats(const BestList &list, Value i, Value score, Value id,
                         bool byId) {
  Value other = b.extract(list.scores, i);
  Value isLarger = b.compare(CmpFPredicate::OGE, score, other);
  if (!byId)
    return isLarger;
  Value ties = b.compare(CmpFPredicate::OEQ, score, other);
  Value isLower = b.compare(CmpIPredicate::slt, id, b.extract(list.ids, i));
  return b.either(isLarger, b.both(ties, isLower));
}

/// The list with an entry more; a full list loses its last one or stays.
BestList SelectSteps::insert(BestList list, Value score, Value id, bool byId) {
  Value one = b.index(1), size = b.index(list.size);
  Value isFull = b.compare(CmpIPredicate::eq, list.count, size);
  Value end = b.select(isFull, b.sub(size, one), list.count);
  Value enters = b.choose(
      isFull, [&] { return Values{beats(list, end, score, id, byId)}; },
      [&] { return Values{b.boolean(true)}; })[0];
  Values state = b.choose(
      enters, [&] { return insertAt(list, end, score, id, byId); },
      [&] { return Values{list.scores, list.ids}; });
  state.push_back(b.select(isFull, list.count, b.add(list.count, one)));
  return list.with(state);
}

/// Shifts entries that the new one beats, from `end` on, and puts it there.
Values SelectSteps::insertAt(const BestList &list, Value end, Value score,
                             Value id, bool byId) {
  Values carried = {list.scores, list.ids, end};
  auto shift = scf::WhileOp::create(
      b, TypeRange(ValueRange(carried)), carried,
      [&](OpBuilder &, Location, ValueRange before) {
        BestList now{list.size, before[0], before[1], before[2]};
        Value hasOther = b.compare(CmpIPredicate::sgt, now.count, b.index(0));
        Value moves = b.choose(
            hasOther,
            [&] {
              Value i = b.sub(now.count, b.index(1));
              return Values{beats(now, i, score, id, byId)};
            },
            [&] { return Values{b.boolean(false)}; })[0];
        scf::ConditionOp::create(b, moves, before);
      },
      [&](OpBuilder &, Location, ValueRange after) {
        Value to = after[2], from = b.sub(to, b.index(1));
        Value scores = b.insert(b.extract(after[0], from), after[0], to);
        Value ids = b.insert(b.extract(after[1], from), after[1], to);
        scf::YieldOp::create(b, Values{scores, ids, from});
      });
  Value at = shift.getResult(2);
  return {b.insert(score, shift.getResult(0), at),
          b.insert(id, shift.getResult(1), at)};
}

/// gates = score_function(scores), in f32.
Value SelectSteps::computeGates(const BestList &list, Value scores,
                                Value gates) {
  Value count = b.index(k), zero = b.f32(0.0), one = b.f32(1.0);
  auto exponential = [&](Value x) -> Value {
    return math::ExpOp::create(b, x);
  };
  Value top, total;
  if (op.getScoreFunction() == peer::ScoreFunction::softmax) {
    top = b.extract(scores, b.index(0));
    total = b.loop(count, zero, [&](Value i, ValueRange sum) {
      Value shifted = arith::SubFOp::create(b, b.extract(scores, i), top);
      return Values{add(sum[0], exponential(shifted))};
    })[0];
  }
  auto gateOf = [&](Value score) -> Value {
    switch (op.getScoreFunction()) {
    case peer::ScoreFunction::softmax:
      return arith::DivFOp::create(
          b, exponential(arith::SubFOp::create(b, score, top)), total);
    case peer::ScoreFunction::sigmoid:
      return arith::DivFOp::create(
          b, one, add(one, exponential(arith::NegFOp::create(b, score))));
    case peer::ScoreFunction::relu:
      return arith::MaximumFOp::create(b, score, zero);
    }
    llvm_unreachable("all score functions are listed");
  };
  return b.loop(count, gates, [&](Value i, ValueRange carried) {
    return Values{b.insert(gateOf(b.extract(scores, i)), carried[0], i)};
  })[0];
}

/// Emits an error unless the lowering knows all it needs.
static LogicalResult verify(peer::SelectOp op) {
  for (Value operand : op->getOperands()) {
    Type element = typeOf(operand).getElementType();
    if (!element.isF32() && !element.isInteger(32))
      return op->emitOpError()
             << "expects scores and gates of f32, got " << operand.getType();
  }
  if (ShapedType::isDynamic(op.getK()))
    return op->emitOpError()
           << "expects k of its destinations to be static, got "
           << op.getGatesInit().getType();
  return success();
}

namespace {

struct DecomposeSelect : peermla::impl::DecomposeSelectBase<DecomposeSelect> {
  using Base::Base;

  void runOnOperation() override {
    for (peer::SelectOp op : collectOnTensors<peer::SelectOp>(getOperation())) {
      if (failed(verify(op)))
        return signalPassFailure();
      SelectSteps(op).lower();
    }
  }
};

} // namespace
