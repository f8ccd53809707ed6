//===- LowerWorkItems.cpp - the table of runs of tokens -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `mla.work_items` becomes loops of the host function over sequences and over
// the runs of each: a few integers per work item.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

namespace peermla {
#define GEN_PASS_DEF_LOWERWORKITEMS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static void lower(mla::WorkItemsOp op) {
  KernelBuilder b(op);
  Value items = op.getInit(), rows = b.extent(items, 0);
  auto storeRow = [&](Value row, ArrayRef<Value> values) {
    for (auto [column, value] : llvm::enumerate(values))
      memref::StoreOp::create(b, b.toI32(value), items,
                              ValueRange{row, b.index(column)});
  };
  Value B = b.sub(b.extent(op.getCuSeqlens(), 0), b.index(1));
  Value used = b.loop(
      b.index(0), B, 1, {b.index(0)}, [&](Value sequence, ValueRange carried) {
        Value begin =
            b.max(b.loadIndex(op.getCuSeqlens(), sequence), b.index(0));
        Value end = b.min(b.loadIndex(op.getCuSeqlens(), b.add(sequence, 1)),
                          op.getT());
        return b.loop(
            begin, end, op.getTokens(), carried,
            [&](Value first, ValueRange inner) {
              Value row = inner[0];
              Value count = b.min(b.sub(end, first), b.index(op.getTokens()));
              b.when(b.compare(arith::CmpIPredicate::slt, row, rows),
                     [&] { storeRow(row, {sequence, first, count}); });
              return SmallVector<Value>{b.add(row, 1)};
            });
      })[0];
  b.loop(used, rows, 1, [&](Value row) {
    Value zero = b.index(0);
    storeRow(row, {zero, zero, zero});
  });
}

namespace {

struct LowerWorkItems : peermla::impl::LowerWorkItemsBase<LowerWorkItems> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<mla::WorkItemsOp> ops;
    getOperation()->walk([&](mla::WorkItemsOp op) { ops.push_back(op); });
    for (mla::WorkItemsOp op : ops) {
      if (!op.hasPureBufferSemantics())
        continue;
      lower(op);
      op.erase();
    }
  }
};

} // namespace
