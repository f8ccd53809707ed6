//===- SplitReductions.cpp - parts of a reduction as work items -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads `split` and `inner` of `peermla.schedule`, decides nothing. The buffer
// of the partial results is as large as the schedule lets it become, whatever
// the number of iterations in a call, so that workspaces do not grow with the
// side that is not taken.
//
// The work items are tiles along parallel loops and parts of reductions at
// once, which the upstream driver of partial reductions does not do.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "Versions.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "peermla/Support/KernelPlan.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SPLITREDUCTIONS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// The schedule of `op`, or null.
/// Where `partial` is an empty tensor of as many rows as the op has iterations,
/// replaces it by the first rows of one of `limit` rows.
static void boundRows(RewriterBase &rewriter, Value partial, int64_t limit) {
  auto empty = partial.getDefiningOp<tensor::EmptyOp>();
  if (!empty || !empty.getType().isDynamicDim(0))
    return;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(empty);
  Location loc = empty.getLoc();
  SmallVector<OpFoldResult> sizes = empty.getMixedSizes();
  SmallVector<OpFoldResult> bounded(sizes);
  bounded[0] = rewriter.getIndexAttr(limit);
  auto largest = tensor::EmptyOp::create(rewriter, loc, bounded,
                                         empty.getType().getElementType());
  SmallVector<OpFoldResult> offsets(sizes.size(), rewriter.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), rewriter.getIndexAttr(1));
  rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(
      empty, empty.getType(), largest, offsets, sizes, strides);
}

namespace {

/// An op cut into tiles of `sizes` (0: a loop is whole), with results of their
/// own for each tile of `reductions`.
struct PartialTiling {
  SmallVector<OpFoldResult> sizes;
  SetVector<unsigned> reductions;

  scf::ForallOp loop;
  Operation *tile = nullptr;
  /// What the loop writes to, and what it and the merging ops give.
  SmallVector<Value> initial;
  MergeResult merged;

  LogicalResult run(RewriterBase &rewriter, PartialReductionOpInterface op);

private:
  LogicalResult tileBody(RewriterBase &rewriter, PartialReductionOpInterface op,
                         ArrayRef<Range> domain);
};

} // namespace

LogicalResult PartialTiling::run(RewriterBase &rewriter,
                                 PartialReductionOpInterface op) {
  Location loc = op.getLoc();
  SmallVector<Range> domain =
      cast<TilingInterface>(op.getOperation()).getIterationDomain(rewriter);
  AffineExpr extent, size;
  bindSymbols(rewriter.getContext(), extent, size);
  SmallVector<OpFoldResult> counts(sizes), begins, ends, steps;
  for (auto [i, range] : llvm::enumerate(domain)) {
    if (isZeroInteger(sizes[i]))
      continue;
    counts[i] = affine::makeComposedFoldedAffineApply(
        rewriter, loc, extent.ceilDiv(size), {range.size, sizes[i]});
    begins.push_back(range.offset);
    ends.push_back(range.size);
    steps.push_back(sizes[i]);
  }
  FailureOr<SmallVector<Value>> empty =
      op.generateInitialTensorForPartialReduction(rewriter, loc, counts,
                                                  reductions);
  if (failed(empty))
    return failure();
  initial = *empty;
  loop = scf::ForallOp::create(rewriter, loc, begins, ends, steps, initial,
                               /*mapping=*/std::nullopt);
  {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(loop.getTerminator());
    if (failed(tileBody(rewriter, op, domain)))
      return failure();
  }
  FailureOr<MergeResult> result =
      op.mergeReductions(rewriter, loc, loop.getResults(), reductions);
  if (failed(result))
    return failure();
  merged = std::move(*result);
  return success();
}

