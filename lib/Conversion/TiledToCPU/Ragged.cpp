//===- Ragged.cpp - sequences, positions and pages of a batch -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Ragged.h"

using namespace mlir;
using namespace peermla;

std::pair<Sequence, Value> peermla::findSequence(KernelBuilder &b,
                                                 Value cuSeqlens, Value t) {
  // The last sequence that begins at or before t; empty ones lose to the next.
  Value B = b.sub(b.extent(cuSeqlens, 0), b.index(1));
  SmallVector<Value> range = {b.index(0), B};
  auto bisection = scf::WhileOp::create(
      b, TypeRange(ValueRange(range)), range,
      [](OpBuilder &, Location, ValueRange) {},
      [](OpBuilder &, Location, ValueRange) {});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(bisection.getBeforeBody());
    ValueRange before = bisection.getBeforeArguments();
    scf::ConditionOp::create(
        b, b.compare(arith::CmpIPredicate::slt, b.add(before[0], 1), before[1]),
        before);
    b.setInsertionPointToStart(bisection.getAfterBody());
    ValueRange after = bisection.getAfterArguments();
    Value middle = b.div(b.add(after[0], after[1]), b.index(2));
    Value isLow =
        b.compare(arith::CmpIPredicate::sle, b.loadIndex(cuSeqlens, middle), t);
    Value low = arith::SelectOp::create(b, isLow, middle, after[0]);
    Value high = arith::SelectOp::create(b, isLow, after[1], middle);
    scf::YieldOp::create(b, ValueRange{low, high});
  }
  Sequence sequence;
  sequence.number = bisection.getResult(0);
  sequence.begin = b.loadIndex(cuSeqlens, sequence.number);
  sequence.end = b.loadIndex(cuSeqlens, b.min(b.add(sequence.number, 1), B));
  Value holds = arith::AndIOp::create(
      b, b.compare(arith::CmpIPredicate::sle, sequence.begin, t),
      b.compare(arith::CmpIPredicate::slt, t, sequence.end));
  return {sequence, holds};
}

void peermla::whenPaged(KernelBuilder &b, Value cache, Value blockTable,
                        Value sequence, Value position,
                        function_ref<void(Value, Value)> body,
                        function_ref<void()> otherwise) {
  // A negative number is a large unsigned one: each range is one comparison.
  Value page = b.max(b.extent(cache, 1), b.index(1));
  Value column = b.div(position, page);
  Value isInTable =
      b.compare(arith::CmpIPredicate::ult, column, b.extent(blockTable, 1));
  auto visitBlock = [&] {
    Value block = b.loadIndex(blockTable, {sequence, column});
    Value isInCache =
        b.compare(arith::CmpIPredicate::ult, block, b.extent(cache, 0));
    b.when(isInCache, [&] { body(block, b.rem(position, page)); }, otherwise);
  };
  b.when(isInTable, visitBlock, otherwise);
}
