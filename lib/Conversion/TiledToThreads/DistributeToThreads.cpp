//===- DistributeToThreads.cpp - a kernel's ops for the threads of a block ===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All threads run the control flow around ops together; each op is replaced by
// what one thread does of it (ThreadLoops.h). While ops are visited in order,
// `pending` is what was read and written since the last barrier; an op that
// conflicts with it gets a barrier in front. A loop ends with a barrier if
// anything is pending there, so that iterations are apart.
//
//===----------------------------------------------------------------------===//

#include "MemoryUse.h"
#include "ThreadLoops.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "peermla/Conversion/TiledToThreads/Passes.h"
#include "peermla/Support/BufferSizes.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/Support/MathExtras.h"

namespace peermla {
#define GEN_PASS_DEF_DISTRIBUTETOTHREADS
#include "peermla/Conversion/TiledToThreads/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static constexpr int64_t mostThreads = 256;

/// Whether the iterations of `op` are shared out.
static bool isShared(Operation *op) {
  return isa<linalg::LinalgOp, scf::ForallOp>(op);
}

static bool containsShared(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        return isShared(inner) ? WalkResult::interrupt()
                               : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Copies are elementwise ops, too.
static void rewriteCopies(func::FuncOp function) {
  SmallVector<memref::CopyOp> copies;
  function.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
  for (memref::CopyOp copy : copies) {
    OpBuilder builder(copy);
    linalg::makeMemRefCopyOp(builder, copy.getLoc(), copy.getSource(),
                             copy.getTarget());
    copy.erase();
  }
}

/// Bytes of a list that is short enough for a thread's own memory. Places in
/// shared memory start where vectors may.
static constexpr int64_t largestOfThread = 1024, alignment = 16;

/// The number of threads for the largest op.
static int64_t chooseThreads(func::FuncOp function) {
  int64_t threads = warpSize;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    std::optional<int64_t> useful = 0;
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      useful = getUsefulThreads(linalgOp);
    else if (auto forall = dyn_cast<scf::ForallOp>(op))
      useful = std::nullopt;
    threads = std::max(threads, useful.value_or(mostThreads));
    return isShared(op) ? WalkResult::skip() : WalkResult::advance();
  });
  return std::min(mostThreads, int64_t(llvm::alignTo(threads, warpSize)));
}

namespace {

class Distributor {
public:
  explicit Distributor(func::FuncOp function)
      : function(function), uses(function) {
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    threads.count = chooseThreads(function);
    threads.id =
        gpu::ThreadIdOp::create(builder, function.getLoc(), gpu::Dimension::x);
    function->setAttr("nvvm.reqntid",
                      builder.getDenseI32ArrayAttr({int32_t(threads.count)}));
  }

  LogicalResult run() {
    MemoryUse pending;
    return distribute(function.getBody().front(), pending);
  }

  unsigned numBarriers = 0;

private:
  LogicalResult distribute(Block &block, MemoryUse &pending);
  /// Control flow around shared ops, run by all threads.
  LogicalResult distributeInside(Operation *op, MemoryUse &pending);
  LogicalResult replace(Operation *op, const MemoryUse &use);
  LogicalResult replace(scf::ForallOp loop);
  LogicalResult makeSerial(ArrayRef<Operation *> ops);
  void shareLarge(scf::ForallOp loop, ArrayRef<OpFoldResult> counts);
  LogicalResult guard(Operation *op);
  void addBarrier(OpBuilder builder, Location loc, MemoryUse &pending) {
    gpu::BarrierOp::create(builder, loc);
    pending = MemoryUse();
    ++numBarriers;
  }

  func::FuncOp function;
  MemoryUses uses;
  Threads threads;
};

} // namespace

LogicalResult Distributor::distribute(Block &block, MemoryUse &pending) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (op.hasTrait<OpTrait::IsTerminator>() || isa<memref::AllocOp>(op))
      continue;
    if (!isShared(&op) && containsShared(&op)) {
      if (failed(distributeInside(&op, pending)))
        return failure();
      continue;
    }
    if (isMemoryEffectFree(&op))
      continue;
    FailureOr<MemoryUse> use = uses.get(&op);
    if (failed(use))
      return op.emitOpError(
          "cannot be shared out to threads: expects a linalg op, a copy, or "
          "loops and scalars");
    if (pending.conflictsWith(*use))
      addBarrier(OpBuilder(&op), op.getLoc(), pending);
    pending.add(*use);
    if (failed(replace(&op, *use)))
      return failure();
  }
  return success();
}

LogicalResult Distributor::distributeInside(Operation *op, MemoryUse &pending) {
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    if (failed(distribute(*loop.getBody(), pending)))
      return failure();
    if (!pending.isEmpty()) {
      MemoryUse before = pending;
      addBarrier(OpBuilder(loop.getBody()->getTerminator()), loop.getLoc(),
                 pending);
      // With no iteration, there is no barrier.
      pending = before;
    }
    return success();
  }
  if (auto choice = dyn_cast<scf::IfOp>(op)) {
    MemoryUse before = pending;
    for (Region &region : choice->getRegions()) {
      MemoryUse inside = before;
      if (!region.empty() && failed(distribute(region.front(), inside)))
        return failure();
      pending.add(inside);
    }
    return success();
  }
  return op->emitOpError("cannot be run by all threads of a block: expects "
                         "scf.for or scf.if around ops that are shared out");
}

LogicalResult Distributor::replace(Operation *op, const MemoryUse &use) {
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (failed(emitThreadLoops(linalgOp, threads)))
      return failure();
    op->erase();
    return success();
  }
  if (auto forall = dyn_cast<scf::ForallOp>(op))
    return replace(forall);
  return use.writes.empty() ? success() : guard(op);
}

