//===- LinalgBuilders.h - common tensor ops in one call -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_TENSOR_LINALGBUILDERS_H
#define PEERMLA_TRANSFORMS_TENSOR_LINALGBUILDERS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace peermla {

/// Body of an elementwise op: from the inputs' elements to the result's.
using ElementFn = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                                 mlir::ValueRange)>;

/// An empty tensor of these extents.
mlir::Value emptyTensor(mlir::ImplicitLocOpBuilder &b,
                        llvm::ArrayRef<mlir::OpFoldResult> extents,
                        mlir::Type element);

/// Elementwise op over `extents`; `maps` index the inputs.
mlir::Value elementwise(mlir::ImplicitLocOpBuilder &b,
                        llvm::ArrayRef<mlir::OpFoldResult> extents,
                        mlir::Type element, mlir::ValueRange inputs,
                        llvm::ArrayRef<mlir::AffineMap> maps, ElementFn body);

/// Sum over products in f32: `out[outMap] += lhs[lhsMap] * rhs[rhsMap]`, with
/// the result's extents given and the accumulator starting at 0. The iterators
/// whose dimension `outMap` names are parallel.
mlir::Value contraction(mlir::ImplicitLocOpBuilder &b,
                        llvm::ArrayRef<mlir::OpFoldResult> extents,
                        mlir::Value lhs, mlir::Value rhs,
                        mlir::AffineMap lhsMap, mlir::AffineMap rhsMap,
                        mlir::AffineMap outMap);

/// The tensor rounded (or extended) to `element`; itself if it has that type.
mlir::Value castTo(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor,
                   mlir::Type element);

/// `value` with offset and size of dimension `dim` replaced; other dimensions
/// are whole.
mlir::Value sliceDim(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor,
                     unsigned dim, int64_t offset, int64_t size);

/// Scalar `value` extended or rounded to the float type `type`.
mlir::Value castScalar(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                       mlir::Type type);

} // namespace peermla

#endif // PEERMLA_TRANSFORMS_TENSOR_LINALGBUILDERS_H
