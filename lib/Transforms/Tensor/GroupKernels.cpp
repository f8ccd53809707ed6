//===- GroupKernels.cpp - which ops are computed together -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every tileable op either joins the kernel of the one op that consumes it, or
// is the root of a kernel. An op with a schedule is a root, except that a
// matrix product takes its schedule along into the kernel of its epilogue.
// Producers of a matrix product's inputs, which each block of columns computes
// again, are left to JoinPrologues.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"

using namespace mlir;
using namespace peermla;

static bool isElementwise(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalgOp.getNumParallelLoops() == linalgOp.getNumLoops();
}

bool peermla::isContraction(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalg::isaContractionOpInterface(linalgOp) &&
         succeeded(linalg::inferContractionDims(linalgOp));
}

static bool isReduction(Operation *op) {
  return isa<linalg::LinalgOp>(op) && !isElementwise(op) && !isContraction(op);
}

linalg::LinalgOp Kernel::getContraction() const {
  const auto *found = llvm::find_if(members, isContraction);
  return found == members.end() ? nullptr : cast<linalg::LinalgOp>(*found);
}

RankedTensorType Kernel::getType() const {
  return cast<RankedTensorType>(root->getResult(0).getType());
}

/// Whether `producer` is computed inside the kernel of its only consumer.
static bool joins(Operation *producer, Operation *consumer,
                  const Kernel &kernel) {
  if (isContraction(producer)) {
    // Scores are consumed where they are computed.
    if (isa<peer::SelectOp>(consumer))
      return true;
    return isElementwise(consumer) && !kernel.getContraction();
  }
  // Rows are rotated where they are written to the cache.
  if (isa<mla::RopeOp>(producer))
    return isa<mla::CacheAppendOp>(consumer);
  if (isElementwise(producer))
    return (isElementwise(consumer) && !kernel.getContraction()) ||
           isReduction(consumer);
  // A sum over a row is computed with the rows that read it.
  return isReduction(producer) && isElementwise(consumer) &&
         !kernel.getContraction();
}

/// The op that is the only user of `op`'s results, or null.
static Operation *onlyConsumer(Operation *op) {
  Operation *consumer = nullptr;
  for (Operation *user : op->getUsers()) {
    if (consumer && user != consumer)
      return nullptr;
    consumer = user;
  }
  return consumer;
}

/// Whether the schedule that `producer` was given, if any, can be followed
/// through `consumer`, the root of `kernel`.
static bool canKeepSchedule(Operation *producer, Operation *consumer,
                            const Kernel &kernel) {
  Attribute given = producer->getAttr(scheduleName);
  if (!given)
    return true;
  // TileAndFuse says what is wrong with a schedule that stays.
  auto schedule = dyn_cast<tile::ScheduleAttr>(given);
  auto product = dyn_cast<linalg::LinalgOp>(producer);
  if (!schedule || !isContraction(producer) || consumer != kernel.root ||
      consumer->hasAttr(scheduleName) || !isElementwise(consumer))
    return false;
  ArrayRef<int64_t> block = schedule.getBlock();
  SmallVector<utils::IteratorType> loops = product.getIteratorTypesArray();
  if (!block.empty() && block.size() != loops.size())
    return false;
  for (auto [extent, loop] : llvm::zip(block, loops))
    if (extent != 0 && loop != utils::IteratorType::parallel)
      return false;
  return true;
}

/// Whether `op` can be a kernel or part of one.
static bool isKernelOp(Operation *op) {
  return isa<TilingInterface>(op) && op->getNumResults() != 0 &&
         isa<RankedTensorType>(op->getResult(0).getType());
}

SmallVector<Kernel> peermla::groupKernels(Block &body) {
  SmallVector<Kernel> kernels;
  llvm::DenseMap<Operation *, unsigned> kernelOf;
  for (Operation &op : llvm::reverse(body)) {
    if (!isKernelOp(&op))
      continue;
    // Every kernel that reads a constant tensor makes its own tile of it.
    if (isa<linalg::FillOp>(op) &&
        llvm::all_of(op.getUsers(),
                     [&](Operation *user) { return kernelOf.contains(user); }))
      continue;
    Operation *consumer = onlyConsumer(&op);
    auto found = kernelOf.find(consumer);
    if (consumer && found != kernelOf.end()) {
      unsigned number = found->second;
      if (joins(&op, consumer, kernels[number]) &&
          canKeepSchedule(&op, consumer, kernels[number])) {
        kernelOf[&op] = number;
        kernels[number].members.push_back(&op);
        continue;
      }
    }
    kernelOf[&op] = kernels.size();
    kernels.push_back({&op, {&op}});
  }
  return kernels;
}
