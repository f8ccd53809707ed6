//===- TileContractions.cpp - steps along the sum of a matrix product -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cuts the sum of a contraction inside a kernel by `inner` of its schedule, and
// computes elementwise producers of its operands step by step. Decides nothing.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_TILECONTRACTIONS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static constexpr StringLiteral scheduleName = "peermla.schedule";

/// The schedule of a product for matrix instructions, or null.
static tile::ScheduleAttr getMmaSchedule(Operation *op) {
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>(scheduleName);
  return schedule && !schedule.getWarps().empty() &&
                 !schedule.getInner().empty() && schedule.getInner()[0] > 0
             ? schedule
             : tile::ScheduleAttr();
}

/// The only loop of the sum that is longer than `step`; none if there are
/// several or it is short.
static std::optional<unsigned> getLongSum(linalg::LinalgOp op, int64_t step) {
  std::optional<unsigned> found;
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  for (auto [i, loop] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (loop != utils::IteratorType::reduction || extents[i] == 1)
      continue;
    if (found)
      return std::nullopt;
    found = i;
  }
  if (!found ||
      (!ShapedType::isDynamic(extents[*found]) && extents[*found] <= step))
    return std::nullopt;
  return found;
}

namespace {

struct TileContractions
    : peermla::impl::TileContractionsBase<TileContractions> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> products;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op->getParentOfType<scf::ForallOp>() && getMmaSchedule(op) &&
          op.hasPureTensorSemantics() && linalg::isaContractionOpInterface(op))
        products.push_back(op);
    });
    for (linalg::LinalgOp op : products)
      if (failed(tile(op)))
        return signalPassFailure();
  }

  LogicalResult tile(linalg::LinalgOp op) {
    int64_t step = getMmaSchedule(op).getInner()[0];
    std::optional<unsigned> sum = getLongSum(op, step);
    if (!sum)
      return success();
    SmallVector<int64_t> sizes(op.getNumLoops(), 0);
    sizes[*sum] = step;

    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPoint(op);
    scf::SCFTileAndFuseOptions options;
    options.tilingOptions.setTileSizes(
        getAsIndexOpFoldResult(&getContext(), sizes));
    auto forall = op->getParentOfType<scf::ForallOp>();
    options.setFusionControlFn(
        [&](tensor::ExtractSliceOp, OpResult producer, bool isDestination)
            -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
          auto elementwise = dyn_cast<linalg::LinalgOp>(producer.getOwner());
          if (isDestination || !elementwise ||
              elementwise.getNumParallelLoops() != elementwise.getNumLoops() ||
              !forall->isProperAncestor(elementwise))
            return std::nullopt;
          return scf::SCFTileAndFuseOptions::ControlFnResult{};
        });
    FailureOr<scf::SCFTileAndFuseResult> result =
        scf::tileConsumerAndFuseProducersUsingSCF(
            rewriter, cast<TilingInterface>(op.getOperation()), options);
    if (failed(result))
      return op.emitOpError("cannot be cut along its sum");
    for (OpResult value : op->getResults())
      if (Value replacement = result->replacements.lookup(value))
        rewriter.replaceAllUsesWith(value, replacement);
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace
