//===- Transpose.h - copies that change the innermost dimension -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights are packed by such copies. Squares of L x L elements are read along
// the one dimension, transposed in registers and written along the other:
//
//   y[.., r, .., c] = x[.., c, .., r]        r innermost in x, c innermost in y
//   y[.., r, .., c, 0 .. 1] = x[.., c, .., r, 0 .. 1]      pairs of 16-bit
//   elements
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_TRANSPOSE_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_TRANSPOSE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace peermla {

/// A linalg op on memrefs that has this form.
struct Transpose {
  mlir::linalg::LinalgOp op;
  /// The loops over r, c and the elements of a pair.
  unsigned rows, columns;
  std::optional<unsigned> pair;
  /// Extent of a square.
  int64_t size;

  /// Fails without a diagnostic if `op` is something else.
  static mlir::FailureOr<Transpose> match(mlir::linalg::LinalgOp op);
  /// Replaces the op.
  void lower();
};

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_TRANSPOSE_H
