//===- StepsToKernels.cpp - no memory of the device on the host -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Conversion/TiledToThreads/Passes.h"
#include "peermla/Dialect/Tile/IR/Tile.h"

namespace peermla {
#define GEN_PASS_DEF_STEPSTOKERNELS
#include "peermla/Conversion/TiledToThreads/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Whether `op` is a kernel or contains one.
static bool hasKernel(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        return isa<scf::ForallOp, tile::LaunchOp>(inner)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether `op` reads or writes memory.
static bool touchesMemory(Operation *op) {
  return !isa<memref::AllocOp, memref::DeallocOp>(op) &&
         !op->hasTrait<OpTrait::IsTerminator>() && !isMemoryEffectFree(op);
}

namespace {

struct StepsToKernels : peermla::impl::StepsToKernelsBase<StepsToKernels> {
  using Base::Base;

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    if (failed(wrap(getOperation().getFunctionBody().front())))
      signalPassFailure();
  }

  /// Wraps the runs of `block` and of the blocks around its kernels.
  LogicalResult wrap(Block &block) {
    SmallVector<Operation *> run;
    llvm::SmallPtrSet<Operation *, 8> members;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (hasKernel(&op) || op.hasTrait<OpTrait::IsTerminator>()) {
        if (failed(close(run)))
          return failure();
        members.clear();
        if (!isa<scf::ForallOp, tile::LaunchOp>(op))
          for (Region &region : op.getRegions())
            for (Block &inner : region)
              if (failed(wrap(inner)))
                return failure();
        continue;
      }
      // What is computed from values of memory goes along.
      SetVector<Value> captured;
      getUsedValuesDefinedAbove(op.getRegions(), captured);
      captured.insert(op.operand_begin(), op.operand_end());
      bool follows = llvm::any_of(captured, [&](Value value) {
        return value.getDefiningOp() && members.contains(value.getDefiningOp());
      });
      if (touchesMemory(&op) || follows) {
        run.push_back(&op);
        members.insert(&op);
      }
    }
    return close(run);
  }

  /// Moves the ops of `run` into a loop of one iteration.
  static LogicalResult close(SmallVectorImpl<Operation *> &run) {
    if (run.empty())
      return success();
    llvm::SmallPtrSet<Operation *, 8> members(run.begin(), run.end());
    for (Operation *op : run)
      for (Operation *user : op->getUsers()) {
        Operation *sibling = op->getBlock()->findAncestorOpInBlock(*user);
        if (!members.contains(sibling))
          return user->emitError()
                 << "'" << user->getName()
                 << "' on the host expects a value that the host knows, got "
                    "one of device memory, of '"
                 << op->getName() << "'";
      }
    OpBuilder builder(run.back());
    OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
    auto loop = scf::ForallOp::create(
        builder, run.front()->getLoc(), ArrayRef(zero), ArrayRef(one),
        ArrayRef(one), ValueRange(), std::nullopt);
    for (Operation *op : run)
      op->moveBefore(loop.getTerminator());
    run.clear();
    return success();
  }
};

} // namespace
