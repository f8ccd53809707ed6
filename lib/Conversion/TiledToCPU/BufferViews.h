//===- BufferViews.h - parts and products of buffers ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Views of memrefs, and the linalg ops on them that other passes make fast.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_BUFFERVIEWS_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_BUFFERVIEWS_H

#include "KernelBuilder.h"

namespace peermla {

/// buffer[offsets ..+ sizes], without the dimensions in `dropped`.
mlir::Value viewOf(KernelBuilder &b, mlir::Value buffer,
                   llvm::ArrayRef<mlir::OpFoldResult> offsets,
                   llvm::ArrayRef<mlir::OpFoldResult> sizes,
                   llvm::ArrayRef<unsigned> dropped = {});

/// buffer[0 .. count - 1, ...].
mlir::Value firstRows(KernelBuilder &b, mlir::Value buffer, mlir::Value count);

/// The columns in pairs: [rows][columns] -> [rows][columns / 2][2].
mlir::Value inPairs(KernelBuilder &b, mlir::Value buffer);

/// The trailing dimensions merged so that `rank` are left.
mlir::Value flatten(KernelBuilder &b, mlir::Value buffer, int64_t rank);

/// A row of a buffer of rank 2 or more, with the inner dimensions merged.
Row rowOf(KernelBuilder &b, mlir::Value buffer, mlir::Value row);

/// buffer = value, all of it; its shape is static.
void fillAll(KernelBuilder &b, mlir::Value buffer, double value);

/// c += sum of lhs * rhs, in f32. Loops are named: "mk" is [m][k]; those of `c`
/// come first in `loops`.
void contract(KernelBuilder &b, mlir::Value lhs, llvm::StringRef lhsLoops,
              mlir::Value rhs, llvm::StringRef rhsLoops, mlir::Value c,
              llvm::StringRef loops);

/// to[c][r] = from[r][c]; what further dimensions there are keep their places.
void transpose(KernelBuilder &b, mlir::Value from, mlir::Value to);

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_BUFFERVIEWS_H
