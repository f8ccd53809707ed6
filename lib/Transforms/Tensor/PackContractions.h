//===- PackContractions.h - weights in panels of register tiles -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_TENSOR_PACKCONTRACTIONS_H
#define PEERMLA_TRANSFORMS_TENSOR_PACKCONTRACTIONS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "peermla/Support/TargetInfo.h"

namespace peermla {

/// How the weight of a matrix product is packed: `[.., n, k]` becomes
/// `[.., paddedColumns/panel, k/pair, panel, pair]`, without the last dimension
/// if `pair` is 1.
struct Packing {
  int64_t panel;         ///< NR, columns of the register tile
  int64_t pair;          ///< KP, 2 if the target multiplies pairs
  int64_t paddedColumns; ///< n, rounded up to a multiple of NR

  /// The packing for a product of n columns and k terms of type `element`.
  static Packing get(const CpuLevel &level, int64_t columns, int64_t terms,
                     mlir::Type element);
};

/// Rewrites `op`, whose operand `weight` depends on weights alone, to read that
/// operand packed. The packing itself becomes ops in front of `op`. Returns
/// whether it did: not where the innermost dimension of the result does not
/// index the weight, or extents of the weight are dynamic. A schedule of `op`
/// goes with it; fails with a diagnostic where it cuts a panel or a pair.
llvm::FailureOr<bool> packContraction(mlir::RewriterBase &rewriter,
                                      mlir::linalg::LinalgOp op,
                                      unsigned weight, const CpuLevel &level);

} // namespace peermla

#endif // PEERMLA_TRANSFORMS_TENSOR_PACKCONTRACTIONS_H
