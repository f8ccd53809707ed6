//===- Diagnostics.cpp - one helper per kind of error ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/Diagnostics.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace peermla;

LogicalResult peermla::verifySameExtent(Operation *op, StringRef symbol,
                                        NamedDim lhs, NamedDim rhs) {
  int64_t a = lhs.extent(), b = rhs.extent();
  if (ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b)
    return success();
  return op->emitOpError() << "expects '" << lhs.name << "' and '" << rhs.name
                           << "' to agree in " << symbol << ", got " << a
                           << " in " << lhs.type << " and " << b << " in "
                           << rhs.type;
}

LogicalResult peermla::verifyOneMore(Operation *op, NamedDim many,
                                     NamedDim few) {
  int64_t a = many.extent(), b = few.extent();
  if (ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b + 1)
    return success();
  return op->emitOpError() << "expects '" << many.name
                           << "' to have one element more than '" << few.name
                           << "' has per sequence, got " << a << " in "
                           << many.type << " and " << b << " in " << few.type;
}

LogicalResult peermla::verifyExtent(Operation *op, StringRef symbol,
                                    NamedDim dim, int64_t expected,
                                    const Twine &reason) {
  int64_t extent = dim.extent();
  if (ShapedType::isDynamic(extent) || extent == expected)
    return success();
  return op->emitOpError() << "expects '" << dim.name << "' to have " << symbol
                           << " = " << expected << ", " << reason << ", got "
                           << extent << " in " << dim.type;
}

LogicalResult peermla::verifySameElementType(Operation *op, StringRef lhsName,
                                             ShapedType lhs, StringRef rhsName,
                                             ShapedType rhs) {
  if (lhs.getElementType() == rhs.getElementType())
    return success();
  return op->emitOpError() << "expects '" << lhsName << "' and '" << rhsName
                           << "' to have one element type, got " << lhs
                           << " and " << rhs;
}

LogicalResult peermla::verifySameShape(Operation *op, StringRef lhsName,
                                       ShapedType lhs, StringRef rhsName,
                                       ShapedType rhs) {
  if (succeeded(verifyCompatibleShape(lhs.getShape(), rhs.getShape())))
    return success();
  return op->emitOpError() << "expects '" << lhsName << "' and '" << rhsName
                           << "' to have one shape, got " << lhs << " and "
                           << rhs;
}

static bool hasElement(ShapedType type, Destination::Element element) {
  Type elementType = type.getElementType();
  switch (element) {
  case Destination::Wide:
    return elementType.isF32() || elementType.isF64();
  case Destination::Index:
    return elementType.isInteger(32);
  case Destination::Float:
    return isa<FloatType>(elementType);
  }
  return false;
}

static StringRef toString(Destination::Element element) {
  switch (element) {
  case Destination::Wide:
    return "f32 or f64";
  case Destination::Index:
    return "i32";
  case Destination::Float:
    return "float";
  }
  return "";
}

LogicalResult peermla::verifyDestinations(Operation *op,
                                          ArrayRef<Destination> expected,
                                          unsigned minimum) {
  auto inits = cast<DestinationStyleOpInterface>(op).getDpsInits();
  unsigned count = inits.size();
  if (count < minimum || count > expected.size()) {
    InFlightDiagnostic diagnostic = op->emitOpError() << "expects ";
    if (minimum == expected.size())
      diagnostic << minimum;
    else
      diagnostic << minimum << " to " << expected.size();
    diagnostic << " destinations (";
    llvm::interleaveComma(expected, diagnostic, [&](const Destination &named) {
      diagnostic << "'" << named.name << "'";
    });
    return diagnostic << "), got " << count;
  }
  for (auto [destination, init] : llvm::zip(expected, inits)) {
    auto type = cast<ShapedType>(init.getType());
    if (type.getRank() != destination.rank ||
        !hasElement(type, destination.element))
      return op->emitOpError()
             << "expects '" << destination.name << "' to have rank "
             << destination.rank << " and " << toString(destination.element)
             << " elements, got " << type;
  }
  return success();
}

LogicalResult peermla::verifyTopK(Operation *op, int64_t k,
                                  ArrayRef<int64_t> numKeys) {
  if (ShapedType::isStatic(k) && k < 1)
    return op->emitOpError() << "expects k to be at least 1, got " << k;
  if (llvm::any_of(numKeys, ShapedType::isDynamic))
    return success();
  constexpr int64_t limit = int64_t(1) << 31;
  int64_t numExperts = 1;
  for (int64_t extent : numKeys) {
    if (extent > limit || (numExperts *= extent) > limit)
      return op->emitOpError() << "expects indices to fit i32, got more than "
                               << limit << " experts";
  }
  if (ShapedType::isStatic(k) && k > numExperts)
    return op->emitOpError() << "expects k to be at most N, got k = " << k
                             << " and N = " << numExperts;
  return success();
}

LogicalResult peermla::verifyDestinationStyle(Operation *op) {
  auto destinationStyle = cast<DestinationStyleOpInterface>(op);
  if (destinationStyle.hasPureBufferSemantics()) {
    if (op->getNumResults() == 0)
      return success();
    return op->emitOpError()
           << "expects no result on memrefs, got " << op->getNumResults();
  }
  if (!destinationStyle.hasPureTensorSemantics())
    return op->emitOpError("expects either tensors or memrefs, got both");
  int64_t inits = destinationStyle.getNumDpsInits();
  if (op->getNumResults() != inits)
    return op->emitOpError()
           << "expects one result per destination, got " << op->getNumResults()
           << " results and " << inits << " destinations";
  for (auto [init, result] :
       llvm::zip_equal(destinationStyle.getDpsInits(), op->getResults()))
    if (init.getType() != result.getType())
      return op->emitOpError()
             << "expects results to have the types of their destinations, got "
             << result.getType() << " for " << init.getType();
  return success();
}
