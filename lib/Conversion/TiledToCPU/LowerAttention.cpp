//===- LowerAttention.cpp - mla.online_attention to work items ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item is a run of tokens of one sequence and a group of heads. The
// number of items is bounded by ceil(T / tokens of an item) + B, which the host
// knows; which tokens an item has is a table [item][2] of (sequence, first
// token) that is computed from `cu_seqlens` when the op runs. Items past the
// last do nothing.
//
// Where heads share keys there are two forms: one for few new tokens per
// sequence, one for many, whose items have several tokens; host-known shapes
// decide.
//
// With a paged cache and few items, each is split along the keys. The splits of
// a sequence depend on its length and their number only; they leave maximum,
// sum and unnormalised values, which further work items merge in order.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "KernelBuilder.h"
#include "Ragged.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/Passes.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace peermla {
#define GEN_PASS_DEF_LOWERATTENTION
#include "peermla/Conversion/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Rows that keep a register tile of the score product busy.
static constexpr int64_t wantedRows = 64;
/// Below so many items, keys are split, into so many parts.
static constexpr int64_t fewItems = 16;
static constexpr int64_t maxSplits = 8;

static MemRefType typeOf(Value buffer) {
  return cast<MemRefType>(buffer.getType());
}

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

static LogicalResult verifyOperands(mla::OnlineAttentionOp op) {
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
  if (typeOf(op.getQ()).isDynamicDim(1))
    return op->emitOpError() << "expects 'q' to have a static number of heads, "
                                "got "
                             << typeOf(op.getQ());
  if (!op.getItem().empty() || op->getParentOfType<scf::ForallOp>())
    return op->emitOpError("expects to be lowered whole, not as a tile");
  return success();
}

/// Keys per block such that what a block touches takes half of the cache.
static int64_t chooseBlockKeys(const AttentionPlan &plan, int64_t elementBytes,
                               int64_t cacheBytes) {
  int64_t bytes = plan.dim * (plan.stages && !plan.pairs ? 4 : elementBytes) +
                  plan.rows * 4;
  if (plan.pairs)
    bytes += (plan.valueDim + plan.rows) * elementBytes;
  int64_t keys = llvm::bit_floor(uint64_t(cacheBytes / 2 / bytes));
  return std::clamp<int64_t>(keys, 64, 256);
}

FailureOr<AttentionPlan> AttentionPlan::make(mla::OnlineAttentionOp op,
                                             bool manyTokens) {
  if (failed(verifyOperands(op)))
    return failure();
  const CpuLevel *level = CpuLevel::of(op);
  if (!level)
    level = CpuLevel::get("x86-64-v3");
  int64_t lanes = level->lanes;
  Type element = typeOf(op.getQ()).getElementType();
  AttentionPlan plan;
  plan.heads = typeOf(op.getQ()).getDimSize(1);
  plan.dim = typeOf(op.getQ()).getDimSize(2);
  plan.valueDim = typeOf(op.getInits().front()).getDimSize(2);
  plan.perHead =
      op.getV() || (!op.isPaged() && typeOf(op.getK()).getRank() == 3);
  plan.pairs = level->hasBf16Dot && element.isBF16() && plan.dim % 2 == 0 &&
               plan.valueDim % 4 == 0;
  plan.tiles = plan.pairs && level->hasAmx;
  plan.stages = op.isPaged() || (!plan.pairs && !element.isF32());

  // Heads that share their keys are rows of one item. Few tokens get no more
  // rows than fill a vector, since rows without a token cost as much as others.
  plan.itemHeads = 1;
  plan.itemTokens = wantedRows;
  if (!plan.perHead) {
    plan.itemHeads =
        llvm::divideCeil(plan.heads, llvm::divideCeil(plan.heads, wantedRows));
    plan.itemTokens = manyTokens
                          ? std::max<int64_t>(1, wantedRows / plan.itemHeads)
                          : llvm::divideCeil(lanes, plan.itemHeads);
  }
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  if (schedule && !schedule.getBlock().empty()) {
    ArrayRef<int64_t> block = schedule.getBlock();
    if (block.size() != 2 || block[0] < 1 || block[1] < 1 ||
        (plan.perHead && block[1] != 1))
      return op->emitOpError()
             << "expects 'block' of its schedule to be tokens "
                "and heads (1 if keys are per head), got "
             << schedule;
    plan.itemTokens = block[0];
    plan.itemHeads = std::min(block[1], plan.heads);
  }
  plan.groups = llvm::divideCeil(plan.heads, plan.itemHeads);
  plan.usedRows = plan.itemTokens * plan.itemHeads;
  plan.rows = llvm::alignTo(plan.usedRows, lanes);
  plan.blockKeys = chooseBlockKeys(plan, element.getIntOrFloatBitWidth() / 8,
                                   level->l2Bytes);
  if (schedule && !schedule.getInner().empty()) {
    plan.blockKeys = schedule.getInner().back();
    if (plan.blockKeys < 2 || plan.blockKeys % 2 != 0)
      return op->emitOpError()
             << "expects 'inner' of its schedule to be an even "
                "number of keys, got "
             << schedule;
  }
  return plan;
}

