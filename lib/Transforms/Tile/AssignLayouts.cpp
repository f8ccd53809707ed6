//===- AssignLayouts.cpp - say where every tile lives ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products, gathers and what is read from scratch decide; what they leave open
// follows from a few equations, to a fixed point:
//
//   elementwise, scf.for, scf.if all tiles share a layout, in place or not
//   y = broadcast x along d      layout(x) = slice<d, layout(y)>
//   x = reduce y along d         layout(x) = slice<d, layout(y)>
//   d = mma a, b, c              layout(c) = layout(d)
//   y = gather at x              layout(x) = slice<1, layout(y)>, or layout(y)
//   z = topk x into y, columns   all tiles share a layout
//   z, t = scan into y, s        the same, layout(t) = slice<1, layout(z)>
//
// Tiles of registers that a loop loads go through shared memory, so that copies
// can run ahead.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static Attribute getLayout(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getEncoding() : Attribute();
}

/// Gives a tile without a layout this one; whether that is news.
static bool assign(Value value, Attribute layout) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getEncoding() || !layout)
    return false;
  value.setType(type.cloneWithEncoding(layout));
  return true;
}

/// Makes all tiles among `values` share the layout that one of them has.
static bool unify(ArrayRef<Value> values) {
  Attribute layout;
  for (Value value : values)
    if (!layout)
      layout = getLayout(value);
  bool changed = false;
  for (Value value : values)
    changed |= assign(value, layout);
  return changed;
}

/// Makes `slice` live where `whole` does without dimension `dim`.
static bool relate(Value whole, Value slice, int64_t dim) {
  Attribute layout = getLayout(whole);
  if (isa_and_nonnull<tile::MmaLayoutAttr, tile::RowsLayoutAttr>(layout))
    return assign(slice,
                  tile::SliceLayoutAttr::get(whole.getContext(), dim, layout));
  if (auto layout = dyn_cast_or_null<tile::SliceLayoutAttr>(getLayout(slice)))
    return assign(whole, layout.getParent());
  return false;
}

static bool propagate(Operation *op) {
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op))
    return relate(broadcast.getResult(), broadcast.getSource(),
                  broadcast.getDim());
  if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    bool changed =
        reduce.getInit() && unify({reduce.getInit(), reduce.getResult()});
    if (!reduce.getParts())
      return changed |
             relate(reduce.getSource(), reduce.getResult(), reduce.getDim());
    auto parts =
        tile::PartsLayoutAttr::get(op->getContext(), *reduce.getParts());
    return changed | assign(reduce.getResult(), parts);
  }
  if (auto gather = dyn_cast<tile::GatherOp>(op)) {
    if (cast<RankedTensorType>(gather.getResult().getType()).getRank() == 1) {
      SmallVector<Value> values(gather.getCoordinates());
      values.push_back(gather.getResult());
      return unify(values);
    }
    bool changed = false;
    for (Value coordinates : gather.getCoordinates())
      changed |= relate(gather.getResult(), coordinates, 1);
    return changed;
  }
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    bool changed = false;
    for (auto [init, argument, yielded, result] :
         llvm::zip(loop.getInitArgs(), loop.getRegionIterArgs(),
                   loop.getYieldedValues(), loop.getResults()))
      changed |= unify({init, argument, yielded, result});
    return changed;
  }
  if (auto choice = dyn_cast<scf::IfOp>(op)) {
    bool changed = false;
    for (OpResult result : choice->getResults())
      for (scf::YieldOp yield : {choice.thenYield(), choice.elseYield()})
        changed |= unify({result, yield.getOperand(result.getResultNumber())});
    return changed;
  }
  if (auto clear = dyn_cast<tile::ClearNonfiniteOp>(op))
    return unify({clear.getSource(), clear.getResult()});
  if (auto rotate = dyn_cast<tile::RotateOp>(op))
    return unify({rotate.getSource(), rotate.getResult()});
  // Columns of a slot are in the slot.
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return unify({slice.getSource(), slice.getResult()});
  if (auto topk = dyn_cast<tile::TopkOp>(op))
    return unify({topk.getKeys(), topk.getBest(), topk.getResult()});
  if (auto scan = dyn_cast<tile::ScanOp>(op)) {
    bool changed = unify({scan.getBest(), scan.getResult()});
    changed |= relate(scan.getResult(), scan.getHighest(), 1);
    return changed | unify({scan.getTop(), scan.getHighest()});
  }
  if (auto mma = dyn_cast<tile::MmaOp>(op))
    return mma.getC() && unify({mma.getC(), mma.getD()});
  if (!OpTrait::hasElementwiseMappableTraits(op))
    return false;
  SmallVector<Value> values(op->getOperands());
  values.append(op->result_begin(), op->result_end());
  return unify(values);
}

