//===- DecomposeMerge.cpp - join of attention over parts to steps ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each row (a token and a head), with m the largest lse_i:
//
//   w_i = exp(lse_i - m) / sum of exp(lse_j - m)      once per row, a temporary
//   o   = sum of w_i o_i                              for each column
//
// A part that saw no key has no `o` to read; its weight is negative.
//
//===----------------------------------------------------------------------===//

#include "StepBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include <limits>

namespace peermla {
#define GEN_PASS_DEF_DECOMPOSEMERGE
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using Values = StepBuilder::Values;

/// The weight of a part that saw no key.
static constexpr double noKey = -1.0;

namespace {

/// What the parts of a row add up to. `base` is the largest lse, or 0 where all
/// are -inf (the difference of two infinities is no number); `sum` is that of
/// exp(lse - base).
struct RowSum {
  Value base, sum;
};

/// Builds the steps of one join.
class MergeSteps {
public:
  explicit MergeSteps(mla::MergeOp op)
      : b(op), op(op), none(b.f32(-std::numeric_limits<float>::infinity())),
        P(b.dim(op.getLseParts(), 0)) {}

  FailureOr<Values> lower();

private:
  Value lseOf(Value i, Value t, Value h) {
    return b.extract(op.getLseParts(), Values{i, t, h});
  }
  Value exponential(Value lse, Value base) {
    return math::ExpOp::create(b, arith::SubFOp::create(b, lse, base));
  }
  RowSum sumRow(Value t, Value h);
  FailureOr<Value> computeWeights();

  StepBuilder b;
  mla::MergeOp op;
  Value none, P;
};

} // namespace

RowSum MergeSteps::sumRow(Value t, Value h) {
  Value maximum = b.loop(P, none, [&](Value i, ValueRange carried) {
    return Values{arith::MaximumFOp::create(b, carried[0], lseOf(i, t, h))};
  })[0];
  Value isEmpty = b.compare(arith::CmpFPredicate::OEQ, maximum, none);
  Value base = b.select(isEmpty, b.f32(0.0), maximum);
  Value sum = b.loop(P, b.f32(0.0), [&](Value i, ValueRange carried) {
    return Values{arith::AddFOp::create(b, carried[0],
                                        exponential(lseOf(i, t, h), base))};
  })[0];
  return {base, sum};
}

/// w: a tensor<T x H x P x f32>.
FailureOr<Value> MergeSteps::computeWeights() {
  SmallVector<int64_t> bounds;
  SmallVector<OpFoldResult> extents;
  for (auto [name, tensor, d] :
       {std::tuple<StringRef, Value, unsigned>("o", op.getInits()[0], 0),
        {"o", op.getInits()[0], 1},
        {"lse_i", op.getLseParts(), 0}}) {
    FailureOr<int64_t> bound = getBound(op, name, tensor, d);
    if (failed(bound))
      return failure();
    bounds.push_back(*bound);
    extents.push_back(tensor::getMixedSize(b, b.getLoc(), tensor, d));
  }
  Value weights = b.temporary(bounds, extents, b.getF32Type());
  return b.compute(weights, [&](ValueRange place) -> Value {
    Value t = place[0], h = place[1], i = place[2];
    RowSum row = sumRow(t, h);
    Value lse = lseOf(i, t, h);
    Value weight =
        arith::DivFOp::create(b, exponential(lse, row.base), row.sum);
    Value isEmpty = b.compare(arith::CmpFPredicate::OEQ, lse, none);
    return b.select(isEmpty, b.f32(noKey), weight);
  });
}

FailureOr<Values> MergeSteps::lower() {
  FailureOr<Value> weights = computeWeights();
  if (failed(weights))
    return failure();
  Values results;
  results.push_back(b.compute(op.getInits()[0], [&](ValueRange place) {
    Value t = place[0], h = place[1], c = place[2];
    Value o = b.loop(P, b.f32(0.0), [&](Value i, ValueRange carried) {
      Value weight = b.extract(*weights, Values{t, h, i});
      // A NaN is a weight.
      Value isEmpty = b.compare(arith::CmpFPredicate::OLT, weight, b.f32(0.0));
      return b.choose(
          isEmpty, [&] { return Values(carried); },
          [&] {
            Value part = b.extract(op.getOParts(), Values{i, t, h, c});
            Value product = arith::MulFOp::create(b, weight, part);
            return Values{arith::AddFOp::create(b, carried[0], product)};
          });
    })[0];
    return b.castTo(o, typeOf(op.getInits()[0]).getElementType());
  }));
  if (op.getInits().size() > 1)
    results.push_back(b.compute(op.getInits()[1], [&](ValueRange place) {
      RowSum row = sumRow(place[0], place[1]);
      return arith::AddFOp::create(b, row.base, math::LogOp::create(b, row.sum))
          .getResult();
    }));
  return results;
}

namespace {

struct DecomposeMerge : peermla::impl::DecomposeMergeBase<DecomposeMerge> {
  using Base::Base;

  void runOnOperation() override {
    for (mla::MergeOp op : collectOnTensors<mla::MergeOp>(getOperation())) {
      FailureOr<Values> results = MergeSteps(op).lower();
      if (failed(results))
        return signalPassFailure();
      op->replaceAllUsesWith(*results);
      op->erase();
    }
  }
};

} // namespace
