//===- Selections.cpp - sorting networks in the registers of a thread -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Keys come in batches of K. A batch is sorted by Batcher's odd-even merge
// sort; of it and the K best so far, both in descending order, the K largest
// are the maxima of one read forwards and the other backwards, a bitonic
// sequence, which log2(K) steps put in order. No step depends on the keys: all
// threads of a warp do the same.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

static bool isOfThreads(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  auto layout = dyn_cast_or_null<tile::RowsLayoutAttr>(type.getEncoding());
  return layout && layout.getLanes() == 1;
}

namespace {

/// Networks over keys of one row.
struct Network {
  OpBuilder &b;
  Location loc;

  /// Puts the larger key at `i`. The other one is what is left of both bits:
  /// one operation per half, where another choice would be two.
  void exchange(MutableArrayRef<Value> keys, int64_t i, int64_t j) {
    Value larger = maximum(keys[i], keys[j]);
    Value both = arith::XOrIOp::create(b, loc, keys[i], keys[j]);
    keys[j] = arith::XOrIOp::create(b, loc, both, larger);
    keys[i] = larger;
  }
  Value maximum(Value x, Value y) {
    Value isLarger =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt, x, y);
    return arith::SelectOp::create(b, loc, isLarger, x, y);
  }

  /// Descending; as many keys as a power of two.
  void sort(MutableArrayRef<Value> keys) {
    int64_t size = keys.size();
    for (int64_t run = 1; run < size; run *= 2)
      for (int64_t distance = run; distance > 0; distance /= 2)
        for (int64_t first = distance % run; first + distance < size;
             first += 2 * distance)
          for (int64_t i = first;
               i < std::min(first + distance, size - distance); ++i)
            if (i / (2 * run) == (i + distance) / (2 * run))
              exchange(keys, i, i + distance);
  }

  /// The largest of both lists, which are in descending order, in `best`.
  void merge(MutableArrayRef<Value> best, ArrayRef<Value> batch) {
    int64_t size = best.size();
    for (int64_t i = 0; i < size; ++i)
      best[i] = maximum(best[i], batch[size - 1 - i]);
    for (int64_t distance = size / 2; distance > 0; distance /= 2)
      for (int64_t i = 0; i < size; ++i)
        if (i / distance % 2 == 0)
          exchange(best, i, i + distance);
  }
};

struct LowerTopk final : OpConversionPattern<tile::TopkOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::TopkOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isOfThreads(op.getKeys()))
      return rewriter.notifyMatchFailure(op, "not of single threads");
    Location loc = op.getLoc();
    int64_t columns =
        cast<RankedTensorType>(op.getKeys().getType()).getDimSize(1);
    int64_t size = cast<RankedTensorType>(op.getBest().getType()).getDimSize(1);
    auto keys = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(rewriter, loc, adaptor.getKeys())
            ->getResults());
    auto best = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(rewriter, loc, adaptor.getBest())
            ->getResults());
    Value none = arith::ConstantIntOp::create(rewriter, loc, 0, 64);
    Network network{rewriter, loc};
    for (int64_t row = 0; row < int64_t(keys.size()) / columns; ++row)
      for (int64_t first = 0; first < columns; first += size) {
        SmallVector<Value> batch(size, none);
        for (int64_t i = 0; i < std::min(size, columns - first); ++i)
          batch[i] = keys[row * columns + first + i];
        network.sort(batch);
        network.merge(MutableArrayRef(best).slice(row * size, size), batch);
      }
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(
        op, cast<VectorType>(adaptor.getBest().getType()), best);
    return success();
  }
};

struct LowerColumns final : OpConversionPattern<tile::ColumnsOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::ColumnsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isOfThreads(op.getSource()))
      return rewriter.notifyMatchFailure(op, "not of single threads");
    auto type = cast<VectorType>(
        getTypeConverter()->convertType(op.getResult().getType()));
    int64_t columns =
        cast<RankedTensorType>(op.getSource().getType()).getDimSize(1);
    auto source = vector::ToElementsOp::create(rewriter, op.getLoc(),
                                               adaptor.getSource());
    SmallVector<Value> chosen;
    for (int64_t row = 0; row < int64_t(source->getNumResults()) / columns;
         ++row)
      for (int64_t column : op.getColumns())
        chosen.push_back(source.getResult(row * columns + column));
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, type, chosen);
    return success();
  }
};

} // namespace

void peermla::populateSelectionPatterns(const FragmentTypeConverter &converter,
                                        RewritePatternSet &patterns) {
  patterns.add<LowerColumns, LowerTopk>(converter, patterns.getContext());
}
