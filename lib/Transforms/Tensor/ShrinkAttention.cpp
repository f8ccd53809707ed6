//===- ShrinkAttention.cpp - smaller tiles where sequences are short ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An item of attention is a tile of rows of one sequence, and reads the keys in
// front of its last row, a block of them at a time. Rows that the sequence does
// not have and keys that no row attends to are multiplied for nothing:
//
//   tokens of a     keys read by tiles      rows x keys multiplied
//   sequence        128 x 128   64 x 64     128 x 128   64 x 64
//
//     1 ..  64        128          64         16 K         4 K
//    65 .. 128        128         192         16 K        12 K
//   129 .. 192        384         384         48 K        24 K
//   193 .. 256        384         640         48 K        40 K
//
// Of long sequences, large tiles read fewer keys, for which few rows would
// wait. The host knows how many tokens a sequence has on the average: lengths
// are taken to be spread evenly around it, and the smaller tile is chosen up to
// the average at which it still reads no more keys (96 in the table).
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "Versions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SHRINKATTENTION
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Keys that the items of one head read for a sequence.
static int64_t countKeys(int64_t length, tile::ScheduleAttr schedule,
                         bool isCausal) {
  int64_t rows = schedule.getBlock().front(), keys = schedule.getInner()[0];
  int64_t count = 0;
  for (int64_t first = 0; first < length; first += rows) {
    int64_t visible = isCausal ? std::min(first + rows, length) : length;
    count += llvm::alignTo(visible, keys);
  }
  return count;
}

/// The largest average of lengths, spread evenly from 1 on, for which the small
/// tile reads no more keys than the large one; 0 for none.
static int64_t getLongestAverage(tile::ScheduleAttr small,
                                 tile::ScheduleAttr large, bool isCausal) {
  int64_t average = 0, keysOfSmall = 0, keysOfLarge = 0;
  for (int64_t length = 1; length <= 4 * large.getBlock().front(); ++length) {
    keysOfSmall += countKeys(length, small, isCausal);
    keysOfLarge += countKeys(length, large, isCausal);
    if (keysOfSmall > keysOfLarge)
      break;
    average = llvm::divideCeil(length, 2);
  }
  return average;
}

namespace {

/// An attention for sequences of any length.
class Attention {
public:
  explicit Attention(mla::OnlineAttentionOp op)
      : op(op), smaller(op->getAttrOfType<ArrayAttr>(smallerName)) {
    op->removeAttr(smallerName);
  }

  /// Makes it as many as there are smaller tiles that read no more keys.
  bool version() {
    bool isChanged = false;
    for (auto schedule : smaller.getAsRange<tile::ScheduleAttr>()) {
      int64_t average =
          getLongestAverage(schedule, getSchedule(op), op.getCausal());
      if (average == 0)
        break;
      explain(schedule, average);
      shrink(schedule, average);
      isChanged = true;
    }
    return isChanged;
  }

private:
  void explain(tile::ScheduleAttr schedule, int64_t average) {
    remark::passed(op.getLoc(),
                   remark::RemarkOpts::name("Shrink").category("schedule"))
        << ("chose items of " + std::to_string(schedule.getBlock().front()) +
            " tokens and blocks of " + std::to_string(schedule.getInner()[0]) +
            " keys up to an average of " + std::to_string(average) +
            " tokens per sequence");
  }

  /// Makes it two, and goes on with the one for an average of up to `average`
  /// tokens.
  void shrink(tile::ScheduleAttr schedule, int64_t average) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    // Of the destination: what computes queries may hide their number.
    Value T = tensor::DimOp::create(b, loc, op.getInits().front(), 0);
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value B = arith::SubIOp::create(
        b, loc, tensor::DimOp::create(b, loc, op.getCuSeqlens(), 0), one);
    Value most = arith::MulIOp::create(
        b, loc, B, arith::ConstantIndexOp::create(b, loc, average));
    Value isFew =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, T, most);
    makeVersions(
        op, collectKernel(op), isFew,
        [&](Version &few) {
          op = cast<mla::OnlineAttentionOp>(few.root);
          op->setAttr(scheduleName, schedule);
          planVersion(few, "smaller tiles where sequences are short");
        },
        keepVersion);
  }

  mla::OnlineAttentionOp op;
  ArrayAttr smaller;
};

struct ShrinkAttention : peermla::impl::ShrinkAttentionBase<ShrinkAttention> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Attention> found;
    getOperation()->walk([&](mla::OnlineAttentionOp op) {
      if (op->hasAttr(smallerName))
        found.emplace_back(op);
    });
    if (deterministic)
      return;
    for (Attention &attention : found)
      if (attention.version())
        ++numShrunk;
  }
};

} // namespace
