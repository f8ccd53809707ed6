//===- RowTiling.cpp - TilingInterface of ops with plain operand maps -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/RowTiling.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace peermla;

unsigned peermla::getNumLoops(const OperandLoops &loops) {
  int last = -1;
  for (ArrayRef<int> dims : loops)
    for (int loop : dims)
      last = std::max(last, loop);
  return last + 1;
}

SmallVector<utils::IteratorType>
peermla::getRowIteratorTypes(DestinationStyleOpInterface op,
                             const OperandLoops &loops) {
  ArrayRef<int> written = loops[op.getDpsInitOperand(0)->getOperandNumber()];
  bool isScatter = llvm::all_of(written, [](int loop) { return loop < 0; });
  SmallVector<utils::IteratorType> types(
      getNumLoops(loops), isScatter ? utils::IteratorType::parallel
                                    : utils::IteratorType::reduction);
  for (int loop : written)
    if (loop >= 0)
      types[loop] = utils::IteratorType::parallel;
  return types;
}

SmallVector<Range>
peermla::getRowIterationDomain(DestinationStyleOpInterface op,
                               OpBuilder &builder, const OperandLoops &loops) {
  Location loc = op.getLoc();
  SmallVector<Range> domain(getNumLoops(loops));
  auto addExtents = [&](OpOperand &operand) {
    for (auto [dim, loop] : llvm::enumerate(loops[operand.getOperandNumber()]))
      if (loop >= 0 && !domain[loop].size)
        domain[loop] =
            Range{builder.getIndexAttr(0),
                  tensor::getMixedSize(builder, loc, operand.get(), dim),
                  builder.getIndexAttr(1)};
  };
  for (OpOperand &init : op.getDpsInitsMutable())
    addExtents(init);
  for (OpOperand *input : op.getDpsInputOperands())
    addExtents(*input);
  return domain;
}

/// The tile of one operand: whole dimensions but for those that loops index.
static void getOperandTile(OpBuilder &builder, Location loc, Value operand,
                           ArrayRef<int> loopOfDim,
                           ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes,
                           SmallVector<OpFoldResult> &tileOffsets,
                           SmallVector<OpFoldResult> &tileSizes) {
  for (auto [dim, loop] : llvm::enumerate(loopOfDim)) {
    if (loop >= 0) {
      tileOffsets.push_back(offsets[loop]);
      tileSizes.push_back(sizes[loop]);
    } else {
      tileOffsets.push_back(builder.getIndexAttr(0));
      tileSizes.push_back(tensor::getMixedSize(builder, loc, operand, dim));
    }
  }
}

FailureOr<TilingResult>
peermla::tileRows(DestinationStyleOpInterface op, OpBuilder &builder,
                  const OperandLoops &loops, ArrayRef<OpFoldResult> offsets,
                  ArrayRef<OpFoldResult> sizes, PlaceTile place) {
  Location loc = op.getLoc();
  TilingResult result;
  SmallVector<Value> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    ArrayRef<int> loopOfDim = loops[operand.getOperandNumber()];
    // A destination that stays whole is a slice too: bufferization finds that
    // what is inserted where the slice was taken is there already.
    if (!op.isDpsInit(&operand) &&
        llvm::all_of(loopOfDim, [](int loop) { return loop < 0; })) {
      operands.push_back(operand.get());
      continue;
    }
    SmallVector<OpFoldResult> tileOffsets, tileSizes;
    getOperandTile(builder, loc, operand.get(), loopOfDim, offsets, sizes,
                   tileOffsets, tileSizes);
    SmallVector<OpFoldResult> strides(tileOffsets.size(),
                                      builder.getIndexAttr(1));
    auto slice = tensor::ExtractSliceOp::create(
        builder, loc, operand.get(), tileOffsets, tileSizes, strides);
    result.generatedSlices.push_back(slice);
    operands.push_back(slice);
  }
  SmallVector<Type> types;
  for (OpOperand &init : op.getDpsInitsMutable())
    types.push_back(operands[init.getOperandNumber()].getType());
  Operation *tiled = clone(builder, op, types, operands);
  place(tiled, offsets);
  result.tiledOps.push_back(tiled);
  llvm::append_range(result.tiledValues, tiled->getResults());
  return result;
}

LogicalResult peermla::getRowResultTile(
    DestinationStyleOpInterface op, OpBuilder &builder,
    const OperandLoops &loops, unsigned result, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  OpOperand *init = op.getDpsInitOperand(result);
  getOperandTile(builder, op.getLoc(), init->get(),
                 loops[init->getOperandNumber()], offsets, sizes, resultOffsets,
                 resultSizes);
  return success();
}

FailureOr<TilingResult>
peermla::tileRowsOfResult(DestinationStyleOpInterface op, OpBuilder &builder,
                          const OperandLoops &loops, unsigned result,
                          ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes, PlaceTile place) {
  SmallVector<OpFoldResult> tileOffsets, tileSizes;
  for (Range range : getRowIterationDomain(op, builder, loops)) {
    tileOffsets.push_back(range.offset);
    tileSizes.push_back(range.size);
  }
  OpOperand *init = op.getDpsInitOperand(result);
  for (auto [dim, loop] : llvm::enumerate(loops[init->getOperandNumber()])) {
    if (loop < 0)
      continue;
    tileOffsets[loop] = offsets[dim];
    tileSizes[loop] = sizes[dim];
  }
  FailureOr<TilingResult> tiled =
      tileRows(op, builder, loops, tileOffsets, tileSizes, place);
  if (succeeded(tiled))
    tiled->tiledValues = {tiled->tiledOps.front()->getResult(result)};
  return tiled;
}
