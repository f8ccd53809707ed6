//===- RaggedTiling.cpp - loops over runs of tokens of one sequence -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaggedTiling.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

using namespace mlir;
using namespace peermla;

/// Columns of the table of runs.
enum Column { Sequence, FirstToken, NumTokens, NumColumns };

OpFoldResult peermla::getItemBound(OpBuilder &builder, Location loc,
                                   OpFoldResult T, int64_t tokens,
                                   Value cuSeqlens) {
  AffineExpr s0, s1;
  bindSymbols(builder.getContext(), s0, s1);
  return affine::makeComposedFoldedAffineApply(
      builder, loc, s0.ceilDiv(tokens) + s1 - 1,
      {T, tensor::getMixedSize(builder, loc, cuSeqlens, 0)});
}

/// Inserts tiles of results into the destinations of the loop.
static LogicalResult closeLoop(RewriterBase &rewriter, Location loc,
                               ArrayRef<LoopLikeOpInterface> loops,
                               ValueRange tiles,
                               ArrayRef<SmallVector<OpFoldResult>> offsets,
                               ArrayRef<SmallVector<OpFoldResult>> sizes,
                               ValueRange destinations) {
  LoopLikeOpInterface outer = loops.front();
  auto loop = cast<scf::ForallOp>(outer.getOperation());
  rewriter.setInsertionPointToEnd(loop.getTerminator().getBody());
  for (auto [tile, offset, size, destination] :
       llvm::zip_equal(tiles, offsets, sizes, destinations)) {
    SmallVector<OpFoldResult> strides(offset.size(), rewriter.getIndexAttr(1));
    tensor::ParallelInsertSliceOp::create(rewriter, loc, tile, destination,
                                          offset, size, strides);
  }
  return success();
}

void RaggedTiling::addTo(scf::SCFTilingOptions &options) {
  options.setLoopType(scf::SCFTilingOptions::LoopType::CustomOp);
  options.setCustomLoopGenerationFns(
      [this](RewriterBase &rewriter, Location loc, ArrayRef<Range> ranges,
             ArrayRef<OpFoldResult> sizes, ValueRange destinations) {
        return makeLoop(rewriter, loc, ranges, sizes, destinations);
      },
      closeLoop);
}

FailureOr<scf::SCFTilingOptions::CustomLoopHeaderInfo>
RaggedTiling::makeLoop(RewriterBase &rewriter, Location loc,
                       ArrayRef<Range> ranges, ArrayRef<OpFoldResult> sizes,
                       ValueRange destinations) {
  unsigned token = ranges.size() - 2, head = token + 1;
  bool hasParts = token == 1;
  std::optional<int64_t> tokens = getConstantIntValue(sizes[token]);
  if (!tokens || *tokens < 1)
    return failure();
  OpFoldResult T = ranges[token].size;
  OpFoldResult bound = getItemBound(rewriter, loc, T, *tokens, cuSeqlens);
  Type i32 = rewriter.getI32Type();
  auto empty = tensor::EmptyOp::create(
      rewriter, loc, {bound, rewriter.getIndexAttr(NumColumns)}, i32);
  Value items = mla::WorkItemsOp::create(
                    rewriter, loc, empty.getType(),
                    getValueOrCreateConstantIndexOp(rewriter, loc, T),
                    cuSeqlens, empty, rewriter.getI64IntegerAttr(*tokens))
                    ->getResult(0);

  // Parts come last: neighbours then read the same queries.
  OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
  SmallVector<OpFoldResult> begins = {zero, zero}, ends = {bound},
                            steps = {one};
  ends.push_back(ranges[head].size);
  steps.push_back(isZeroInteger(sizes[head]) ? ranges[head].size : sizes[head]);
  if (hasParts) {
    begins.push_back(zero);
    ends.push_back(ranges[0].size);
    steps.push_back(isZeroInteger(sizes[0]) ? ranges[0].size : sizes[0]);
  }
  auto loop = scf::ForallOp::create(rewriter, loc, begins, ends, steps,
                                    destinations, /*mapping=*/std::nullopt);
  rewriter.setInsertionPoint(loop.getTerminator());

  auto column = [&](Column number) -> Value {
    Value at = arith::ConstantIndexOp::create(rewriter, loc, number);
    Value value = tensor::ExtractOp::create(
        rewriter, loc, items, ValueRange{loop.getInductionVar(0), at});
    return arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(),
                                      value);
  };
  sequence = column(Sequence);
  firstToken = column(FirstToken);
  // What the table says anyway, for those who need a bound.
  Value count = arith::MinSIOp::create(
      rewriter, loc, column(NumTokens),
      arith::ConstantIndexOp::create(rewriter, loc, *tokens));

  // A group of heads or parts, the last one perhaps smaller.
  auto sizeOf = [&](unsigned dim) -> OpFoldResult {
    AffineExpr d0, s0, s1;
    bindDims(rewriter.getContext(), d0);
    bindSymbols(rewriter.getContext(), s0, s1);
    std::optional<int64_t> extent = getConstantIntValue(ends[dim]);
    std::optional<int64_t> step = getConstantIntValue(steps[dim]);
    if (extent && step && *extent % *step == 0)
      return steps[dim];
    return affine::makeComposedFoldedAffineMin(
        rewriter, loc,
        AffineMap::get(1, 2, {s0 - d0, s1}, rewriter.getContext()),
        {OpFoldResult(loop.getInductionVar(dim)), ends[dim], steps[dim]});
  };
  scf::SCFTilingOptions::CustomLoopHeaderInfo info;
  if (hasParts) {
    firstPart = loop.getInductionVar(2);
    info.tileOffset.push_back(firstPart);
    info.tileSizes.push_back(sizeOf(2));
  } else {
    firstPart = arith::ConstantIndexOp::create(rewriter, loc, 0);
  }
  info.tileOffset.append({firstToken, loop.getInductionVar(1)});
  info.tileSizes.append({count, sizeOf(1)});
  info.loops = {cast<LoopLikeOpInterface>(loop.getOperation())};
  llvm::append_range(info.destinationTensors, loop.getRegionIterArgs());
  return info;
}
