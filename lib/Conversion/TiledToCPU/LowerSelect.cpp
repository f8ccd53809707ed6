//===- LowerSelect.cpp - peer.select to scans with a sorted list ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each token and head:
//
//   1. each dimension's scores are scanned a vector at a time; the scores that
//      beat the last entry of a list of the min(k, n_i) best are inserted into
//      it one by one (few do, once the list has filled). Where there are many
//      scores, a first pass finds a bound that k of them reach: the least of
//      the largest scores of k or more lanes. What is below it is not inserted
//   2. the lists are folded from the left: of the sums of the a-th and the b-th
//      entry only those with (a + 1)(b + 1) <= k can be among the k best; those
//      with a = 0 are in order already
//   3. the gates are computed from the last list
//
// Scans go up and insert behind equal scores, folds compare indices, so that
// the lower index wins a tie. A NaN is always inserted, which is how it is
// noticed; it makes the scores and gates of its token and head NaN and leaves
// the indices in range.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "SortedList.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

namespace peermla {
#define GEN_PASS_DEF_LOWERSELECT
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// Lowers one op.
class SelectKernel {
public:
  explicit SelectKernel(peer::SelectOp op) : op(op), b(op), k(op.getK()) {}
  LogicalResult verify();
  void lower();

private:
  /// A list's state, and whether a NaN was seen.
  using State = SmallVector<Value>;

  Value scan(SortedList &list, Row scores, int64_t n, Value sawNan);
  Value findBound(Row scores, int64_t n, int64_t count);
  Value fold(SortedList &lhs, SortedList &rhs, int64_t n, SortedList &result,
             Value sawNan);
  State drain(SortedList &list, Value lanesToVisit, State state, bool byIndex,
              function_ref<std::pair<Value, Value>(Value)> entryAt);
  Value firstLanes(Value count, int64_t width);
  Value flattenPanels(Value panels);
  void writeResults(SortedList &list, Row powers, Value sawNan,
                    ArrayRef<Value> place);
  Value isNan(Value x) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  }

  peer::SelectOp op;
  KernelBuilder b;
  int64_t k;
};

} // namespace

LogicalResult SelectKernel::verify() {
  SmallVector<Value> operands(op.getScores());
  llvm::append_range(operands, op.getInits());
  for (auto [i, operand] : llvm::enumerate(operands)) {
    auto type = cast<MemRefType>(operand.getType());
    StringRef name = i < op.getScores().size() ? "scores" : "inits";
    if (failed(verifyRows(op, name, operand)))
      return failure();
    if (!type.getElementType().isF32() && !type.getElementType().isInteger(32))
      return op->emitOpError()
             << "expects '" << name << "' to be f32 or i32, got " << type;
    if (type.getRank() == 4 &&
        !memref::CollapseShapeOp::isGuaranteedCollapsible(type,
                                                          {{0}, {1}, {2, 3}}))
      return op->emitOpError() << "expects the panels of '" << name
                               << "' to be contiguous, got " << type;
    if (type.isDynamicDim(type.getRank() - 1))
      return op->emitOpError()
             << "expects '" << name << "' to have a static last dimension, got "
             << type;
  }
  return success();
}

void SelectKernel::lower() {
  Value T = b.extent(op.getGatesInit(), 0), h = b.extent(op.getGatesInit(), 1);
  unsigned D = op.getScores().size();
  SmallVector<Value> scores;
  for (Value panels : op.getScores())
    scores.push_back(flattenPanels(panels));
  b.parallel({T}, [&](ValueRange item) {
    SortedList best(b, k), other(b, k), folded(b, k);
    Row powers{b.scratch({k}, b.getF32Type()), {}};
    b.loop(b.index(0), h, 1, [&](Value head) {
      auto scoresOf = [&](unsigned i) {
        return Row{scores[i], {item[0], head}};
      };
      Value sawNan = arith::ConstantOp::create(b, b.getBoolAttr(false));
      sawNan = scan(best, scoresOf(0), op.getNumKeys(0), sawNan);
      SortedList *lhs = &best, *result = &folded;
      for (unsigned i = 1; i < D; ++i) {
        sawNan = scan(other, scoresOf(i), op.getNumKeys(i), sawNan);
        sawNan = fold(*lhs, other, op.getNumKeys(i), *result, sawNan);
        std::swap(lhs, result);
      }
      writeResults(*lhs, powers, sawNan, {item[0], head});
    });
  });
}

