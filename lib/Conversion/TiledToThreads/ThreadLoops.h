//===- ThreadLoops.h - iterations shared out to the threads of a block ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TILEDTOTHREADS_THREADLOOPS_H
#define LIB_CONVERSION_TILEDTOTHREADS_THREADLOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace peermla {

/// The threads of a block.
struct Threads {
  /// The number of this thread, an index, and of all.
  mlir::Value id;
  int64_t count;
};

inline constexpr int64_t warpSize = 32;

/// The most threads that can work on `op`: one per result, or the lanes of a
/// warp per sum of many terms. Nothing is known if extents have no bound.
std::optional<int64_t> getUsefulThreads(mlir::linalg::LinalgOp op);

/// Emits what one of `threads` does for `op` on memrefs, before it; the op
/// stays. An error if a result depends on the iteration of a sum.
mlir::LogicalResult emitThreadLoops(mlir::linalg::LinalgOp op,
                                    const Threads &threads);

/// Starts a loop over those of the iterations 0 .. product of `extents` - 1
/// that are `thread`, `thread + count`, ...; returns the position of an
/// iteration in each dimension, the last one fastest. `b` is left inside of the
/// loop.
llvm::SmallVector<mlir::Value>
beginSharedLoop(mlir::ImplicitLocOpBuilder &b,
                llvm::ArrayRef<mlir::OpFoldResult> extents, mlir::Value first,
                int64_t step);

} // namespace peermla

#endif // LIB_CONVERSION_TILEDTOTHREADS_THREADLOOPS_H