//===----------------------------------------------------------------------===//
// Work items
//===----------------------------------------------------------------------===//

namespace {

class AttentionLowering {
public:
  AttentionLowering(KernelBuilder &b, mla::OnlineAttentionOp op,
                    const AttentionPlan &plan)
      : b(b), op(op), plan(plan) {}
  /// With few items, keys are split if they may be.
  void lower(bool maySplit);

private:
  void makeItems();
  void whenItem(Value number, Value group,
                function_ref<void(const AttentionItem &, Value)> body);
  void runItem(Value number, Value group, Value split);
  void mergeItem(Value number, Value group);
  void forEachRow(const AttentionItem &item,
                  function_ref<void(Value, Value, Value)> body);
  void writeRow(Value token, Value head, Value row, Value maximum, Value sum,
                Row values);
  Value partialAt(Value number, Value group, Value split) {
    return b.add(b.mul(b.add(b.mul(number, plan.groups), group), splits),
                 split);
  }

  KernelBuilder &b;
  mla::OnlineAttentionOp op;
  const AttentionPlan &plan;
  /// Bound of the number of items, and the table of them.
  Value bound, items;
  /// Parts of an item's keys, and what they leave; null if there is one part.
  Value splits, partialMaxima, partialSums, partialValues;
};

} // namespace

void AttentionLowering::lower(bool maySplit) {
  makeItems();
  if (!maySplit) {
    b.parallel({bound, b.index(plan.groups)},
               [&](ValueRange item) { runItem(item[0], item[1], b.index(0)); });
    return;
  }
  Value count = b.mul(bound, plan.groups);
  Value isFew = b.compare(arith::CmpIPredicate::slt, count, b.index(fewItems));
  splits = arith::SelectOp::create(b, isFew, b.index(maxSplits), b.index(1));
  Value partials =
      arith::SelectOp::create(b, isFew, b.mul(count, maxSplits), b.index(0));
  auto allocate = [&](ArrayRef<int64_t> shape) -> Value {
    return memref::AllocOp::create(b, MemRefType::get(shape, b.getF32Type()),
                                   ValueRange{partials});
  };
  partialMaxima = allocate({ShapedType::kDynamic, plan.rows});
  partialSums = allocate({ShapedType::kDynamic, plan.rows});
  partialValues = allocate({ShapedType::kDynamic, plan.rows, plan.valueDim});
  b.parallel({bound, b.index(plan.groups), splits},
             [&](ValueRange item) { runItem(item[0], item[1], item[2]); });
  b.when(isFew, [&] {
    b.parallel({bound, b.index(plan.groups)},
               [&](ValueRange item) { mergeItem(item[0], item[1]); });
  });
}

/// Fills the table of items; the sequence of one past the last is -1.
void AttentionLowering::makeItems() {
  Value T = b.extent(op.getQ(), 0);
  Value B = b.sub(b.extent(op.getCuSeqlens(), 0), b.index(1));
  bound = b.add(b.ceilDiv(T, plan.itemTokens), B);
  items = memref::AllocOp::create(
      b, MemRefType::get({ShapedType::kDynamic, 2}, b.getI32Type()),
      ValueRange{bound});
  auto store = [&](Value number, Value value, int64_t column) {
    memref::StoreOp::create(b, value, items,
                            ValueRange{number, b.index(column)});
  };
  b.loop(b.index(0), bound, 1,
         [&](Value number) { store(number, b.i32(-1), 0); });
  b.loop(b.index(0), B, 1, {b.index(0)},
         [&](Value sequence, ValueRange carried) {
           Value begin =
               b.max(b.loadIndex(op.getCuSeqlens(), sequence), b.index(0));
           Value end =
               b.min(b.loadIndex(op.getCuSeqlens(), b.add(sequence, 1)), T);
           return b.loop(begin, end, plan.itemTokens, carried,
                         [&](Value token, ValueRange inner) {
                           Value fits = b.compare(arith::CmpIPredicate::slt,
                                                  inner[0], bound);
                           b.when(fits, [&] {
                             store(inner[0], b.toI32(sequence), 0);
                             store(inner[0], b.toI32(token), 1);
                           });
                           return SmallVector<Value>{b.add(inner[0], 1)};
                         });
         });
}

