//===- FragDialect.cpp - the frag dialect ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "peermla/Dialect/Frag/IR/Frag.h"

using namespace mlir;
using namespace peermla::frag;

#include "peermla/Dialect/Frag/IR/FragDialect.cpp.inc"

void FragDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "peermla/Dialect/Frag/IR/FragOps.cpp.inc"
      >();
}

LogicalResult DescriptorOp::verify() {
  // (C1)
  int64_t leading = getLeading();
  if (leading % 16 != 0 || leading < 0 || leading >= 1 << 18)
    return emitOpError("expects 'leading' to be a multiple of 16 in [0, "
                       "262144), got ")
           << leading;
  return success();
}

uint64_t DescriptorOp::getLayoutBits() {
  constexpr uint64_t rowsBytes = 1024, swizzle = 1;
  return uint64_t(getLeading() / unitBytes) << 16 |
         (rowsBytes / unitBytes) << 32 | swizzle << 62;
}

/// The type of the result, which is that of the accumulator if there is one.
static ParseResult
parseAccumulator(OpAsmParser &parser, Type &acc,
                 std::optional<OpAsmParser::UnresolvedOperand> operand,
                 Type &result) {
  if (parser.parseType(result))
    return failure();
  if (operand)
    acc = result;
  return success();
}

static void printAccumulator(OpAsmPrinter &printer, Operation *, Type, Value,
                             Type result) {
  printer << result;
}

LogicalResult WgmmaOp::verify() {
  // (C1)
  if (!getElement().isF16() && !getElement().isBF16())
    return emitOpError("expects 'element' to be f16 or bf16, got ")
           << getElement();
  // (C2)
  int64_t columns = 2 * cast<VectorType>(getD().getType()).getNumElements();
  if (columns % 8 != 0 || columns > 256)
    return emitOpError("expects 'd' to be of N columns, a multiple of 8 up to "
                       "256, got ")
           << columns << " in " << getD().getType();
  // (C3)
  if (getAcc() && getAcc().getType() != getD().getType())
    return emitOpError("expects 'acc' and 'd' to be of one type, got ")
           << getAcc().getType() << " and " << getD().getType();
  // (C4)
  ArrayRef<int64_t> offsets = getOffsets();
  if (offsets.size() != 2)
    return emitOpError("expects 'offsets' to have 2 entries, got ")
           << offsets.size();
  for (int64_t offset : offsets)
    if (offset % 16 != 0 || offset < 0)
      return emitOpError("expects 'offsets' to be multiples of 16 and at least "
                         "0, got ")
             << offset;
  if (isa<VectorType>(getA().getType()) && offsets[0] != 0)
    return emitOpError("expects no offset of 'a' in registers, got ")
           << offsets[0];
  return success();
}

LogicalResult WgmmaWaitOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location>,
                                            ValueRange operands, DictionaryAttr,
                                            OpaqueProperties, RegionRange,
                                            SmallVectorImpl<Type> &types) {
  llvm::append_range(types, operands.getTypes());
  return success();
}

LogicalResult WgmmaWaitOp::verify() {
  // (C1)
  if (static_cast<int64_t>(getPending()) < 0 || getPending() > 7)
    return emitOpError("expects 'pending' to be in [0, 7], got ")
           << static_cast<int64_t>(getPending());
  return success();
}

#define GET_OP_CLASSES
#include "peermla/Dialect/Frag/IR/FragOps.cpp.inc"
