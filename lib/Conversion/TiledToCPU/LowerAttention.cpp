//===- LowerAttention.cpp - a tile of mla.online_attention ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers attention inside a work item: some tokens of one sequence, which
// `item` names, and a group of heads. How many there are at most, and the keys
// of a block, are in the op's schedule; memory of the item follows from that.
// An item without a token does nothing.
//
// An item whose tokens are few gets code of its own, with as few rows as fill a
// vector: rows without a token cost as much as others.
//
// Of partial results, each part of the keys has its own maximum and sum.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include <cmath>

namespace peermla {
#define GEN_PASS_DEF_LOWERATTENTION
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

class AttentionLowering {
public:
  AttentionLowering(KernelBuilder &b, mla::OnlineAttentionOp op)
      : b(b), op(op) {}

  void lower(const AttentionPlan &plan);

private:
  void findItem();
  void run(const AttentionPlan &plan);
  void write(const AttentionPlan &plan, const AttentionKernel &kernel,
             Value part);
  void writeRow(const AttentionPlan &plan, ArrayRef<Value> place, Value maximum,
                Value sum, Row values);

  KernelBuilder &b;
  mla::OnlineAttentionOp op;
  AttentionItem item;
  /// The number of keys of the sequence.
  Value keys;
};

} // namespace

void AttentionLowering::lower(const AttentionPlan &plan) {
  Value tokens = b.extent(op.getQ(), 0);
  Value isUsed = b.compare(arith::CmpIPredicate::sgt, tokens, b.index(0));
  b.when(isUsed, [&] {
    findItem();
    std::optional<AttentionPlan> narrow = plan.narrowed();
    if (!narrow)
      return run(plan);
    b.when(
        b.compare(arith::CmpIPredicate::sle, tokens,
                  b.index(narrow->itemTokens)),
        [&] { run(*narrow); }, [&] { run(plan); });
  });
}

void AttentionLowering::findItem() {
  item.sequence = op.getItem()[0];
  item.tokens = b.extent(op.getQ(), 0);
  item.heads = b.extent(op.getQ(), 1);
  Value begin =
      b.max(b.loadIndex(op.getCuSeqlens(), item.sequence), b.index(0));
  Value end = b.loadIndex(op.getCuSeqlens(), b.add(item.sequence, 1));
  Value past = b.index(0);
  if (op.isPaged()) {
    past = b.max(b.loadIndex(op.getPastLens(), item.sequence), b.index(0));
    Value capacity =
        b.mul(b.extent(op.getBlockTable(), 1), b.extent(op.getK(), 1));
    keys = b.min(b.add(past, b.sub(end, begin)), capacity);
  } else {
    keys = b.sub(b.min(end, b.extent(op.getK(), 0)), begin);
  }
  item.firstKey = begin;
  item.position = b.add(past, b.sub(op.getItem()[1], begin));
}

void AttentionLowering::run(const AttentionPlan &plan) {
  AttentionKernel kernel(b, op, plan);
  Value end = keys;
  if (op.getCausal())
    end = b.min(keys, b.add(item.position, item.tokens));
  if (!op.isPartial()) {
    kernel.start(item);
    kernel.addKeys(b.index(0), end);
    return write(plan, kernel, Value());
  }
  int64_t step = *op.getPartStep();
  Value steps = b.ceilDiv(b.ceilDiv(keys, *op.getParts()), step);
  Value length = b.mul(steps, step);
  b.loop(b.index(0), b.extent(op.getInits()[0], 0), 1, [&](Value part) {
    Value begin = b.mul(b.add(op.getItem()[2], part), length);
    kernel.start(item);
    kernel.addKeys(begin, b.min(end, b.add(begin, length)));
    write(plan, kernel, part);
  });
}

/// Writes the rows of an item, of the given part if there are parts.
void AttentionLowering::write(const AttentionPlan &plan,
                              const AttentionKernel &kernel, Value part) {
  b.loop(b.index(0), item.tokens, 1, [&](Value token) {
    b.loop(b.index(0), item.heads, 1, [&](Value head) {
      Value row = b.add(b.mul(token, plan.itemHeads), head);
      SmallVector<Value> place = {token, head};
      if (part)
        place.insert(place.begin(), part);
      writeRow(plan, place, memref::LoadOp::create(b, kernel.maxima, row),
               memref::LoadOp::create(b, kernel.sums, row),
               Row{kernel.values, {row}});
    });
  });
}

/// A row that saw no key has the sum 0: it yields 0, and lse = -inf.
void AttentionLowering::writeRow(const AttentionPlan &plan,
                                 ArrayRef<Value> place, Value maximum,
                                 Value sum, Row values) {
  Value isEmpty =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sum, b.f32(0.0));
  Value inverse = arith::DivFOp::create(b, b.f32(1.0), sum);
  inverse = arith::SelectOp::create(b, isEmpty, b.f32(0.0), inverse);
  b.columns(plan.valueDim, [&](Value column, int64_t width) {
    Value result = arith::MulFOp::create(b, b.load(values, column, width),
                                         b.splat(inverse, width));
    b.store(result, Row{op.getInits().front(), SmallVector<Value>(place)},
            column);
  });
  if (op.getInits().size() < 2)
    return;
  Value natural = arith::MulFOp::create(b, maximum, b.f32(std::log(2.0)));
  Value lse = arith::AddFOp::create(b, natural, math::LogOp::create(b, sum));
  memref::StoreOp::create(b, lse, op.getInits()[1], place);
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
      FailureOr<AttentionPlan> plan = AttentionPlan::make(op);
      if (failed(plan))
        return signalPassFailure();
      KernelBuilder b(op);
      AttentionLowering(b, op).lower(*plan);
      op.erase();
    }
  }
};

} // namespace
