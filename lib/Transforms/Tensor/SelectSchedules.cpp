//===- SelectSchedules.cpp - what becomes a kernel, and how it is cut -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Groups ops into kernels, asks the file of the kernel's kind for a schedule,
// writes it on the kernel's root and says so in a remark.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SELECTSCHEDULES
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

tile::ScheduleAttr peermla::cutResult(const Kernel &kernel,
                                      ArrayRef<int64_t> tile) {
  auto root = cast<TilingInterface>(kernel.root);
  SmallVector<utils::IteratorType> loops = root.getLoopIteratorTypes();
  SmallVector<int64_t> block(loops.size(), 0);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(kernel.root)) {
    AffineMap map = linalgOp.getIndexingMapsArray()[linalgOp.getNumDpsInputs()];
    for (auto [extent, expr] : llvm::zip_equal(tile, map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        block[dim.getPosition()] = extent;
  } else {
    for (auto [dim, extent] : llvm::enumerate(tile))
      if (loops[dim] == utils::IteratorType::parallel)
        block[dim] = extent;
  }
  return tile::ScheduleAttr::get(kernel.root->getContext(), block, {}, {});
}

/// Asks the file of the kernel's kind.
static Schedule chooseSchedule(const Kernel &kernel, const CpuLevel *level) {
  if (isa<peer::SelectOp>(kernel.root))
    return scheduleSelection(kernel, level);
  if (kernel.hasContraction())
    return scheduleMatrixProduct(kernel, level);
  if (kernel.getType().isDynamicDim(0))
    return scheduleRows(kernel, level);
  return scheduleWeights(kernel, level);
}

namespace {

struct SelectSchedules : peermla::impl::SelectSchedulesBase<SelectSchedules> {
  using Base::Base;

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    const CpuLevel *level = CpuLevel::of(getOperation());
    for (const Kernel &kernel :
         groupKernels(getOperation().getFunctionBody().front())) {
      if (kernel.root->hasAttr(scheduleName) || kernel.getType().getRank() == 0)
        continue;
      Schedule schedule = chooseSchedule(kernel, level);
      kernel.root->setAttr(scheduleName, schedule.attribute);
      explain(kernel, schedule);
    }
  }

  static void explain(const Kernel &kernel, const Schedule &schedule) {
    std::string text =
        "chose blocks of [" +
        llvm::join(llvm::map_range(
                       schedule.attribute.getBlock(),
                       [](int64_t extent) { return std::to_string(extent); }),
                   ", ") +
        "] for " + std::to_string(kernel.members.size()) +
        " ops: " + schedule.reason;
    remark::passed(kernel.root->getLoc(),
                   remark::RemarkOpts::name("Schedule").category("schedule"))
        << text;
  }
};

} // namespace