/// The tile of one iteration, and where its results go.
LogicalResult PartialTiling::tileBody(RewriterBase &rewriter,
                                      PartialReductionOpInterface op,
                                      ArrayRef<Range> domain) {
  Location loc = op.getLoc();
  constexpr auto strategy =
      ReductionTilingStrategy::PartialReductionOuterParallel;
  AffineExpr offset, extent, size;
  bindDims(rewriter.getContext(), offset);
  bindSymbols(rewriter.getContext(), extent, size);
  SmallVector<OpFoldResult> offsets, extents, parts;
  unsigned position = 0;
  for (auto [i, range] : llvm::enumerate(domain)) {
    if (isZeroInteger(sizes[i])) {
      offsets.push_back(range.offset);
      extents.push_back(range.size);
      continue;
    }
    Value begin = loop.getInductionVar(position++);
    offsets.push_back(begin);
    // A size of 1 needs no minimum.
    extents.push_back(isOneInteger(sizes[i])
                          ? sizes[i]
                          : affine::makeComposedFoldedAffineMin(
                                rewriter, loc,
                                AffineMap::get(1, 2, {extent - offset, size},
                                               rewriter.getContext()),
                                {begin, range.size, sizes[i]}));
    if (reductions.contains(i))
      parts.push_back(affine::makeComposedFoldedAffineApply(
          rewriter, loc, AffineMap::get(1, 1, offset.floorDiv(extent)),
          {begin, sizes[i]}));
  }
  FailureOr<TilingResult> tiled = op.tileToPartialReduction(
      rewriter, loc, strategy, loop.getRegionIterArgs(), offsets, extents,
      reductions, parts);
  if (failed(tiled))
    return failure();
  tile = tiled->tiledOps.front();
  for (auto [i, value] : llvm::enumerate(tiled->tiledValues)) {
    SmallVector<OpFoldResult> resultOffsets, resultSizes;
    if (failed(op.getPartialResultTilePosition(rewriter, i, strategy, offsets,
                                               extents, reductions, parts,
                                               resultOffsets, resultSizes)))
      return failure();
    SmallVector<OpFoldResult> strides(resultOffsets.size(),
                                      rewriter.getIndexAttr(1));
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToEnd(loop.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(rewriter, loc, value,
                                          loop.getRegionIterArgs()[i],
                                          resultOffsets, resultSizes, strides);
  }
  return success();
}

namespace {

struct SplitReductions : peermla::impl::SplitReductionsBase<SplitReductions> {
  using Base::Base;

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    SmallVector<Operation *> ops;
    for (Operation &op : getOperation().getFunctionBody().front())
      if (tile::ScheduleAttr schedule = getSchedule(&op);
          schedule && schedule.getSplit() > 0)
        ops.push_back(&op);
    for (Operation *op : ops)
      if (failed(split(op)))
        return signalPassFailure();
  }

  LogicalResult split(Operation *op) {
    tile::ScheduleAttr schedule = getSchedule(op);
    auto reduction = dyn_cast<PartialReductionOpInterface>(op);
    if (!reduction || op->getNumResults() == 0 ||
        !llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>))
      return op->emitOpError()
             << "has '" << scheduleName
             << "' with 'split', which only a sum with tensors as results can "
                "follow";
    SmallVector<utils::IteratorType> loops = reduction.getLoopIteratorTypes();
    for (auto [name, extents] : {std::pair("block", schedule.getBlock()),
                                 std::pair("inner", schedule.getInner())})
      if (extents.size() != loops.size())
        return op->emitOpError()
               << "expects one extent of '" << name << "' per loop, got "
               << extents.size() << " extents and " << loops.size() << " loops";
    // What is cut where parts are work items.
    PartialTiling tiling;
    SmallVector<int64_t> sizes(schedule.getBlock());
    for (auto [i, extent] : llvm::enumerate(schedule.getInner()))
      if (loops[i] == utils::IteratorType::reduction && extent > 0) {
        sizes[i] = extent;
        tiling.reductions.insert(i);
      }
    if (tiling.reductions.empty() || sizes.front() == 0)
      return op->emitOpError()
             << "expects 'block' to cut the first loop and 'inner' a reduction "
                "where 'split' is given, got "
             << schedule;

    IRRewriter rewriter(op);
    Value extent = getValueOrCreateConstantIndexOp(
        rewriter, op->getLoc(),
        reduction.getIterationDomain(rewriter).front().size);
    auto withoutSplit = [&](ArrayRef<int64_t> block) {
      return tile::ScheduleAttr::get(
          &getContext(), block, schedule.getInner(), schedule.getRegisters(),
          /*split=*/0,
          /*parts=*/0, schedule.getWarps(), schedule.getStages(),
          schedule.getInstructions(), schedule.getRoles());
    };
    auto cutParts = [&](Version &few) {
      Operation *part = few.root;
      rewriter.setInsertionPoint(part);
      tiling.sizes = getAsIndexOpFoldResult(&getContext(), sizes);
      if (failed(
              tiling.run(rewriter, cast<PartialReductionOpInterface>(part)))) {
        part->emitOpError("cannot be split");
        return;
      }
      for (Value partial : tiling.initial)
        boundRows(rewriter, partial, schedule.getSplit());
      tiling.tile->setAttr(scheduleName, withoutSplit({}));
      ArrayRef<Operation *> merge = tiling.merged.mergeOps;
      scheduleMerge(merge, schedule.getBlock().front());
      if (Attribute id = part->getAttr("peermla.id")) {
        tiling.loop->setAttr("peermla.id", id);
        for (Operation *merging : merge)
          merging->setAttr("peermla.id", id);
      }
      if (part->hasAttr(planName))
        planBoth(part, tiling.loop, merge, withoutSplit(sizes));
      rewriter.replaceOp(part, tiling.merged.replacements);
    };
    auto keepWhole = [&](Version &many) {
      many.root->setAttr(scheduleName, withoutSplit(schedule.getBlock()));
    };
    llvm::SetVector<Operation *> ops;
    ops.insert(op);
    makeVersions(op, ops, extent, schedule.getSplit(), cutParts, keepWhole);
    if (tiling.merged.replacements.empty())
      return failure();
    ++numSplit;
    return success();
  }

  /// Describes the kernel of the parts and the one that merges them.
  static void planBoth(Operation *op, scf::ForallOp loop,
                       ArrayRef<Operation *> merge,
                       tile::ScheduleAttr schedule) {
    StringRef why = "parts are work items where there are few";
    loop->setAttr(planName, planKernel({op, {op}}, schedule, why));
    if (merge.empty())
      return;
    Kernel merging{merge.back(), {}};
    llvm::append_range(merging.members, llvm::reverse(merge));
    merging.root->setAttr(planName,
                          planKernel(merging, getSchedule(merging.root), why));
  }

  /// Makes the last of the ops that merge a kernel, in which the others are
  /// computed: work items of as many rows as the op had.
  void scheduleMerge(ArrayRef<Operation *> ops, int64_t rows) {
    if (ops.empty())
      return;
    auto root = dyn_cast<TilingInterface>(ops.back());
    if (!root)
      return;
    SmallVector<int64_t> block(root.getLoopIteratorTypes().size(), 0);
    block.front() = rows;
    root->setAttr(scheduleName,
                  tile::ScheduleAttr::get(&getContext(), block, {}, {}));
  }
};

} // namespace
