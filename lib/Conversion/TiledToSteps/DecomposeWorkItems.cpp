//===- DecomposeWorkItems.cpp - the table of runs as a kernel -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lengths of sequences are device data, so that the table of runs is made
// by a kernel of its own. Its rows are independent: each counts the runs of the
// sequences before its own.
//
//   row i:  before = 0;  for each sequence b, runs = ceil(tokens(b) / n)
//             if before <= i < before + runs: b is the sequence of row i
//             before += runs
//
//===----------------------------------------------------------------------===//

#include "StepBuilder.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

namespace peermla {
#define GEN_PASS_DEF_DECOMPOSEWORKITEMS
#include "peermla/Conversion/TiledToSteps/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

using Values = StepBuilder::Values;
using arith::CmpIPredicate;

/// Rows of the table that one work item of its kernel makes.
static constexpr int64_t rowsPerItem = 128;

/// Element `column` of row `row` of the table.
static Value computeElement(StepBuilder &b, mla::WorkItemsOp op, Value row,
                            Value column) {
  Value cuSeqlens = op.getCuSeqlens();
  Value n = b.index(op.getTokens()), zero = b.index(0), one = b.index(1);
  Value B = b.sub(b.dim(cuSeqlens, 0), one);
  Values state =
      b.loop(B, Values{zero, zero, zero, zero},
             [&](Value sequence, ValueRange carried) {
               Value begin = b.max(b.extractIndex(cuSeqlens, sequence), zero);
               Value end = b.min(
                   b.extractIndex(cuSeqlens, b.add(sequence, one)), op.getT());
               Value tokens = b.max(b.sub(end, begin), zero);
               Value runs = b.div(b.add(tokens, b.sub(n, one)), n);
               Value run = b.sub(row, carried[0]);
               Value isHere = b.both(b.compare(CmpIPredicate::sge, run, zero),
                                     b.compare(CmpIPredicate::slt, run, runs));
               Value first = b.add(begin, b.mul(run, n));
               Value count = b.min(n, b.sub(end, first));
               return Values{b.add(carried[0], runs),
                             b.select(isHere, sequence, carried[1]),
                             b.select(isHere, first, carried[2]),
                             b.select(isHere, count, carried[3])};
             });
  Value isFirst = b.compare(CmpIPredicate::eq, column, zero);
  Value isSecond = b.compare(CmpIPredicate::eq, column, one);
  return b.toI32(
      b.select(isFirst, state[1], b.select(isSecond, state[2], state[3])));
}

static Value decompose(mla::WorkItemsOp op) {
  StepBuilder b(op);
  if (op->getParentOfType<scf::ForallOp>())
    return b.compute(op.getInit(), [&](ValueRange place) {
      return computeElement(b, op, place[0], place[1]);
    });
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), op.getInit());
  OpFoldResult rows = sizes[0], step = b.getIndexAttr(rowsPerItem);
  auto kernel = scf::ForallOp::create(b, ArrayRef(zero), ArrayRef(rows),
                                      ArrayRef(step), op.getInit(),
                                      /*mapping=*/std::nullopt);
  b.setInsertionPoint(kernel.getTerminator());
  Value begin = kernel.getInductionVar(0);
  AffineExpr d0, s0;
  bindDims(b.getContext(), d0);
  bindSymbols(b.getContext(), s0);
  AffineMap rest = AffineMap::get(
      1, 1, {s0 - d0, b.getAffineConstantExpr(rowsPerItem)}, b.getContext());
  SmallVector<OpFoldResult> offsets = {begin, zero}, strides(2, one);
  sizes[0] =
      affine::makeComposedFoldedAffineMin(b, b.getLoc(), rest, {begin, rows});
  Value destination = kernel.getRegionIterArgs()[0];
  Value tile =
      tensor::ExtractSliceOp::create(b, destination, offsets, sizes, strides);
  tile = b.compute(tile, [&](ValueRange place) {
    return computeElement(b, op, b.add(begin, place[0]), place[1]);
  });
  b.setInsertionPointToEnd(kernel.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(b, tile, destination, offsets, sizes,
                                        strides);
  return kernel.getResult(0);
}

namespace {

struct DecomposeWorkItems
    : peermla::impl::DecomposeWorkItemsBase<DecomposeWorkItems> {
  using Base::Base;

  void runOnOperation() override {
    for (mla::WorkItemsOp op :
         collectOnTensors<mla::WorkItemsOp>(getOperation())) {
      op->replaceAllUsesWith(ValueRange{decompose(op)});
      op->erase();
    }
  }
};

} // namespace
