//===- Diagnostics.h - one helper per kind of error -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Messages of verifiers: one sentence, lower case, operand names quoted as in
// ODS, the symbol of the dimension, both numbers and both types.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_DIAGNOSTICS_H
#define PEERMLA_SUPPORT_DIAGNOSTICS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace peermla {

/// A dimension of a named operand, for messages.
struct NamedDim {
  llvm::StringRef name;
  mlir::ShapedType type;
  unsigned dim;

  int64_t extent() const { return type.getDimSize(dim); }
};

/// Emits an error unless `lhs` and `rhs` have compatible extents in the
/// dimension that the op's documentation calls `symbol`. Dynamic extents are
/// compatible with all.
mlir::LogicalResult verifySameExtent(mlir::Operation *op,
                                     llvm::StringRef symbol, NamedDim lhs,
                                     NamedDim rhs);

/// Emits an error unless `many` has one element more than `few`.
mlir::LogicalResult verifyOneMore(mlir::Operation *op, NamedDim many,
                                  NamedDim few);

/// Emits an error unless the dimension called `symbol` has the given extent,
/// which `reason` explains.
mlir::LogicalResult verifyExtent(mlir::Operation *op, llvm::StringRef symbol,
                                 NamedDim dim, int64_t expected,
                                 const llvm::Twine &reason);

/// Emits an error unless both operands have one element type.
mlir::LogicalResult verifySameElementType(mlir::Operation *op,
                                          llvm::StringRef lhsName,
                                          mlir::ShapedType lhs,
                                          llvm::StringRef rhsName,
                                          mlir::ShapedType rhs);

/// Emits an error unless both operands have compatible shapes.
mlir::LogicalResult verifySameShape(mlir::Operation *op,
                                    llvm::StringRef lhsName,
                                    mlir::ShapedType lhs,
                                    llvm::StringRef rhsName,
                                    mlir::ShapedType rhs);

/// What a destination of an op with a variable number of them must be.
struct Destination {
  llvm::StringRef name;
  int64_t rank;
  /// Whether the elements are f32 or f64, i32, or any float.
  enum Element { Wide, Index, Float } element;
};

/// Emits an error unless the destinations of `op` are the first ones of
/// `expected`, and at least `minimum` of them.
mlir::LogicalResult verifyDestinations(mlir::Operation *op,
                                       llvm::ArrayRef<Destination> expected,
                                       unsigned minimum);

/// Emits an error unless `1 <= k <= N` and `N - 1` fits i32, with N the product
/// of `numKeys`. Dynamic extents are taken as large enough, and small enough.
mlir::LogicalResult verifyTopK(mlir::Operation *op, int64_t k,
                               llvm::ArrayRef<int64_t> numKeys);

/// Emits an error unless `op` has one result per destination, of its type, or
/// only memref operands and no result.
mlir::LogicalResult verifyDestinationStyle(mlir::Operation *op);

} // namespace peermla

#endif // PEERMLA_SUPPORT_DIAGNOSTICS_H
