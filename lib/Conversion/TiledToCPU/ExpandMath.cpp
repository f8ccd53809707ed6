//===- ExpandMath.cpp - elementwise functions without calls ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//     2^x     n = round(x), f = x - n:  2^(f+1) * 2^(n-1)
//     e^x     n = round(x log2(e)), r = x - n ln(2):  2 e^r * 2^(n-1)
//     ln(x)   x = 2^n m, m in [sqrt(1/2), sqrt(2)):  n ln(2) + 2
//     atanh((m-1)/(m+1)) erf(x)  x + x P(x^2) near 0, else 1 - 2^Q(|x|) with
//     the sign of x tanh(x) x + x^3 P(x^2) near 0, else 1 - 2 / (e^(2|x|) + 1)
//
// Rounding adds and subtracts 1.5 * 2^23, whose sum has n in its low bits. With
// the bias of the exponent in the same constant, a shift of the sum makes
// 2^(n-1); the factor 2 in the polynomial keeps n = 128 representable. The
// polynomials minimise the largest relative error of the result (Lawson's
// iteration in double precision), rounded to f32.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include <cmath>

namespace peermla {
#define GEN_PASS_DEF_EXPANDMATH
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {
struct ExpandMath : peermla::impl::ExpandMathBase<ExpandMath> {
  using Base::Base;
  void runOnOperation() override;
};

/// Builds arithmetic on f32 scalars and vectors alike.
class FloatBuilder {
public:
  FloatBuilder(OpBuilder &builder, Location loc, Type type)
      : builder(builder), loc(loc), type(type) {}

  Value constant(float value) {
    TypedAttr attribute = builder.getF32FloatAttr(value);
    if (auto vector = dyn_cast<VectorType>(type))
      attribute = DenseElementsAttr::get(vector, attribute);
    return arith::ConstantOp::create(builder, loc, attribute);
  }
  Value add(Value lhs, Value rhs) { return make<arith::AddFOp>(lhs, rhs); }
  Value sub(Value lhs, Value rhs) { return make<arith::SubFOp>(lhs, rhs); }
  Value mul(Value lhs, Value rhs) { return make<arith::MulFOp>(lhs, rhs); }
  Value div(Value lhs, Value rhs) { return make<arith::DivFOp>(lhs, rhs); }
  Value fma(Value a, Value b, Value c) { return make<math::FmaOp>(a, b, c); }
  Value abs(Value value) { return make<math::AbsFOp>(value); }
  Value sqrt(Value value) { return make<math::SqrtOp>(value); }
  Value copySign(Value value, Value sign) {
    return make<math::CopySignOp>(value, sign);
  }
  /// `lhs PREDICATE rhs ? a : b`, with `b` where a side is NaN.
  Value select(arith::CmpFPredicate predicate, Value lhs, Value rhs, Value a,
               Value b) {
    Value condition = arith::CmpFOp::create(builder, loc, predicate, lhs, rhs);
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  /// `value` within the limits; NaN stays.
  Value atLeast(Value value, float limit) {
    Value bound = constant(limit);
    return select(arith::CmpFPredicate::OLT, value, bound, bound, value);
  }
  Value atMost(Value value, float limit) {
    Value bound = constant(limit);
    return select(arith::CmpFPredicate::OGT, value, bound, bound, value);
  }
  /// c0 + c1 x + c2 x^2 ...
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value result = constant(coefficients.back());
    for (float coefficient : llvm::reverse(coefficients.drop_back()))
      result = fma(result, x, constant(coefficient));
    return result;
  }
  /// 2^(n-1) from n + `roundingShift`.
  Value power(Value shifted) {
    Value bits = convert<arith::BitcastOp>(shifted, bitsType());
    Value exponent = arith::ShLIOp::create(builder, loc, bits, integer(23));
    return arith::BitcastOp::create(builder, loc, type, exponent);
  }

  /// m and n with positive `value` = 2^n m and m in [sqrt(1/2), sqrt(2)).
  std::pair<Value, Value> splitAtRoot(Value value) {
    constexpr int32_t rootOfHalf = 0x3f3504f3;
    Value bits = convert<arith::BitcastOp>(value, bitsType());
    Value above =
        arith::SubIOp::create(builder, loc, bits, integer(rootOfHalf));
    Value exponent =
        arith::AndIOp::create(builder, loc, above, integer(~0x7fffff));
    Value mantissa = arith::SubIOp::create(builder, loc, bits, exponent);
    Value n = arith::ShRSIOp::create(builder, loc, exponent, integer(23));
    return {convert<arith::BitcastOp>(mantissa, type),
            convert<arith::SIToFPOp>(n, type)};
  }

private:
  Type bitsType() {
    Type i32 = builder.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(i32);
    return i32;
  }
  Value integer(int32_t value) {
    TypedAttr attribute = builder.getI32IntegerAttr(value);
    if (auto vector = dyn_cast<VectorType>(bitsType()))
      attribute = DenseElementsAttr::get(vector, attribute);
    return arith::ConstantOp::create(builder, loc, attribute);
  }
  template <typename Op> Value convert(Value value, Type to) {
    return Op::create(builder, loc, to, value);
  }
  template <typename Op, typename... Values> Value make(Values... operands) {
    return Op::create(builder, loc, operands...);
  }

  OpBuilder &builder;
  Location loc;
  Type type;
};
} // namespace

/// 1.5 * 2^23 rounds what is added to it; 126 is the bias of 2^(n-1).
static constexpr float roundingShift = 12582912.0f + 126.0f;

static Value expandExp2(FloatBuilder &b, Value x) {
  // From 128 on the result is infinite, at -126 the factor becomes 0.
  x = b.atLeast(b.atMost(x, 128.0f), -126.0f);
  Value shift = b.constant(roundingShift);
  Value shifted = b.add(x, shift);
  Value fraction = b.sub(x, b.sub(shifted, shift));
  Value mantissa =
      b.polynomial(fraction, {2.0f, 1.3862944f, 0.48045295f, 0.11100665f,
                              0.019236874f, 0.0026797748f, 0.00030706724f});
  return b.mul(mantissa, b.power(shifted));
}

static Value expandExp(FloatBuilder &b, Value x) {
  constexpr float log2e = 1.44269504f;
  // ln(2) in two parts; products of the first with small n are exact.
  constexpr float ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
  x = b.atLeast(b.atMost(x, 89.0f), -87.5f);
  Value shift = b.constant(roundingShift);
  Value shifted = b.fma(x, b.constant(log2e), shift);
  Value n = b.sub(shifted, shift);
  Value rest = b.fma(n, b.constant(-ln2High), x);
  rest = b.fma(n, b.constant(-ln2Low), rest);
  Value mantissa =
      b.polynomial(rest, {2.0f, 2.0f, 0.9999999f, 0.33332843f, 0.083336115f,
                          0.016749911f, 0.0027685445f});
  return b.mul(mantissa, b.power(shifted));
}

static Value expandLog(FloatBuilder &b, Value x) {
  constexpr float ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
  constexpr float smallest = 1.17549435e-38f, infinity = HUGE_VALF;
  // What has no exponent of its own gets one.
  Value normal = b.select(arith::CmpFPredicate::OLT, x, b.constant(smallest),
                          b.mul(x, b.constant(16777216.0f)), x);
  Value offset = b.select(arith::CmpFPredicate::OLT, x, b.constant(smallest),
                          b.constant(-24.0f), b.constant(0.0f));
  auto [m, n] = b.splitAtRoot(normal);
  n = b.add(n, offset);
  Value one = b.constant(1.0f);
  Value s = b.div(b.sub(m, one), b.add(m, one));
  Value square = b.mul(s, s);
  Value odd = b.polynomial(
      square, {2.0f / 3.0f, 2.0f / 5.0f, 2.0f / 7.0f, 2.0f / 9.0f});
  Value twice = b.add(s, s);
  Value result = b.fma(b.mul(square, s), odd, twice);
  result = b.fma(n, b.constant(ln2Low), result);
  result = b.fma(n, b.constant(ln2High), result);
  // At the limits; what is negative, or no number, has no logarithm.
  result =
      b.select(arith::CmpFPredicate::OEQ, x, b.constant(infinity), x, result);
  result = b.select(arith::CmpFPredicate::OEQ, x, b.constant(0.0f),
                    b.constant(-infinity), result);
  return b.select(arith::CmpFPredicate::OGE, x, b.constant(0.0f), result,
                  b.constant(NAN));
}

static Value expandErf(FloatBuilder &b, Value x) {
  constexpr float border = 0.875f;
  // erf(4) rounds to 1.
  Value magnitude = b.atMost(b.abs(x), 4.0f);
  Value near = b.polynomial(b.mul(x, x),
                            {0.12837915f, -0.37612548f, 0.11282444f,
                             -0.026790993f, 0.0050314018f, -0.00061987754f});
  near = b.fma(near, x, x);
  Value exponent = b.polynomial(
      magnitude, {-0.00019270778f, -1.6272678f, -0.91861767f, -0.15051277f,
                  0.032345537f, -0.004461235f, 0.0002899763f});
  Value far = b.sub(b.constant(1.0f), expandExp2(b, exponent));
  return b.select(arith::CmpFPredicate::OGT, magnitude, b.constant(border),
                  b.copySign(far, x), near);
}

static Value expandTanh(FloatBuilder &b, Value x) {
  constexpr float border = 0.625f;
  Value square = b.mul(x, x);
  Value near = b.polynomial(square, {-0.3333328f, 0.13331442f, -0.053739715f,
                                     0.020639088f, -0.0057049873f});
  near = b.fma(b.mul(near, square), x, x);
  Value magnitude = b.abs(x);
  Value power = expandExp(b, b.add(magnitude, magnitude));
  Value one = b.constant(1.0f);
  Value far = b.sub(one, b.div(b.constant(2.0f), b.add(power, one)));
  return b.select(arith::CmpFPredicate::OGT, magnitude, b.constant(border),
                  b.copySign(far, x), near);
}

static Value expandRsqrt(FloatBuilder &b, Value x) {
  return b.div(b.constant(1.0f), b.sqrt(x));
}

namespace {
template <typename Op, Value (*expand)(FloatBuilder &, Value)>
struct ExpandFunction : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32())
      return rewriter.notifyMatchFailure(op, "expects f32");
    FloatBuilder builder(rewriter, op.getLoc(), type);
    rewriter.replaceOp(op, expand(builder, op.getOperand()));
    return success();
  }
};
} // namespace

void peermla::populateExpandMathPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandFunction<math::ExpOp, expandExp>,
               ExpandFunction<math::Exp2Op, expandExp2>,
               ExpandFunction<math::LogOp, expandLog>,
               ExpandFunction<math::ErfOp, expandErf>,
               ExpandFunction<math::TanhOp, expandTanh>,
               ExpandFunction<math::RsqrtOp, expandRsqrt>>(
      patterns.getContext());
  populateExpandAnglesPatterns(patterns);
}

void ExpandMath::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  populateExpandMathPatterns(patterns);
  walkAndApplyPatterns(getOperation(), std::move(patterns));
}
