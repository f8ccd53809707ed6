//===- AsyncCopies.cpp - cp.async, bulk copies and TMA --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies that go on while the thread does, the commits and waits of their
// groups, and what concerns blocks of a cluster. Cache hints have no effect.
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

void tosim::emitTmaLoad(Rewriter &rewriter, Value target, Value map,
                        Value barrier, ValueRange coordinates,
                        Value multicastMask) {
  rewriter.call(
      Runtime::tma_load,
      {target, map, barrier, rewriter.pack(Slot::Coordinates, coordinates),
       rewriter.i32(coordinates.size()),
       multicastMask ? multicastMask : rewriter.i32(0), rewriter.site()});
}

void tosim::emitTmaStore(Rewriter &rewriter, Value map, Value source,
                         ValueRange coordinates, sim::TmaReduction reduction) {
  rewriter.call(Runtime::tma_store,
                {map, source, rewriter.pack(Slot::Coordinates, coordinates),
                 rewriter.i32(coordinates.size()), rewriter.i32(reduction),
                 rewriter.site()});
}

static LogicalResult
rewriteTmaLoad(Rewriter &rewriter,
               NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op) {
  if (op.getMode() != NVVM::TMALoadMode::TILE)
    return rewriter.reject("modes other than tile");
  if (op.getGroup())
    return rewriter.reject("'group'");
  rewriter.when(op.getPredicate(), [&] {
    emitTmaLoad(rewriter, op.getDstMem(), op.getTmaDescriptor(), op.getMbar(),
                op.getCoordinates(), op.getMulticastMask());
  });
  rewriter.erase();
  return success();
}

static LogicalResult
rewriteTmaStore(Rewriter &rewriter,
                NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp op) {
  if (op.getMode() != NVVM::TMAStoreMode::TILE)
    return rewriter.reject("modes other than tile");
  rewriter.when(op.getPredicate(), [&] {
    emitTmaStore(rewriter, op.getTmaDescriptor(), op.getSrcMem(),
                 op.getCoordinates(), sim::TmaReduction::None);
  });
  rewriter.erase();
  return success();
}

static sim::TmaReduction getReduction(NVVM::TMAReduxKind kind) {
  switch (kind) {
  case NVVM::TMAReduxKind::ADD:
    return sim::TmaReduction::Add;
  case NVVM::TMAReduxKind::MIN:
    return sim::TmaReduction::Min;
  case NVVM::TMAReduxKind::MAX:
    return sim::TmaReduction::Max;
  case NVVM::TMAReduxKind::INC:
    return sim::TmaReduction::Inc;
  case NVVM::TMAReduxKind::DEC:
    return sim::TmaReduction::Dec;
  case NVVM::TMAReduxKind::AND:
    return sim::TmaReduction::And;
  case NVVM::TMAReduxKind::OR:
    return sim::TmaReduction::Or;
  case NVVM::TMAReduxKind::XOR:
    return sim::TmaReduction::Xor;
  }
  return sim::TmaReduction::None;
}

static LogicalResult rewriteTmaReduce(Rewriter &rewriter,
                                      NVVM::CpAsyncBulkTensorReduceOp op) {
  if (op.getMode() != NVVM::TMAStoreMode::TILE)
    return rewriter.reject("modes other than tile");
  emitTmaStore(rewriter, op.getTmaDescriptor(), op.getSrcMem(),
               op.getCoordinates(), getReduction(op.getRedKind()));
  rewriter.erase();
  return success();
}

static LogicalResult rewriteTmaPrefetch(Rewriter &rewriter,
                                        NVVM::CpAsyncBulkTensorPrefetchOp op) {
  if (op.getMode() != NVVM::TMALoadMode::TILE)
    return rewriter.reject("modes other than tile");
  rewriter.call(Runtime::tma_prefetch,
                {op.getTmaDescriptor(),
                 rewriter.pack(Slot::Coordinates, op.getCoordinates()),
                 rewriter.i32(op.getCoordinates().size()), rewriter.site()});
  rewriter.erase();
  return success();
}

static LogicalResult rewriteBulkStore(Rewriter &rewriter,
                                      NVVM::CpAsyncBulkSharedCTAToGlobalOp op) {
  if (op.getByteMask())
    return rewriter.reject("'byte_mask'");
  rewriter.call(Runtime::bulk_store, {op.getDstMem(), op.getSrcMem(),
                                      op.getSize(), rewriter.site()});
  rewriter.erase();
  return success();
}

