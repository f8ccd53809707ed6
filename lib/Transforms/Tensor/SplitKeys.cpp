//===- SplitKeys.cpp - attention over parts of the keys -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With few work items, most threads would idle while some visit long caches.
// Attention then becomes two kernels: one whose items have a part of the keys
// each, and one that merges what the parts leave. Whether items are few is
// decided when the entry is called, from shapes that the host knows.
//
// In deterministic mode attention is computed in parts in both cases, and the
// parts of a sequence follow from its length. With many items, one work item
// visits all of them and merges them itself: the same bits from one kernel.
//
//===----------------------------------------------------------------------===//

#include "RaggedTiling.h"
#include "ScheduleAttention.h"
#include "Schedules.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"
#include "peermla/Support/KernelPlan.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SPLITKEYS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Below so many work items, keys are split.
static constexpr int64_t fewItems = 16;

namespace {

/// One op that is split.
class KeySplitter {
public:
  KeySplitter(mla::OnlineAttentionOp op, tile::ScheduleAttr schedule)
      : op(op), schedule(schedule), b(op.getLoc(), op) {}

  /// Replaces the op by a choice between the two forms.
  void split(bool isDeterministic);

private:
  /// Partial results of `T` rows, and their join. `isFused` leaves the join
  /// alone with a schedule, so that parts are computed where they are joined.
  SmallVector<Value> attendInParts(OpFoldResult T, bool isFused);

  mla::OnlineAttentionOp op;
  tile::ScheduleAttr schedule;
  ImplicitLocOpBuilder b;
};

} // namespace

void KeySplitter::split(bool isDeterministic) {
  // Of the destination: what computes queries may hide their number.
  OpFoldResult T =
      tensor::getMixedSize(b, b.getLoc(), op.getInits().front(), 0);
  OpFoldResult bound =
      getItemBound(b, b.getLoc(), T, schedule.getBlock()[0], op.getCuSeqlens());
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  Value count = arith::MulIOp::create(
      b, getValueOrCreateConstantIndexOp(b, b.getLoc(), bound),
      constant(getHeadGroups(op, schedule)));
  Value isFew = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, count,
                                      constant(fewItems));
  // Memory for partial results is asked for only where there are few.
  Value rows = arith::SelectOp::create(
      b, isFew, getValueOrCreateConstantIndexOp(b, b.getLoc(), T), constant(0));

  auto choice = scf::IfOp::create(b, op.getResultTypes(), isFew,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, attendInParts(rows, /*isFused=*/false));
  b.setInsertionPointToStart(choice.elseBlock());
  if (isDeterministic) {
    scf::YieldOp::create(b, attendInParts(T, /*isFused=*/true));
  } else {
    Operation *whole = b.clone(*op);
    whole->setAttr(scheduleName,
                   tile::ScheduleAttr::get(
                       b.getContext(), schedule.getBlock(), schedule.getInner(),
                       schedule.getRegisters(), /*split=*/0, /*parts=*/1,
                       schedule.getWarps(), schedule.getStages(),
                       schedule.getInstructions()));
    scf::YieldOp::create(b, whole->getResults());
  }
  op.replaceAllUsesWith(choice.getResults());
  op.erase();
}

SmallVector<Value> KeySplitter::attendInParts(OpFoldResult T, bool isFused) {
  auto o = cast<RankedTensorType>(op.getInits().front().getType());
  OpFoldResult P = b.getIndexAttr(schedule.getParts()),
               H = b.getIndexAttr(o.getDimSize(1)),
               dv = b.getIndexAttr(o.getDimSize(2));
  SmallVector<Value> inits = {
      tensor::EmptyOp::create(b, {P, T, H, dv}, b.getF32Type()),
      tensor::EmptyOp::create(b, {P, T, H}, b.getF32Type())};
  auto partial = mla::OnlineAttentionOp::create(
      b, TypeRange(ValueRange(inits)), op.getQ(), op.getK(), op.getV(),
      op.getCuSeqlens(), op.getPastLens(), op.getBlockTable(),
      /*item=*/ValueRange(), inits, op.getScaleAttr(), op.getCausalAttr(),
      b.getI64IntegerAttr(schedule.getParts()),
      b.getI64IntegerAttr(schedule.getInner()[0]));
  auto merge =
      mla::MergeOp::create(b, op.getResultTypes(), partial.getResult(0),
                           partial.getResult(1), op.getInits());
  if (Attribute id = op->getAttr("peermla.id")) {
    partial->setAttr("peermla.id", id);
    merge->setAttr("peermla.id", id);
  }
  ArrayRef<int64_t> block = schedule.getBlock();
  if (isFused) {
    merge->setAttr(scheduleName, tile::ScheduleAttr::get(
                                     b.getContext(), block, schedule.getInner(),
                                     schedule.getRegisters()));
  } else {
    partial->setAttr(scheduleName,
                     tile::ScheduleAttr::get(
                         b.getContext(), {1, block[0], block[1]},
                         schedule.getInner(), schedule.getRegisters(),
                         /*split=*/0, /*parts=*/0, schedule.getWarps(),
                         schedule.getStages(), schedule.getInstructions()));
    merge->setAttr(scheduleName, getMergeSchedule(merge));
  }
  if (op->hasAttr(planName)) {
    auto plan = [](Operation *root) {
      return planKernel({root, {root}},
                        root->getAttrOfType<tile::ScheduleAttr>(scheduleName),
                        "keys are split where items are few");
    };
    // What is fused has the costs of the whole.
    merge->setAttr(planName, isFused ? op->getAttr(planName) : plan(merge));
    if (!isFused)
      partial->setAttr(planName, plan(partial));
  }
  return llvm::to_vector_of<Value>(merge.getResults());
}

namespace {

struct SplitKeys : peermla::impl::SplitKeysBase<SplitKeys> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<mla::OnlineAttentionOp> ops;
    getOperation()->walk([&](mla::OnlineAttentionOp op) { ops.push_back(op); });
    for (mla::OnlineAttentionOp op : ops) {
      auto schedule = op->getAttrOfType<tile::ScheduleAttr>(scheduleName);
      if (!schedule || schedule.getParts() < 2 || op.isPartial() ||
          !op.getItem().empty())
        continue;
      if (failed(verify(op, schedule)))
        return signalPassFailure();
      // One work item that visits all parts has no tile program: parts that are
      // work items must not have one either, to give the same bits.
      if (const GpuTarget *gpu = GpuTarget::of(op);
          gpu && deterministic && !schedule.getWarps().empty())
        schedule = scheduleForThreads(op, *gpu, schedule.getParts());
      remark::passed(op.getLoc(),
                     remark::RemarkOpts::name("SplitKeys").category("schedule"))
          << ("split keys into " + std::to_string(schedule.getParts()) +
              " parts below " + std::to_string(fewItems) + " items" +
              (deterministic ? ", and within an item above" : ""));
      KeySplitter(op, schedule).split(deterministic);
      ++numSplit;
    }
  }

  /// Emits an error unless the schedule is one that attention can follow.
  static LogicalResult verify(mla::OnlineAttentionOp op,
                              tile::ScheduleAttr schedule) {
    if (!op.hasPureTensorSemantics())
      return op.emitOpError("expects tensors where keys are to be split");
    auto o = cast<ShapedType>(op.getInits().front().getType());
    if (o.isDynamicDim(1) || o.isDynamicDim(2))
      return op.emitOpError() << "expects 'o' to have a static number of heads "
                                 "and static rows where keys are to be split, "
                                 "got "
                              << o;
    if (schedule.getBlock().size() != 2 || schedule.getBlock()[0] < 1 ||
        schedule.getBlock()[1] < 1 || schedule.getInner().size() != 1 ||
        schedule.getInner()[0] < 1)
      return op.emitOpError()
             << "expects 'block' of its schedule to be tokens and heads and "
                "'inner' keys where these are to be split, got "
             << schedule;
    return success();
  }
};

} // namespace
