//===- DecomposeRope.cpp - positions and rotations to steps ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `mla.positions`, `mla.rope_table` and `mla.rope` become one linalg.generic
// each, all of whose loops are parallel:
//
//   positions   a token finds its sequence by bisection
//   rope_table  an element knows its frequency, computes in f64, rounds once
//   rope        an element reads its partner in the pair
//
//===----------------------------------------------------------------------===//

#include "Sequences.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

namespace peermla {
#define GEN_PASS_DEF_DECOMPOSEROPE
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using Values = StepBuilder::Values;
using arith::CmpIPredicate;

static Value decompose(mla::PositionsOp op) {
  StepBuilder b(op);
  return b.compute(op.getInit(), [&](ValueRange place) {
    Value token =
        op.getFirst() ? b.add(op.getFirst(), place[0]) : Value(place[0]);
    return withSequence(
        b, op.getCuSeqlens(), token,
        [&](TokenSequence sequence) {
          Value position = b.sub(token, sequence.begin);
          if (Value pastLens = op.getPastLens())
            position =
                b.add(b.extractIndex(pastLens, sequence.number), position);
          return Values{b.toI32(position)};
        },
        [&] { return Values{b.i32(0)}; })[0];
  });
}

/// frequencies[i] of [begin, end), by bisection with selects.
static Value frequencyAt(StepBuilder &b, ArrayRef<double> frequencies, Value i,
                         int64_t begin) {
  if (frequencies.size() == 1)
    return arith::ConstantOp::create(b, b.getF64FloatAttr(frequencies[0]));
  size_t half = frequencies.size() / 2;
  int64_t middle = begin + static_cast<int64_t>(half);
  Value low = frequencyAt(b, frequencies.take_front(half), i, begin);
  Value high = frequencyAt(b, frequencies.drop_front(half), i, middle);
  return b.select(b.compare(CmpIPredicate::slt, i, b.index(middle)), low, high);
}

static Value decompose(mla::RopeTableOp op) {
  StepBuilder b(op);
  ArrayRef<double> frequencies = op.getInvFreq();
  if (frequencies.empty())
    return op.getInit();
  AffineExpr t, j;
  bindDims(b.getContext(), t, j);
  AffineMap row = AffineMap::get(2, 0, {t}, b.getContext());
  Type f64 = b.getF64Type();
  return b.combine(
      op.getPositions(), op.getInit(), {row, b.getMultiDimIdentityMap(2)},
      [&](ValueRange elements) {
        Value column = b.place(1);
        Value pairs = b.index(static_cast<int64_t>(frequencies.size()));
        Value isCos = b.compare(CmpIPredicate::slt, column, pairs);
        Value i = b.select(isCos, column, b.sub(column, pairs));
        Value position = arith::SIToFPOp::create(b, f64, elements[0]);
        Value angle = arith::MulFOp::create(b, position,
                                            frequencyAt(b, frequencies, i, 0));
        Value value = b.choose(
            isCos, [&] { return Values{math::CosOp::create(b, angle)}; },
            [&] { return Values{math::SinOp::create(b, angle)}; })[0];
        Value multiplier = arith::ConstantOp::create(
            b, b.getF64FloatAttr(op.getMultiplier().convertToDouble()));
        Value scaled = arith::MulFOp::create(b, value, multiplier);
        return b.castTo(scaled, elements[1].getType());
      });
}

static Value decompose(mla::RopeOp op) {
  StepBuilder b(op);
  Value x = op.getX(), table = op.getTable();
  unsigned last = typeOf(x).getRank() - 1;
  Type f32 = b.getF32Type();
  return b.combine(
      x, op.getInit(),
      {b.getMultiDimIdentityMap(last + 1), b.getMultiDimIdentityMap(last + 1)},
      [&](ValueRange elements) {
        // The whole place, outside of the choice: linalg.index knows its loops
        // from the op around.
        Values place;
        for (unsigned d = 0; d <= last; ++d)
          place.push_back(b.place(d));
        Value token = place[0], column = place[last];
        Value dr = b.dim(table, 1), two = b.index(2);
        Value rotated = b.sub(column, b.sub(b.dim(x, last), dr));
        Value isRotated = b.compare(CmpIPredicate::sge, rotated, b.index(0));
        return b.choose(
            isRotated,
            [&] {
              Value pair = b.div(rotated, two), side = b.rem(rotated, two);
              Value isEven = b.compare(CmpIPredicate::eq, side, b.index(0));
              Value cos = b.extract(table, Values{token, pair});
              Value sin =
                  b.extract(table, Values{token, b.add(pair, b.div(dr, two))});
              // The even one's partner comes after it.
              Values partner(place);
              partner[last] =
                  b.add(column, b.sub(b.index(1), b.mul(two, side)));
              Value self = b.castTo(elements[0], f32);
              Value other = b.castTo(b.extract(x, partner), f32);
              Value sign = b.select(isEven, arith::NegFOp::create(b, sin), sin);
              Value sum =
                  arith::AddFOp::create(b, arith::MulFOp::create(b, self, cos),
                                        arith::MulFOp::create(b, other, sign));
              return Values{b.castTo(sum, elements[1].getType())};
            },
            [&] { return Values{elements[0]}; })[0];
      });
}

template <typename OpTy> static void decomposeAll(Operation *function) {
  for (OpTy op : collectOnTensors<OpTy>(function)) {
    op->replaceAllUsesWith(ValueRange{decompose(op)});
    op->erase();
  }
}

namespace {

struct DecomposeRope : peermla::impl::DecomposeRopeBase<DecomposeRope> {
  using Base::Base;

  void runOnOperation() override {
    decomposeAll<mla::PositionsOp>(getOperation());
    decomposeAll<mla::RopeTableOp>(getOperation());
    decomposeAll<mla::RopeOp>(getOperation());
  }
};

} // namespace
