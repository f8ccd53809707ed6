//===- SelectSchedules.cpp - what becomes a kernel, and how it is cut -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Groups ops into kernels, asks the file of the kernel's kind for a schedule
// unless one is given, writes it on the kernel's root and says so in a remark.
// What the report tells of a kernel is written beside it.
//
//===----------------------------------------------------------------------===//

#include "ScheduleAttention.h"
#include "Schedules.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/KernelPlan.h"
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
    // A cache that is written to has more dimensions than the op has loops.
    for (auto [iterator, extent, blockExtent] : llvm::zip(loops, tile, block))
      if (iterator == utils::IteratorType::parallel)
        blockExtent = extent;
  }
  return tile::ScheduleAttr::get(kernel.root->getContext(), block, {}, {});
}

/// Moves the schedule that a matrix product was given to the root, its
/// epilogue.
static void moveGivenSchedule(const Kernel &kernel) {
  linalg::LinalgOp contraction = kernel.getContraction();
  if (!contraction || contraction == kernel.root)
    return;
  auto given = contraction->getAttrOfType<tile::ScheduleAttr>(scheduleName);
  if (!given)
    return;
  // Loop of the product -> dimension of its result -> loop of the root.
  auto root = cast<linalg::LinalgOp>(kernel.root);
  AffineMap results = contraction.getIndexingMapsArray().back();
  OpOperand *read = nullptr;
  for (OpOperand &operand : root->getOpOperands())
    if (operand.get() == contraction->getResult(0))
      read = &operand;
  AffineMap reads = root.getMatchingIndexingMap(read);
  SmallVector<int64_t> block;
  if (!given.getBlock().empty()) {
    block.assign(root.getNumLoops(), 0);
    for (auto [loop, of] :
         llvm::zip_equal(results.getResults(), reads.getResults()))
      block[cast<AffineDimExpr>(of).getPosition()] =
          given.getBlock()[cast<AffineDimExpr>(loop).getPosition()];
  }
  contraction->removeAttr(scheduleName);
  root->setAttr(scheduleName,
                tile::ScheduleAttr::get(
                    root.getContext(), block, given.getInner(),
                    given.getRegisters(), given.getSplit(), given.getParts(),
                    given.getWarps(), given.getStages(),
                    given.getInstructions(), given.getRoles()));
}

/// Asks the file of the kernel's kind.
static Schedule chooseSchedule(const Kernel &kernel, const CpuLevel &level) {
  if (const GpuTarget *gpu = GpuTarget::of(kernel.root))
    return scheduleForGpu(kernel, *gpu);
  if (isa<peer::SelectOp>(kernel.root))
    return scheduleSelection(kernel, level);
  if (isa<peer::ExpertMlpOp>(kernel.root))
    return scheduleExperts(kernel, level);
  if (kernel.getContraction())
    return scheduleMatrixProduct(kernel, level);
  if (kernel.getType().isDynamicDim(0))
    return scheduleRows(kernel, level);
  return scheduleWeights(kernel, level);
}

/// A kernel is called by the id of its root, or else of the next member.
static void identify(const Kernel &kernel) {
  for (Operation *member : kernel.members)
    if (Attribute id = member->getAttr("peermla.id")) {
      kernel.root->setAttr("peermla.id", id);
      return;
    }
}

static std::string format(ArrayRef<int64_t> block) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleaveComma(block, stream);
  return "[" + text + "]";
}

/// Writes the schedule, and why it is so.
static void decide(const Kernel &kernel, tile::ScheduleAttr schedule,
                   bool plans, const std::string &why) {
  kernel.root->setAttr(scheduleName, schedule);
  if (plans)
    kernel.root->setAttr(planName, planKernel(kernel, schedule, why));
  remark::passed(kernel.root->getLoc(),
                 remark::RemarkOpts::name("Schedule").category("schedule"))
      << why;
}

/// Writes what ShrinkAttention may choose instead of the schedule.
static void offerSmaller(mla::OnlineAttentionOp op, tile::ScheduleAttr schedule,
                         const GpuTarget &gpu) {
  SmallVector<tile::ScheduleAttr> smaller =
      getSmallerSchedules(op, schedule, gpu);
  if (!smaller.empty())
    op->setAttr(smallerName,
                ArrayAttr::get(op.getContext(),
                               llvm::to_vector_of<Attribute>(smaller)));
}

/// Says why an op is computed where it is.
static void explainPlace(Operation *op, const std::string &why) {
  remark::passed(op->getLoc(),
                 remark::RemarkOpts::name("Prologue").category("schedule"))
      << why;
}

namespace {

struct SelectSchedules : peermla::impl::SelectSchedulesBase<SelectSchedules> {
  using Base::Base;

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    const CpuLevel *target = CpuLevel::of(getOperation());
    const CpuLevel &level = target ? *target : CpuLevel::getDefault();
    const GpuTarget *gpu = GpuTarget::of(getOperation());
    SmallVector<Kernel> kernels =
        groupKernels(getOperation().getFunctionBody().front(), gpu);
    // What the cost model says of prologues holds for cores and their caches.
    if (!gpu)
      joinPrologues(kernels, level, explainPlace);
    for (const Kernel &kernel : kernels) {
      identify(kernel);
      if (auto attention = dyn_cast<mla::OnlineAttentionOp>(kernel.root)) {
        bool isGiven = attention->hasAttr(scheduleName);
        FailureOr<Schedule> schedule =
            gpu ? scheduleAttention(attention, *gpu)
                : scheduleAttention(attention, level);
        if (failed(schedule))
          return signalPassFailure();
        decide(kernel, schedule->attribute, plans, schedule->reason);
        if (gpu && !isGiven)
          offerSmaller(attention, schedule->attribute, *gpu);
        continue;
      }
      moveGivenSchedule(kernel);
      if (kernel.getType().getRank() != 0)
        schedule(kernel, level);
    }
    if (!plans)
      return;
    // Kernels that their lowering cuts.
    for (Operation &op : getOperation().getFunctionBody().front())
      if (isa<mla::MlaDialect, peer::PeerDialect>(op.getDialect()) &&
          op.getNumResults() != 0 && !op.hasAttr(planName) &&
          isa<RankedTensorType>(op.getResult(0).getType()))
        op.setAttr(planName, planKernel({&op, {&op}}, nullptr, ""));
  }

  /// Completes the schedule that the root was given, if any.
  void schedule(const Kernel &kernel, const CpuLevel &level) {
    Attribute given = kernel.root->getAttr(scheduleName);
    auto known = dyn_cast_or_null<tile::ScheduleAttr>(given);
    // TileAndFuse says what a schedule must be.
    if (given && !known)
      return;
    Schedule chosen = chooseSchedule(kernel, level);
    ArrayRef<int64_t> block = chosen.attribute.getBlock();
    std::string ops = std::to_string(kernel.members.size()) + " ops: ";
    if (known && !known.getBlock().empty()) {
      decide(kernel, known, plans,
             "was given blocks of " + format(known.getBlock()) + " for " + ops +
                 "would have chosen " + format(block));
      return;
    }
    if (known)
      chosen.attribute =
          tile::ScheduleAttr::get(kernel.root->getContext(), block,
                                  known.getInner(), known.getRegisters());
    decide(kernel, chosen.attribute, plans,
           "chose blocks of " + format(block) + " for " + ops + chosen.reason);
  }
};

} // namespace
