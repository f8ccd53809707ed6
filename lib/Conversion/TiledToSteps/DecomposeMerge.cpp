//===- DecomposeMerge.cpp - join of attention over parts to steps ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each element of `o`, and of `lse`, looks at the partial results itself: the
// parts are few, and no step waits for another. Those of empty parts are not
// read.
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

/// The largest lse of the parts, 0 where all are -inf: the difference of two
/// infinities is no number.
static Value findBase(StepBuilder &b, Value lseParts, Value P, Value t,
                      Value h) {
  Value none = b.f32(-std::numeric_limits<float>::infinity());
  Value maximum = b.loop(P, none, [&](Value i, ValueRange carried) {
    Value lse = b.extract(lseParts, Values{i, t, h});
    return Values{arith::MaximumFOp::create(b, carried[0], lse)};
  })[0];
  Value isEmpty = b.compare(arith::CmpFPredicate::OEQ, maximum, none);
  return b.select(isEmpty, b.f32(0.0), maximum);
}

/// Whether the part has seen no key: then there is no `o`, either.
static Value isEmptyPart(StepBuilder &b, Value lseParts, Value i, Value t,
                         Value h) {
  return b.compare(arith::CmpFPredicate::OEQ,
                   b.extract(lseParts, Values{i, t, h}),
                   b.f32(-std::numeric_limits<float>::infinity()));
}

static Value weightOf(StepBuilder &b, Value lseParts, Value i, Value t, Value h,
                      Value base) {
  Value lse = b.extract(lseParts, Values{i, t, h});
  return math::ExpOp::create(b, arith::SubFOp::create(b, lse, base));
}

static Values decompose(mla::MergeOp op) {
  StepBuilder b(op);
  Value oParts = op.getOParts(), lseParts = op.getLseParts();
  Value zero = b.f32(0.0);
  Value P = b.dim(lseParts, 0);
  Values results;
  results.push_back(b.compute(op.getInits()[0], [&](ValueRange place) {
    Value t = place[0], h = place[1], c = place[2];
    Value base = findBase(b, lseParts, P, t, h);
    Values sums =
        b.loop(P, Values{zero, zero}, [&](Value i, ValueRange carried) {
          auto add = [&] {
            Value weight = weightOf(b, lseParts, i, t, h, base);
            Value part = b.extract(oParts, Values{i, t, h, c});
            Value product = arith::MulFOp::create(b, weight, part);
            return Values{arith::AddFOp::create(b, carried[0], weight),
                          arith::AddFOp::create(b, carried[1], product)};
          };
          return b.choose(
              isEmptyPart(b, lseParts, i, t, h),
              [&] { return Values(carried); }, add);
        });
    Value isEmpty = b.compare(arith::CmpFPredicate::OEQ, sums[0], zero);
    Value quotient = arith::DivFOp::create(b, sums[1], sums[0]);
    return b.castTo(b.select(isEmpty, zero, quotient),
                    typeOf(op.getInits()[0]).getElementType());
  }));
  if (op.getInits().size() < 2)
    return results;
  results.push_back(b.compute(op.getInits()[1], [&](ValueRange place) {
    Value base = findBase(b, lseParts, P, place[0], place[1]);
    Value sum = b.loop(P, zero, [&](Value i, ValueRange carried) {
      Value weight = weightOf(b, lseParts, i, place[0], place[1], base);
      return Values{arith::AddFOp::create(b, carried[0], weight)};
    })[0];
    return arith::AddFOp::create(b, base, math::LogOp::create(b, sum))
        .getResult();
  }));
  return results;
}

namespace {

struct DecomposeMerge : peermla::impl::DecomposeMergeBase<DecomposeMerge> {
  using Base::Base;

  void runOnOperation() override {
    for (mla::MergeOp op : collectOnTensors<mla::MergeOp>(getOperation())) {
      op->replaceAllUsesWith(decompose(op));
      op->erase();
    }
  }
};

} // namespace
