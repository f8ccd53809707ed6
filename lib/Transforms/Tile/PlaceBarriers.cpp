//===- PlaceBarriers.cpp - threads meet where they hand tiles over --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks the program in its order and knows what scratch was written and read
// since the threads met last. A read of what was written asks for a barrier,
// and so does a write of what was read. A loop's body is entered with what
// holds before it or after itself; where only what holds before it asks for a
// barrier inside, that one comes before the loop. Stores without a read between
// them are taken to write different places.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Transforms/Tile/Passes.h"
#include "llvm/ADT/DenseSet.h"

namespace peermla {
#define GEN_PASS_DEF_PLACEBARRIERS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// Scratch that was written and read since the threads met.
struct Touched {
  llvm::DenseSet<Value> written, read;

  void clear() {
    written.clear();
    read.clear();
  }
  void join(const Touched &other) {
    written.insert_range(other.written);
    read.insert_range(other.read);
  }
};

struct PlaceBarriers : peermla::impl::PlaceBarriersBase<PlaceBarriers> {
  using Base::Base;

  void runOnOperation() override {
    Touched touched;
    auto schedule = getOperation()->getAttrOfType<tile::ScheduleAttr>(
        tile::programScheduleName);
    if (!schedule)
      return;
    meetsInConsume = schedule.getRoles().empty();
    for (Block &block : getOperation().getBody())
      visit(block, touched, /*places=*/true);
  }

  /// Threads that copy into slots meet before they read them; those for whom
  /// others copy wait each by itself.
  bool meetsInConsume = true;

  /// Follows a block; with `places`, puts barriers where they are missing.
  /// Returns how many are.
  unsigned visit(Block &block, Touched &touched, bool places) {
    unsigned missing = 0;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (isa<gpu::BarrierOp>(op) ||
          (isa<tile::ConsumeOp>(op) && meetsInConsume)) {
        touched.clear();
        continue;
      }
      if (op.getNumRegions() != 0) {
        missing += visitRegions(op, touched, places);
        continue;
      }
      if (auto load = dyn_cast<tile::LoadOp>(op))
        missing += access(op, load.getSource(), touched.written, touched.read,
                          touched, places);
      if (auto scan = dyn_cast<tile::ScanOp>(op))
        missing += access(op, scan.getScores(), touched.written, touched.read,
                          touched, places);
      if (auto store = dyn_cast<tile::StoreOp>(op))
        missing += access(op, store.getTarget(), touched.read, touched.written,
                          touched, places);
    }
    return missing;
  }

  unsigned access(Operation &op, Value memory,
                  llvm::DenseSet<Value> &conflicting,
                  llvm::DenseSet<Value> &own, Touched &touched, bool places) {
    if (!memory.getDefiningOp<tile::ScratchOp>())
      return 0;
    unsigned missing = conflicting.contains(memory);
    if (missing) {
      if (places)
        placeBefore(op);
      touched.clear();
    }
    own.insert(memory);
    return missing;
  }

  void placeBefore(Operation &op) {
    OpBuilder b(&op);
    gpu::BarrierOp::create(b, op.getLoc());
    ++numPlaced;
  }

  /// One of the regions runs, or none.
  unsigned visitRegions(Operation &op, Touched &touched, bool places) {
    if (isa<LoopLikeOpInterface>(op))
      return visitLoop(op, touched, places);
    unsigned missing = 0;
    Touched before = touched;
    for (Region &region : op.getRegions())
      for (Block &block : region) {
        Touched inside = before;
        missing += visit(block, inside, places);
        touched.join(inside);
      }
    return missing;
  }

  /// The regions of a loop run again.
  unsigned visitLoop(Operation &loop, Touched &touched, bool places) {
    auto countMissing = [&](const Touched &before) {
      Touched inside = before;
      unsigned missing = visitBodies(loop, inside, /*places=*/false);
      inside.join(before);
      return missing + visitBodies(loop, inside, /*places=*/false);
    };
    unsigned missing = 0;
    if (countMissing(touched) > countMissing(Touched())) {
      if (places)
        placeBefore(loop);
      touched.clear();
      missing = 1;
    }
    Touched inside = touched;
    visitBodies(loop, inside, /*places=*/false);
    inside.join(touched);
    missing += visitBodies(loop, inside, places);
    touched.join(inside);
    return missing;
  }

  unsigned visitBodies(Operation &loop, Touched &touched, bool places) {
    unsigned missing = 0;
    for (Region &region : loop.getRegions())
      for (Block &block : region)
        missing += visit(block, touched, places);
    return missing;
  }
};

} // namespace