/// Scores in panels as rows: T x h x panels x NR -> T x h x (panels NR).
Value SelectKernel::flattenPanels(Value panels) {
  auto type = cast<MemRefType>(panels.getType());
  if (type.getRank() == 3)
    return panels;
  SmallVector<ReassociationIndices> groups{{0}, {1}, {2, 3}};
  return memref::CollapseShapeOp::create(b, panels, groups);
}

/// Lanes 0 .. count - 1.
Value SelectKernel::firstLanes(Value count, int64_t width) {
  return vector::CreateMaskOp::create(b, b.vectorOf(width, b.getI1Type()),
                                      count);
}

/// Inserts the entries of the set lanes, the lowest first. `state` ends with
/// whether a NaN was seen.
SelectKernel::State
SelectKernel::drain(SortedList &list, Value lanesToVisit, State state,
                    bool byIndex,
                    function_ref<std::pair<Value, Value>(Value)> entryAt) {
  State carried = {b.maskBits(lanesToVisit)};
  llvm::append_range(carried, state);
  auto loop = scf::WhileOp::create(
      b, TypeRange(ValueRange(carried)), carried,
      [&](OpBuilder &, Location, ValueRange) {},
      [&](OpBuilder &, Location, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBeforeBody());
  ValueRange before = loop.getBeforeArguments();
  scf::ConditionOp::create(
      b, b.compare(arith::CmpIPredicate::ne, before[0], b.i32(0)), before);

  b.setInsertionPointToStart(loop.getAfterBody());
  ValueRange after = loop.getAfterArguments();
  Value lane = math::CountTrailingZerosOp::create(b, after[0]);
  Value rest = arith::AndIOp::create(b, after[0], b.sub(after[0], b.i32(1)));
  auto [score, index] = entryAt(b.toIndex(lane));
  Value sawNan = arith::OrIOp::create(b, after.back(), isNan(score));
  State next = {rest};
  llvm::append_range(next, list.insert(State(after.drop_front().drop_back()),
                                       score, index, byIndex));
  next.push_back(sawNan);
  scf::YieldOp::create(b, next);
  return State(loop.getResults().drop_front());
}

/// A score that at least `count` of the `n` scores reach, in all lanes, or a
/// NaN; null where there are too few scores for a pass of its own, or too many
/// lanes for registers. A lane ends with one of its scores, whatever NaN it
/// meets.
Value SelectKernel::findBound(Row scores, int64_t n, int64_t count) {
  constexpr int64_t fewestRounds = 8, mostVectors = 4;
  int64_t lanes = b.getLanes(), vectors = llvm::divideCeil(count, lanes);
  int64_t step = vectors * lanes;
  if (n < fewestRounds * step || vectors > mostVectors)
    return Value();
  auto larger = [&](Value lhs, Value rhs) -> Value {
    Value isLarger =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, lhs, rhs);
    return arith::SelectOp::create(b, isLarger, lhs, rhs);
  };
  auto load = [&](Value column, int64_t i) {
    return b.load(scores, b.add(column, i * lanes), lanes);
  };
  SmallVector<Value> best;
  for (int64_t i = 0; i < vectors; ++i)
    best.push_back(load(b.index(0), i));
  best = b.loop(b.index(step), b.index(n - n % step), step, best,
                [&](Value column, ValueRange carried) {
                  SmallVector<Value> next;
                  for (auto [i, lane] : llvm::enumerate(carried))
                    next.push_back(larger(lane, load(column, i)));
                  return next;
                });
  Value least = best.front();
  for (Value lane : ArrayRef(best).drop_front())
    least = arith::MinimumFOp::create(b, least, lane);
  return b.splat(
      vector::ReductionOp::create(b, vector::CombiningKind::MINIMUMF, least),
      lanes);
}

