//===- Diagnostics.cpp - one helper per kind of error ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/Diagnostics.h"
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

LogicalResult peermla::verifySameElementType(Operation *op, StringRef lhsName,
                                             ShapedType lhs, StringRef rhsName,
                                             ShapedType rhs) {
  if (lhs.getElementType() == rhs.getElementType())
    return success();
  return op->emitOpError() << "expects '" << lhsName << "' and '" << rhsName
                           << "' to have one element type, got " << lhs
                           << " and " << rhs;
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
