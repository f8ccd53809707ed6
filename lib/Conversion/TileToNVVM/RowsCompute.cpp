//===- RowsCompute.cpp - arithmetic on rows that threads share ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of 16-bit elements travel packed in words, as they were loaded, and are
// widened where arithmetic needs them: a loop that carries them would carry
// twice the registers otherwise. Part sums of R rows over the 32 lanes of a
// warp are a transposed butterfly: R - 1 + log2(32 / R) shuffles leave row i
// with the lanes from 32 i / R on.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

static tile::RowsLayoutAttr getRowsLayout(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? dyn_cast_or_null<tile::RowsLayoutAttr>(type.getEncoding())
              : tile::RowsLayoutAttr();
}

namespace {

/// bf16 is the upper half of f32: even elements are shifted there, odd ones are
/// there already.
struct WidenRows final : OpConversionPattern<arith::ExtFOp> {
  WidenRows(const TypeConverter &converter, MLIRContext *context)
      : OpConversionPattern(converter, context, /*benefit=*/2) {}

  LogicalResult
  matchAndRewrite(arith::ExtFOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Type narrow = getElementTypeOrSelf(op.getIn().getType());
    auto words = dyn_cast<VectorType>(adaptor.getIn().getType());
    auto wide = dyn_cast_or_null<VectorType>(
        getTypeConverter()->convertType(op.getOut().getType()));
    if (!words || !wide || !words.getElementType().isInteger(32))
      return rewriter.notifyMatchFailure(op, "not packed");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    if (!narrow.isBF16() || !wide.getElementType().isF32()) {
      Value halves = vector::BitCastOp::create(
          b, VectorType::get(wide.getShape(), narrow), adaptor.getIn());
      rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, wide, halves);
      return success();
    }
    auto constant = [&](uint32_t value) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(words, static_cast<int32_t>(value)));
    };
    Value even = arith::ShLIOp::create(b, adaptor.getIn(), constant(16));
    Value odd = arith::AndIOp::create(b, adaptor.getIn(), constant(0xffff0000));
    Value both = vector::InterleaveOp::create(b, even, odd);
    rewriter.replaceOpWithNewOp<vector::BitCastOp>(op, wide, both);
    return success();
  }
};

struct BroadcastRows final : OpConversionPattern<tile::BroadcastOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::BroadcastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    tile::RowsLayoutAttr layout = getRowsLayout(op.getResult());
    if (!layout)
      return rewriter.notifyMatchFailure(op, "only #tile.rows");
    int64_t perRow = type.getDimSize(1) / layout.getLanes();
    auto elements = vector::ToElementsOp::create(rewriter, op.getLoc(),
                                                 adaptor.getSource());
    SmallVector<Value> all;
    for (int64_t e = 0, size = layout.getFragmentSize(type.getShape());
         e < size; ++e)
      all.push_back(
          elements.getResult(op.getDim() == 0 ? e % perRow : e / perRow));
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(
        op, cast<VectorType>(getTypeConverter()->convertType(type)), all);
    return success();
  }
};

/// What a thread has of a row comes first; then what other lanes of the row
/// have, or, for parts, the lanes of its warp.
struct ReduceRows final : OpConversionPattern<tile::ReduceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::ReduceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto source = cast<RankedTensorType>(op.getSource().getType());
    tile::RowsLayoutAttr layout = getRowsLayout(op.getSource());
    if (!layout || (op.getParts() && op.getCombine() != tile::Combine::Add))
      return rewriter.notifyMatchFailure(op, "only #tile.rows, sums of parts");
    bool isRows = op.getDim() == 1;
    bool joinsLanes = isRows && !op.getParts() && layout.getLanes() > 1;
    FragmentBuilder b(op.getLoc(), rewriter);
    int64_t perRow = source.getDimSize(1) / layout.getLanes();
    int64_t rows = layout.getFragmentSize(source.getShape()) / perRow;
    auto x = vector::ToElementsOp::create(b, adaptor.getSource());
    auto combine = [&](Value lhs, Value rhs) -> Value {
      if (!lhs)
        return rhs;
      if (op.getCombine() == tile::Combine::Max)
        return arith::MaximumFOp::create(b, lhs, rhs);
      return arith::AddFOp::create(b, lhs, rhs, arith::FastMathFlags::contract);
    };
    SmallVector<Value> results;
    for (int64_t i = 0, e = isRows ? rows : perRow; i < e; ++i) {
      Value result;
      if (adaptor.getInit() && !op.getParts())
        result = vector::ExtractOp::create(b, adaptor.getInit(), i);
      for (int64_t j = 0, f = isRows ? perRow : rows; j < f; ++j)
        result = combine(result,
                         x.getResult(isRows ? i * perRow + j : j * perRow + i));
      if (joinsLanes)
        for (int64_t lane = 1; lane < layout.getLanes(); lane *= 2)
          result = combine(result, exchange(b, result, lane));
      results.push_back(result);
    }
    if (op.getParts()) {
      results = {addLanes(b, results)};
      if (adaptor.getInit())
        results = {combine(vector::ExtractOp::create(b, adaptor.getInit(), 0),
                           results[0])};
    }
    auto type = cast<VectorType>(
        getTypeConverter()->convertType(op.getResult().getType()));
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, type, results);
    return success();
  }

  /// What the lane at this distance has.
  static Value exchange(FragmentBuilder &b, Value x, int64_t distance) {
    return NVVM::ShflOp::create(b, b.getF32Type(), b.i32(-1), x,
                                b.i32(distance), b.i32(31),
                                NVVM::ShflKind::bfly, UnitAttr());
  }

  /// The sums over the lanes of a warp of as many values as divide 32; lane l
  /// has that of value l / (32 / their number).
  static Value addLanes(FragmentBuilder &b, SmallVector<Value> values) {
    Value lane = b.lane();
    int64_t distance = 16;
    for (; values.size() > 1; distance /= 2) {
      Value bit = arith::AndIOp::create(b, lane, b.i32(distance));
      Value isUpper =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bit, b.i32(0));
      SmallVector<Value> kept;
      for (size_t i = 0, half = values.size() / 2; i < half; ++i) {
        Value keep = b.select(isUpper, values[i + half], values[i]);
        Value send = b.select(isUpper, values[i], values[i + half]);
        kept.push_back(
            arith::AddFOp::create(b, keep, exchange(b, send, distance)));
      }
      values = kept;
    }
    for (; distance > 0; distance /= 2)
      values[0] =
          arith::AddFOp::create(b, values[0], exchange(b, values[0], distance));
    return values[0];
  }
};

} // namespace

void peermla::populateRowsComputePatterns(
    const FragmentTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<BroadcastRows, ReduceRows, WidenRows>(converter,
                                                     patterns.getContext());
}
