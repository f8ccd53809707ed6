//===- Matrix.cpp - ldmatrix, stmatrix and mma.sync -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

std::optional<sim::ElementType> tosim::parseElementType(StringRef name) {
  using E = sim::ElementType;
  return llvm::StringSwitch<std::optional<E>>(name)
      .Case("f16", E::F16)
      .Case("bf16", E::BF16)
      .Case("tf32", E::TF32)
      .Case("e4m3", E::E4M3)
      .Case("e5m2", E::E5M2)
      .Case("s8", E::S8)
      .Case("u8", E::U8)
      .Case("f32", E::F32)
      .Case("f64", E::F64)
      .Case("s32", E::S32)
      .Case("u32", E::U32)
      .Case("s64", E::S64)
      .Case("u64", E::U64)
      .Case("u16", E::U16)
      .Case("b32", E::B32)
      .Case("b64", E::B64)
      .Case("b128", E::B128)
      .Default(std::nullopt);
}

unsigned tosim::getBits(sim::ElementType type) {
  using E = sim::ElementType;
  switch (type) {
  case E::E4M3:
  case E::E5M2:
  case E::S8:
  case E::U8:
    return 8;
  case E::F16:
  case E::BF16:
  case E::U16:
    return 16;
  case E::TF32:
  case E::F32:
  case E::S32:
  case E::U32:
  case E::B32:
    return 32;
  case E::F64:
  case E::S64:
  case E::U64:
  case E::B64:
    return 64;
  case E::B128:
    return 128;
  }
  return 0;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

SmallVector<Value> tosim::emitLdMatrix(Rewriter &rewriter, Value address,
                                       unsigned count, bool transposed,
                                       TypeRange results) {
  rewriter.call(Runtime::ldmatrix, {rewriter.slot(Slot::Result, count), address,
                                    rewriter.i32(count),
                                    rewriter.i32(transposed), rewriter.site()});
  return rewriter.unpack(Slot::Result, results);
}

void tosim::emitStMatrix(Rewriter &rewriter, Value address, ValueRange fragment,
                         bool transposed) {
  rewriter.call(Runtime::stmatrix, {address, rewriter.pack(Slot::A, fragment),
                                    rewriter.i32(fragment.size()),
                                    rewriter.i32(transposed), rewriter.site()});
}

LogicalResult tosim::verifyMma(Rewriter &rewriter, const MmaShape &shape,
                               size_t numA, size_t numB, size_t numC) {
  using E = sim::ElementType;
  bool isInteger = shape.a == E::S8 || shape.a == E::U8;
  bool isF8 = shape.a == E::E4M3 || shape.a == E::E5M2;
  bool isFloat =
      shape.a == E::F16 || shape.a == E::BF16 || shape.a == E::TF32 || isF8;
  bool agrees = isInteger ? shape.b == E::S8 || shape.b == E::U8
                : isF8    ? shape.b == E::E4M3 || shape.b == E::E5M2
                          : shape.b == shape.a;
  bool hasSum =
      isInteger ? shape.d == E::S32
                : shape.d == E::F32 || (shape.a == E::F16 && shape.d == E::F16);
  int64_t full = 256 / getBits(shape.a); // 32 bytes
  if (shape.m != 16 || shape.n != 8 || (!isInteger && !isFloat) || !agrees ||
      !hasSum || (shape.k != full && shape.k != full / 2))
    return rewriter.reject("shape m" + Twine(shape.m) + "n" + Twine(shape.n) +
                           "k" + Twine(shape.k) + " with these element types");
  size_t words = shape.k == full ? 4 : 2;
  size_t sums = shape.d == E::F16 ? 2 : 4;
  if (numA != words || numB != words / 2 || numC != sums)
    return rewriter.emitError()
           << "expects " << words << ", " << words / 2 << " and " << sums
           << " registers of A, B and C, got " << numA << ", " << numB
           << " and " << numC;
  return success();
}

SmallVector<Value> tosim::emitMma(Rewriter &rewriter, const MmaShape &shape,
                                  ValueRange a, ValueRange b, ValueRange c,
                                  TypeRange results) {
  Value registersA = rewriter.pack(Slot::A, a);
  Value registersB = rewriter.pack(Slot::B, b);
  Value registersC = rewriter.pack(Slot::C, c);
  rewriter.call(Runtime::mma_sync,
                {rewriter.slot(Slot::Result, results.size()), registersA,
                 registersB, registersC, rewriter.i32(shape.k),
                 rewriter.i32(shape.a), rewriter.i32(shape.b),
                 rewriter.i32(shape.d),
                 rewriter.i32(shape.saturates ? sim::MatrixFlags::Saturate : 0),
                 rewriter.site()});
  return rewriter.unpack(Slot::Result, results);
}

//===----------------------------------------------------------------------===//
// NVVM operations
//===----------------------------------------------------------------------===//

/// An error unless the matrices are 8 x 8 of 16 bits.
static LogicalResult verifyMatrices(Rewriter &rewriter,
                                    NVVM::LdStMatrixShapeAttr shape,
                                    NVVM::LdStMatrixEltType type) {
  if (shape.getM() == 8 && shape.getN() == 8 &&
      type == NVVM::LdStMatrixEltType::B16)
    return success();
  return rewriter.reject(
      "matrices of " + Twine(shape.getM()) + " x " + Twine(shape.getN()) + " " +
      NVVM::stringifyLdStMatrixEltType(type) + ", expected 8 x 8 b16");
}

static LogicalResult rewriteLdMatrix(Rewriter &rewriter, NVVM::LdMatrixOp op) {
  if (failed(verifyMatrices(rewriter, op.getShape(), op.getEltType())))
    return failure();
  SmallVector<Type> registers =
      Rewriter::getRegisterTypes(op.getRes().getType());
  if (registers.size() != op.getNum())
    return rewriter.emitError() << "expects " << op.getNum()
                                << " registers, got " << registers.size();
  SmallVector<Value> values =
      emitLdMatrix(rewriter, op.getPtr(), op.getNum(),
                   op.getLayout() == NVVM::MMALayout::col, registers);
  rewriter.replaceByFragment(values);
  return success();
}

static LogicalResult rewriteStMatrix(Rewriter &rewriter, NVVM::StMatrixOp op) {
  if (failed(verifyMatrices(rewriter, op.getShape(), op.getEltType())))
    return failure();
  emitStMatrix(rewriter, op.getPtr(), op.getSources(),
               op.getLayout() == NVVM::MMALayout::col);
  rewriter.erase();
  return success();
}

/// The element type by the name that the attribute shares with PTX.
static std::optional<sim::ElementType>
getElementType(std::optional<NVVM::MMATypes> type) {
  if (!type)
    return std::nullopt;
  return parseElementType(NVVM::stringifyMMATypes(*type));
}

static LogicalResult rewriteMma(Rewriter &rewriter, NVVM::MmaOp op) {
  auto a = getElementType(op.getMultiplicandAPtxType());
  auto b = getElementType(op.getMultiplicandBPtxType());
  auto d = getElementType(op.resultPtxType());
  if (!a || !b || !d)
    return rewriter.reject("element types");
  if (op.getLayoutA() != NVVM::MMALayout::row ||
      op.getLayoutB() != NVVM::MMALayout::col)
    return rewriter.reject("layouts other than row by col");
  MmaShape shape{op.getShape().getM(),
                 op.getShape().getN(),
                 op.getShape().getK(),
                 *a,
                 *b,
                 *d};
  shape.saturates =
      op.getIntOverflowBehavior() == NVVM::MMAIntOverflow::satfinite;
  if (failed(verifyMma(rewriter, shape, op.getOperandA().size(),
                       op.getOperandB().size(), op.getOperandC().size())))
    return failure();
  SmallVector<Value> values = emitMma(
      rewriter, shape, op.getOperandA(), op.getOperandB(), op.getOperandC(),
      Rewriter::getRegisterTypes(op.getRes().getType()));
  rewriter.replaceByFragment(values);
  return success();
}

Outcome tosim::rewriteMatrix(Rewriter &rewriter, Operation *op) {
  return llvm::TypeSwitch<Operation *, Outcome>(op)
      .Case([&](NVVM::LdMatrixOp op) { return rewriteLdMatrix(rewriter, op); })
      .Case([&](NVVM::StMatrixOp op) { return rewriteStMatrix(rewriter, op); })
      .Case([&](NVVM::MmaOp op) { return rewriteMma(rewriter, op); })
      .Default(std::nullopt);
}
