//===- Elementwise.cpp - the same op on a thread's elements ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

namespace {

struct DistributeElementwise final : ConversionPattern {
  DistributeElementwise(const TypeConverter &converter, MLIRContext *context)
      : ConversionPattern(converter, MatchAnyOpTypeTag(), /*benefit=*/1,
                          context) {}

  LogicalResult
  matchAndRewrite(Operation *op, ArrayRef<Value> operands,
                  ConversionPatternRewriter &rewriter) const override {
    if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "not elementwise");
    Type type = getTypeConverter()->convertType(op->getResult(0).getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "has no layout");
    auto isPacked = [](Type tile, Type converted) {
      return getElementTypeOrSelf(tile) != getElementTypeOrSelf(converted);
    };
    if (isPacked(op->getResult(0).getType(), type) ||
        llvm::any_of(
            llvm::zip(op->getOperandTypes(), operands), [&](auto pair) {
              return isPacked(std::get<0>(pair), std::get<1>(pair).getType());
            }))
      return rewriter.notifyMatchFailure(op, "on rows of packed elements");
    OperationState state(op->getLoc(), op->getName(), operands, {type},
                         op->getDiscardableAttrDictionary().getValue());
    state.propertiesAttr = op->getPropertiesAsAttribute();
    rewriter.replaceOp(op, rewriter.create(state)->getResults());
    return success();
  }
};

/// 2^x by the special function unit, within 2^-22 of it.
struct LowerExp2 final : OpConversionPattern<math::Exp2Op> {
  LowerExp2(const TypeConverter &converter, MLIRContext *context)
      : OpConversionPattern(converter, context, /*benefit=*/2) {}

  LogicalResult
  matchAndRewrite(math::Exp2Op op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(adaptor.getOperand().getType());
    if (!type || !type.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "no fragment of f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    SmallVector<Value> powers;
    for (Value x :
         vector::ToElementsOp::create(b, adaptor.getOperand())->getResults())
      powers.push_back(LLVM::CallIntrinsicOp::create(
                           b, type.getElementType(),
                           b.getStringAttr("llvm.nvvm.ex2.approx.ftz.f"),
                           ValueRange(x))
                           .getResult(0));
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, type, powers);
    return success();
  }
};

struct DistributeConstant final : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(arith::ConstantOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto value = dyn_cast<SplatElementsAttr>(op.getValue());
    auto type = dyn_cast_or_null<VectorType>(
        getTypeConverter()->convertType(op.getType()));
    if (!value || !type)
      return rewriter.notifyMatchFailure(op, "not a tile of one value");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, value.resizeSplat(type));
    return success();
  }
};

struct DistributeSplat final : OpConversionPattern<tensor::SplatOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tensor::SplatOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<vector::BroadcastOp>(
        op, getTypeConverter()->convertType(op.getType()), adaptor.getInput());
    return success();
  }
};

/// Rows [b, h] or columns [g, p] to elements [b, g, h, p].
struct DistributeBroadcast final : OpConversionPattern<tile::BroadcastOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::BroadcastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto result = cast<RankedTensorType>(op.getResult().getType());
    auto layout = dyn_cast_or_null<tile::MmaLayoutAttr>(result.getEncoding());
    if (!layout)
      return rewriter.notifyMatchFailure(op, "only #tile.mma");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    int64_t blocks = result.getDimSize(0) / (16 * layout.getWarps()[0]);
    int64_t groups = result.getDimSize(1) / (8 * layout.getWarps()[1]);
    Type element = result.getElementType();
    bool isRows = op.getDim() == 1;
    Value x = vector::ShapeCastOp::create(
        b, VectorType::get({isRows ? blocks : groups, 2}, element),
        adaptor.getSource());
    x = vector::BroadcastOp::create(
        b,
        isRows ? VectorType::get({groups, 2, blocks, 2}, element)
               : VectorType::get({blocks, 2, groups, 2}, element),
        x);
    x = vector::TransposeOp::create(b, x,
                                    isRows ? ArrayRef<int64_t>{2, 0, 3, 1}
                                           : ArrayRef<int64_t>{0, 2, 1, 3});
    rewriter.replaceOpWithNewOp<vector::ShapeCastOp>(
        op, getTypeConverter()->convertType(result), x);
    return success();
  }
};

/// Constants of the elements plus what depends on the thread.
struct DistributeIndex final : OpConversionPattern<tile::IndexOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::IndexOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    if (!isa_and_nonnull<tile::FragmentLayout>(type.getEncoding()))
      return rewriter.notifyMatchFailure(op, "not in registers");
    FragmentBuilder b(op.getLoc(), rewriter);
    FragmentPlaces places(b, type);
    SmallVector<int32_t> offsets;
    for (int64_t i = 0; i < places.size(); ++i)
      offsets.push_back(places.getOffsets(i)[op.getDim()]);
    auto vector = VectorType::get({places.size()}, b.getI32Type());
    Value constants = arith::ConstantOp::create(
        b, DenseElementsAttr::get(vector, ArrayRef<int32_t>(offsets)));
    Value thread =
        vector::BroadcastOp::create(b, vector, places.bases[op.getDim()]);
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, constants, thread);
    return success();
  }
};

struct LowerBlockId final : OpConversionPattern<gpu::BlockIdOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(gpu::BlockIdOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    Type i32 = b.getI32Type();
    Value id;
    if (op.getDimension() == gpu::Dimension::x)
      id = NVVM::BlockIdXOp::create(b, i32);
    else if (op.getDimension() == gpu::Dimension::y)
      id = NVVM::BlockIdYOp::create(b, i32);
    else
      id = NVVM::BlockIdZOp::create(b, i32);
    rewriter.replaceOp(op, b.toIndex(id));
    return success();
  }
};

} // namespace

void peermla::populateElementwisePatterns(
    const FragmentTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<DistributeBroadcast, DistributeConstant, DistributeElementwise,
               DistributeIndex, DistributeSplat, LowerBlockId, LowerExp2>(
      converter, patterns.getContext());
}