/// Makes `list` the best of the `n` scores; whether there was a NaN.
Value SelectKernel::scan(SortedList &list, Row scores, int64_t n,
                         Value sawNan) {
  int64_t lanes = b.getLanes(), whole = n - n % lanes;
  State state = list.start(std::min(k, n));
  state.push_back(sawNan);
  Value bound = findBound(scores, n, std::min(k, n));
  auto step = [&](Value column, int64_t count, State state) {
    VectorType type = b.vectorOf(lanes, b.getF32Type());
    Value worst =
        b.splat(list.worst(State(ArrayRef<Value>(state).drop_back())), lanes);
    Value vector, mask;
    if (count < lanes) {
      mask = firstLanes(b.index(count), lanes);
      vector = vector::MaskedLoadOp::create(b, type, scores.buffer,
                                            scores.at(column), mask, worst);
    } else {
      vector = b.load(scores, column, lanes);
    }
    Value beats =
        arith::CmpFOp::create(b, arith::CmpFPredicate::ULT, worst, vector);
    if (mask)
      beats = arith::AndIOp::create(b, beats, mask);
    if (bound)
      beats = arith::AndIOp::create(
          b, beats,
          arith::CmpFOp::create(b, arith::CmpFPredicate::ULE, bound, vector));
    return drain(list, beats, state, /*byIndex=*/false, [&](Value lane) {
      Value j = b.add(column, lane);
      Value score = memref::LoadOp::create(b, scores.buffer, scores.at(j));
      return std::pair<Value, Value>(score, b.toI32(j));
    });
  };
  if (whole > 0)
    state = b.loop(b.index(0), b.index(whole), lanes, state,
                   [&](Value column, ValueRange carried) {
                     return step(column, lanes, State(carried));
                   });
  if (whole < n)
    state = step(b.index(whole), n - whole, state);
  sawNan = state.pop_back_val();
  list.finish(state);
  return sawNan;
}

/// Makes `result` the best sums of an entry of `lhs` and one of `rhs`, which is
/// of a dimension of `n` keys.
Value SelectKernel::fold(SortedList &lhs, SortedList &rhs, int64_t n,
                         SortedList &result, Value sawNan) {
  int64_t lanes = b.getLanes(), sizeA = lhs.getSize(), sizeB = rhs.getSize();
  auto sum = [&](Value a, Value b1) -> Value {
    return arith::AddFOp::create(b, a, b1);
  };
  auto loadScore = [&](SortedList &list, Value rank) -> Value {
    return memref::LoadOp::create(b, list.scores().buffer, rank);
  };
  /// n * (index of lhs), to which an index of rhs is added.
  auto base = [&](Value rank) -> Value {
    Value index = memref::LoadOp::create(b, lhs.indices().buffer, rank);
    return arith::MulIOp::create(b, index, b.i32(n));
  };

  State state = result.start(std::min(k, sizeA * sizeB));
  Value first = b.splat(loadScore(lhs, b.index(0)), lanes);
  Value firstBase = b.splat(base(b.index(0)), lanes);
  Value empty = b.splat(b.f32(std::numeric_limits<double>::quiet_NaN()), lanes);
  state = result.replaceFirst(
      state, llvm::divideCeil(sizeB, lanes), [&](Value column) {
        Value isEntry = firstLanes(b.sub(b.index(sizeB), column), lanes);
        Value scores = sum(first, b.load(rhs.scores(), column, lanes));
        Value indices = arith::AddIOp::create(
            b, firstBase, b.load(rhs.indices(), column, lanes));
        return std::pair<Value, Value>(
            arith::SelectOp::create(b, isEntry, scores, empty),
            arith::SelectOp::create(b, isEntry, indices,
                                    b.splat(b.i32(0), lanes)));
      });
  // Of sums with the best of lhs only the best is looked at for NaN: when it is
  // a number, so are the others, unless they lose to infinity.
  Value top = sum(loadScore(lhs, b.index(0)), loadScore(rhs, b.index(0)));
  sawNan = arith::OrIOp::create(b, sawNan, isNan(top));
  state.push_back(sawNan);

  state = b.loop(
      b.index(1), b.index(std::min(sizeA, k)), 1, state,
      [&](Value rankA, ValueRange carried) {
        Value score = loadScore(lhs, rankA), indexBase = base(rankA);
        Value limit = b.min(b.index(sizeB), b.div(b.index(k), b.add(rankA, 1)));
        auto step = [&](Value column, State state) {
          Value worst = b.splat(
              result.worst(State(ArrayRef<Value>(state).drop_back())), lanes);
          Value scores =
              sum(b.splat(score, lanes), b.load(rhs.scores(), column, lanes));
          Value mayWin = arith::CmpFOp::create(b, arith::CmpFPredicate::ULE,
                                               worst, scores);
          mayWin = arith::AndIOp::create(
              b, mayWin, firstLanes(b.sub(limit, column), lanes));
          return drain(
              result, mayWin, state, /*byIndex=*/true, [&](Value lane) {
                Value rankB = b.add(column, lane);
                Value index =
                    memref::LoadOp::create(b, rhs.indices().buffer, rankB);
                return std::pair<Value, Value>(
                    sum(score, loadScore(rhs, rankB)),
                    arith::AddIOp::create(b, indexBase, index));
              });
        };
        if (std::min(sizeB, k / 2) <= lanes)
          return step(b.index(0), State(carried));
        return b.loop(b.index(0), limit, lanes, carried,
                      [&](Value column, ValueRange inner) {
                        return step(column, State(inner));
                      });
      });
  sawNan = state.pop_back_val();
  result.finish(state);
  return sawNan;
}

