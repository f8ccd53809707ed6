//===- Barriers.cpp - rings whose fills and releases arrive ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Slot n % S of a ring has an mbarrier that the arrivals and the bytes of a
// fill complete. Fill n is the use number n / S of its slot: it has arrived
// when the phase of that parity is over.
//
//   fill n      arrive, as TensorCopies.cpp and Copies.cpp say
//   consume n   all threads: wait for the parity n / S % 2, then meet
//
// Where others fill, nobody meets. A second barrier per slot then completes a
// phase when all warps have released it, and fill n waits for release n - S:
// for the other parity, which on a new barrier is that of a phase that is over.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace peermla;

/// Bytes of an mbarrier.
static constexpr int64_t barrierBytes = 8;
/// How long a thread sleeps at most before it looks again, in nanoseconds.
static constexpr int64_t waitTicks = 10'000'000;

tile::RingOp peermla::getRingWithBarriers(Value ring) {
  auto op = ring.getDefiningOp<tile::RingOp>();
  return op && op.getBarriers() ? op : tile::RingOp();
}

Value peermla::getBarrier(FragmentBuilder &b, tile::RingOp ring, Value fill,
                          bool ofReleases) {
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

void peermla::awaitFill(FragmentBuilder &b, tile::RingOp ring, Value fill) {
  NVVM::MBarrierTryWaitParityOp::create(
      b, getBarrier(b, ring, fill), getParity(b, ring, fill), b.i32(waitTicks));
}

void peermla::awaitRelease(FragmentBuilder &b, tile::RingOp ring, Value fill) {
  NVVM::MBarrierTryWaitParityOp::create(
      b, getBarrier(b, ring, fill, /*ofReleases=*/true),
      b.xorOf(getParity(b, ring, fill), b.i32(1)), b.i32(waitTicks));
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
        auto producers = static_cast<int64_t>(ring.getProducers().value_or(1));
        NVVM::MBarrierInitOp::create(b, getBarrier(b, ring, b.i32(slot)),
                                     b.i32(producers), /*predicate=*/Value());
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
    awaitFill(b, ring, fill);
    // Copies of threads are published by who reads them.
    if (ring.getProducers() && kernel.hasWarpgroups)
      b.publish();
    if (kernel.meetsInConsume && !kernel.meetLater.contains(op))
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

} // namespace

void peermla::populateBarrierPatterns(const FragmentTypeConverter &converter,
                                      const KernelInfo &kernel,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerRelease>(converter, patterns.getContext());
  patterns.add<LowerAwaitingConsume>(converter, patterns.getContext(), kernel);
}
