//===- PeerPartialReduction.cpp - sums over parts of the retrievals -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `y` of `peer.expert_mlp` is a sum over heads and ranks. Cut along these, the
// op gives partial sums in f32, one per part, which a second op adds in the
// order of the parts:
//
//   parts[t, p, q, :] = expert_mlp(x[t], indices[t, heads of p, ranks of q])
//   y[t, :]           = ((0 + parts[t, 0, 0, :]) + parts[t, 0, 1, :]) + ...
//
// `neurons` is not summed: each part writes its own.
//
//===----------------------------------------------------------------------===//

#include "PeerTiling.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::peer;

/// An empty tensor of f32 with one dimension per cut loop after the tokens.
FailureOr<SmallVector<Value>>
ExpertMlpOp::generateInitialTensorForPartialReduction(
    OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> sizes,
    const SetVector<unsigned> &reductionDims) {
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(builder, loc, getYInit());
  SmallVector<OpFoldResult> parts;
  for (unsigned loop : reductionDims)
    parts.push_back(sizes[loop]);
  extents.insert(std::next(extents.begin()), parts.begin(), parts.end());
  SmallVector<Value> initial(getInits());
  initial.front() =
      tensor::EmptyOp::create(builder, loc, extents, builder.getF32Type());
  return initial;
}

/// Only parts that do not depend on one another: no sum is carried on.
FailureOr<TilingResult> ExpertMlpOp::tileToPartialReduction(
    OpBuilder &builder, Location loc, ReductionTilingStrategy strategy,
    ValueRange initial, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, const SetVector<unsigned> &reductionDims,
    ArrayRef<OpFoldResult> parts) {
  if (strategy != ReductionTilingStrategy::PartialReductionOuterParallel)
    return failure();
  FailureOr<TilingResult> tiled =
      getTiledImplementation(builder, offsets, sizes);
  if (failed(tiled))
    return failure();
  auto tile = cast<ExpertMlpOp>(tiled->tiledOps.front());
  auto sumType = cast<RankedTensorType>(tile.getYInit().getType())
                     .clone(builder.getF32Type());
  SmallVector<Value> inits;
  SmallVector<Type> types;
  for (unsigned i = 0, e = getInits().size(); i < e; ++i) {
    SmallVector<OpFoldResult> tileOffsets, tileSizes;
    if (failed(getPartialResultTilePosition(builder, i, strategy, offsets,
                                            sizes, reductionDims, parts,
                                            tileOffsets, tileSizes)))
      return failure();
    SmallVector<OpFoldResult> strides(tileOffsets.size(),
                                      builder.getIndexAttr(1));
    auto type =
        i == 0 ? sumType : cast<RankedTensorType>(tile.getInits()[i].getType());
    auto slice = tensor::ExtractSliceOp::create(
        builder, loc, type, initial[i], tileOffsets, tileSizes, strides);
    tiled->generatedSlices.push_back(slice);
    inits.push_back(slice);
    types.push_back(type);
  }
  SmallVector<Value> operands(tile->getOperands());
  llvm::copy(inits, std::prev(operands.end(), inits.size()));
  Operation *partial = mlir::clone(builder, tile, types, operands);
  tile->erase();
  tiled->tiledOps = {partial};
  tiled->tiledValues.assign(partial->result_begin(), partial->result_end());
  return tiled;
}

LogicalResult ExpertMlpOp::getPartialResultTilePosition(
    OpBuilder &builder, unsigned result, ReductionTilingStrategy strategy,
    ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
    const SetVector<unsigned> &reductionDims, ArrayRef<OpFoldResult> parts,
    SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  if (failed(getResultTilePosition(builder, result, offsets, sizes,
                                   resultOffsets, resultSizes)))
    return failure();
  if (result != 0)
    return success();
  resultOffsets.insert(std::next(resultOffsets.begin()), parts.begin(),
                       parts.end());
  resultSizes.insert(std::next(resultSizes.begin()), parts.size(),
                     builder.getIndexAttr(1));
  return success();
}

/// Adds the parts of `y`, and rounds the sum if `y` is narrower than f32.
FailureOr<MergeResult>
ExpertMlpOp::mergeReductions(OpBuilder &builder, Location loc,
                             ValueRange partial,
                             const SetVector<unsigned> &reductionDims) {
  ImplicitLocOpBuilder b(loc, builder);
  unsigned numParts = reductionDims.size(), rank = 2 + numParts;
  auto type = cast<RankedTensorType>(getYInit().getType());
  bool isRounded = !type.getElementType().isF32();
  Value sums = getYInit();
  if (isRounded)
    sums = tensor::EmptyOp::create(b, tensor::getMixedSizes(b, loc, getYInit()),
                                   b.getF32Type());
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0));
  auto fill = linalg::FillOp::create(b, zero, sums);

  // Loops: t, n, then those of the parts.
  SmallVector<AffineExpr> loops;
  for (unsigned i = 0; i < rank; ++i)
    loops.push_back(b.getAffineDimExpr(i));
  SmallVector<AffineExpr> partOf{loops[0]};
  partOf.append(loops.begin() + 2, loops.end());
  partOf.push_back(loops[1]);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::reduction);
  iterators[0] = iterators[1] = utils::IteratorType::parallel;
  auto merged = linalg::GenericOp::create(
      b, fill.getResultTypes(), partial.front(), fill.getResult(0),
      {AffineMap::get(rank, 0, partOf, b.getContext()),
       AffineMap::get(rank, 0, {loops[0], loops[1]}, b.getContext())},
      iterators, [](OpBuilder &inner, Location loc, ValueRange elements) {
        Value sum = arith::AddFOp::create(inner, loc, elements[1], elements[0]);
        linalg::YieldOp::create(inner, loc, sum);
      });
  MergeResult result;
  result.mergeOps = {merged};
  if (isRounded) {
    AffineMap identity = b.getMultiDimIdentityMap(2);
    result.mergeOps.push_back(linalg::GenericOp::create(
        b, type, merged.getResult(0), getYInit(), {identity, identity},
        {utils::IteratorType::parallel, utils::IteratorType::parallel},
        [&](OpBuilder &inner, Location loc, ValueRange elements) {
          Value rounded = arith::TruncFOp::create(
              inner, loc, type.getElementType(), elements[0]);
          linalg::YieldOp::create(inner, loc, rounded);
        }));
  }
  result.replacements.push_back(result.mergeOps.back()->getResult(0));
  llvm::append_range(result.replacements, partial.drop_front());
  return result;
}
