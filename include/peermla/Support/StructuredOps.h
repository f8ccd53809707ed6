//===- StructuredOps.h - interfaces all tensor-level model ops share ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On tensors a model op is pure; on memrefs it reads its inputs and reads and
// writes its destinations.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_STRUCTUREDOPS_H
#define PEERMLA_SUPPORT_STRUCTUREDOPS_H

#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace peermla {

void getStructuredOpEffects(
    mlir::DestinationStyleOpInterface op,
    llvm::SmallVectorImpl<
        mlir::SideEffects::EffectInstance<mlir::MemoryEffects::Effect>>
        &effects);

mlir::Speculation::Speculatability
getStructuredOpSpeculatability(mlir::DestinationStyleOpInterface op);

/// The extents of a result are those of its destination.
mlir::LogicalResult
reifyStructuredOpShapes(mlir::DestinationStyleOpInterface op,
                        mlir::OpBuilder &builder,
                        mlir::ReifiedRankedShapedTypeDims &shapes);

} // namespace peermla

#endif // PEERMLA_SUPPORT_STRUCTUREDOPS_H
