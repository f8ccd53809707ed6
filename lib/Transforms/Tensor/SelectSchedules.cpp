//===- SelectSchedules.cpp - what becomes a kernel, and its tiles ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two steps. First every tileable op either joins the kernel of the one op that
// consumes it, or is the root of a kernel. Then each root gets block extents:
//
//   kernel with a matrix product   rows x panels that fit the caches
//   selection of experts           tokens of one head: scores stay in the cache
//   rows (norms, elementwise)      a few rows
//
// Elementwise producers of a matrix product's inputs are not fused: each block
// of columns would compute them again.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SELECTSCHEDULES
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

constexpr llvm::StringLiteral scheduleName = "peermla.schedule";

bool isElementwise(Operation *op) {
  auto generic = dyn_cast<linalg::LinalgOp>(op);
  return generic && generic.getNumParallelLoops() == generic.getNumLoops();
}

bool isContraction(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalg::isaContractionOpInterface(linalgOp) &&
         succeeded(linalg::inferContractionDims(linalgOp));
}

bool isReduction(Operation *op) {
  return isa<linalg::LinalgOp>(op) && !isElementwise(op) && !isContraction(op);
}

/// A kernel: the op that is tiled, and all that is computed with its tiles.
struct Kernel {
  Operation *root;
  SmallVector<Operation *> members;

  bool hasContraction() const { return llvm::any_of(members, isContraction); }
};

/// Whether `producer` is computed inside the kernel of its only consumer.
bool joins(Operation *producer, Operation *consumer, const Kernel &kernel) {
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

/// The largest divisor of `extent` that is at most `limit`, at least 1.
int64_t largestDivisor(int64_t extent, int64_t limit) {
  for (int64_t divisor = std::min(extent, limit); divisor > 1; --divisor)
    if (extent % divisor == 0)
      return divisor;
  return 1;
}

struct SelectSchedules : peermla::impl::SelectSchedulesBase<SelectSchedules> {
  using Base::Base;

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    SmallVector<Kernel> kernels;
    llvm::DenseMap<Operation *, unsigned> kernelOf;
    Block &body = getOperation().getFunctionBody().front();
    for (Operation &op : llvm::reverse(body)) {
      if (!isa<TilingInterface>(op) || op.getNumResults() == 0 ||
          !isa<RankedTensorType>(op.getResult(0).getType()))
        continue;
      // Tiled by their lowering, which knows sequences and groups of experts.
      if (isa<peer::ExpertMlpOp, mla::OnlineAttentionOp>(op))
        continue;
      // Every kernel that reads a constant tensor makes its own tile of it.
      if (isa<linalg::FillOp>(op) &&
          llvm::all_of(op.getUsers(), [&](Operation *user) {
            return kernelOf.contains(user);
          }))
        continue;
      if (!op.hasAttr(scheduleName)) {
        if (Operation *consumer = onlyConsumer(&op)) {
          auto found = kernelOf.find(consumer);
          if (found != kernelOf.end() &&
              joins(&op, consumer, kernels[found->second])) {
            kernelOf[&op] = found->second;
            kernels[found->second].members.push_back(&op);
            continue;
          }
        }
      }
      kernelOf[&op] = kernels.size();
      kernels.push_back({&op, {&op}});
    }
    for (const Kernel &kernel : kernels)
      if (!kernel.root->hasAttr(scheduleName))
        schedule(kernel);
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

  void schedule(const Kernel &kernel) {
    auto root = cast<TilingInterface>(kernel.root);
    auto type = cast<RankedTensorType>(kernel.root->getResult(0).getType());
    unsigned rank = type.getRank();
    if (rank == 0)
      return;
    // Blocks are chosen per dimension of the result, then mapped to loops.
    SmallVector<int64_t> tile(rank, 0);
    StringRef why;
    if (isa<peer::SelectOp>(kernel.root)) {
      tile[0] = 8;
      tile[1] = 1;
      why = "scores of one head stay in the cache";
    } else if (kernel.hasContraction()) {
      tile[0] = 48;
      for (unsigned dim = 1; dim + 2 < rank; ++dim)
        tile[dim] = 1;
      if (rank > 2 && type.getDimSize(rank - 1) > 0)
        tile[rank - 2] = largestDivisor(
            type.getDimSize(rank - 2),
            std::max<int64_t>(1, 192 / type.getDimSize(rank - 1)));
      why = "rows and columns of a matrix product that fit the cache";
    } else if (type.isDynamicDim(0)) {
      tile[0] = rank == 1 ? 1024 : 8;
      why = "rows";
    } else {
      // Weights: enough items for the threads.
      int64_t items = 1;
      for (unsigned dim = 0; dim < rank && items < 16; ++dim) {
        if (type.isDynamicDim(dim))
          break;
        int64_t extent = type.getDimSize(dim);
        tile[dim] = std::max<int64_t>(1, extent * items / 64);
        items *= llvm::divideCeil(std::max<int64_t>(extent, 1), tile[dim]);
      }
      why = "enough items for the threads";
    }

    SmallVector<int64_t> block(root.getLoopIteratorTypes().size(), 0);
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(kernel.root)) {
      AffineMap map =
          linalgOp.getIndexingMapsArray()[linalgOp.getNumDpsInputs()];
      for (auto [extent, expr] : llvm::zip_equal(tile, map.getResults()))
        if (auto dim = dyn_cast<AffineDimExpr>(expr))
          block[dim.getPosition()] = extent;
    } else {
      // Reductions are not split.
      for (auto [dim, iterator] : llvm::enumerate(root.getLoopIteratorTypes()))
        if (dim < rank && iterator == utils::IteratorType::parallel)
          block[dim] = tile[dim];
    }
    kernel.root->setAttr(scheduleName,
                         tile::ScheduleAttr::get(&getContext(), block, {}, {}));
    std::string text = "chose blocks of [";
    for (auto [i, extent] : llvm::enumerate(block))
      text += (i ? ", " : "") + std::to_string(extent);
    text +=
        "] for " + std::to_string(kernel.members.size()) + " ops: " + why.str();
    remark::passed(kernel.root->getLoc(),
                   remark::RemarkOpts::name("Schedule").category("schedule"))
        << text;
  }
};

} // namespace
