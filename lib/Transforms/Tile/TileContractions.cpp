//===- TileContractions.cpp - steps along the sum of a matrix product -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cuts the sum of a contraction inside a kernel by `inner` of its schedule, and
// computes elementwise producers of its operands step by step. Sums and maxima
// of rows beside it, which a norm in front of it needs first, are cut into
// steps that a thread has registers for. Decides nothing.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
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

/// Elements of a step of a row sum that a thread has.
static constexpr int64_t elementsOfStep = 64;

/// Columns of a step of a sum over rows: what threads have registers for, in
/// steps of the product's.
static int64_t getStepOfRows(linalg::LinalgOp op, tile::ScheduleAttr schedule) {
  int64_t step = schedule.getInner()[0];
  FailureOr<int64_t> rows = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, {op->getResult(0), 0},
      /*stopCondition=*/nullptr, /*closedUB=*/true);
  if (failed(rows) || *rows < 1)
    return step;
  int64_t columns = elementsOfStep * 32 * schedule.getWarps()[0] / *rows;
  return std::max<int64_t>(columns / step, 1) * step;
}

static bool isElementwise(linalg::LinalgOp op) {
  return op.getNumParallelLoops() == op.getNumLoops();
}

/// Whether the op reads tensors from outside of the kernel alone, and what is
/// computed from them without a product: the tile of one is whole.
static bool readsMemory(linalg::LinalgOp op, scf::ForallOp kernel) {
  return llvm::all_of(op.getDpsInputs(), [&](Value input) {
    while (auto slice = input.getDefiningOp<tensor::ExtractSliceOp>())
      input = slice.getSource();
    Operation *producer = input.getDefiningOp();
    if (!producer || !kernel->isProperAncestor(producer))
      return true;
    auto computed = dyn_cast<linalg::LinalgOp>(producer);
    return computed && !linalg::isaContractionOpInterface(computed) &&
           readsMemory(computed, kernel);
  });
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
    SmallVector<std::pair<linalg::LinalgOp, int64_t>> steps;
    getOperation()->walk([&](scf::ForallOp kernel) {
      tile::ScheduleAttr schedule;
      SmallVector<linalg::LinalgOp> sums;
      kernel.walk([&](linalg::LinalgOp op) {
        if (!op.hasPureTensorSemantics())
          return;
        bool isProduct = linalg::isaContractionOpInterface(op);
        if (isProduct && getMmaSchedule(op)) {
          schedule = getMmaSchedule(op);
          steps.emplace_back(op, schedule.getInner()[0]);
        } else if (!isProduct && op.getNumReductionLoops() == 1 &&
                   op->getNumResults() == 1 && readsMemory(op, kernel)) {
          sums.push_back(op);
        }
      });
      if (schedule)
        for (linalg::LinalgOp op : sums)
          steps.emplace_back(op, getStepOfRows(op, schedule));
    });
    for (auto [op, step] : steps)
      if (failed(tile(op, step)))
        return signalPassFailure();
  }

  LogicalResult tile(linalg::LinalgOp op, int64_t step) {
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
          if (isDestination || !elementwise || !isElementwise(elementwise) ||
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
