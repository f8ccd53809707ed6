//===- IntrinsicArithmetic.cpp - functions and conversions --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Approximate functions and conversions between floating-point types.
//
//===----------------------------------------------------------------------===//

#include "InstructionNames.h"
#include "IntrinsicCall.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

/// ex2.approx.ftz.f32(x), div.approx.f(x, y)
LogicalResult tosim::rewriteApproximate(Intrinsic x) {
  using F = sim::ApproxFunction;
  F function = *parseApproximate(x.word(0));
  bool isDivision = function == F::Divide;
  if (x.size() != (isDivision ? 2u : 1u))
    return x.reject();
  bool isApproximate = x.has("approx") || x.has("full");
  Type type = x.arg(0).getType();
  if (isApproximate && type.isF32())
    return x.replace(
        x.rewriter.call(Runtime::approx, {x.rewriter.i32(function), x.arg(0),
                                          x.arg(isDivision ? 1 : 0),
                                          x.rewriter.i32(x.has("ftz"))}));
  Type element = getElementTypeOrSelf(type);
  if (isApproximate && !isDivision && (element.isF16() || element.isBF16()))
    return x.replace(x.rewriter.call(
        Runtime::approx_pair,
        {x.rewriter.i32(function),
         x.rewriter.i32(element.isF16() ? sim::ElementType::F16
                                        : sim::ElementType::BF16),
         x.arg(0)}));
  OpBuilder &b = x.rewriter.builder;
  if (isDivision && x.has("rn"))
    return x.replace(
        LLVM::FDivOp::create(b, x.op.getLoc(), x.arg(0), x.arg(1)));
  if (function == F::Sqrt && isa<FloatType>(type) && !isApproximate)
    return x.replace(LLVM::SqrtOp::create(b, x.op.getLoc(), x.arg(0)));
  if (function == F::Reciprocal && x.has("rn")) {
    Value one = LLVM::ConstantOp::create(b, x.op.getLoc(), type,
                                         b.getFloatAttr(type, 1.0));
    return x.replace(LLVM::FDivOp::create(b, x.op.getLoc(), one, x.arg(0)));
  }
  return x.reject();
}

static unsigned getRounding(const Intrinsic &x) {
  namespace F = sim::RoundingFlags;
  unsigned flags = x.has("rz")    ? unsigned(F::Zero)
                   : x.has("rna") ? unsigned(F::NearestAway)
                   : x.has("rm")  ? unsigned(F::Down)
                   : x.has("rp")  ? unsigned(F::Up)
                                  : unsigned(F::Nearest);
  if (x.has("relu"))
    flags |= F::Relu;
  if (x.has("satfinite"))
    flags |= F::Saturate;
  return flags;
}

/// ff2bf16x2.rn, f2tf32.rna, ff.to.e4m3x2.rn, e4m3x2.to.f16x2.rn, ...
LogicalResult tosim::rewriteConvert(Intrinsic x) {
  using E = sim::ElementType;
  // To 8 bits a conversion always saturates, and its name does not say so.
  unsigned rounding = getRounding(x);
  if (x.word(1) == "to" && (x.word(2) == "e4m3x2" || x.word(2) == "e5m2x2"))
    rounding |= sim::RoundingFlags::Saturate;
  Value flags = x.rewriter.i32(rounding);
  auto parsePair = [](StringRef text) {
    return text.consume_back("x2") ? parseElementType(text) : std::nullopt;
  };
  StringRef first = x.word(0);
  if (x.has("rs"))
    return x.reject();
  if (first == "ff2bf16x2" || first == "ff2f16x2") {
    E to = first == "ff2bf16x2" ? E::BF16 : E::F16;
    return x.size() == 2 ? x.replace(x.rewriter.call(
                               Runtime::convert_pair_from_f32,
                               {x.arg(0), x.arg(1), x.rewriter.i32(to), flags}))
                         : x.reject();
  }
  if (first == "f2bf16" || first == "f2f16" || first == "f2tf32") {
    E to = first == "f2bf16" ? E::BF16 : first == "f2f16" ? E::F16 : E::TF32;
    return x.size() == 1 ? x.replace(x.rewriter.call(
                               Runtime::convert_from_f32,
                               {x.arg(0), x.rewriter.i32(to), flags}))
                         : x.reject();
  }
  if (x.word(1) != "to")
    return x.reject();
  auto to = parsePair(x.word(2));
  if (first == "ff" && to && x.size() == 2)
    return x.replace(
        x.rewriter.call(Runtime::convert_pair_from_f32,
                        {x.arg(0), x.arg(1), x.rewriter.i32(*to), flags}));
  auto from = parsePair(first);
  if (from && to && x.size() == 1)
    return x.replace(
        x.rewriter.call(Runtime::convert_pair, {x.arg(0), x.rewriter.i32(*from),
                                                x.rewriter.i32(*to), flags}));
  return x.reject();
}
