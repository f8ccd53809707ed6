//===- RaggedTiling.h - loops over runs of tokens of one sequence ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokens of a ragged batch cannot be cut at multiples of a block: a tile of
// attention must not cross the end of a sequence. The loop that upstream's tile
// and fuse puts around a tile is therefore one over a table of runs:
//
//   %items = mla.work_items tokens(4 of %T) ins(%cu) outs(%empty)
//   scf.forall (%i, %head) = (0, 0) to (ceil(T / 4) + B, H) step (1, 16) {
//     %sequence, %first, %count = the row %i of %items
//     ... the tile [%first, %head] [%count, 16] ...
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_TENSOR_RAGGEDTILING_H
#define PEERMLA_TRANSFORMS_TENSOR_RAGGEDTILING_H

#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"

namespace peermla {

/// The number of rows that hold all runs of up to `tokens` tokens: ceil(T /
/// tokens) + B.
mlir::OpFoldResult getItemBound(mlir::OpBuilder &builder, mlir::Location loc,
                                mlir::OpFoldResult T, int64_t tokens,
                                mlir::Value cuSeqlens);

class RaggedTiling {
public:
  explicit RaggedTiling(mlir::Value cuSeqlens) : cuSeqlens(cuSeqlens) {}

  /// Makes the loops of `options` those over runs. The loops of the op are
  /// token and head, and before them perhaps part; this object has to outlive
  /// the tiling.
  void addTo(mlir::scf::SCFTilingOptions &options);

  /// Of the tile: its sequence, first token and first part.
  mlir::Value sequence, firstToken, firstPart;

private:
  mlir::FailureOr<mlir::scf::SCFTilingOptions::CustomLoopHeaderInfo>
  makeLoop(mlir::RewriterBase &rewriter, mlir::Location loc,
           llvm::ArrayRef<mlir::Range> ranges,
           llvm::ArrayRef<mlir::OpFoldResult> sizes,
           mlir::ValueRange destinations);

  mlir::Value cuSeqlens;
};

} // namespace peermla

#endif // PEERMLA_TRANSFORMS_TENSOR_RAGGEDTILING_H
