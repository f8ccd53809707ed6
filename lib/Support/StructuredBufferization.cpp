//===- StructuredBufferization.cpp - tensors to memrefs -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/StructuredBufferization.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace peermla;

LogicalResult peermla::bufferizeStructuredOp(
    DestinationStyleOpInterface op, RewriterBase &rewriter,
    const BufferizationOptions &options, BufferizationState &state) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  if (op.hasPureBufferSemantics())
    return success();
  SmallVector<Value> operands, results;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<TensorType>(operand.get().getType())) {
      operands.push_back(operand.get());
      continue;
    }
    FailureOr<Value> buffer =
        getBuffer(rewriter, operand.get(), options, state);
    if (failed(buffer))
      return failure();
    operands.push_back(*buffer);
    if (op.isDpsInit(&operand))
      results.push_back(*buffer);
  }
  clone(rewriter, op, /*newResultTypes=*/{}, operands);
  replaceOpWithBufferizedValues(rewriter, op, results);
  return success();
}