namespace {

struct AssignLayouts : peermla::impl::AssignLayoutsBase<AssignLayouts> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto schedule =
        function->getAttrOfType<tile::ScheduleAttr>(tile::programScheduleName);
    if (!schedule)
      return;
    if (schedule.getWarps().empty()) {
      function.emitError() << "expects '" << tile::programScheduleName
                           << "' to have warps, got " << schedule;
      return signalPassFailure();
    }
    separateConstants(function);
    seed(function, schedule);
    follow(function);
    seedScratch(function, schedule);
    follow(function);
    readThroughShared(function);
    function.walk([&](arith::ConstantOp op) {
      if (auto value = dyn_cast<DenseElementsAttr>(op.getValue()))
        op.setValueAttr(value.resizeSplat(cast<ShapedType>(op.getType())));
    });
    if (failed(check(function)))
      signalPassFailure();
  }

  /// Assigns what follows, to a fixed point.
  static void follow(func::FuncOp function) {
    for (bool changed = true; changed;) {
      changed = false;
      function.walk([&](Operation *op) { changed |= propagate(op); });
    }
  }

  /// One constant per use, so that each can live where its use wants it.
  static void separateConstants(func::FuncOp function) {
    SmallVector<Operation *> constants;
    function.walk([&](Operation *op) {
      if (isa<arith::ConstantOp, tensor::SplatOp>(op) &&
          isa<RankedTensorType>(op->getResult(0).getType()))
        constants.push_back(op);
    });
    for (Operation *op : constants) {
      OpBuilder b(op);
      for (OpOperand &use : llvm::make_early_inc_range(
               llvm::drop_begin(op->getResult(0).getUses())))
        use.set(b.clone(*op)->getResult(0));
    }
  }

  static void seed(func::FuncOp function, tile::ScheduleAttr schedule) {
    MLIRContext *context = function.getContext();
    ArrayRef<int64_t> warps = schedule.getWarps();
    auto shared = tile::SharedLayoutAttr::get(context);
    function.walk([&](tile::MmaOp mma) {
      assign(mma.getD(), tile::MmaLayoutAttr::get(context, warps));
      assign(mma.getB(), shared);
      if (isa_and_nonnull<tile::LoadOp, tile::ConvertOp>(
              mma.getA().getDefiningOp()))
        assign(mma.getA(), shared);
      else
        assign(mma.getA(), tile::MmaLayoutAttr::get(context, {warps[0], 1}));
    });
    // All threads read a gathered row in pieces of 16 bytes; elements at
    // computed places belong to single threads.
    int64_t threads = 32 * warps[0] * warps[1];
    auto ofThread = tile::RowsLayoutAttr::get(context, threads, 1, 1);
    function.walk([&](tile::GatherOp gather) {
      auto type = cast<RankedTensorType>(gather.getResult().getType());
      if (type.getRank() == 2)
        assign(gather.getResult(),
               tile::RowsLayoutAttr::get(context, threads, threads,
                                         128 / type.getElementTypeBitWidth()));
      else
        assign(gather.getResult(),
               tile::SliceLayoutAttr::get(context, 1, ofThread));
    });
    // Threads share out rows, or lanes of a warp share one.
    auto assignRows = [&](Value tile, int64_t vector) {
      auto type = cast<RankedTensorType>(tile.getType());
      int64_t lanes = threads / type.getDimSize(0);
      if (lanes < 2 || 32 % lanes != 0 || type.getDimSize(1) < lanes)
        return void(assign(tile, ofThread));
      if (vector == 0)
        vector = type.getDimSize(1) / lanes;
      assign(tile, tile::RowsLayoutAttr::get(context, threads, lanes, vector));
    };
    function.walk([&](tile::TopkOp topk) { assignRows(topk.getBest(), 0); });
    function.walk([&](tile::ScanOp scan) { assignRows(scan.getBest(), 0); });
    // What goes from memory to scratch does so in pieces of 16 bytes.
    function.walk([&](tile::StoreOp store) {
      auto load = store.getValue().getDefiningOp<tile::LoadOp>();
      if (load && load.getResult().hasOneUse() &&
          store.getTarget().getDefiningOp<tile::ScratchOp>() &&
          cast<RankedTensorType>(load.getResult().getType()).getRank() == 2)
        assignRows(load.getResult(),
                   128 / cast<RankedTensorType>(load.getResult().getType())
                             .getElementTypeBitWidth());
    });
  }

  /// What is left to be read from scratch belongs to single threads.
  static void seedScratch(func::FuncOp function, tile::ScheduleAttr schedule) {
    ArrayRef<int64_t> warps = schedule.getWarps();
    auto ofThread = tile::RowsLayoutAttr::get(function.getContext(),
                                              32 * warps[0] * warps[1], 1, 1);
    function.walk([&](tile::LoadOp load) {
      if (load.getSource().getDefiningOp<tile::ScratchOp>() &&
          cast<RankedTensorType>(load.getResult().getType()).getRank() == 2)
        assign(load.getResult(), ofThread);
    });
  }

  static void readThroughShared(func::FuncOp function) {
    SmallVector<tile::LoadOp> loads;
    function.walk([&](tile::LoadOp load) {
      if (isa_and_nonnull<tile::MmaLayoutAttr>(getLayout(load.getResult())) &&
          !load.getSource().getDefiningOp<tile::ScratchOp>() &&
          load->getParentOfType<scf::ForOp>())
        loads.push_back(load);
    });
    for (tile::LoadOp load : loads) {
      OpBuilder b(load.getContext());
      b.setInsertionPointAfter(load);
      Value tile = load.getResult();
      auto type = cast<RankedTensorType>(tile.getType());
      auto read = tile::ReadOp::create(b, load.getLoc(), type, tile);
      tile.replaceAllUsesExcept(read.getResult(), read);
      tile.setType(type.cloneWithEncoding(
          tile::SharedLayoutAttr::get(load.getContext())));
    }
  }

  /// Every tile has a layout that its shape allows, every op one that agrees.
  static LogicalResult check(func::FuncOp function) {
    WalkResult result = function.walk([](Operation *op) {
      for (Value value : op->getResults()) {
        auto type = dyn_cast<RankedTensorType>(value.getType());
        if (!type)
          continue;
        if (!type.getEncoding()) {
          op->emitError() << "no layout follows for " << type;
          return WalkResult::interrupt();
        }
        auto layout = dyn_cast<VerifiableTensorEncoding>(type.getEncoding());
        if (layout &&
            failed(layout.verifyEncoding(type.getShape(), type.getElementType(),
                                         [&] { return op->emitError(); })))
          return WalkResult::interrupt();
      }
      if (OpTrait::hasElementwiseMappableTraits(op))
        for (Value operand : op->getOperands())
          if (getLayout(operand) != getLayout(op->getResult(0))) {
            op->emitError()
                << "expects operands and result in one layout, got "
                << operand.getType() << " and " << op->getResult(0).getType();
            return WalkResult::interrupt();
          }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace
