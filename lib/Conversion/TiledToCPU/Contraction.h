//===- Contraction.h - a sum of products and how it is cut ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The analysis behind LowerContractions: which operand is read as vectors,
// which loops are rows, columns and terms, and the sizes of tiles and blocks.
// It creates nothing.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_CONTRACTION_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_CONTRACTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "peermla/Support/TargetInfo.h"
#include <optional>

namespace peermla {

/// The roles of a contraction's operands and loops.
struct Contraction {
  mlir::linalg::LinalgOp op;
  /// Broadcast operand, vector operand, accumulator.
  mlir::Value a, b, c;
  mlir::AffineMap mapA, mapB, mapC;
  /// Loops over columns and terms; over rows, if there is one.
  unsigned n, k;
  std::optional<unsigned> m;
  /// The loop over the two terms of a bf16 pair, if there is one.
  std::optional<unsigned> pair;
  /// Whether rows of A are widened to f32 before they are used: they are narrow
  /// and their terms lie together.
  bool widensA = false;
  /// Whether rows of A, B and C can be read as AMX tiles of the level, and
  /// whether those of A are copied before that.
  bool hasTiles = false, copiesA = false;
  /// Loops around a block of k; loops over panels of B inside it.
  llvm::SmallVector<unsigned> outer, panels;

  /// Fails without a diagnostic if `op` does not have this form.
  static mlir::FailureOr<Contraction> match(mlir::linalg::LinalgOp op,
                                            const CpuLevel &level);
};

/// Sizes of the register tile and of a block of terms.
struct Tiling {
  /// Rows for a panel of so many vectors.
  int64_t rows(int64_t vectors) const;

  /// The most rows of a tile that is not asked for.
  static constexpr int64_t maxRows = 12;

  int64_t registers, lanes;
  /// Columns of a panel; terms (or pairs) of a block.
  int64_t columns, terms;
  /// Rows that a schedule asks for; 0 if none does.
  int64_t wantedRows = 0;
  /// Rows of a block of AMX tiles, whose columns are those of the panel; 0 if
  /// all products are of vectors.
  int64_t tileRows = 0;
};

/// The tiling for a level, or what the op's schedule says; an error if that
/// makes no sense.
mlir::FailureOr<Tiling> chooseTiling(Contraction contraction,
                                     const CpuLevel &level);

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_CONTRACTION_H