static LogicalResult rewritePrefetch(Rewriter &rewriter, NVVM::PrefetchOp op) {
  sim::PrefetchKind kind = sim::PrefetchKind::TensorMap;
  if (!op.getTensormap())
    kind = op.getCacheLevel() == NVVM::PrefetchCacheLevel::L1
               ? sim::PrefetchKind::L1
               : sim::PrefetchKind::L2;
  rewriter.when(op.getPredicate(), [&] {
    rewriter.call(Runtime::prefetch,
                  {op.getAddr(), rewriter.i32(kind), rewriter.site()});
  });
  rewriter.erase();
  return success();
}

Outcome tosim::rewriteAsyncCopy(Rewriter &rewriter, Operation *op) {
  auto simple = [&](Runtime function, ArrayRef<Value> arguments) {
    rewriter.call(function, arguments);
    rewriter.erase();
    return success();
  };
  auto orZero = [&](Value value) { return value ? value : rewriter.i32(0); };
  return llvm::TypeSwitch<Operation *, Outcome>(op)
      .Case([&](NVVM::CpAsyncOp op) {
        Value size = rewriter.i32(op.getSize());
        return simple(Runtime::cp_async,
                      {op.getDst(), op.getSrc(), size,
                       op.getCpSize() ? op.getCpSize() : size,
                       rewriter.site()});
      })
      .Case([&](NVVM::CpAsyncCommitGroupOp) {
        return simple(Runtime::cp_async_commit, {rewriter.site()});
      })
      .Case([&](NVVM::CpAsyncWaitGroupOp op) {
        return simple(Runtime::cp_async_wait,
                      {rewriter.i32(op.getN()), rewriter.site()});
      })
      .Case([&](NVVM::CpAsyncMBarrierArriveOp op) {
        return simple(
            Runtime::cp_async_mbarrier_arrive,
            {op.getAddr(), rewriter.i32(op.getNoinc()), rewriter.site()});
      })
      .Case([&](NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op) {
        return rewriteTmaLoad(rewriter, op);
      })
      .Case([&](NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp op) {
        return rewriteTmaStore(rewriter, op);
      })
      .Case([&](NVVM::CpAsyncBulkTensorReduceOp op) {
        return rewriteTmaReduce(rewriter, op);
      })
      .Case([&](NVVM::CpAsyncBulkTensorPrefetchOp op) {
        return rewriteTmaPrefetch(rewriter, op);
      })
      .Case([&](NVVM::CpAsyncBulkGlobalToSharedClusterOp op) {
        return simple(Runtime::bulk_load,
                      {op.getDstMem(), op.getSrcMem(), op.getMbar(),
                       op.getSize(), orZero(op.getMulticastMask()),
                       rewriter.site()});
      })
      .Case([&](NVVM::CpAsyncBulkSharedCTAToSharedClusterOp op) {
        return simple(Runtime::bulk_copy_shared,
                      {op.getDstMem(), op.getSrcMem(), op.getMbar(),
                       op.getSize(), rewriter.site()});
      })
      .Case([&](NVVM::CpAsyncBulkSharedCTAToGlobalOp op) {
        return rewriteBulkStore(rewriter, op);
      })
      .Case([&](NVVM::CpAsyncBulkPrefetchOp op) {
        return simple(Runtime::bulk_prefetch,
                      {op.getSrcMem(), op.getSize(), rewriter.site()});
      })
      .Case([&](NVVM::CpAsyncBulkCommitGroupOp) {
        return simple(Runtime::bulk_commit, {rewriter.site()});
      })
      .Case([&](NVVM::CpAsyncBulkWaitGroupOp op) {
        return simple(Runtime::bulk_wait,
                      {rewriter.i32(op.getGroup()),
                       rewriter.i32(op.getRead().has_value()),
                       rewriter.site()});
      })
      .Case([&](NVVM::PrefetchOp op) { return rewritePrefetch(rewriter, op); })
      .Case([&](NVVM::MapaOp op) {
        rewriter.replace(rewriter.call(
            Runtime::map_shared, {op.getA(), op.getB(), rewriter.site()}));
        return success();
      })
      .Default(std::nullopt);
}
