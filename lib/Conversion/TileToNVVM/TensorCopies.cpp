//===- TensorCopies.cpp - rings that tensor copies fill -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Slot n % S of a ring has an mbarrier that one arrival and the bytes of a fill
// complete. Fill n is the use number n / S of its slot: it has arrived when the
// phase of that parity is over.
//
//   fill n      one thread: arrive and expect the bytes; a copy per panel
//               (zeros, where the memory has no elements)
//   consume n   all threads: wait for the parity n / S % 2, then meet
//
// Where others fill, nobody meets. A second barrier per slot then completes a
// phase when all warps have released it, and fill n waits for release n - S:
// for the other parity, which on a new barrier is that of a phase that is over.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace peermla;

static constexpr int64_t panelBytes = tile::SharedLayoutAttr::panelBytes;
static constexpr int64_t pieceBytes = tile::SharedLayoutAttr::pieceBytes;
/// Bytes of an mbarrier.
static constexpr int64_t barrierBytes = 8;
/// How long a thread sleeps at most before it looks again, in nanoseconds.
static constexpr int64_t waitTicks = 10'000'000;

/// The ring if it has barriers.
static tile::RingOp getRingWithBarriers(Value ring) {
  auto op = ring.getDefiningOp<tile::RingOp>();
  return op && op.getBarriers() ? op : tile::RingOp();
}

/// The barrier of the slot that a fill, as i32, goes to; where fills arrive or
/// where warps release.
static Value getBarrier(FragmentBuilder &b, tile::RingOp ring, Value fill,
                        bool ofReleases = false) {
  int64_t slots = ring.getType().getSlots();
  auto first = static_cast<int64_t>(*ring.getBarriers());
  return b.pointer(3, b.sharedMemory(),
                   b.add(b.mul(b.rem(fill, slots), barrierBytes),
                         first + (ofReleases ? slots * barrierBytes : 0)));
}

/// How often the slot of a fill, as i32, was filled before, modulo 2.
static Value getParity(FragmentBuilder &b, tile::RingOp ring, Value fill) {
  return b.rem(b.div(fill, ring.getType().getSlots()), 2);
}

void peermla::initializeBarriers(LLVM::LLVMFuncOp kernel) {
  SmallVector<tile::RingOp> rings;
  kernel.walk([&](tile::RingOp ring) {
    if (ring.getBarriers())
      rings.push_back(ring);
  });
  if (rings.empty())
    return;
  FragmentBuilder b(kernel.getLoc(), kernel);
  b.setInsertionPointToStart(&kernel.getBody().front());
  auto first = scf::IfOp::create(b, b.isEqual(b.thread(), b.i32(0)),
                                 /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(first.thenBlock());
    for (tile::RingOp ring : rings)
      for (int64_t slot = 0; slot < ring.getType().getSlots(); ++slot) {
        NVVM::MBarrierInitOp::create(b, getBarrier(b, ring, b.i32(slot)),
                                     b.i32(1), /*predicate=*/Value());
        if (std::optional<int64_t> warps = ring.getConsumers())
          NVVM::MBarrierInitOp::create(
              b, getBarrier(b, ring, b.i32(slot), /*ofReleases=*/true),
              b.i32(*warps), /*predicate=*/Value());
      }
    NVVM::FenceMbarrierInitOp::create(b);
  }
  NVVM::BarrierOp::create(b);
}

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
    Value issues = kernel.hasRoles
                       ? Value(arith::ConstantIntOp::create(b, 1, 1))
                       : b.isEqual(b.thread(), b.i32(0));
    if (adaptor.getPredicate())
      issues = b.both(issues, adaptor.getPredicate());
    auto some = scf::IfOp::create(b, issues, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(some.thenBlock());
    Value fill = b.toI32(adaptor.getFill());
    if (ring.getConsumers())
      NVVM::MBarrierTryWaitParityOp::create(
          b, getBarrier(b, ring, fill, /*ofReleases=*/true),
          b.xorOf(getParity(b, ring, fill), b.i32(1)), b.i32(waitTicks));
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

struct LowerAwaitingConsume final : OpConversionPattern<tile::ConsumeOp> {
  LowerAwaitingConsume(const TypeConverter &converter, MLIRContext *context,
                       const KernelInfo &kernel)
      : OpConversionPattern(converter, context, /*benefit=*/2), kernel(kernel) {
  }

  LogicalResult
  matchAndRewrite(tile::ConsumeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    tile::RingOp ring = getRingWithBarriers(op.getRing());
    if (!ring)
      return rewriter.notifyMatchFailure(op, "has no barriers");
    FragmentBuilder b(op.getLoc(), rewriter);
    Value fill = b.toI32(adaptor.getFill());
    NVVM::MBarrierTryWaitParityOp::create(b, getBarrier(b, ring, fill),
                                          getParity(b, ring, fill),
                                          b.i32(waitTicks));
    if (kernel.meetsInConsume)
      b.meet(kernel);
    rewriter.replaceOp(
        op, b.slot(ring.getType(), adaptor.getRing(), adaptor.getFill()));
    return success();
  }

  const KernelInfo &kernel;
};

/// The first lane of a warp arrives for all of them.
struct LowerRelease final : OpConversionPattern<tile::ReleaseOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(tile::ReleaseOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    tile::RingOp ring = getRingWithBarriers(op.getRing());
    if (!ring || !ring.getConsumers())
      return rewriter.notifyMatchFailure(op, "has no consumers");
    FragmentBuilder b(op.getLoc(), rewriter);
    NVVM::SyncWarpOp::create(b, b.i32(-1));
    Value arrives = b.isEqual(b.lane(), b.i32(0));
    if (adaptor.getPredicate())
      arrives = b.both(arrives, adaptor.getPredicate());
    auto some = scf::IfOp::create(b, arrives, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(some.thenBlock());
    NVVM::MBarrierArriveOp::create(b, /*res=*/Type(),
                                   getBarrier(b, ring,
                                              b.toI32(adaptor.getFill()),
                                              /*ofReleases=*/true),
                                   /*count=*/Value());
    rewriter.eraseOp(op);
    return success();
  }
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
  patterns.add<LowerRelease>(converter, patterns.getContext());
  patterns.add<LowerAwaitingConsume, LowerClearRows, LowerFillBox>(
      converter, patterns.getContext(), kernel);
}
