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

/// A vector of a slot's elements, as the integers that their bits are.
class Piece {
public:
  Piece(FragmentBuilder &b, Value place, RankedTensorType tile)
      : b(b), place(place), element(cast<FloatType>(tile.getElementType())),
        type(VectorType::get({elements(tile)},
                             b.getIntegerType(element.getWidth()))),
        bits(LLVM::LoadOp::create(b, type, place, /*alignment=*/16)) {}

  static int64_t elements(RankedTensorType tile) {
    return tile::SharedLayoutAttr::pieceBytes / getBytesOfElement(tile);
  }
  static DenseElementsAttr allFinite(FragmentBuilder &b,
                                     RankedTensorType tile) {
    return DenseElementsAttr::get(
        VectorType::get({elements(tile)}, b.getI1Type()), true);
  }

  /// A number is finite unless all bits of its exponent are set.
  Value isFinite() {
    Value exponent =
        splat(APFloat::getInf(element.getFloatSemantics()).bitcastToAPInt());
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                 arith::AndIOp::create(b, bits, exponent),
                                 exponent);
  }

  void keep(Value isKept) {
    Value zero = splat(APInt::getZero(element.getWidth()));
    LLVM::StoreOp::create(b, arith::SelectOp::create(b, isKept, bits, zero),
                          place, /*alignment=*/16);
  }

private:
  Value splat(const APInt &value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(
               type, b.getIntegerAttr(type.getElementType(), value)));
  }

  FragmentBuilder &b;
  Value place;
  FloatType element;
  VectorType type;
  Value bits;
};

/// A loop of each thread over its pieces of a slot, which may carry a value.
Value forEachPiece(FragmentBuilder &b, const KernelInfo &kernel, Value slot,
                   RankedTensorType tile, Value carried,
                   llvm::function_ref<Value(Piece, Value)> body) {
  constexpr int64_t piece = tile::SharedLayoutAttr::pieceBytes;
  int64_t bytes = tile::SharedLayoutAttr::getSlotBytes(tile);
  auto loop = scf::ForOp::create(
      b, b.toIndex(b.mul(b.thread(), piece)),
      arith::ConstantIndexOp::create(b, bytes),
      arith::ConstantIndexOp::create(b, kernel.threads * piece),
      carried ? ValueRange(carried) : ValueRange());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value place = b.pointer(3, slot, b.toI32(loop.getInductionVar()));
  if (!carried) {
    body(Piece(b, place, tile), Value());
    return Value();
  }
  Value next = body(Piece(b, place, tile), loop.getRegionIterArgs().front());
  scf::YieldOp::create(b, next);
  return loop.getResult(0);
}

struct LowerAnyNonfinite final : OpConversionPattern<tile::AnyNonfiniteOp> {
  LowerAnyNonfinite(const TypeConverter &converter, MLIRContext *context,
                    const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::AnyNonfiniteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    auto tile = cast<RankedTensorType>(op.getSource().getType());
    Value areFinite =
        forEachPiece(b, kernel, adaptor.getSource(), tile,
                     arith::ConstantOp::create(b, Piece::allFinite(b, tile)),
                     [&](Piece piece, Value others) {
                       return b.both(others, piece.isFinite());
                     });
    Value isFinite =
        vector::ReductionOp::create(b, vector::CombiningKind::AND, areFinite);
    Value all = b.meetIfAll(kernel, isFinite);
    rewriter.replaceOp(op, arith::XOrIOp::create(
                               b, all, arith::ConstantIntOp::create(b, 1, 1)));
    return success();
  }

  const KernelInfo &kernel;
};

struct LowerClearNonfinite final : OpConversionPattern<tile::ClearNonfiniteOp> {
  LowerClearNonfinite(const TypeConverter &converter, MLIRContext *context,
                      const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::ClearNonfiniteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    b.meet(kernel);
    forEachPiece(b, kernel, adaptor.getSource(),
                 cast<RankedTensorType>(op.getSource().getType()),
                 /*carried=*/Value(), [&](Piece piece, Value) {
                   piece.keep(piece.isFinite());
                   return Value();
                 });
    b.meet(kernel, /*publishes=*/kernel.usesAsyncProxy);
    rewriter.replaceOp(op, adaptor.getSource());
    return success();
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
  patterns.add<LowerAnyNonfinite, LowerClearNonfinite, LowerConvert>(
      converter, patterns.getContext(), kernel);
  patterns.add<LowerSlice>(converter, patterns.getContext());
}
