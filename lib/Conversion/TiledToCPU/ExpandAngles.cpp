//===- ExpandAngles.cpp - cosine and sine in f64 without calls ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//     n = round(2 x / pi),  r = x - n pi/2 in [-pi/4, pi/4]
//     n mod 4     0        1        2        3
//     cos x     cos r   - sin r  - cos r    sin r
//     sin x     sin r     cos r  - sin r  - cos r
//
// pi/2 is the sum of two f64, and products with n are not rounded (fma), so
// that r is as exact as x for |x| < 2^50. Rounding adds and subtracts 1.5 *
// 2^52, whose sum has n in its low bits. The polynomials are Taylor's, to x^15
// and x^16: what is left out is below 2^-54. An angle that is no number, or
// infinite, gives NaN.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"

using namespace mlir;
using namespace peermla;

/// A constant of the type, a scalar's or a vector's.
static Value constant(ImplicitLocOpBuilder &b, Type type, TypedAttr scalar) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, scalar));
  return arith::ConstantOp::create(b, scalar);
}

static Value constant(ImplicitLocOpBuilder &b, Type type, double value) {
  return constant(b, type, TypedAttr(b.getF64FloatAttr(value)));
}

/// 1 + x / a0 (1 + x / a1 (1 + ...)), for reciprocals of factorials.
static Value nested(ImplicitLocOpBuilder &b, Value x,
                    ArrayRef<double> divisors) {
  Type type = x.getType();
  double coefficient = 1.0;
  SmallVector<double> coefficients = {1.0};
  for (double divisor : divisors)
    coefficients.push_back(coefficient /= divisor);
  Value result = constant(b, type, coefficients.back());
  for (double next : llvm::reverse(ArrayRef(coefficients).drop_back()))
    result = math::FmaOp::create(b, result, x, constant(b, type, next));
  return result;
}

/// cos(x) for `quarters` = 1, sin(x) for 0.
static Value expandAngle(ImplicitLocOpBuilder &b, Value x, int64_t quarters) {
  constexpr double halfPi = 1.5707963267948966, rest = 6.123233995736766e-17;
  constexpr double roundingShift = 6755399441055744.0; // 1.5 * 2^52
  Type type = x.getType(), bitsType = b.getI64Type();
  if (auto vector = dyn_cast<VectorType>(type))
    bitsType = vector.clone(b.getI64Type());
  Value shift = constant(b, type, roundingShift);
  Value shifted =
      math::FmaOp::create(b, x, constant(b, type, 1.0 / halfPi), shift);
  Value n = arith::SubFOp::create(b, shifted, shift);
  Value r = math::FmaOp::create(b, n, constant(b, type, -halfPi), x);
  r = math::FmaOp::create(b, n, constant(b, type, -rest), r);

  Value square = arith::MulFOp::create(b, r, r);
  Value sine = nested(b, square,
                      {-2.0 * 3.0, -4.0 * 5.0, -6.0 * 7.0, -8.0 * 9.0,
                       -10.0 * 11.0, -12.0 * 13.0, -14.0 * 15.0});
  sine = arith::MulFOp::create(b, sine, r);
  Value cosine =
      nested(b, square,
             {-1.0 * 2.0, -3.0 * 4.0, -5.0 * 6.0, -7.0 * 8.0, -9.0 * 10.0,
              -11.0 * 12.0, -13.0 * 14.0, -15.0 * 16.0});

  auto integer = [&](int64_t value) {
    return constant(b, bitsType, TypedAttr(b.getI64IntegerAttr(value)));
  };
  Value quadrant = arith::AddIOp::create(
      b, arith::BitcastOp::create(b, bitsType, shifted), integer(quarters));
  auto isSet = [&](int64_t bit) -> Value {
    Value masked = arith::AndIOp::create(b, quadrant, integer(bit));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked,
                                 integer(0));
  };
  Value value = arith::SelectOp::create(b, isSet(1), cosine, sine);
  Value negated = arith::NegFOp::create(b, value);
  return arith::SelectOp::create(b, isSet(2), negated, value);
}

namespace {

template <typename Op, int64_t quarters>
struct ExpandAngle : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF64())
      return rewriter.notifyMatchFailure(op, "expects f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, expandAngle(b, op.getOperand(), quarters));
    return success();
  }
};

} // namespace

void peermla::populateExpandAnglesPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandAngle<math::SinOp, 0>, ExpandAngle<math::CosOp, 1>>(
      patterns.getContext());
}
