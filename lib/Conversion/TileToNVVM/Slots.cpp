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
    int64_t bytes = tile.getNumElements() * getBytesOfElement(tile);
    NVVM::BarrierOp::create(b);
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
    NVVM::BarrierOp::create(b);
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

} // namespace

void peermla::populateSlotPatterns(const FragmentTypeConverter &converter,
                                   const KernelInfo &kernel,
                                   RewritePatternSet &patterns) {
  patterns.add<LowerClearNonfinite>(converter, patterns.getContext(), kernel);
}
