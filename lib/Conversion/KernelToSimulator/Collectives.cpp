//===- Collectives.cpp - barriers, shuffles, votes ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What several threads of a block or a cluster execute together, and fences.
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

Predicated tosim::emitShuffle(Rewriter &rewriter, sim::ShuffleKind kind,
                              Value mask, Value value, Value lane,
                              Value clamp) {
  Value flag = rewriter.slot(Slot::Flag, 1);
  Value bits =
      rewriter.call(Runtime::shuffle, {rewriter.i32(kind), mask, value, lane,
                                       clamp, flag, rewriter.site()});
  Value isValid = rewriter.unpack(Slot::Flag, rewriter.i32Type).front();
  return {rewriter.cast(bits, value.getType()), rewriter.isNonzero(isValid)};
}

Predicated tosim::emitMatchAll(Rewriter &rewriter, Value mask, Value value) {
  Value flag = rewriter.slot(Slot::Flag, 1);
  Value lanes =
      rewriter.call(Runtime::match_all, {mask, value, flag, rewriter.site()});
  Value isSame = rewriter.unpack(Slot::Flag, rewriter.i32Type).front();
  return {lanes, rewriter.isNonzero(isSame)};
}

Predicated tosim::emitElect(Rewriter &rewriter, Value mask) {
  Value flag = rewriter.slot(Slot::Flag, 1);
  Value isElected =
      rewriter.call(Runtime::elect, {mask, flag, rewriter.site()});
  return {rewriter.unpack(Slot::Flag, rewriter.i32Type).front(),
          rewriter.isNonzero(isElected)};
}

void tosim::emitBarrier(Rewriter &rewriter, Value id, Value threads) {
  rewriter.call(Runtime::barrier_sync,
                {id ? id : rewriter.i32(0), threads ? threads : rewriter.i32(0),
                 rewriter.site()});
}

void tosim::emitBarrierArrive(Rewriter &rewriter, Value id, Value threads) {
  rewriter.call(Runtime::barrier_arrive,
                {id ? id : rewriter.i32(0), threads ? threads : rewriter.i32(0),
                 rewriter.site()});
}

Value tosim::emitBarrierReduce(Rewriter &rewriter, sim::BarrierReduction kind,
                               Value id, Value threads, Value predicate) {
  return rewriter.call(Runtime::barrier_reduce,
                       {rewriter.i32(kind), id ? id : rewriter.i32(0),
                        threads ? threads : rewriter.i32(0),
                        rewriter.isNonzero(predicate), rewriter.site()});
}

void tosim::emitFence(Rewriter &rewriter, sim::FenceKind kind) {
  rewriter.call(Runtime::fence, {rewriter.i32(kind), rewriter.site()});
}

//===----------------------------------------------------------------------===//
// NVVM operations
//===----------------------------------------------------------------------===//

static LogicalResult rewriteShuffle(Rewriter &rewriter, NVVM::ShflOp op) {
  sim::ShuffleKind kind;
  switch (op.getKind()) {
  case NVVM::ShflKind::bfly:
    kind = sim::ShuffleKind::Butterfly;
    break;
  case NVVM::ShflKind::up:
    kind = sim::ShuffleKind::Up;
    break;
  case NVVM::ShflKind::down:
    kind = sim::ShuffleKind::Down;
    break;
  case NVVM::ShflKind::idx:
    kind = sim::ShuffleKind::Index;
    break;
  }
  Predicated result =
      emitShuffle(rewriter, kind, op.getThreadMask(), op.getVal(),
                  op.getOffset(), op.getMaskAndClamp());
  rewriter.replaceByFragment({result.value, result.predicate});
  return success();
}

static LogicalResult rewriteVote(Rewriter &rewriter, NVVM::VoteSyncOp op) {
  sim::VoteKind kind;
  switch (op.getKind()) {
  case NVVM::VoteSyncKind::any:
    kind = sim::VoteKind::Any;
    break;
  case NVVM::VoteSyncKind::all:
    kind = sim::VoteKind::All;
    break;
  case NVVM::VoteSyncKind::uni:
    kind = sim::VoteKind::Uniform;
    break;
  case NVVM::VoteSyncKind::ballot:
    kind = sim::VoteKind::Ballot;
    break;
  }
  rewriter.replace(
      rewriter.call(Runtime::vote, {rewriter.i32(kind), op.getMask(),
                                    op.getPred(), rewriter.site()}));
  return success();
}

