//===- StructuredBufferization.h - tensors to memrefs ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The BufferizableOpInterface of the model ops. An op on tensors becomes the
// same op on memrefs, each destination written in place:
//
//   %y = mla.rope ins(%x, %t) outs(%init)  ->  mla.rope ins(%x, %t) outs(%init)
//   on tensors                                 on memrefs; %y is %init
//
// Destinations are overwritten as a whole unless the op says otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_STRUCTUREDBUFFERIZATION_H
#define PEERMLA_SUPPORT_STRUCTUREDBUFFERIZATION_H

#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

namespace peermla {

/// Replaces an op on tensors by the same op on the buffers of its operands.
llvm::LogicalResult
bufferizeStructuredOp(mlir::DestinationStyleOpInterface op,
                      mlir::RewriterBase &rewriter,
                      const mlir::bufferization::BufferizationOptions &options,
                      mlir::bufferization::BufferizationState &state);

/// The external model of `OpTy`. `readsDestinations` says that elements of the
/// destinations survive the op.
template <typename OpTy, bool readsDestinations = false>
struct StructuredBufferization
    : mlir::bufferization::DstBufferizableOpInterfaceExternalModel<
          StructuredBufferization<OpTy, readsDestinations>, OpTy> {
  bool bufferizesToMemoryRead(
      mlir::Operation *op, mlir::OpOperand &operand,
      const mlir::bufferization::AnalysisState &state) const {
    return readsDestinations ||
           !mlir::cast<mlir::DestinationStyleOpInterface>(op).isDpsInit(
               &operand);
  }

  llvm::LogicalResult
  bufferize(mlir::Operation *op, mlir::RewriterBase &rewriter,
            const mlir::bufferization::BufferizationOptions &options,
            mlir::bufferization::BufferizationState &state) const {
    return bufferizeStructuredOp(
        mlir::cast<mlir::DestinationStyleOpInterface>(op), rewriter, options,
        state);
  }
};

} // namespace peermla

#endif // PEERMLA_SUPPORT_STRUCTUREDBUFFERIZATION_H