/// Calls `body(item, number of keys of its sequence)` if there is that item.
void AttentionLowering::whenItem(
    Value number, Value group,
    function_ref<void(const AttentionItem &, Value)> body) {
  Value sequence = b.loadIndex(items, {number, b.index(0)});
  Value exists = b.compare(arith::CmpIPredicate::sge, sequence, b.index(0));
  b.when(exists, [&] {
    AttentionItem item;
    item.sequence = sequence;
    item.firstToken = b.loadIndex(items, {number, b.index(1)});
    Value T = b.extent(op.getQ(), 0);
    Value begin = b.max(b.loadIndex(op.getCuSeqlens(), sequence), b.index(0));
    Value end = b.min(b.loadIndex(op.getCuSeqlens(), b.add(sequence, 1)), T);
    item.tokens = b.min(b.sub(end, item.firstToken), b.index(plan.itemTokens));
    item.firstHead = b.mul(group, plan.itemHeads);
    item.heads = b.index(plan.itemHeads);
    if (plan.heads % plan.itemHeads != 0)
      item.heads = b.min(b.index(plan.itemHeads),
                         b.sub(b.index(plan.heads), item.firstHead));
    item.firstKey = begin;
    Value past = b.index(0);
    Value keys = b.sub(end, begin);
    if (op.isPaged()) {
      past = b.max(b.loadIndex(op.getPastLens(), sequence), b.index(0));
      Value capacity =
          b.mul(b.extent(op.getBlockTable(), 1), b.extent(op.getK(), 1));
      keys = b.min(b.add(past, keys), capacity);
    }
    item.position = b.add(past, b.sub(item.firstToken, begin));
    body(item, keys);
  });
}

void AttentionLowering::runItem(Value number, Value group, Value split) {
  AttentionKernel kernel(b, op, plan);
  whenItem(number, group, [&](const AttentionItem &item, Value keys) {
    Value end = keys;
    if (op.getCausal())
      end = b.min(keys, b.add(item.position, item.tokens));
    Value begin = b.index(0);
    if (splits) {
      Value part =
          b.ceilDiv(b.div(b.add(keys, b.sub(splits, b.index(1))), splits),
                    plan.blockKeys);
      part = b.mul(part, plan.blockKeys);
      begin = b.mul(split, part);
      end = b.min(end, b.add(begin, part));
    }
    kernel.start(item);
    kernel.addKeys(begin, end);

    auto write = [&] {
      forEachRow(item, [&](Value token, Value head, Value row) {
        writeRow(token, head, row,
                 memref::LoadOp::create(b, kernel.maxima, row),
                 memref::LoadOp::create(b, kernel.sums, row),
                 Row{kernel.values, {row}});
      });
    };
    if (!splits)
      return write();
    Value isWhole = b.compare(arith::CmpIPredicate::eq, splits, b.index(1));
    b.when(isWhole, write, [&] {
      Value partial = partialAt(number, group, split);
      auto keep = [&](Row from, Row to, int64_t extent) {
        b.columns(extent, [&](Value column, int64_t width) {
          b.copy(from, column, to, column, width);
        });
      };
      keep(Row{kernel.maxima, {}}, Row{partialMaxima, {partial}}, plan.rows);
      keep(Row{kernel.sums, {}}, Row{partialSums, {partial}}, plan.rows);
      b.loop(b.index(0), b.index(plan.usedRows), 1, [&](Value row) {
        keep(Row{kernel.values, {row}}, Row{partialValues, {partial, row}},
             plan.valueDim);
      });
    });
  });
}