static LogicalResult rewriteReduce(Rewriter &rewriter, NVVM::ReduxOp op) {
  sim::ReduceKind kind;
  switch (op.getKind()) {
  case NVVM::ReduxKind::ADD:
    kind = sim::ReduceKind::Add;
    break;
  case NVVM::ReduxKind::AND:
    kind = sim::ReduceKind::And;
    break;
  case NVVM::ReduxKind::OR:
    kind = sim::ReduceKind::Or;
    break;
  case NVVM::ReduxKind::XOR:
    kind = sim::ReduceKind::Xor;
    break;
  case NVVM::ReduxKind::MIN:
    kind = sim::ReduceKind::MinS32;
    break;
  case NVVM::ReduxKind::MAX:
    kind = sim::ReduceKind::MaxS32;
    break;
  case NVVM::ReduxKind::UMIN:
    kind = sim::ReduceKind::MinU32;
    break;
  case NVVM::ReduxKind::UMAX:
    kind = sim::ReduceKind::MaxU32;
    break;
  case NVVM::ReduxKind::FMIN:
  case NVVM::ReduxKind::FMAX:
    return rewriter.reject("reductions of floats need sm_100a");
  }
  rewriter.replace(
      rewriter.call(Runtime::reduce, {rewriter.i32(kind), op.getMaskAndClamp(),
                                      op.getVal(), rewriter.site()}));
  return success();
}

static LogicalResult rewriteMatch(Rewriter &rewriter, NVVM::MatchSyncOp op) {
  if (op.getKind() == NVVM::MatchSyncKind::all) {
    Predicated result = emitMatchAll(rewriter, op.getThreadMask(), op.getVal());
    rewriter.replaceByFragment({result.value, result.predicate});
    return success();
  }
  rewriter.replace(rewriter.call(
      Runtime::match_any, {op.getThreadMask(), op.getVal(), rewriter.site()}));
  return success();
}

static LogicalResult rewriteBarrier(Rewriter &rewriter, NVVM::BarrierOp op) {
  if (!op.getReductionOp()) {
    emitBarrier(rewriter, op.getBarrierId(), op.getNumberOfThreads());
    rewriter.erase();
    return success();
  }
  sim::BarrierReduction kind = sim::BarrierReduction::PopCount;
  if (*op.getReductionOp() == NVVM::BarrierReduction::AND)
    kind = sim::BarrierReduction::And;
  else if (*op.getReductionOp() == NVVM::BarrierReduction::OR)
    kind = sim::BarrierReduction::Or;
  rewriter.replace(emitBarrierReduce(rewriter, kind, op.getBarrierId(),
                                     op.getNumberOfThreads(),
                                     op.getReductionPredicate()));
  return success();
}

static LogicalResult rewriteFenceProxy(Rewriter &rewriter,
                                       NVVM::FenceProxyOp op) {
  sim::FenceKind kind = sim::FenceKind::ProxyAsync;
  if (op.getKind() == NVVM::ProxyKind::alias)
    kind = sim::FenceKind::ProxyAlias;
  else if (op.getKind() == NVVM::ProxyKind::TENSORMAP)
    kind = sim::FenceKind::ProxyTensormap;
  emitFence(rewriter, kind);
  rewriter.erase();
  return success();
}