/// Writes indices, scores and gates of one token and head. `powers` is scratch.
void SelectKernel::writeResults(SortedList &list, Row powers, Value sawNan,
                                ArrayRef<Value> place) {
  auto rowOf = [&](Value buffer) {
    return Row{buffer, SmallVector<Value>(place)};
  };
  auto unlessNan = [&](Value vector, int64_t width) -> Value {
    Value nan = b.splat(b.f32(std::numeric_limits<double>::quiet_NaN()), width);
    return arith::SelectOp::create(b, sawNan, nan, vector);
  };
  auto one = [&](int64_t width) { return b.splat(b.f32(1.0), width); };

  Value total;
  if (op.getScoreFunction() == peer::ScoreFunction::softmax) {
    Value top =
        memref::LoadOp::create(b, list.scores().buffer, ValueRange{b.index(0)});
    total =
        b.sumColumns(k, 1, [&](Value column, int64_t width, ValueRange sums) {
          Value shifted = arith::SubFOp::create(
              b, b.load(list.scores(), column, width), b.splat(top, width));
          Value power = math::ExpOp::create(b, shifted);
          b.store(power, powers, column);
          return SmallVector<Value>{arith::AddFOp::create(b, sums[0], power)};
        })[0];
  }
  b.columns(k, [&](Value column, int64_t width) {
    Value scores = b.load(list.scores(), column, width), gates;
    switch (op.getScoreFunction()) {
    case peer::ScoreFunction::softmax:
      gates = arith::DivFOp::create(b, b.load(powers, column, width),
                                    b.splat(total, width));
      break;
    case peer::ScoreFunction::sigmoid: {
      Value power = math::ExpOp::create(b, arith::NegFOp::create(b, scores));
      gates = arith::DivFOp::create(
          b, one(width), arith::AddFOp::create(b, one(width), power));
      break;
    }
    case peer::ScoreFunction::relu:
      gates = arith::MaximumFOp::create(b, scores, b.zero(width));
      break;
    }
    b.store(unlessNan(gates, width), rowOf(op.getGatesInit()), column);
    b.store(b.load(list.indices(), column, width), rowOf(op.getIndicesInit()),
            column);
    if (Value init = op.getScoresInit())
      b.store(unlessNan(scores, width), rowOf(init), column);
  });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct LowerSelect : peermla::impl::LowerSelectBase<LowerSelect> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<peer::SelectOp> ops;
    getOperation()->walk([&](peer::SelectOp op) { ops.push_back(op); });
    for (peer::SelectOp op : ops) {
      if (!op.hasPureBufferSemantics())
        continue;
      SelectKernel kernel(op);
      if (failed(kernel.verify()))
        return signalPassFailure();
      kernel.lower();
      op.erase();
    }
  }
};

} // namespace
