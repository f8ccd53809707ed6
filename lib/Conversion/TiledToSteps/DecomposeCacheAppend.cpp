//===- DecomposeCacheAppend.cpp - new rows of a paged cache to steps ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scatter in place, which no linalg.generic can express: an scf.forall over
// the elements of the rows, inside the kernel's, inserts each into the cache.
// Where a row has no place, the slice that is inserted is empty.
//
//   place[t] = (block, row in the block), block -1 if there is none
//   forall (t, c): cache[block, row, c] = rows[t, c]   [1 element, or 0]
//
//===----------------------------------------------------------------------===//

#include "Sequences.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

namespace peermla {
#define GEN_PASS_DEF_DECOMPOSECACHEAPPEND
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using Values = StepBuilder::Values;
using arith::CmpIPredicate;

/// (block, row in it) of each token: a tensor<T x 2 x i32>.
static Value computePlaces(StepBuilder &b, mla::CacheAppendOp op,
                           int64_t tokens) {
  Value places = b.temporary(
      {tokens, 2},
      {tensor::getMixedSize(b, b.getLoc(), op.getRows(), 0), b.getIndexAttr(2)},
      b.getI32Type());
  return b.compute(places, [&](ValueRange place) {
    Value token =
        op.getFirst() ? b.add(op.getFirst(), place[0]) : Value(place[0]);
    return withSequence(
        b, op.getCuSeqlens(), token,
        [&](TokenSequence sequence) {
          Value past = b.extractIndex(op.getPastLens(), sequence.number);
          Value position = b.sub(b.add(past, token), sequence.begin);
          auto [block, row] = findCacheRow(b, op.getInit(), op.getBlockTable(),
                                           sequence.number, position);
          Value isBlock = b.compare(CmpIPredicate::eq, place[1], b.index(0));
          return Values{b.toI32(b.select(isBlock, block, row))};
        },
        [&] { return Values{b.i32(-1)}; })[0];
  });
}

static LogicalResult decompose(mla::CacheAppendOp op) {
  FailureOr<int64_t> tokens = getBound(op, "rows", op.getRows(), 0);
  if (failed(tokens))
    return failure();
  StepBuilder b(op);
  Value rows = op.getRows();
  Value places = computePlaces(b, op, *tokens);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), rows);
  auto scatter =
      scf::ForallOp::create(b, SmallVector<OpFoldResult>(2, zero), sizes,
                            SmallVector<OpFoldResult>(2, one), op.getInit(),
                            /*mapping=*/std::nullopt);
  b.setInsertionPoint(scatter.getTerminator());
  Value token = scatter.getInductionVar(0), column = scatter.getInductionVar(1);
  Value block = b.extractIndex(places, Values{token, b.index(0)});
  Value row = b.extractIndex(places, Values{token, b.index(1)});
  Value exists = b.compare(CmpIPredicate::sge, block, b.index(0));
  Value count = b.select(exists, b.index(1), b.index(0));
  auto atLeastZero = [&](Value value) -> OpFoldResult {
    return b.max(value, b.index(0));
  };
  Value element = tensor::ExtractSliceOp::create(
      b, rows, ArrayRef<OpFoldResult>{token, column},
      ArrayRef<OpFoldResult>{count, one}, ArrayRef<OpFoldResult>{one, one});
  SmallVector<OpFoldResult> at = {atLeastZero(block), atLeastZero(row), column};
  b.setInsertionPointToEnd(scatter.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(b, element,
                                        scatter.getRegionIterArgs()[0], at,
                                        ArrayRef<OpFoldResult>{count, one, one},
                                        ArrayRef<OpFoldResult>{one, one, one});
  op->replaceAllUsesWith(scatter.getResults());
  op->erase();
  return success();
}

namespace {

struct DecomposeCacheAppend
    : peermla::impl::DecomposeCacheAppendBase<DecomposeCacheAppend> {
  using Base::Base;

  void runOnOperation() override {
    for (mla::CacheAppendOp op :
         collectOnTensors<mla::CacheAppendOp>(getOperation()))
      if (failed(decompose(op)))
        return signalPassFailure();
  }
};

} // namespace
