//===- Sequences.cpp - sequences and pages of a batch ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sequences.h"

using namespace mlir;
using namespace peermla;

using Values = StepBuilder::Values;
using arith::CmpIPredicate;

/// The last sequence that begins at or before `t`; empty ones lose to the next.
static Value bisect(StepBuilder &b, Value cuSeqlens, Value t, Value B) {
  Values range = {b.index(0), B};
  auto bisection = scf::WhileOp::create(
      b, TypeRange(ValueRange(range)), range,
      [&](OpBuilder &, Location, ValueRange before) {
        Value next = b.add(before[0], b.index(1));
        scf::ConditionOp::create(
            b, b.compare(CmpIPredicate::slt, next, before[1]), before);
      },
      [&](OpBuilder &, Location, ValueRange after) {
        Value middle = b.div(b.add(after[0], after[1]), b.index(2));
        Value isLow =
            b.compare(CmpIPredicate::sle, b.extractIndex(cuSeqlens, middle), t);
        scf::YieldOp::create(b, Values{b.select(isLow, middle, after[0]),
                                       b.select(isLow, after[1], middle)});
      });
  return bisection.getResult(0);
}

Values peermla::withSequence(StepBuilder &b, Value cuSeqlens, Value t,
                             function_ref<Values(TokenSequence)> then,
                             function_ref<Values()> otherwise) {
  Value B = b.sub(b.dim(cuSeqlens, 0), b.index(1));
  TokenSequence sequence;
  sequence.number = bisect(b, cuSeqlens, t, B);
  sequence.begin = b.extractIndex(cuSeqlens, sequence.number);
  sequence.end =
      b.extractIndex(cuSeqlens, b.min(b.add(sequence.number, b.index(1)), B));
  Value holds = b.both(b.compare(CmpIPredicate::sle, sequence.begin, t),
                       b.compare(CmpIPredicate::slt, t, sequence.end));
  return b.choose(holds, [&] { return then(sequence); }, otherwise);
}

std::pair<Value, Value> peermla::findCacheRow(StepBuilder &b, Value cache,
                                              Value blockTable, Value sequence,
                                              Value position) {
  // A negative number is a large unsigned one: each range is one comparison.
  Value page = b.max(b.dim(cache, 1), b.index(1));
  Value column = b.div(position, page);
  Value isInTable = b.compare(CmpIPredicate::ult, column, b.dim(blockTable, 1));
  Value block = b.choose(
      isInTable,
      [&] {
        return Values{b.extractIndex(blockTable, Values{sequence, column})};
      },
      [&] { return Values{b.index(-1)}; })[0];
  Value isInCache = b.compare(CmpIPredicate::ult, block, b.dim(cache, 0));
  return {b.select(isInCache, block, b.index(-1)), b.rem(position, page)};
}