/// Lets the first thread alone run `op`.
LogicalResult Distributor::guard(Operation *op) {
  if (op->getNumResults() != 0)
    return op->emitOpError("cannot be shared out to threads: writes memory and "
                           "has results");
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, threads.id, zero);
  auto choice = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
  op->moveBefore(choice.thenBlock()->getTerminator());
  return success();
}

LogicalResult Distributor::replace(scf::ForallOp loop) {
  if (loop.getNumResults() != 0)
    return loop.emitOpError("expects memrefs in place of results");
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  SmallVector<OpFoldResult> lower = loop.getMixedLowerBound(),
                            step = loop.getMixedStep(), counts;
  AffineExpr d0, d1, s0;
  bindDims(b.getContext(), d0, d1);
  bindSymbols(b.getContext(), s0);
  for (auto [from, to, by] :
       llvm::zip_equal(lower, loop.getMixedUpperBound(), step))
    counts.push_back(affine::makeComposedFoldedAffineApply(
        b, b.getLoc(), (d1 - d0).ceilDiv(s0), {from, to, by}));
  shareLarge(loop, counts);
  SmallVector<Value> position =
      beginSharedLoop(b, counts, threads.id, threads.count);
  IRMapping mapping;
  for (unsigned dim = 0; dim < position.size(); ++dim)
    mapping.map(loop.getInductionVar(dim),
                getValueOrCreateConstantIndexOp(
                    b, b.getLoc(),
                    affine::makeComposedFoldedAffineApply(
                        b, b.getLoc(), d0 + d1 * s0,
                        {lower[dim], OpFoldResult(position[dim]), step[dim]})));
  SmallVector<Operation *> ops;
  for (Operation &op : loop.getBody()->without_terminator())
    ops.push_back(b.clone(op, mapping));
  loop.erase();
  return makeSerial(ops);
}

/// What iterations with long lists have for themselves goes to shared memory, a
/// place per thread, if there is room: own memory would be slow.
void Distributor::shareLarge(scf::ForallOp loop,
                             ArrayRef<OpFoldResult> counts) {
  int64_t slots = 1;
  for (OpFoldResult count : counts) {
    FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
        presburger::BoundType::UB, count, /*stopCondition=*/nullptr,
        /*closedUB=*/true);
    if (failed(bound) || *bound > threads.count)
      return;
    slots = std::min(slots * std::max<int64_t>(*bound, 1), threads.count);
  }
  const GpuTarget *target = GpuTarget::of(function);
  int64_t left =
      (target ? *target : GpuTarget::all().front()).sharedBytesPerBlock;
  SmallVector<memref::AllocOp> ofThread;
  bool isLarge = false;
  WalkResult known = function.walk([&](memref::AllocOp alloc) {
    FailureOr<int64_t> bytes = getMaxBytes(alloc);
    if (failed(bytes))
      return WalkResult::interrupt();
    int64_t place = llvm::alignTo(*bytes, alignment);
    if (!loop->isAncestor(alloc)) {
      left -= place;
    } else if (alloc.getType().hasStaticShape()) {
      ofThread.push_back(alloc);
      left -= slots * place;
      isLarge |= place > largestOfThread;
    }
    return WalkResult::advance();
  });
  if (known.wasInterrupted() || !isLarge || left < 0)
    return;
  for (memref::AllocOp alloc : ofThread) {
    int64_t bytes = llvm::alignTo(*getMaxBytes(alloc), alignment);
    ImplicitLocOpBuilder b(alloc.getLoc(), function.getContext());
    b.setInsertionPointAfter(threads.id.getDefiningOp());
    Value all = memref::AllocOp::create(
        b, MemRefType::get({slots * bytes}, b.getI8Type()));
    Value start = arith::MulIOp::create(
        b, threads.id, arith::ConstantIndexOp::create(b, bytes));
    b.setInsertionPoint(alloc);
    Value view = memref::ViewOp::create(b, alloc.getType(), all, start,
                                        /*sizes=*/ValueRange());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }
}

/// Makes ops inside of a thread loops, and allocations its own memory.
LogicalResult Distributor::makeSerial(ArrayRef<Operation *> ops) {
  SmallVector<linalg::LinalgOp> structured;
  SmallVector<memref::AllocOp> allocations;
  for (Operation *op : ops)
    op->walk([&](Operation *inner) {
      if (auto linalgOp = dyn_cast<linalg::LinalgOp>(inner))
        structured.push_back(linalgOp);
      if (auto alloc = dyn_cast<memref::AllocOp>(inner))
        allocations.push_back(alloc);
    });
  IRRewriter rewriter(function.getContext());
  for (linalg::LinalgOp op : structured) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::linalgOpToLoops(rewriter, op)))
      return op.emitOpError("cannot be made loops of a thread");
    rewriter.eraseOp(op);
  }
  for (memref::AllocOp alloc : allocations) {
    if (!alloc.getType().hasStaticShape())
      return alloc.emitOpError()
             << "expects memory of a thread to have static extents, got "
             << alloc.getType();
    rewriter.setInsertionPointToStart(&function.getBody().front());
    auto local = memref::AllocaOp::create(
        rewriter, alloc.getLoc(), alloc.getType(), alloc.getAlignmentAttr());
    rewriter.replaceOp(alloc, local);
  }
  return success();
}

namespace {

struct DistributeToThreads
    : peermla::impl::DistributeToThreadsBase<DistributeToThreads> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr("peermla.threads") || function.isExternal())
        continue;
      if (!function.getBody().hasOneBlock()) {
        function.emitOpError("expects one block");
        return signalPassFailure();
      }
      rewriteCopies(function);
      Distributor distributor(function);
      if (failed(distributor.run()))
        return signalPassFailure();
      numBarriers += distributor.numBarriers;
    }
  }
};

} // namespace
