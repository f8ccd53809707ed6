//===- GroupKernels.cpp - which ops are computed together -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every tileable op either joins the kernel of the one op that consumes it, or
// is the root of a kernel. Elementwise producers of a matrix product's inputs
// do not join it: each block of columns would compute them again.
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

static bool isContraction(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalg::isaContractionOpInterface(linalgOp) &&
         succeeded(linalg::inferContractionDims(linalgOp));
}

static bool isReduction(Operation *op) {
  return isa<linalg::LinalgOp>(op) && !isElementwise(op) && !isContraction(op);
}

bool Kernel::hasContraction() const {
  return llvm::any_of(members, isContraction);
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
    return isElementwise(consumer) && !kernel.hasContraction();
  }
  if (isElementwise(producer))
    return (isElementwise(consumer) && !kernel.hasContraction()) ||
           isReduction(consumer);
  // A sum over a row is computed with the rows that read it.
  return isReduction(producer) && isElementwise(consumer) &&
         !kernel.hasContraction();
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

/// Whether `op` can be a kernel or part of one.
static bool isKernelOp(Operation *op) {
  // The others are tiled by their lowering, which knows sequences and groups
  // of experts.
  return isa<TilingInterface>(op) && op->getNumResults() != 0 &&
         isa<RankedTensorType>(op->getResult(0).getType()) &&
         !isa<peer::ExpertMlpOp, mla::OnlineAttentionOp>(op);
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
    if (Operation *consumer = onlyConsumer(&op);
        consumer && !op.hasAttr(scheduleName)) {
      auto found = kernelOf.find(consumer);
      if (found != kernelOf.end() &&
          joins(&op, consumer, kernels[found->second])) {
        kernelOf[&op] = found->second;
        kernels[found->second].members.push_back(&op);
        continue;
      }
    }
    kernelOf[&op] = kernels.size();
    kernels.push_back({&op, {&op}});
  }
  return kernels;
}