/// o = sum of 2^(m_i - m) o_i, the same for sums, with m the largest m_i.
void AttentionLowering::mergeItem(Value number, Value group) {
  Value merged = b.scratch({plan.valueDim}, b.getF32Type());
  whenItem(number, group, [&](const AttentionItem &item, Value) {
    forEachRow(item, [&](Value token, Value head, Value row) {
      auto at = [&](Value buffer, Value split) -> Value {
        return memref::LoadOp::create(
            b, buffer, ValueRange{partialAt(number, group, split), row});
      };
      Value first = at(partialMaxima, b.index(0));
      Value maximum = b.loop(
          b.index(1), splits, 1, {first}, [&](Value split, ValueRange carried) {
            return SmallVector<Value>{arith::MaximumFOp::create(
                b, carried[0], at(partialMaxima, split))};
          })[0];
      b.fill(Row{merged, {}}, plan.valueDim, b.f32(0.0));
      Value sum = b.loop(
          b.index(0), splits, 1, {b.f32(0.0)},
          [&](Value split, ValueRange carried) {
            Value difference =
                arith::SubFOp::create(b, at(partialMaxima, split), maximum);
            Value weight = math::Exp2Op::create(b, difference);
            Value part =
                arith::MulFOp::create(b, weight, at(partialSums, split));
            Row from{partialValues, {partialAt(number, group, split), row}};
            b.columns(plan.valueDim, [&](Value column, int64_t width) {
              Value total =
                  b.fma(b.load(from, column, width), b.splat(weight, width),
                        b.load(Row{merged, {}}, column, width));
              b.store(total, Row{merged, {}}, column);
            });
            return SmallVector<Value>{
                arith::AddFOp::create(b, carried[0], part)};
          })[0];
      writeRow(token, head, row, maximum, sum, Row{merged, {}});
    });
  });
}

/// Visits (token, head, row) of an item.
void AttentionLowering::forEachRow(
    const AttentionItem &item, function_ref<void(Value, Value, Value)> body) {
  b.loop(b.index(0), item.tokens, 1, [&](Value token) {
    b.loop(b.index(0), item.heads, 1, [&](Value head) {
      body(b.add(item.firstToken, token), b.add(item.firstHead, head),
           b.add(b.mul(token, plan.itemHeads), head));
    });
  });
}

/// A row that saw no key has the sum 0: it yields 0, and lse = -inf.
void AttentionLowering::writeRow(Value token, Value head, Value row,
                                 Value maximum, Value sum, Row values) {
  Value isEmpty =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sum, b.f32(0.0));
  Value inverse = arith::DivFOp::create(b, b.f32(1.0), sum);
  inverse = arith::SelectOp::create(b, isEmpty, b.f32(0.0), inverse);
  b.columns(plan.valueDim, [&](Value column, int64_t width) {
    Value result = arith::MulFOp::create(b, b.load(values, column, width),
                                         b.splat(inverse, width));
    b.store(result, Row{op.getInits().front(), {token, head}}, column);
  });
  if (op.getInits().size() < 2)
    return;
  Value natural = arith::MulFOp::create(b, maximum, b.f32(std::log(2.0)));
  Value lse = arith::AddFOp::create(b, natural, math::LogOp::create(b, sum));
  memref::StoreOp::create(b, lse, op.getInits()[1], ValueRange{token, head});
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

static LogicalResult lower(mla::OnlineAttentionOp op) {
  FailureOr<AttentionPlan> few = AttentionPlan::make(op, /*manyTokens=*/false);
  if (failed(few))
    return failure();
  FailureOr<AttentionPlan> many = AttentionPlan::make(op, /*manyTokens=*/true);
  KernelBuilder b(op);
  auto lowerFew = [&] {
    AttentionLowering(b, op, *few).lower(/*maySplit=*/op.isPaged());
  };
  if (many->itemTokens <= few->itemTokens) {
    lowerFew();
    return success();
  }
  // Many tokens per sequence, and enough items for all threads.
  Value T = b.extent(op.getQ(), 0);
  Value B = b.sub(b.extent(op.getCuSeqlens(), 0), b.index(1));
  Value wanted = b.mul(b.max(B, b.index(fewItems)), many->itemTokens);
  b.when(
      b.compare(arith::CmpIPredicate::sge, T, wanted),
      [&] { AttentionLowering(b, op, *many).lower(/*maySplit=*/false); },
      lowerFew);
  return success();
}

namespace {

struct LowerAttention : peermla::impl::LowerAttentionBase<LowerAttention> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<mla::OnlineAttentionOp> ops;
    getOperation()->walk([&](mla::OnlineAttentionOp op) { ops.push_back(op); });
    for (mla::OnlineAttentionOp op : ops) {
      if (!op.hasPureBufferSemantics())
        continue;
      if (failed(lower(op)))
        return signalPassFailure();
      op.erase();
    }
  }
};

} // namespace
