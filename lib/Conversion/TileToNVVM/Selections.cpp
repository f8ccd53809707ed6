//===- Selections.cpp - sorting networks in registers ---------------------===//
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
// Lanes that share a row have K / lanes neighbouring keys each: what they have
// sorted alone is merged between pairs, fours, ... of them in the same way.
// Steps over distances of K / lanes and more exchange keys by shuffles.
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

/// Networks over the keys of one row, of which `lanes` lanes have a part each.
struct Network {
  FragmentBuilder &b;
  int64_t lanes;

  /// Puts the larger key at `i`. The other one is what is left of both bits:
  /// one operation per half, where another choice would be two.
  void exchange(MutableArrayRef<Value> keys, int64_t i, int64_t j) {
    Value larger = maximum(keys[i], keys[j]);
    Value both = arith::XOrIOp::create(b, keys[i], keys[j]);
    keys[j] = arith::XOrIOp::create(b, both, larger);
    keys[i] = larger;
  }
  Value isLarger(Value x, Value y) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, x, y);
  }
  Value maximum(Value x, Value y) { return b.select(isLarger(x, y), x, y); }

  /// The key that the lane at `mask` has.
  Value shuffle(Value key, int64_t mask) {
    Type i32 = b.getI32Type(), i64 = b.getI64Type();
    auto ofLane = [&](Value half) -> Value {
      half = NVVM::ShflOp::create(
          b, i32, b.i32(-1), arith::TruncIOp::create(b, i32, half), b.i32(mask),
          b.i32(31), NVVM::ShflKind::bfly, UnitAttr());
      return arith::ExtUIOp::create(b, i64, half);
    };
    Value half = arith::ConstantIntOp::create(b, 32, 64);
    Value high = ofLane(arith::ShRUIOp::create(b, key, half));
    return arith::OrIOp::create(b, arith::ShLIOp::create(b, high, half),
                                ofLane(key));
  }

  /// Leaves the larger keys to the lower one of lanes at `mask`, whose numbers
  /// differ in bit `upper` first. With `backwards`, keys of the other lane are
  /// taken from the last on.
  void exchangeLanes(MutableArrayRef<Value> keys, int64_t mask, int64_t upper,
                     bool backwards) {
    Value bit = arith::AndIOp::create(b, b.lane(), b.i32(upper));
    Value isUpper =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bit, b.i32(0));
    SmallVector<Value> others;
    for (Value key : keys)
      others.push_back(shuffle(key, mask));
    if (backwards)
      std::reverse(others.begin(), others.end());
    for (auto [key, other] : llvm::zip(keys, others)) {
      Value keeps = b.xorOf(isLarger(key, other), isUpper);
      key = b.select(keeps, key, other);
    }
  }

  /// Descending keys of a lane; as many as a power of two.
  void sortInLane(MutableArrayRef<Value> keys) {
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

  /// Descending keys over all lanes.
  void sort(MutableArrayRef<Value> keys) {
    sortInLane(keys);
    for (int64_t run = 1; run < lanes; run *= 2) {
      exchangeLanes(keys, 2 * run - 1, run, /*backwards=*/true);
      order(keys, run);
    }
  }

  /// Puts bitonic sequences over `count` lanes in descending order.
  void order(MutableArrayRef<Value> keys, int64_t count) {
    for (int64_t distance = count / 2; distance > 0; distance /= 2)
      exchangeLanes(keys, distance, distance, /*backwards=*/false);
    int64_t size = keys.size();
    for (int64_t distance = size / 2; distance > 0; distance /= 2)
      for (int64_t i = 0; i < size; ++i)
        if (i / distance % 2 == 0)
          exchange(keys, i, i + distance);
  }

  /// The largest of both lists, which are in descending order, in `best`.
  void merge(MutableArrayRef<Value> best, ArrayRef<Value> batch) {
    int64_t size = best.size();
    for (int64_t i = 0; i < size; ++i) {
      Value other = batch[size - 1 - i];
      best[i] =
          maximum(best[i], lanes == 1 ? other : shuffle(other, lanes - 1));
    }
    order(best, lanes);
  }
};

struct LowerTopk final : OpConversionPattern<tile::TopkOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::TopkOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getKeys().getType());
    auto layout = dyn_cast_or_null<tile::RowsLayoutAttr>(type.getEncoding());
    if (!layout)
      return rewriter.notifyMatchFailure(op, "not in #tile.rows");
    FragmentBuilder b(op.getLoc(), rewriter);
    int64_t lanes = layout.getLanes();
    // Of a row, per lane.
    int64_t columns = type.getDimSize(1) / lanes;
    int64_t size =
        cast<RankedTensorType>(op.getBest().getType()).getDimSize(1) / lanes;
    auto keys = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, adaptor.getKeys())->getResults());
    auto best = llvm::to_vector_of<Value>(
        vector::ToElementsOp::create(b, adaptor.getBest())->getResults());
    Value none = arith::ConstantIntOp::create(b, 0, 64);
    Network network{b, lanes};
    for (int64_t row = 0; row < int64_t(keys.size()) / columns; ++row)
      for (int64_t first = 0; first < columns; first += size) {
        SmallVector<Value> batch(size, none);
        for (int64_t i = 0; i < std::min(size, columns - first); ++i)
          batch[i] = keys[row * columns + first + i];
        if (!op.getSorted())
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
