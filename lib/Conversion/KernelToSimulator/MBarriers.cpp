//===- MBarriers.cpp - mbarrier objects -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

Value tosim::emitMBarrierWait(Rewriter &rewriter, Value barrier,
                              Value stateOrParity, unsigned flags) {
  return rewriter.call(
      Runtime::mbarrier_wait,
      {barrier, stateOrParity, rewriter.i32(flags), rewriter.site()});
}

void tosim::emitMBarrierWaitLoop(Rewriter &rewriter, Value barrier,
                                 Value parity) {
  OpBuilder &builder = rewriter.builder;
  Block *before = builder.getBlock();
  Block *after = before->splitBlock(builder.getInsertionPoint());
  Block *loop = builder.createBlock(after);
  builder.setInsertionPointToEnd(before);
  LLVM::BrOp::create(builder, rewriter.getLoc(), ValueRange(), loop);
  builder.setInsertionPointToStart(loop);
  Value isOver = emitMBarrierWait(rewriter, barrier, parity,
                                  sim::WaitFlags::Parity | sim::WaitFlags::Try);
  LLVM::CondBrOp::create(builder, rewriter.getLoc(), rewriter.isNonzero(isOver),
                         after, loop);
  builder.setInsertionPointToStart(after);
}

/// Arrivals of all kinds; `count` is null for one.
static LogicalResult rewriteArrive(Rewriter &rewriter, Value barrier,
                                   Value count, unsigned flags) {
  rewriter.replace(rewriter.call(Runtime::mbarrier_arrive,
                                 {barrier, count ? count : rewriter.i32(1),
                                  rewriter.i32(flags), rewriter.site()}));
  return success();
}

/// A value that only exists where the predicate holds cannot be used elsewhere;
/// the operation has none then.
static LogicalResult rewriteArriveExpect(Rewriter &rewriter,
                                         NVVM::MBarrierArriveExpectTxOp op) {
  unsigned flags = op.getRelaxed() ? sim::ArriveFlags::Relaxed : 0;
  auto arrive = [&] {
    return rewriter.call(
        Runtime::mbarrier_arrive_expect_tx,
        {op.getAddr(), op.getTxcount(), rewriter.i32(flags), rewriter.site()});
  };
  if (!op.getPredicate()) {
    rewriter.replace(arrive());
    return success();
  }
  if (op.getRes() && !op.getRes().use_empty())
    return rewriter.reject("a result beside a predicate");
  rewriter.when(op.getPredicate(), [&] { arrive(); });
  rewriter.erase();
  return success();
}

template <typename WaitOp>
static LogicalResult rewriteWait(Rewriter &rewriter, WaitOp op,
                                 unsigned flags) {
  if (op.getStateOrPhase().getType().isInteger(32))
    flags |= sim::WaitFlags::Parity;
  if (op.getRelaxed())
    flags |= sim::WaitFlags::Relaxed;
  rewriter.replace(
      emitMBarrierWait(rewriter, op.getAddr(), op.getStateOrPhase(), flags));
  return success();
}

Outcome tosim::rewriteMBarrier(Rewriter &rewriter, Operation *op) {
  using sim::ArriveFlags::Drop;
  using sim::ArriveFlags::NoComplete;
  using sim::ArriveFlags::Relaxed;
  auto relaxed = [](auto op) -> unsigned {
    return op.getRelaxed() ? unsigned(Relaxed) : 0;
  };
  return llvm::TypeSwitch<Operation *, Outcome>(op)
      .Case([&](NVVM::MBarrierInitOp op) {
        rewriter.when(op.getPredicate(), [&] {
          rewriter.call(Runtime::mbarrier_init,
                        {op.getAddr(), op.getCount(), rewriter.site()});
        });
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::MBarrierInvalOp op) {
        rewriter.call(Runtime::mbarrier_inval, {op.getAddr(), rewriter.site()});
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::MBarrierExpectTxOp op) {
        rewriter.call(Runtime::mbarrier_expect_tx,
                      {op.getAddr(), op.getTxcount(), rewriter.site()});
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::MBarrierCompleteTxOp op) {
        rewriter.call(Runtime::mbarrier_complete_tx,
                      {op.getAddr(), op.getTxcount(), rewriter.site()});
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::MBarrierArriveOp op) {
        return rewriteArrive(rewriter, op.getAddr(), op.getCount(),
                             relaxed(op));
      })
      .Case([&](NVVM::MBarrierArriveDropOp op) {
        return rewriteArrive(rewriter, op.getAddr(), op.getCount(),
                             Drop | relaxed(op));
      })
      .Case([&](NVVM::MBarrierArriveNocompleteOp op) {
        return rewriteArrive(rewriter, op.getAddr(), op.getCount(), NoComplete);
      })
      .Case([&](NVVM::MBarrierArriveDropNocompleteOp op) {
        return rewriteArrive(rewriter, op.getAddr(), op.getCount(),
                             Drop | NoComplete);
      })
      .Case([&](NVVM::MBarrierArriveExpectTxOp op) {
        return rewriteArriveExpect(rewriter, op);
      })
      .Case([&](NVVM::MBarrierArriveDropExpectTxOp op) {
        rewriter.replace(
            rewriter.call(Runtime::mbarrier_arrive_expect_tx,
                          {op.getAddr(), op.getTxcount(),
                           rewriter.i32(Drop | relaxed(op)), rewriter.site()}));
        return success();
      })
      .Case([&](NVVM::MBarrierTryWaitParityOp op) {
        // The op is a loop that ends with the phase.
        emitMBarrierWaitLoop(rewriter, op.getAddr(), op.getPhase());
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::MBarrierTryWaitOp op) {
        return rewriteWait(rewriter, op, sim::WaitFlags::Try);
      })
      .Case([&](NVVM::MBarrierTestWaitOp op) {
        return rewriteWait(rewriter, op, 0);
      })
      .Default(std::nullopt);
}