Outcome tosim::rewriteCollective(Rewriter &rewriter, Operation *op) {
  auto fence = [&](sim::FenceKind kind) {
    emitFence(rewriter, kind);
    rewriter.erase();
    return success();
  };
  auto simple = [&](Runtime function, ArrayRef<Value> arguments) {
    rewriter.call(function, arguments);
    rewriter.erase();
    return success();
  };
  return llvm::TypeSwitch<Operation *, Outcome>(op)
      .Case([&](NVVM::ShflOp op) { return rewriteShuffle(rewriter, op); })
      .Case([&](NVVM::VoteSyncOp op) { return rewriteVote(rewriter, op); })
      .Case([&](NVVM::ReduxOp op) { return rewriteReduce(rewriter, op); })
      .Case([&](NVVM::MatchSyncOp op) { return rewriteMatch(rewriter, op); })
      .Case([&](NVVM::BarrierOp op) { return rewriteBarrier(rewriter, op); })
      .Case([&](NVVM::FenceProxyOp op) {
        return rewriteFenceProxy(rewriter, op);
      })
      .Case([&](NVVM::Barrier0Op) {
        emitBarrier(rewriter, Value(), Value());
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::BarrierArriveOp op) {
        emitBarrierArrive(rewriter, op.getBarrierId(), op.getNumberOfThreads());
        rewriter.erase();
        return success();
      })
      .Case([&](NVVM::ElectSyncOp op) {
        Value mask = op.getMembermask();
        rewriter.replace(
            emitElect(rewriter, mask ? mask : rewriter.i32(-1)).predicate);
        return success();
      })
      .Case([&](NVVM::SyncWarpOp op) {
        return simple(Runtime::warp_sync, {op.getMask(), rewriter.site()});
      })
      .Case([&](NVVM::ClusterArriveOp) {
        return simple(Runtime::cluster_arrive,
                      {rewriter.i32(0), rewriter.site()});
      })
      .Case([&](NVVM::ClusterArriveRelaxedOp) {
        return simple(Runtime::cluster_arrive,
                      {rewriter.i32(1), rewriter.site()});
      })
      .Case([&](NVVM::ClusterWaitOp) {
        return simple(Runtime::cluster_wait, {rewriter.site()});
      })
      .Case([&](LLVM::FenceOp op) {
        StringRef scope = op.getSyncscope().value_or("");
        return fence(scope == "block" || scope == "cluster"
                         ? sim::FenceKind::Cluster
                         : sim::FenceKind::Memory);
      })
      .Case([&](NVVM::MembarOp op) {
        NVVM::MemScopeKind scope = op.getScope();
        return fence(scope == NVVM::MemScopeKind::CTA ||
                             scope == NVVM::MemScopeKind::CLUSTER
                         ? sim::FenceKind::Cluster
                         : sim::FenceKind::Memory);
      })
      .Case<NVVM::FenceScClusterOp, NVVM::FenceSyncRestrictOp>(
          [&](auto) { return fence(sim::FenceKind::Cluster); })
      .Case([&](NVVM::FenceMbarrierInitOp) {
        return fence(sim::FenceKind::MbarrierInit);
      })
      .Case<NVVM::FenceProxyAcquireOp, NVVM::FenceProxyReleaseOp>(
          [&](auto) { return fence(sim::FenceKind::ProxyTensormap); })
      .Case([&](NVVM::FenceProxySyncRestrictOp) {
        return fence(sim::FenceKind::ProxyAsync);
      })
      .Case([&](NVVM::SetMaxRegisterOp op) {
        bool increases = op.getAction() == NVVM::SetMaxRegisterAction::increase;
        return simple(Runtime::set_max_registers,
                      {rewriter.i32(op.getRegCount()), rewriter.i32(increases),
                       rewriter.site()});
      })
      .Case([&](NVVM::GriddepcontrolOp op) {
        bool waits = op.getKind() == NVVM::GridDepActionKind::wait;
        return simple(Runtime::grid_dependency,
                      {rewriter.i32(waits), rewriter.site()});
      })
      .Case([&](NVVM::NanosleepOp op) {
        return simple(Runtime::nanosleep, {op.getDuration(), rewriter.site()});
      })
      .Case(
          [&](NVVM::Exit) { return simple(Runtime::exit, {rewriter.site()}); })
      .Case<NVVM::PMEventOp, NVVM::Breakpoint>([&](auto) {
        rewriter.erase();
        return success();
      })
      .Default(std::nullopt);
}
