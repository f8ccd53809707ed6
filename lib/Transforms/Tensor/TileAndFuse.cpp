//===- TileAndFuse.cpp - one scf.forall per kernel ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads `peermla.schedule`, decides nothing: ops with the attribute are tiled
// by its `block`, ops without it are fused where tiles of them are read.
// `inner` and `registers` stay with the tile, and with one of attention all of
// it: what a work item may be is what bounds its memory.
//
//===----------------------------------------------------------------------===//

#include "RaggedTiling.h"
#include "Schedules.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Affine/ViewLikeInterfaceUtils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/KernelPlan.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_TILEANDFUSE
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// The op that expands what another op than a kernel's root computes, or null.
tensor::ExpandShapeOp getExpandedTile(Value tensor) {
  auto expand = tensor.getDefiningOp<tensor::ExpandShapeOp>();
  Operation *producer = expand ? expand.getSrc().getDefiningOp() : nullptr;
  bool isTile = isa_and_nonnull<linalg::LinalgOp>(producer) &&
                !producer->hasAttr(scheduleName);
  return isTile ? expand : nullptr;
}

/// A slice of an expanded tensor becomes an expanded slice where another op
/// than a kernel's root computes the tensor, so that its tile is fused.
struct SliceBeforeExpanding : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp slice,
                                PatternRewriter &rewriter) const override {
    tensor::ExpandShapeOp expand = getExpandedTile(slice.getSource());
    if (!expand || slice.getDroppedDims().any())
      return failure();
    SmallVector<ReassociationIndices> groups = expand.getReassociationIndices();
    SmallVector<OpFoldResult> offsets, sizes, strides;
    if (failed(tensor::getCollapsedExtractSliceInfo(rewriter, slice, groups,
                                                    offsets, sizes, strides)))
      return failure();
    auto collapsed = tensor::ExtractSliceOp::create(
        rewriter, slice.getLoc(), expand.getSrc(), offsets, sizes, strides);
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(
        slice, slice.getType(), collapsed, groups, slice.getMixedSizes());
    return success();
  }
};

/// A slice of a slice of such an expanded tensor is one slice of it.
struct SliceOfSlice : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp slice,
                                PatternRewriter &rewriter) const override {
    auto outer = slice.getSource().getDefiningOp<tensor::ExtractSliceOp>();
    if (!outer || outer.getDroppedDims().any() || !isOfTile(outer))
      return failure();
    SmallVector<OpFoldResult> offsets, sizes, strides;
    if (failed(affine::mergeOffsetsSizesAndStrides(
            rewriter, slice.getLoc(), outer, slice, outer.getDroppedDims(),
            offsets, sizes, strides)))
      return failure();
    rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(
        slice, slice.getType(), outer.getSource(), offsets, sizes, strides);
    return success();
  }

  static bool isOfTile(tensor::ExtractSliceOp slice) {
    while (auto outer =
               slice.getSource().getDefiningOp<tensor::ExtractSliceOp>())
      slice = outer;
    return getExpandedTile(slice.getSource()) != nullptr;
  }
};

/// Rows of columns that are inserted are inserted as rows, where another op
/// than a kernel's root computes the columns, so that its tile is fused.
struct SliceBeforeInserting : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp slice,
                                PatternRewriter &rewriter) const override {
    auto insert = slice.getSource().getDefiningOp<tensor::InsertSliceOp>();
    if (!insert || !insertsColumns(insert) || slice.getDroppedDims().any() ||
        !slice.hasUnitStride() || slice.getStaticOffset(1) != 0 ||
        slice.isDynamicSize(1) ||
        slice.getStaticSize(1) != insert.getDestType().getDimSize(1))
      return failure();
    if (!hasTiles(insert))
      return failure();
    SmallVector<OpFoldResult> offsets = slice.getMixedOffsets(),
                              sizes = slice.getMixedSizes(),
                              places = insert.getMixedOffsets(),
                              extents = insert.getMixedSizes(),
                              strides = slice.getMixedStrides();
    Location loc = slice.getLoc();
    auto rows = tensor::ExtractSliceOp::create(rewriter, loc, insert.getDest(),
                                               offsets, sizes, strides);
    extents[0] = sizes[0];
    auto inserted = tensor::ExtractSliceOp::create(
        rewriter, loc, insert.getSource(), offsets, extents, strides);
    places[0] = rewriter.getIndexAttr(0);
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(
        slice, inserted, rows, places, extents, strides);
    return success();
  }

  /// Whether columns of it, or of what it is inserted into, are tiles.
  static bool hasTiles(tensor::InsertSliceOp insert) {
    for (; insert;
         insert = insert.getDest().getDefiningOp<tensor::InsertSliceOp>()) {
      auto columns = insert.getSource().getDefiningOp<linalg::LinalgOp>();
      if (columns && !columns->hasAttr(scheduleName))
        return true;
    }
    return false;
  }
};

