//===- Wgmma.cpp - matrix products of warpgroups --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As an NVVM op the accumulator is one SSA value, which becomes a handle
// (Accumulators.cpp); as inline PTX it is registers.
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

LogicalResult tosim::verifyWgmma(Rewriter &rewriter, const WgmmaShape &shape,
                                 int64_t k, int64_t numRegisters) {
  using E = sim::ElementType;
  bool isInteger = shape.a == E::S8 || shape.a == E::U8;
  bool isF8 = shape.a == E::E4M3 || shape.a == E::E5M2;
  bool isHalf = shape.a == E::F16 || shape.a == E::BF16;
  bool agrees = isInteger ? shape.b == E::S8 || shape.b == E::U8
                : isF8    ? shape.b == E::E4M3 || shape.b == E::E5M2
                          : shape.b == shape.a;
  bool hasSum = isInteger ? shape.d == E::S32
                          : shape.d == E::F32 || (shape.d == E::F16 &&
                                                  (isF8 || shape.a == E::F16));
  bool isKnown = isInteger || isF8 || isHalf || shape.a == E::TF32;
  bool hasN =
      shape.n >= 8 && shape.n <= 256 && shape.n % 8 == 0 &&
      (!isInteger || shape.n % 16 == 0 || shape.n == 8 || shape.n == 24);
  if (!isKnown || !agrees || !hasSum || !hasN || k != 256 / getBits(shape.a))
    return rewriter.reject("shape m64n" + Twine(shape.n) + "k" + Twine(k) +
                           " with these element types");
  if (!isHalf && (shape.isMnMajorA || shape.isMnMajorB))
    return rewriter.emitError()
           << "expects K-major operands for elements other than 16 bits";
  int64_t expected = shape.d == E::F16 ? shape.n / 4 : shape.n / 2;
  if (numRegisters != expected)
    return rewriter.emitError()
           << "expects " << expected << " registers of D, got " << numRegisters;
  return success();
}

Value tosim::emitMatrixFlags(Rewriter &rewriter, const WgmmaShape &shape,
                             Value scaleD) {
  namespace F = sim::MatrixFlags;
  unsigned flags =
      (shape.isMnMajorA ? F::MnMajorA : 0) |
      (shape.isMnMajorB ? F::MnMajorB : 0) | (shape.negatesA ? F::NegateA : 0) |
      (shape.negatesB ? F::NegateB : 0) | (shape.saturates ? F::Saturate : 0) |
      (shape.isAwaited ? F::Awaited : 0);
  if (!scaleD)
    return rewriter.i32(flags);
  return rewriter.select(rewriter.isNonzero(scaleD), rewriter.i32(flags),
                         rewriter.i32(flags | F::ZeroD));
}

void tosim::emitWgmmaRegisters(Rewriter &rewriter, const WgmmaShape &shape,
                               SmallVectorImpl<Value> &registers, ValueRange a,
                               Value b, Value scaleD) {
  bool isInRegisters = a.front().getType() != rewriter.i64Type;
  Value descriptorA = isInRegisters ? rewriter.i64(0) : a.front();
  Value fragmentA = isInRegisters ? rewriter.pack(Slot::A, a) : rewriter.null();
  SmallVector<Type> types = llvm::to_vector(ValueRange(registers).getTypes());
  rewriter.call(Runtime::wgmma_registers,
                {rewriter.pack(Slot::Result, registers), descriptorA, b,
                 fragmentA, rewriter.i32(shape.n), rewriter.i32(shape.a),
                 rewriter.i32(shape.b), rewriter.i32(shape.d),
                 emitMatrixFlags(rewriter, shape, scaleD), rewriter.site()});
  registers = rewriter.unpack(Slot::Result, types);
}

void tosim::emitWgmmaWait(Rewriter &rewriter, int64_t groups,
                          SmallVectorImpl<Value> &registers) {
  if (registers.empty()) {
    rewriter.call(Runtime::wgmma_wait, {rewriter.i32(groups), rewriter.site()});
    return;
  }
  SmallVector<Type> types = llvm::to_vector(ValueRange(registers).getTypes());
  rewriter.call(Runtime::wgmma_wait_registers,
                {rewriter.pack(Slot::Result, registers),
                 rewriter.i32(Rewriter::countWords(types)),
                 rewriter.i32(groups), rewriter.site()});
  registers = rewriter.unpack(Slot::Result, types);
}

//===----------------------------------------------------------------------===//
// NVVM operations
//===----------------------------------------------------------------------===//

static std::optional<sim::ElementType> getElementType(NVVM::WGMMATypes type) {
  return parseElementType(NVVM::stringifyWGMMATypes(type));
}

static LogicalResult rewriteMmaAsync(Rewriter &rewriter,
                                     NVVM::WgmmaMmaAsyncOp op) {
  auto a = getElementType(op.getTypeA());
  auto b = getElementType(op.getTypeB());
  auto d = getElementType(op.getTypeD());
  if (!a || !b || !d)
    return rewriter.reject("element types");
  WgmmaShape shape{op.getShape().getN(), *a, *b, *d};
  // For B, "col" is K-major.
  shape.isMnMajorA = op.getLayoutA() == NVVM::MMALayout::col;
  shape.isMnMajorB = op.getLayoutB() == NVVM::MMALayout::row;
  shape.negatesA = op.getScaleA() == NVVM::WGMMAScaleIn::neg;
  shape.negatesB = op.getScaleB() == NVVM::WGMMAScaleIn::neg;
  shape.saturates = op.getSatfinite() == NVVM::MMAIntOverflow::satfinite;
  auto type = cast<LLVM::LLVMStructType>(op.getResults().getType());
  if (op.getShape().getM() != 64 ||
      failed(verifyWgmma(rewriter, shape, op.getShape().getK(),
                         type.getBody().size())))
    return failure();
  Value flags = emitMatrixFlags(
      rewriter, shape,
      op.getScaleD() == NVVM::WGMMAScaleOut::zero ? rewriter.i32(0) : Value());
  // The types agree once accumulators are handles; isConsumed is decided then.
  auto handle = UnrealizedConversionCastOp::create(
      rewriter.builder, op.getLoc(), rewriter.pointerType, op.getInouts());
  Value result = rewriter.call(Runtime::wgmma,
                               {handle.getResult(0), op.getDescriptorA(),
                                op.getDescriptorB(), rewriter.null(),
                                rewriter.i32(shape.n), rewriter.i32(shape.a),
                                rewriter.i32(shape.b), rewriter.i32(shape.d),
                                flags, rewriter.i32(0), rewriter.site()});
  auto back = UnrealizedConversionCastOp::create(rewriter.builder, op.getLoc(),
                                                 type, result);
  op.getResults().replaceAllUsesWith(back.getResult(0));
  op->erase();
  return success();
}

Outcome tosim::rewriteWgmma(Rewriter &rewriter, Operation *op) {
  return llvm::TypeSwitch<Operation *, Outcome>(op)
      .Case([&](NVVM::WgmmaMmaAsyncOp op) {
        return rewriteMmaAsync(rewriter, op);
      })
      .Case([&](NVVM::WgmmaFenceAlignedOp) {
        rewriter.call(Runtime::wgmma_fence, {rewriter.site()});
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::WgmmaGroupSyncAlignedOp) {
        rewriter.call(Runtime::wgmma_commit, {rewriter.site()});
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::WgmmaWaitGroupSyncOp op) {
        rewriter.call(Runtime::wgmma_wait,
                      {rewriter.i32(op.getGroup()), rewriter.site()});
        rewriter.erase();
        return success();
      })
      .Default(std::nullopt);
}
