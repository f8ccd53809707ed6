//===- SplitKeys.cpp - attention over parts of the keys -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With few work items, most threads would idle while some visit long caches.
// Attention then becomes two kernels: one whose items have a part of the keys
// each, and one that merges what the parts leave. Whether items are few is
// decided when the entry is called, from shapes that the host knows. A GPU has
// two numbers of parts, one where items are very few and sequences may be long.
//
// In deterministic mode attention is computed in parts in both cases, and the
// parts of a sequence follow from its length. With many items, one work item
// visits all of them and merges them itself: the same bits from one kernel.
// Tile programs, whose registers hold the rows of one part, keep keys whole.
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

/// Below so many work items of a CPU, keys are split.
static constexpr int64_t fewItems = 16;
/// Blocks per multiprocessor of a GPU that parts may become, and how many times
/// fewer parts there are where items are more.
static constexpr int64_t blocksOfUnit = 2, fewerParts = 8;
/// Parts that one work item of a GPU visits, at most.
static constexpr int64_t partsOfItem = 8;
/// Keys of a part of a GPU, at least, unless there are few parts anyway.
static constexpr int64_t keysOfPart = 128;

static tile::ScheduleAttr withParts(tile::ScheduleAttr schedule,
                                    int64_t parts) {
  return tile::ScheduleAttr::get(
      schedule.getContext(), schedule.getBlock(), schedule.getInner(),
      schedule.getRegisters(), /*split=*/0, parts, schedule.getWarps(),
      schedule.getStages(), schedule.getInstructions(), schedule.getRoles());
}

namespace {

/// Into how many parts keys are split where there are fewer than `below` items,
/// and sequences have room for `keys`.
struct Split {
  int64_t below, keys, parts;
};

/// One op that is split.
class KeySplitter {
public:
  KeySplitter(mla::OnlineAttentionOp op, tile::ScheduleAttr schedule)
      : op(op), schedule(schedule), b(op.getLoc(), op) {}

  /// Replaces the op by a choice between `splits`, of which the first that fits
  /// counts, and the whole.
  void split(ArrayRef<Split> splits, bool isDeterministic);

private:
  /// The choice between the last of the splits, which `count` items of `T` rows
  /// have not found to fit so far.
  SmallVector<Value> choose(ArrayRef<Split> splits, Value count, Value T,
                            bool isDeterministic);
  /// As many keys as a sequence can have.
  Value getCapacity();
  /// What is not split.
  SmallVector<Value> attend(OpFoldResult T, bool isDeterministic);
  /// Partial results of `T` rows, and their join. `isFused` leaves the join
  /// alone with a schedule, so that parts are computed where they are joined.
  SmallVector<Value> attendInParts(int64_t parts, OpFoldResult T, bool isFused);

  mla::OnlineAttentionOp op;
  tile::ScheduleAttr schedule;
  ImplicitLocOpBuilder b;
};

} // namespace

void KeySplitter::split(ArrayRef<Split> splits, bool isDeterministic) {
  // Of the destination: what computes queries may hide their number.
  OpFoldResult T =
      tensor::getMixedSize(b, b.getLoc(), op.getInits().front(), 0);
  OpFoldResult bound =
      getItemBound(b, b.getLoc(), T, schedule.getBlock()[0], op.getCuSeqlens());
  Value count = arith::MulIOp::create(
      b, getValueOrCreateConstantIndexOp(b, b.getLoc(), bound),
      arith::ConstantIndexOp::create(b, getHeadGroups(op, schedule)));
  op.replaceAllUsesWith(
      choose(splits, count, getValueOrCreateConstantIndexOp(b, b.getLoc(), T),
             isDeterministic));
  op.erase();
}

SmallVector<Value> KeySplitter::choose(ArrayRef<Split> splits, Value count,
                                       Value T, bool isDeterministic) {
  if (splits.empty())
    return attend(T, isDeterministic);
  Value isFew = arith::CmpIOp::create(
      b, arith::CmpIPredicate::slt, count,
      arith::ConstantIndexOp::create(b, splits.front().below));
  if (splits.front().keys > 0) {
    Value isLong = arith::CmpIOp::create(
        b, arith::CmpIPredicate::sge, getCapacity(),
        arith::ConstantIndexOp::create(b, splits.front().keys));
    isFew = arith::AndIOp::create(b, isFew, isLong);
  }
  // Memory for partial results is asked for only where there are few items.
  Value none = arith::ConstantIndexOp::create(b, 0);
  Value rows = arith::SelectOp::create(b, isFew, T, none);
  auto choice = scf::IfOp::create(b, op.getResultTypes(), isFew,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(
      b, attendInParts(splits.front().parts, rows, /*isFused=*/false));
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b,
                       choose(splits.drop_front(), count, T, isDeterministic));
  return llvm::to_vector_of<Value>(choice.getResults());
}