struct TileAndFuse : peermla::impl::TileAndFuseBase<TileAndFuse> {
  using Base::Base;

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    Block &body = getOperation().getFunctionBody().front();
    SmallVector<TilingInterface> roots;
    if (failed(collectRoots(body, roots)))
      return signalPassFailure();
    for (TilingInterface root : roots)
      if (failed(tile(root)))
        return signalPassFailure();
    eraseDeadOps(body);
  }

  /// Appends the ops of `block` that have a schedule, last first, with those of
  /// both sides of a choice between kernels.
  LogicalResult collectRoots(Block &block,
                             SmallVectorImpl<TilingInterface> &roots) {
    for (Operation &op : llvm::reverse(block)) {
      if (auto choice = dyn_cast<scf::IfOp>(op))
        for (Region &region : choice->getRegions())
          if (!region.empty() && failed(collectRoots(region.front(), roots)))
            return failure();
      if (!op.hasAttr(scheduleName))
        continue;
      auto root = dyn_cast<TilingInterface>(op);
      if (!root || op.getNumResults() == 0 ||
          !llvm::all_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>))
        return op.emitOpError() << "has '" << scheduleName
                                << "', which only ops with loops and tensors "
                                   "as results can follow";
      roots.push_back(root);
    }
    return success();
  }

  static void eraseDeadOps(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
      if (auto choice = dyn_cast<scf::IfOp>(op))
        for (Region &region : choice->getRegions())
          if (!region.empty())
            eraseDeadOps(region.front());
      if (isOpTriviallyDead(&op))
        op.erase();
    }
  }

  /// The attention that a kernel computes: its root, or what a join of partial
  /// results fuses. Null for all other kernels.
  static mla::OnlineAttentionOp getAttention(Operation *root) {
    if (auto attention = dyn_cast<mla::OnlineAttentionOp>(root))
      return attention;
    auto merge = dyn_cast<mla::MergeOp>(root);
    if (!merge)
      return nullptr;
    auto attention = merge.getOParts().getDefiningOp<mla::OnlineAttentionOp>();
    return attention && !attention->hasAttr(scheduleName) ? attention : nullptr;
  }

  /// Whether a producer of a tile is computed with it.
  static bool isFused(Operation *producer, mla::OnlineAttentionOp attention) {
    if (producer->hasAttr(scheduleName))
      return false;
    // A tile of attention has rows of one sequence, which no other loop knows.
    if (isa<mla::OnlineAttentionOp>(producer))
      return producer == attention;
    // Experts without a schedule are whole.
    return !isa<peer::ExpertMlpOp>(producer);
  }

  /// The schedule of a kernel; emits an error if it does not fit the loops.
  static FailureOr<tile::ScheduleAttr> getSchedule(TilingInterface root) {
    auto schedule = root->getAttrOfType<tile::ScheduleAttr>(scheduleName);
    if (!schedule)
      return root.emitOpError()
             << "expects '" << scheduleName << "' to be a #tile.schedule, got "
             << root->getAttr(scheduleName);
    ArrayRef<int64_t> block = schedule.getBlock();
    SmallVector<utils::IteratorType> loops = root.getLoopIteratorTypes();
    if (block.size() != loops.size())
      return root.emitOpError()
             << "expects one block extent per loop, got " << block.size()
             << " extents and " << loops.size() << " loops";
    for (auto [i, extent] : llvm::enumerate(block))
      if (extent != 0 && loops[i] != utils::IteratorType::parallel)
        return root.emitOpError()
               << "expects block extents of reductions to be 0, got " << extent
               << " for loop " << i;
    if (getAttention(root) && block[block.size() - 2] < 1)
      return root.emitOpError()
             << "expects at least 1 token in 'block' of its schedule, got "
             << schedule;
    return schedule;
  }

  LogicalResult tile(TilingInterface root) {
    FailureOr<tile::ScheduleAttr> schedule = getSchedule(root);
    if (failed(schedule))
      return failure();
    ArrayRef<int64_t> block = schedule->getBlock();
    if (llvm::all_of(block, [](int64_t extent) { return extent == 0; }))
      return success();

    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPoint(root);
    scf::SCFTileAndFuseOptions options;
    options.tilingOptions.setLoopType(
        scf::SCFTilingOptions::LoopType::ForallOp);
    options.tilingOptions.setTileSizes(
        getAsIndexOpFoldResult(&getContext(), block));
    mla::OnlineAttentionOp attention = getAttention(root);
    std::optional<RaggedTiling> ragged;
    if (attention) {
      ragged.emplace(attention.getCuSeqlens());
      ragged->addTo(options.tilingOptions);
    }
    options.setFusionControlFn(
        [&](tensor::ExtractSliceOp, OpResult producer, bool)
            -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
          if (!isFused(producer.getOwner(), attention))
            return std::nullopt;
          return scf::SCFTileAndFuseOptions::ControlFnResult{};
        });
    RewritePatternSet patterns(&getContext());
    patterns.add<SliceBeforeExpanding, SliceBeforeInserting, SliceOfSlice>(
        &getContext());
    options.cleanupPatterns = std::move(patterns);
    FailureOr<scf::SCFTileAndFuseResult> result =
        scf::tileConsumerAndFuseProducersUsingSCF(rewriter, root, options);
    if (failed(result))
      return root.emitOpError("cannot be tiled");
    for (OpResult value : root->getResults())
      if (Value replacement = result->replacements.lookup(value))
        rewriter.replaceAllUsesWith(value, replacement);
    for (LoopLikeOpInterface loop : result->loops)
      copyKernelAttributes(root, loop);
    for (Operation *op : result->tiledAndFusedOps) {
      op->removeAttr(scheduleName);
      op->removeAttr(planName);
      if (auto tile = dyn_cast<mla::OnlineAttentionOp>(op))
        placeTile(tile, *ragged, *schedule);
    }
    if (!attention)
      keepRest(result->tiledAndFusedOps.getArrayRef(), *schedule);
    rewriter.eraseOp(root);
    ++numTiled;
    return success();
  }

  /// Leaves the rest of the decision to the lowering of the tile, of the matrix
  /// product if there is one. A selection decides for those of its scores; what
  /// projects its queries is one like any other.
  static void keepRest(ArrayRef<Operation *> tiles,
                       tile::ScheduleAttr schedule) {
    if (schedule.getInner().empty() && schedule.getRegisters().empty() &&
        schedule.getWarps().empty())
      return;
    auto rest = tile::ScheduleAttr::get(
        schedule.getContext(), {}, schedule.getInner(), schedule.getRegisters(),
        /*split=*/0, /*parts=*/0, schedule.getWarps(), schedule.getStages(),
        schedule.getInstructions(), schedule.getRoles());
    Operation *kept = tiles.front();
    for (Operation *op : tiles) {
      if (!isContraction(op))
        continue;
      if (!isa<peer::SelectOp>(kept))
        kept = op;
      else if (!llvm::all_of(op->getUsers(), llvm::IsaPred<peer::SelectOp>))
        op->setAttr(scheduleName, rest);
    }
    kept->setAttr(scheduleName, rest);
  }

  /// Tells a tile of attention where it is and what it can be: tokens and heads
  /// of a work item, keys of a block. Its destination shows the parts.
  static void placeTile(mla::OnlineAttentionOp op, const RaggedTiling &ragged,
                        tile::ScheduleAttr schedule) {
    SmallVector<Value> item = {ragged.sequence, ragged.firstToken};
    if (op.isPartial())
      item.push_back(ragged.firstPart);
    op.getItemMutable().assign(item);
    op->setAttr(scheduleName,
                tile::ScheduleAttr::get(
                    op.getContext(), schedule.getBlock().take_back(2),
                    schedule.getInner(), schedule.getRegisters(), /*split=*/0,
                    /*parts=*/0, schedule.getWarps(), schedule.getStages(),
                    schedule.getInstructions(), schedule.getRoles()));
  }
};

} // namespace
