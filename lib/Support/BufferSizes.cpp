//===- BufferSizes.cpp - bytes of buffers at most -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/BufferSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace peermla;

/// The bytes of an element in memory.
static int64_t getElementBytes(Type type) {
  unsigned bits = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  return llvm::PowerOf2Ceil(llvm::divideCeil(bits, 8));
}

FailureOr<int64_t> peermla::getStaticBytes(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  Type element = type.getElementType();
  if (!element.isIntOrIndexOrFloat())
    return alloc.emitOpError()
           << "expects integer or float elements, got " << element;
  int64_t bytes = getElementBytes(element);
  for (int64_t extent : type.getShape())
    if (!ShapedType::isDynamic(extent))
      bytes *= extent;
  return bytes;
}

FailureOr<int64_t> peermla::getConstantBound(Value extent) {
  FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, extent, nullptr, /*closedUB=*/true);
  // Minima of what is loaded have no affine form.
  if (auto minimum = extent.getDefiningOp<arith::MinSIOp>())
    for (Value operand : minimum->getOperands())
      if (FailureOr<int64_t> other = getConstantBound(operand);
          succeeded(other))
        bound = failed(bound) ? *other : std::min(*bound, *other);
  return bound;
}

FailureOr<int64_t> peermla::getMaxBytes(memref::AllocOp alloc) {
  FailureOr<int64_t> bytes = getStaticBytes(alloc);
  if (failed(bytes))
    return failure();
  for (Value extent : alloc.getDynamicSizes()) {
    FailureOr<int64_t> bound = getConstantBound(extent);
    if (failed(bound))
      return alloc.emitOpError(
          "has no constant bound, as a buffer inside a kernel must");
    *bytes *= *bound;
  }
  return bytes;
}
