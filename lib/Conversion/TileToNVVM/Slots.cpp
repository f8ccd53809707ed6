//===- Slots.cpp - what a block does with a slot of shared memory ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops that rewrite a slot in place treat it as 16-byte pieces, whatever the
// place of an element is: each thread takes every so many of them.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

namespace {

struct LowerClearNonfinite final : OpConversionPattern<tile::ClearNonfiniteOp> {
  LowerClearNonfinite(const TypeConverter &converter, MLIRContext *context,
                      const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::ClearNonfiniteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    auto tile = cast<RankedTensorType>(op.getSource().getType());
    constexpr int64_t piece = tile::SharedLayoutAttr::pieceBytes;
    int64_t bytes = tile::SharedLayoutAttr::getSlotBytes(tile);
    b.meet(kernel);
    auto loop = scf::ForOp::create(
        b, b.toIndex(b.mul(b.thread(), piece)),
        arith::ConstantIndexOp::create(b, bytes),
        arith::ConstantIndexOp::create(b, kernel.threads * piece));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value place =
          b.pointer(3, adaptor.getSource(), b.toI32(loop.getInductionVar()));
      clear(b, place, cast<FloatType>(tile.getElementType()),
            piece / getBytesOfElement(tile));
    }
    b.meet(kernel, /*publishes=*/kernel.usesAsyncProxy);
    rewriter.replaceOp(op, adaptor.getSource());
    return success();
  }

  /// A number is finite unless all bits of its exponent are set.
  static void clear(FragmentBuilder &b, Value place, FloatType element,
                    int64_t count) {
    Type integer = b.getIntegerType(element.getWidth());
    auto vector = VectorType::get({count}, integer);
    APInt exponent =
        APFloat::getInf(element.getFloatSemantics()).bitcastToAPInt();
    auto splat = [&](const APInt &bits) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(vector, b.getIntegerAttr(integer, bits)));
    };
    Value x = LLVM::LoadOp::create(b, vector, place, /*alignment=*/16);
    Value isFinite = arith::CmpIOp::create(
        b, arith::CmpIPredicate::ne,
        arith::AndIOp::create(b, x, splat(exponent)), splat(exponent));
    Value zero = splat(APInt::getZero(element.getWidth()));
    LLVM::StoreOp::create(b, arith::SelectOp::create(b, isFinite, x, zero),
                          place, /*alignment=*/16);
  }

  const KernelInfo &kernel;
};

/// Neighbours of a row go to neighbouring places.
struct LowerConvert final : OpConversionPattern<tile::ConvertOp> {
  LowerConvert(const TypeConverter &converter, MLIRContext *context,
               const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::ConvertOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto source = cast<RankedTensorType>(op.getSource().getType());
    auto result = cast<RankedTensorType>(op.getResult().getType());
    if (!isa_and_nonnull<tile::MmaLayoutAttr>(source.getEncoding()) ||
        !op.getRing())
      return rewriter.notifyMatchFailure(op, "has no layout or no slot");
    FragmentBuilder b(op.getLoc(), rewriter);
    Value slot =
        b.slot(op.getRing().getType(), adaptor.getRing(), adaptor.getFill());
    if (kernel.unmet.contains(op))
      b.meet(kernel);
    FragmentPlaces places(b, source);
    for (int64_t i = 0; i < places.size(); i += 2) {
      SmallVector<int64_t> offsets = places.getOffsets(i);
      Value pair = vector::ExtractStridedSliceOp::create(
          b, adaptor.getSource(), ArrayRef<int64_t>{i}, ArrayRef<int64_t>{2},
          ArrayRef<int64_t>{1});
      LLVM::StoreOp::create(b, pair,
                            b.sharedPlace(slot, result,
                                          b.add(places.bases[0], offsets[0]),
                                          b.add(places.bases[1], offsets[1])),
                            2 * getBytesOfElement(result));
    }
    b.meet(kernel, /*publishes=*/kernel.usesAsyncProxy);
    rewriter.replaceOp(op, slot);
    return success();
  }

  const KernelInfo &kernel;
};

/// Whole panels of a slot are behind each other.
struct LowerSlice final : OpConversionPattern<tensor::ExtractSliceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tensor::ExtractSliceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType source = op.getSourceType(), result = op.getType();
    auto layout =
        dyn_cast_or_null<tile::SharedLayoutAttr>(source.getEncoding());
    if (!layout || result.getEncoding() != layout ||
        op.getDroppedDims().any() || op.getStaticOffset(0) != 0 ||
        result.getDimSize(0) != source.getDimSize(0) || op.isDynamicOffset(1) ||
        op.getStaticStride(1) != 1)
      return rewriter.notifyMatchFailure(op, "no columns of a slot");
    int64_t byte = op.getStaticOffset(1) * getBytesOfElement(source);
    if (byte % tile::SharedLayoutAttr::panelBytes != 0)
      return rewriter.notifyMatchFailure(op, "does not start at a panel");
    FragmentBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(
        op, b.pointer(3, adaptor.getSource(), byte * source.getDimSize(0)));
    return success();
  }
};

} // namespace

void peermla::populateSlotPatterns(const FragmentTypeConverter &converter,
                                   const KernelInfo &kernel,
                                   RewritePatternSet &patterns) {
  patterns.add<LowerClearNonfinite, LowerConvert>(
      converter, patterns.getContext(), kernel);
  patterns.add<LowerSlice>(converter, patterns.getContext());
}
