//===- TileAndFuse.cpp - one scf.forall per kernel ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads `peermla.schedule`, decides nothing: ops with the attribute are tiled
// by its `block`, ops without it are fused where tiles of them are read.
// `inner` and `registers` stay with the tile.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_TILEANDFUSE
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

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
      // Attention is tiled by its lowering, which knows sequences.
      if (!op.hasAttr(scheduleName) || isa<mla::OnlineAttentionOp>(op))
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

  LogicalResult tile(TilingInterface root) {
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
    if (llvm::all_of(block, [](int64_t extent) { return extent == 0; }))
      return success();

    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPoint(root);
    scf::SCFTileAndFuseOptions options;
    options.tilingOptions.setLoopType(
        scf::SCFTilingOptions::LoopType::ForallOp);
    options.tilingOptions.setTileSizes(
        getAsIndexOpFoldResult(&getContext(), block));
    options.setFusionControlFn(
        [](tensor::ExtractSliceOp, OpResult producer,
           bool) -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
          // A model op without a schedule is whole: attention, or experts.
          if (producer.getOwner()->hasAttr(scheduleName) ||
              !isa<linalg::LinalgOp>(producer.getOwner()))
            return std::nullopt;
          return scf::SCFTileAndFuseOptions::ControlFnResult{};
        });
    FailureOr<scf::SCFTileAndFuseResult> result =
        scf::tileConsumerAndFuseProducersUsingSCF(rewriter, root, options);
    if (failed(result))
      return root.emitOpError("cannot be tiled");
    for (OpResult value : root->getResults())
      if (Value replacement = result->replacements.lookup(value))
        rewriter.replaceAllUsesWith(value, replacement);
    if (Attribute id = root->getAttr("peermla.id"))
      for (LoopLikeOpInterface loop : result->loops)
        loop->setAttr("peermla.id", id);
    for (Operation *op : result->tiledAndFusedOps)
      op->removeAttr(scheduleName);
    // The rest of the decision is for the lowering of the tile, of the matrix
    // product if there is one.
    Operation *tile = result->tiledAndFusedOps.front();
    for (Operation *op : result->tiledAndFusedOps)
      if (isContraction(op))
        tile = op;
    if (!schedule.getInner().empty() || !schedule.getRegisters().empty())
      tile->setAttr(scheduleName, tile::ScheduleAttr::get(
                                      &getContext(), {}, schedule.getInner(),
                                      schedule.getRegisters()));
    rewriter.eraseOp(root);
    ++numTiled;
    return success();
  }
};

} // namespace
