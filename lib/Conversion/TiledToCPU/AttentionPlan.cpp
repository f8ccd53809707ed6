//===- AttentionPlan.cpp - what a tile of attention is lowered to ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/Support/MathExtras.h"
#include <tuple>

using namespace mlir;
using namespace peermla;

static MemRefType typeOf(Value buffer) {
  return cast<MemRefType>(buffer.getType());
}

static LogicalResult verifyOperands(mla::OnlineAttentionOp op) {
  if (op.getItem().empty())
    return op->emitOpError("expects 'item': only tiles of attention are "
                           "lowered, rows of one sequence");
  SmallVector<std::pair<StringRef, Value>> operands = {
      {"q", op.getQ()}, {"k", op.getK()}, {"inits", op.getInits().front()}};
  if (op.getV())
    operands.push_back({"v", op.getV()});
  for (auto [name, operand] : operands) {
    if (failed(verifyRows(op, name, operand)) ||
        failed(verifyStorage(op, name, operand)))
      return failure();
    if (ShapedType::isDynamic(typeOf(operand).getShape().back()))
      return op->emitOpError()
             << "expects '" << name << "' to have rows of static length, got "
             << typeOf(operand);
  }
  return success();
}

/// The tokens and heads of a work item and the keys of a block.
static FailureOr<std::tuple<int64_t, int64_t, int64_t>>
readSchedule(mla::OnlineAttentionOp op, bool perHead) {
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  if (!schedule)
    return op->emitOpError("expects a schedule, which bounds the memory of a "
                           "work item");
  ArrayRef<int64_t> block = schedule.getBlock(), inner = schedule.getInner();
  if (block.size() != 2 || block[0] < 1 || block[1] < 1 ||
      (perHead && block[1] != 1))
    return op->emitOpError()
           << "expects 'block' of its schedule to be tokens and heads (1 if "
              "keys are per head), got "
           << schedule;
  if (inner.size() != 1 || inner[0] < 2 || inner[0] % 2 != 0)
    return op->emitOpError() << "expects 'inner' of its schedule to be an even "
                                "number of keys, got "
                             << schedule;
  return std::tuple(block[0], block[1], inner[0]);
}

FailureOr<AttentionPlan> AttentionPlan::make(mla::OnlineAttentionOp op) {
  if (failed(verifyOperands(op)))
    return failure();
  const CpuLevel *level = CpuLevel::of(op);
  if (!level)
    level = CpuLevel::get("x86-64-v3");
  Type element = typeOf(op.getQ()).getElementType();
  AttentionPlan plan;
  plan.lanes = level->lanes;
  plan.dim = typeOf(op.getQ()).getDimSize(2);
  plan.valueDim = typeOf(op.getInits().front()).getShape().back();
  plan.perHead =
      op.getV() || (!op.isPaged() && typeOf(op.getK()).getRank() == 3);
  plan.pairs = level->hasBf16Dot && element.isBF16() && plan.dim % 2 == 0 &&
               plan.valueDim % 4 == 0;
  plan.tiles = plan.pairs && level->hasAmx;
  plan.stages = op.isPaged() || (!plan.pairs && !element.isF32());

  FailureOr<std::tuple<int64_t, int64_t, int64_t>> schedule =
      readSchedule(op, plan.perHead);
  if (failed(schedule))
    return failure();
  std::tie(plan.itemTokens, plan.itemHeads, plan.blockKeys) = *schedule;
  int64_t heads = typeOf(op.getQ()).getDimSize(1);
  if (ShapedType::isStatic(heads)) {
    if (heads > plan.itemHeads)
      return op->emitOpError()
             << "expects at most the heads of its schedule, got " << heads
             << " in " << op.getQ().getType() << " and " << plan.itemHeads;
    plan.itemHeads = heads;
  }
  plan.hasAllHeads = ShapedType::isStatic(heads);
  plan.setTokens(plan.itemTokens);
  return plan;
}

void AttentionPlan::setTokens(int64_t tokens) {
  itemTokens = tokens;
  usedRows = itemTokens * itemHeads;
  rows = llvm::alignTo(usedRows, lanes);
}

std::optional<AttentionPlan> AttentionPlan::narrowed() const {
  if (perHead)
    return std::nullopt;
  int64_t tokens = llvm::divideCeil(lanes, itemHeads);
  AttentionPlan plan = *this;
  plan.setTokens(tokens);
  if (plan.rows >= rows)
    return std::nullopt;
  return plan;
}
