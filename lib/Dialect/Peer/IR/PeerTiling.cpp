//===- PeerTiling.cpp - TilingInterface of the peer ops
//---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table per op: which loop indexes which dimension of which operand.
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/RowTiling.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::peer;

//===----------------------------------------------------------------------===//
// RetrieveOp
//===----------------------------------------------------------------------===//

/// Loops: token, head.
static OperandLoops getOperandLoops(RetrieveOp op) {
  OperandLoops loops{{0, 1, -1}};
  for (Value keys : op.getKeys())
    loops.push_back(cast<ShapedType>(keys.getType()).getRank() == 3
                        ? SmallVector<int>{1, -1, -1}
                        : SmallVector<int>{-1, -1});
  loops.append(op.getInits().size(), {0, 1, -1});
  return loops;
}

SmallVector<utils::IteratorType> RetrieveOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel);
}

SmallVector<Range> RetrieveOp::getIterationDomain(OpBuilder &builder) {
  return getRowIterationDomain(*this, builder, getOperandLoops(*this), 2);
}

FailureOr<TilingResult>
RetrieveOp::getTiledImplementation(OpBuilder &builder,
                                   ArrayRef<OpFoldResult> offsets,
                                   ArrayRef<OpFoldResult> sizes) {
  return tileRows(*this, builder, getOperandLoops(*this), offsets, sizes);
}

LogicalResult RetrieveOp::getResultTilePosition(
    OpBuilder &builder, unsigned result, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  return getRowResultTile(*this, builder, getOperandLoops(*this), result,
                          offsets, sizes, resultOffsets, resultSizes);
}

FailureOr<TilingResult>
RetrieveOp::generateResultTileValue(OpBuilder &builder, unsigned result,
                                    ArrayRef<OpFoldResult> offsets,
                                    ArrayRef<OpFoldResult> sizes) {
  return tileRowsOfResult(*this, builder, getOperandLoops(*this), 2, result,
                          offsets, sizes);
}

//===----------------------------------------------------------------------===//
// SelectOp
//===----------------------------------------------------------------------===//

/// Loops: token, head.
static OperandLoops getOperandLoops(SelectOp op) {
  OperandLoops loops;
  for (Value operand : op->getOperands()) {
    SmallVector<int> dims(cast<ShapedType>(operand.getType()).getRank(), -1);
    dims[0] = 0;
    dims[1] = 1;
    loops.push_back(dims);
  }
  return loops;
}

SmallVector<utils::IteratorType> SelectOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel);
}

SmallVector<Range> SelectOp::getIterationDomain(OpBuilder &builder) {
  return getRowIterationDomain(*this, builder, getOperandLoops(*this), 2);
}

FailureOr<TilingResult>
SelectOp::getTiledImplementation(OpBuilder &builder,
                                 ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes) {
  return tileRows(*this, builder, getOperandLoops(*this), offsets, sizes);
}

LogicalResult SelectOp::getResultTilePosition(
    OpBuilder &builder, unsigned result, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  return getRowResultTile(*this, builder, getOperandLoops(*this), result,
                          offsets, sizes, resultOffsets, resultSizes);
}

FailureOr<TilingResult>
SelectOp::generateResultTileValue(OpBuilder &builder, unsigned result,
                                  ArrayRef<OpFoldResult> offsets,
                                  ArrayRef<OpFoldResult> sizes) {
  return tileRowsOfResult(*this, builder, getOperandLoops(*this), 2, result,
                          offsets, sizes);
}

//===----------------------------------------------------------------------===//
// ExpertMlpOp
//===----------------------------------------------------------------------===//

/// Loops: token.
static OperandLoops getOperandLoops(ExpertMlpOp op) {
  OperandLoops loops{
      {0, -1}, {0, -1, -1}, {0, -1, -1}, {-1, -1, -1}, {-1, -1, -1}};
  if (op.getGate())
    loops.push_back({-1, -1, -1});
  loops.push_back({0, -1});
  if (op.getNeuronsInit())
    loops.push_back({0, -1, -1, -1});
  return loops;
}

SmallVector<utils::IteratorType> ExpertMlpOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(1, utils::IteratorType::parallel);
}

SmallVector<Range> ExpertMlpOp::getIterationDomain(OpBuilder &builder) {
  return getRowIterationDomain(*this, builder, getOperandLoops(*this), 1);
}

FailureOr<TilingResult>
ExpertMlpOp::getTiledImplementation(OpBuilder &builder,
                                    ArrayRef<OpFoldResult> offsets,
                                    ArrayRef<OpFoldResult> sizes) {
  return tileRows(*this, builder, getOperandLoops(*this), offsets, sizes);
}

LogicalResult ExpertMlpOp::getResultTilePosition(
    OpBuilder &builder, unsigned result, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  return getRowResultTile(*this, builder, getOperandLoops(*this), result,
                          offsets, sizes, resultOffsets, resultSizes);
}

FailureOr<TilingResult>
ExpertMlpOp::generateResultTileValue(OpBuilder &builder, unsigned result,
                                     ArrayRef<OpFoldResult> offsets,
                                     ArrayRef<OpFoldResult> sizes) {
  return tileRowsOfResult(*this, builder, getOperandLoops(*this), 1, result,
                          offsets, sizes);
}
