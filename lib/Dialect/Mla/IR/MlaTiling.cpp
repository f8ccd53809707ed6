//===- MlaTiling.cpp - TilingInterface of the mla ops ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table per op: which loop indexes which dimension of which operand.
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Support/RowTiling.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::mla;

//===----------------------------------------------------------------------===//
// OnlineAttentionOp
//===----------------------------------------------------------------------===//

/// Loops: token, head. Rows of one sequence are a tile only with `item`.
static OperandLoops getOperandLoops(OnlineAttentionOp op) {
  OperandLoops loops{{0, 1, -1}};
  auto keys = cast<ShapedType>(op.getK().getType());
  if (op.hasKeysPerHead()) {
    loops.push_back({-1, 1, -1});
    loops.push_back({-1, 1, -1});
  } else {
    loops.push_back(SmallVector<int>(keys.getRank(), -1));
  }
  loops.push_back({-1});
  if (op.isPaged()) {
    loops.push_back({-1});
    loops.push_back({-1, -1});
  }
  loops.append(op.getItem().size(), {});
  loops.push_back({0, 1, -1});
  if (op.getInits().size() > 1)
    loops.push_back({0, 1});
  return loops;
}

SmallVector<utils::IteratorType> OnlineAttentionOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel);
}

SmallVector<Range> OnlineAttentionOp::getIterationDomain(OpBuilder &builder) {
  return getRowIterationDomain(*this, builder, getOperandLoops(*this), 2);
}

FailureOr<TilingResult>
OnlineAttentionOp::getTiledImplementation(OpBuilder &builder,
                                          ArrayRef<OpFoldResult> offsets,
                                          ArrayRef<OpFoldResult> sizes) {
  return tileRows(*this, builder, getOperandLoops(*this), offsets, sizes);
}

LogicalResult OnlineAttentionOp::getResultTilePosition(
    OpBuilder &builder, unsigned result, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  return getRowResultTile(*this, builder, getOperandLoops(*this), result,
                          offsets, sizes, resultOffsets, resultSizes);
}

FailureOr<TilingResult>
OnlineAttentionOp::generateResultTileValue(OpBuilder &builder, unsigned result,
                                           ArrayRef<OpFoldResult> offsets,
                                           ArrayRef<OpFoldResult> sizes) {
  return tileRowsOfResult(*this, builder, getOperandLoops(*this), 2, result,
                          offsets, sizes);
}
