//===- TensorCopies.cpp - rings that tensor copies fill -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thread fills a slot: it arrives at the slot's barrier and expects the
// bytes of a copy per panel. Zeros are written where the memory has no
// elements at all.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

static constexpr int64_t panelBytes = tile::SharedLayoutAttr::panelBytes;
static constexpr int64_t pieceBytes = tile::SharedLayoutAttr::pieceBytes;

namespace {

struct LowerFillBox final : OpConversionPattern<tile::FillBoxOp> {
  LowerFillBox(const TypeConverter &converter, MLIRContext *context,
               const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::FillBoxOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    tile::RingOp ring = getRingWithBarriers(op.getRing());
    Value map = kernel.tensorMaps.lookup(op);
    if (!ring || !map)
      return rewriter.notifyMatchFailure(op, "has no barriers or no map");
    FragmentBuilder b(op.getLoc(), rewriter);
    RankedTensorType tile = ring.getType().getTile();
    Value issues =
        kernel.producers == 1
            ? Value(arith::ConstantIntOp::create(b, 1, 1))
            : b.isEqual(b.thread(),
                        b.i32(kernel.hasRoles() ? kernel.threads : 0));
    if (adaptor.getPredicate())
      issues = b.both(issues, adaptor.getPredicate());
    auto some = scf::IfOp::create(b, issues, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(some.thenBlock());
    Value fill = b.toI32(adaptor.getFill());
    if (ring.getConsumers())
      awaitRelease(b, ring, fill);
    Value barrier = getBarrier(b, ring, fill);
    Value slot = b.slot(ring.getType(), adaptor.getRing(), adaptor.getFill());
    if (Value isEmpty = findEmptiness(b, op)) {
      auto either = scf::IfOp::create(b, isEmpty, /*withElseRegion=*/true);
      b.setInsertionPointToStart(either.thenBlock());
      clear(b, tile, slot, barrier);
      b.setInsertionPointToStart(either.elseBlock());
    }
    copy(b, tile, adaptor.getOffsets(), map, slot, barrier);
    rewriter.eraseOp(op);
    return success();
  }

  /// Whether the memory has no elements, which then has no map; null if it
  /// always has.
  Value findEmptiness(FragmentBuilder &b, tile::FillBoxOp op) const {
    Value isEmpty;
    auto memory = cast<MemRefType>(op.getSource().getType());
    for (auto [dim, size] :
         llvm::enumerate(kernel.sizes.lookup(op.getSource()))) {
      if (!memory.isDynamicDim(dim))
        continue;
      Value isNone = b.isEqual(size, b.constant(size, 0));
      isEmpty = isEmpty ? arith::OrIOp::create(b, isEmpty, isNone) : isNone;
    }
    return isEmpty;
  }

  /// One thread makes the slot zero and arrives.
  static void clear(FragmentBuilder &b, RankedTensorType tile, Value slot,
                    Value barrier) {
    auto loop =
        scf::ForOp::create(b, arith::ConstantIndexOp::create(b, 0),
                           arith::ConstantIndexOp::create(
                               b, tile::SharedLayoutAttr::getSlotBytes(tile)),
                           arith::ConstantIndexOp::create(b, pieceBytes));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      auto type = VectorType::get({pieceBytes / 4}, b.getI32Type());
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
      LLVM::StoreOp::create(b, zero,
                            b.pointer(3, slot, b.toI32(loop.getInductionVar())),
                            pieceBytes);
    }
    b.publish();
    NVVM::MBarrierArriveOp::create(b, /*res=*/Type(), barrier,
                                   /*count=*/Value());
  }

  static void copy(FragmentBuilder &b, RankedTensorType tile,
                   ValueRange offsets, Value map, Value slot, Value barrier) {
    int64_t bytes = tile::SharedLayoutAttr::getSlotBytes(tile);
    int64_t panel = panelBytes * tile.getDimSize(0);
    NVVM::MBarrierArriveExpectTxOp::create(
        b, /*res=*/Type(), barrier, b.i32(bytes), NVVM::MemScopeKind::CTA,
        /*relaxed=*/false, /*predicate=*/Value());
    // Innermost first.
    SmallVector<Value> place;
    for (Value offset : llvm::reverse(offsets))
      place.push_back(b.toI32(offset));
    Value column = place[0];
    int64_t columns = panelBytes / getBytesOfElement(tile);
    for (int64_t i = 0; i * panel < bytes; ++i) {
      place[0] = b.add(column, i * columns);
      Value to = LLVM::AddrSpaceCastOp::create(
          b, LLVM::LLVMPointerType::get(b.getContext(), 7),
          b.pointer(3, slot, i * panel));
      NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
          b, to, map, place, barrier, /*im2colOffsets=*/ValueRange(),
          /*multicastMask=*/Value(), /*l2CacheHint=*/Value(),
          NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
          /*group=*/NVVM::CTAGroupKindAttr(), /*predicate=*/Value());
    }
  }

  const KernelInfo &kernel;
};

/// The rows to be cleared are the end of each panel.
struct LowerClearRows final : OpConversionPattern<tile::ClearRowsOp> {
  LowerClearRows(const TypeConverter &converter, MLIRContext *context,
                 const KernelInfo &kernel)
      : OpConversionPattern(converter, context), kernel(kernel) {}

  LogicalResult
  matchAndRewrite(tile::ClearRowsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentBuilder b(op.getLoc(), rewriter);
    auto tile = cast<RankedTensorType>(op.getSource().getType());
    int64_t rows = tile.getDimSize(0), panel = panelBytes * rows;
    int64_t bytes = tile::SharedLayoutAttr::getSlotBytes(tile);
    Value limit = arith::ConstantIndexOp::create(b, rows);
    auto some = scf::IfOp::create(b, b.isLess(adaptor.getRows(), limit),
                                  /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(some.thenBlock());
      Value first = arith::MaxSIOp::create(
          b, adaptor.getRows(), arith::ConstantIndexOp::create(b, 0));
      Value begin = b.add(b.mul(first, panelBytes),
                          b.toIndex(b.mul(b.thread(), pieceBytes)));
      auto loop = scf::ForOp::create(
          b, begin, arith::ConstantIndexOp::create(b, panel),
          arith::ConstantIndexOp::create(b, kernel.threads * pieceBytes));
      {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(loop.getBody());
        auto type = VectorType::get({pieceBytes / 4}, b.getI32Type());
        Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
        Value byte = b.toI32(loop.getInductionVar());
        for (int64_t start = 0; start < bytes; start += panel)
          LLVM::StoreOp::create(
              b, zero, b.pointer(3, adaptor.getSource(), b.add(byte, start)),
              pieceBytes);
      }
      b.meet(kernel, /*publishes=*/kernel.usesAsyncProxy);
    }
    rewriter.replaceOp(op, adaptor.getSource());
    return success();
  }

  const KernelInfo &kernel;
};

} // namespace

void peermla::populateTensorCopyPatterns(const FragmentTypeConverter &converter,
                                         const KernelInfo &kernel,
                                         RewritePatternSet &patterns) {
  patterns.add<LowerClearRows, LowerFillBox>(converter, patterns.getContext(),
                                             kernel);
}
