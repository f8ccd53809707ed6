//===- RowTiling.h - TilingInterface of ops with plain operand maps -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Model ops are tiled along loops that each index at most one dimension of an
// operand, with offset 0 and stride 1 (tokens, heads). Such an op is described
// by one table, operand dimension -> loop, from which all of TilingInterface
// follows.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_ROWTILING_H
#define PEERMLA_SUPPORT_ROWTILING_H

#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/TilingInterface.h"

namespace peermla {

/// Per operand and dimension the loop that indexes it, or -1.
using OperandLoops = llvm::SmallVector<llvm::SmallVector<int>>;

/// The number of loops: one more than the highest.
unsigned getNumLoops(const OperandLoops &loops);

/// A loop that the first destination lacks is a reduction, unless no loop
/// indexes that one: what an iteration writes then follows from data.
llvm::SmallVector<mlir::utils::IteratorType>
getRowIteratorTypes(mlir::DestinationStyleOpInterface op,
                    const OperandLoops &loops);

/// The iteration domain: extents of the dimensions that loops index, those of
/// destinations before those of inputs.
llvm::SmallVector<mlir::Range>
getRowIterationDomain(mlir::DestinationStyleOpInterface op,
                      mlir::OpBuilder &builder, const OperandLoops &loops);

/// Tells a tile of an op that depends on where it lies in the whole (tokens of
/// a ragged batch) its offsets; overloaded by such ops.
template <typename OpTy>
void placeTile(OpTy, mlir::OpBuilder &, llvm::ArrayRef<mlir::OpFoldResult>) {}

/// What is done to a tile: see `placeTile`.
using PlaceTile = llvm::function_ref<void(mlir::Operation *,
                                          llvm::ArrayRef<mlir::OpFoldResult>)>;

/// The op on slices of its operands.
mlir::FailureOr<mlir::TilingResult>
tileRows(mlir::DestinationStyleOpInterface op, mlir::OpBuilder &builder,
         const OperandLoops &loops, llvm::ArrayRef<mlir::OpFoldResult> offsets,
         llvm::ArrayRef<mlir::OpFoldResult> sizes, PlaceTile place);

/// Where a tile lies in the given result.
mlir::LogicalResult
getRowResultTile(mlir::DestinationStyleOpInterface op, mlir::OpBuilder &builder,
                 const OperandLoops &loops, unsigned result,
                 llvm::ArrayRef<mlir::OpFoldResult> offsets,
                 llvm::ArrayRef<mlir::OpFoldResult> sizes,
                 llvm::SmallVector<mlir::OpFoldResult> &resultOffsets,
                 llvm::SmallVector<mlir::OpFoldResult> &resultSizes);

/// The tile of the domain that computes a tile of the given result, and the op
/// on it.
mlir::FailureOr<mlir::TilingResult>
tileRowsOfResult(mlir::DestinationStyleOpInterface op, mlir::OpBuilder &builder,
                 const OperandLoops &loops, unsigned result,
                 llvm::ArrayRef<mlir::OpFoldResult> offsets,
                 llvm::ArrayRef<mlir::OpFoldResult> sizes, PlaceTile place);

} // namespace peermla

#endif // PEERMLA_SUPPORT_ROWTILING_H
