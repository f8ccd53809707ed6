//===- CountLaunches.cpp - how often entries run their kernels ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/KernelPlan.h"
#include "llvm/ADT/MapVector.h"

namespace peermla {
#define GEN_PASS_DEF_COUNTLAUNCHES
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// The kernel that `op` launches, or null.
static Operation *getKernel(Operation *op) {
  if (auto launch = dyn_cast<tile::LaunchOp>(op))
    return SymbolTable::lookupNearestSymbolFrom(op, launch.getKernelAttr());
  auto call = dyn_cast<func::CallOp>(op);
  if (!call)
    return nullptr;
  auto module = call->getParentOfType<ModuleOp>();
  auto launch = module.lookupSymbol<func::FuncOp>(call.getCallee());
  auto name = launch
                  ? launch->getAttrOfType<FlatSymbolRefAttr>("peermla.launch")
                  : FlatSymbolRefAttr();
  return name ? module.lookupSymbol<func::FuncOp>(name.getAttr()) : nullptr;
}

/// The most launches of one way through `region`.
static int64_t countPath(Region &region) {
  int64_t count = 0;
  for (Operation &op : region.getOps()) {
    count += getKernel(&op) ? 1 : 0;
    int64_t most = 0;
    for (Region &inner : op.getRegions())
      most = std::max(most, countPath(inner));
    count += most;
  }
  return count;
}

namespace {

struct CountLaunches : peermla::impl::CountLaunchesBase<CountLaunches> {
  using Base::Base;

  void runOnOperation() override {
    Builder b(&getContext());
    // Kernel -> one description per function that launches it.
    llvm::MapVector<Operation *, SmallVector<Attribute>> launches;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr("peermla.entry") &&
          !function->hasAttr("peermla.prepare"))
        continue;
      function->setAttr("peermla.launch_count",
                        b.getI64IntegerAttr(countPath(function.getBody())));
      llvm::MapVector<Operation *, std::pair<int64_t, Attribute>> counts;
      function.walk([&](Operation *op) {
        Operation *kernel = getKernel(op);
        if (!kernel)
          return;
        Attribute plan = op->removeAttr(planName);
        auto &[count, first] = counts[kernel];
        ++count;
        if (!first)
          first = plan;
      });
      for (auto &[kernel, count] : counts) {
        NamedAttrList launch;
        launch.set("entry", function.getSymNameAttr());
        launch.set("count", b.getI64IntegerAttr(count.first));
        if (count.second)
          launch.set("plan", count.second);
        launches[kernel].push_back(launch.getDictionary(&getContext()));
      }
    }
    for (auto &[kernel, list] : launches)
      kernel->setAttr("peermla.launches", b.getArrayAttr(list));
  }
};

} // namespace
