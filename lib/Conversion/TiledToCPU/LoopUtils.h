//===- LoopUtils.h - loops of linalg ops on memrefs -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the lowerings of contractions and of all other linalg ops share: extents
// of loops, places of elements, and the cut of a loop into tiles.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_LOOPUTILS_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_LOOPUTILS_H

#include "KernelBuilder.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace peermla {

/// The number of iterations of a loop: a constant, or a value.
struct LoopExtent {
  mlir::Value value;
  /// ShapedType::kDynamic if it is not a constant.
  int64_t size;

  bool isStatic() const { return !mlir::ShapedType::isDynamic(size); }
};

/// The extents of the loops of `op`, a linalg op on memrefs. A loop is static
/// if any operand says so.
llvm::SmallVector<LoopExtent> getLoopExtents(KernelBuilder &b,
                                             mlir::linalg::LinalgOp op);

/// The constant extents alone (ShapedType::kDynamic where there is none);
/// creates nothing.
llvm::SmallVector<int64_t> getStaticLoopExtents(mlir::linalg::LinalgOp op);

/// Where `map` reads or writes when the loops are at `counters`.
llvm::SmallVector<mlir::Value> getIndices(KernelBuilder &b, mlir::AffineMap map,
                                          llvm::ArrayRef<mlir::Value> counters);

/// Nested loops over all of each of `loops`, the first one outermost. Inside,
/// `counters` holds where they are.
void forEachIteration(KernelBuilder &b, llvm::ArrayRef<unsigned> loops,
                      llvm::ArrayRef<LoopExtent> extents,
                      llvm::MutableArrayRef<mlir::Value> counters,
                      llvm::function_ref<void()> body);

/// A view of `buffer`, whose two innermost dimensions are contiguous, in which
/// they are one.
mlir::Value collapseInnermost(KernelBuilder &b, mlir::Value buffer);

/// `extent` as a sum of vector widths: as many `lanes` as fit, then powers of
/// two; lanes = 16: 35 = 16 + 16 + 2 + 1.
llvm::SmallVector<int64_t> splitIntoVectors(int64_t extent, int64_t lanes);

/// Cuts a loop into tiles and calls `body(begin, size)` for each code that is
/// needed. Static: tiles of `size` and one of what is left. Dynamic: tiles of
/// `size`, then of each of `smaller`, which descend; the last one divides the
/// extent (1 always does).
void forEachTile(KernelBuilder &b, const LoopExtent &extent, int64_t size,
                 llvm::ArrayRef<int64_t> smaller,
                 llvm::function_ref<void(mlir::Value, int64_t)> body);

/// The powers of two below `size`, descending; empty for 1.
llvm::SmallVector<int64_t> getSmallerTiles(int64_t size);

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_LOOPUTILS_H
