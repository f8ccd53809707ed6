//===- Elementwise.cpp - the same op on a thread's elements ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
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
    OperationState state(op->getLoc(), op->getName(), operands, {type},
                         op->getDiscardableAttrDictionary().getValue());
    state.propertiesAttr = op->getPropertiesAsAttribute();
    rewriter.replaceOp(op, rewriter.create(state)->getResults());
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
               DistributeSplat, LowerBlockId>(converter,
                                              patterns.getContext());
}
