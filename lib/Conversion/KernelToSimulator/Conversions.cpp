//===- Conversions.cpp - conversions and approximate functions ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

/// RoundingFlags of an op; nothing for modes that the runtime lacks.
static std::optional<unsigned> getFlags(NVVM::FPRoundingMode mode,
                                        NVVM::SaturationMode saturation,
                                        bool isRelu) {
  namespace F = sim::RoundingFlags;
  unsigned flags = isRelu ? unsigned(F::Relu) : 0;
  if (saturation == NVVM::SaturationMode::SATFINITE)
    flags |= F::Saturate;
  switch (mode) {
  case NVVM::FPRoundingMode::NONE:
  case NVVM::FPRoundingMode::RN:
    return flags | F::Nearest;
  case NVVM::FPRoundingMode::RZ:
    return flags | F::Zero;
  case NVVM::FPRoundingMode::RNA:
    return flags | F::NearestAway;
  case NVVM::FPRoundingMode::RM:
    return flags | F::Down;
  case NVVM::FPRoundingMode::RP:
    return flags | F::Up;
  case NVVM::FPRoundingMode::RS:
    return std::nullopt;
  }
  return std::nullopt;
}

/// E4M3 or E5M2.
static std::optional<sim::ElementType> getFloat8(Type type) {
  if (isa<Float8E4M3FNType>(type))
    return sim::ElementType::E4M3;
  if (isa<Float8E5M2Type>(type))
    return sim::ElementType::E5M2;
  return std::nullopt;
}

template <typename ConvertOp>
static LogicalResult rewriteToPair(Rewriter &rewriter, ConvertOp op,
                                   sim::ElementType type) {
  auto flags = getFlags(op.getRnd(), op.getSat(), op.getRelu());
  if (!flags || op.getRandomBits())
    return rewriter.reject("stochastic rounding needs sm_100a");
  rewriter.replace(rewriter.call(Runtime::convert_pair_from_f32,
                                 {op.getSrcHi(), op.getSrcLo(),
                                  rewriter.i32(type), rewriter.i32(*flags)}));
  return success();
}

/// Between packed pairs of 16 and 8 bits.
static LogicalResult rewritePair(Rewriter &rewriter, Value source,
                                 std::optional<sim::ElementType> from,
                                 std::optional<sim::ElementType> to,
                                 std::optional<unsigned> flags) {
  if (!from || !to || !flags)
    return rewriter.reject("types or rounding");
  rewriter.replace(rewriter.call(
      Runtime::convert_pair,
      {source, rewriter.i32(*from), rewriter.i32(*to), rewriter.i32(*flags)}));
  return success();
}

static LogicalResult rewritePermute(Rewriter &rewriter, NVVM::PermuteOp op) {
  sim::PermuteMode mode = sim::PermuteMode::Default;
  switch (op.getMode()) {
  case NVVM::PermuteMode::DEFAULT:
    break;
  case NVVM::PermuteMode::F4E:
    mode = sim::PermuteMode::F4E;
    break;
  case NVVM::PermuteMode::B4E:
    mode = sim::PermuteMode::B4E;
    break;
  case NVVM::PermuteMode::RC8:
    mode = sim::PermuteMode::Rc8;
    break;
  case NVVM::PermuteMode::ECL:
    mode = sim::PermuteMode::Ecl;
    break;
  case NVVM::PermuteMode::ECR:
    mode = sim::PermuteMode::Ecr;
    break;
  case NVVM::PermuteMode::RC16:
    mode = sim::PermuteMode::Rc16;
    break;
  }
  Value high = op.getHi() ? op.getHi() : rewriter.i32(0);
  rewriter.replace(
      rewriter.call(Runtime::permute,
                    {rewriter.i32(mode), op.getLo(), high, op.getSelector()}));
  return success();
}

Outcome tosim::rewriteConversion(Rewriter &rewriter, Operation *op) {
  using E = sim::ElementType;
  return llvm::TypeSwitch<Operation *, Outcome>(op)
      .Case([&](NVVM::ConvertFloatToTF32Op op) -> LogicalResult {
        auto flags = getFlags(op.getRnd(), op.getSat(), op.getRelu());
        if (!flags)
          return rewriter.reject("rounding");
        rewriter.replace(rewriter.call(
            Runtime::convert_from_f32,
            {op.getSrc(), rewriter.i32(E::TF32), rewriter.i32(*flags)}));
        return success();
      })
      .Case([&](NVVM::ConvertF32x2ToF16x2Op op) {
        return rewriteToPair(rewriter, op, E::F16);
      })
      .Case([&](NVVM::ConvertF32x2ToBF16x2Op op) {
        return rewriteToPair(rewriter, op, E::BF16);
      })
      .Case([&](NVVM::ConvertF32x2ToF8x2Op op) -> LogicalResult {
        auto type = getFloat8(op.getDstTy());
        auto flags = getFlags(op.getRnd(), op.getSat(), op.getRelu());
        if (!type || !flags)
          return rewriter.reject("types or rounding");
        rewriter.replace(rewriter.call(
            Runtime::convert_pair_from_f32,
            {op.getA(), op.getB(), rewriter.i32(*type), rewriter.i32(*flags)}));
        return success();
      })
      .Case([&](NVVM::ConvertF16x2ToF8x2Op op) {
        return rewritePair(
            rewriter, op.getA(), E::F16, getFloat8(op.getDstTy()),
            getFlags(NVVM::FPRoundingMode::RN, NVVM::SaturationMode::SATFINITE,
                     op.getRelu()));
      })
      .Case([&](NVVM::ConvertF8x2ToF16x2Op op) {
        return rewritePair(rewriter, op.getSrc(), getFloat8(op.getSrcType()),
                           E::F16,
                           getFlags(NVVM::FPRoundingMode::RN,
                                    NVVM::SaturationMode::NONE, op.getRelu()));
      })
      .Case([&](NVVM::RcpApproxFtzF32Op op) {
        rewriter.replace(rewriter.call(
            Runtime::approx, {rewriter.i32(sim::ApproxFunction::Reciprocal),
                              op.getArg(), op.getArg(), rewriter.i32(1)}));
        return success();
      })
      .Case([&](NVVM::PermuteOp op) { return rewritePermute(rewriter, op); })
      .Case([&](NVVM::DotAccumulate4WayOp op) {
        unsigned isSigned =
            (op.getAType() == NVVM::DotAccumulateType::SIGNED ? 1 : 0) |
            (op.getBType() == NVVM::DotAccumulateType::SIGNED ? 2 : 0);
        rewriter.replace(
            rewriter.call(Runtime::dot4, {op.getA(), op.getB(), op.getC(),
                                          rewriter.i32(isSigned)}));
        return success();
      })
      .Default(std::nullopt);
}