Value KeySplitter::getCapacity() {
  // Of a slice, new rows in it or not, the extent it was cut to, which all
  // layers of a cache share.
  auto dim = [&](Value tensor, int64_t at) -> Value {
    while (auto op = tensor.getDefiningOp<DestinationStyleOpInterface>())
      tensor = op.getTiedOpOperand(cast<OpResult>(tensor))->get();
    auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>();
    if (!slice)
      return b.createOrFold<tensor::DimOp>(tensor, at);
    SmallVector<OpFoldResult> sizes;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [number, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped.test(number))
        sizes.push_back(size);
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[at]);
  };
  if (!op.isPaged())
    return dim(op.getK(), 0);
  return arith::MulIOp::create(b, dim(op.getBlockTable(), 1),
                               dim(op.getK(), 1));
}

SmallVector<Value> KeySplitter::attend(OpFoldResult T, bool isDeterministic) {
  if (isDeterministic)
    return attendInParts(schedule.getParts(), T, /*isFused=*/true);
  Operation *whole = b.clone(*op);
  whole->setAttr(scheduleName, withParts(schedule, 1));
  return llvm::to_vector_of<Value>(whole->getResults());
}

SmallVector<Value> KeySplitter::attendInParts(int64_t parts, OpFoldResult T,
                                              bool isFused) {
  auto o = cast<RankedTensorType>(op.getInits().front().getType());
  OpFoldResult P = b.getIndexAttr(parts), H = b.getIndexAttr(o.getDimSize(1)),
               dv = b.getIndexAttr(o.getDimSize(2));
  SmallVector<Value> inits = {
      tensor::EmptyOp::create(b, {P, T, H, dv}, b.getF32Type()),
      tensor::EmptyOp::create(b, {P, T, H}, b.getF32Type())};
  auto partial = mla::OnlineAttentionOp::create(
      b, TypeRange(ValueRange(inits)), op.getQ(), op.getK(), op.getV(),
      op.getCuSeqlens(), op.getPastLens(), op.getBlockTable(),
      /*item=*/ValueRange(), inits, op.getScaleAttr(), op.getCausalAttr(),
      b.getI64IntegerAttr(parts), b.getI64IntegerAttr(schedule.getInner()[0]));
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
                         schedule.getStages(), schedule.getInstructions(),
                         schedule.getRoles()));
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
      const GpuTarget *gpu = GpuTarget::of(op);
      if (gpu && deterministic && !schedule.getWarps().empty()) {
        remark::passed(
            op.getLoc(),
            remark::RemarkOpts::name("SplitKeys").category("schedule"))
            << "keys are not split: a tile program has no room for the results "
               "of parts that are the same in all batches";
        op->setAttr(scheduleName, withParts(schedule, 1));
        continue;
      }
      // An item that visits all parts keeps them in shared memory, which bounds
      // their number.
      if (gpu && deterministic)
        schedule =
            withParts(schedule, std::min(schedule.getParts(), partsOfItem));
      SmallVector<Split> splits =
          getSplits(schedule.getParts(), deterministic ? nullptr : gpu);
      std::string text;
      for (Split split : splits)
        text +=
            (text.empty() ? "split keys into " : ", into ") +
            std::to_string(split.parts) + " parts below " +
            std::to_string(split.below) + " items" +
            (split.keys ? " of room for " + std::to_string(split.keys) + " keys"
                        : "");
      remark::passed(op.getLoc(),
                     remark::RemarkOpts::name("SplitKeys").category("schedule"))
          << (text + (deterministic ? ", and within an item above" : ""));
      KeySplitter(op, schedule).split(splits, deterministic);
      ++numSplit;
    }
  }

  /// On a GPU as many parts as its multiprocessors have room for, and fewer
  /// where there are more items, whose parts would only be more to merge.
  static SmallVector<Split> getSplits(int64_t parts, const GpuTarget *gpu) {
    if (!gpu)
      return {{fewItems, 0, parts}};
    SmallVector<Split> splits;
    for (int64_t rest = parts; rest >= 2; rest /= fewerParts)
      splits.push_back({blocksOfUnit * gpu->numUnits / rest + 1,
                        rest > fewerParts ? rest * keysOfPart : 0, rest});
    return splits;
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
