//===- Pieces.h - fragments as runs of neighbours in memory ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fragment in `#tile.rows`, `#tile.parts` or a slice consists of runs:
// elements that follow each other along the last dimension of the tile. A run
// moves in pieces of up to 16 bytes, as large as places are known to be
// multiples of.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TILETONVVM_PIECES_H
#define LIB_CONVERSION_TILETONVVM_PIECES_H

#include "Fragments.h"

namespace peermla {

/// What divides a thread's part of the places of a fragment, per dimension of
/// the tile; 0 where that part is 0.
llvm::SmallVector<int64_t> getBaseDivisors(mlir::RankedTensorType type);

/// Elements, a power of two, that lie together from every element of the
/// fragment that is a multiple of them on.
int64_t getRunLength(mlir::RankedTensorType type);

/// Whether this thread is the first of those that hold the same elements; null
/// if every one is.
mlir::Value isFirstReplica(FragmentBuilder &b, mlir::RankedTensorType type);

/// A vector from pieces that follow each other. Pieces may be words of 16-bit
/// elements, or scalars.
mlir::Value joinPieces(FragmentBuilder &b, mlir::VectorType type,
                       llvm::ArrayRef<mlir::Value> pieces);

/// The global zeros that are read in place of what is not there; `bytes` at
/// least.
mlir::Value getZeros(FragmentBuilder &b);

/// What a load of a piece of so many elements gives: words where they are
/// whole.
mlir::Type getPieceType(mlir::Type element, int64_t elements);

} // namespace peermla

#endif // LIB_CONVERSION_TILETONVVM_PIECES_H
