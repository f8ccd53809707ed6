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
/// dimension that the op's documentation calls `symbol`.
mlir::LogicalResult verifySameExtent(mlir::Operation *op,
                                     llvm::StringRef symbol, NamedDim lhs,
                                     NamedDim rhs);

/// Emits an error unless both operands have one element type.
mlir::LogicalResult verifySameElementType(mlir::Operation *op,
                                          llvm::StringRef lhsName,
                                          mlir::ShapedType lhs,
                                          llvm::StringRef rhsName,
                                          mlir::ShapedType rhs);

/// Emits an error unless `op` has one result per destination, of its type, or
/// only memref operands and no result.
mlir::LogicalResult verifyDestinationStyle(mlir::Operation *op);

} // namespace peermla

#endif // PEERMLA_SUPPORT_DIAGNOSTICS_H
