//===- StageCopies.cpp - loads into shared memory go through rings --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Because the number of a fill is an ordinary value, later passes may move,
// peel or shift a load: its slot stays right. Also lays out shared memory, what
// threads hand to each other behind the rings.
//
// Loops behind each other have their rings in the same place; between them a
// consume waits for the last copies, and the threads meet. Where tensor copies
// may fill the rings, which threads do not order by meeting, each loop has a
// place of its own.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Tile/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace peermla {
#define GEN_PASS_DEF_STAGECOPIES
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Bytes of a slot, which starts where swizzled panels may start.
static int64_t getSlotBytes(Type tile) {
  return llvm::alignTo(
      tile::SharedLayoutAttr::getSlotBytes(cast<RankedTensorType>(tile)), 1024);
}

/// The iterations of a loop if they are known.
static std::optional<int64_t> getTripCount(scf::ForOp loop) {
  std::optional<int64_t> lower = getConstantIntValue(loop.getLowerBound());
  std::optional<int64_t> upper = getConstantIntValue(loop.getUpperBound());
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  if (!lower || !upper || !step)
    return std::nullopt;
  return llvm::divideCeil(std::max<int64_t>(*upper - *lower, 0), *step);
}

/// The loop around all others, or null.
static scf::ForOp getOutermost(scf::ForOp loop) {
  while (loop)
    if (auto outer = loop->getParentOfType<scf::ForOp>())
      loop = outer;
    else
      break;
  return loop;
}

namespace {

struct StageCopies : peermla::impl::StageCopiesBase<StageCopies> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto schedule =
        function->getAttrOfType<tile::ScheduleAttr>(tile::programScheduleName);
    if (!schedule)
      return;
    // The loads of each loop share the number of slots; those of no loop come
    // first, and stay.
    llvm::MapVector<scf::ForOp, SmallVector<tile::LoadOp>> loads;
    loads[scf::ForOp()] = {};
    function.walk([&](tile::LoadOp load) {
      auto type = cast<RankedTensorType>(load.getResult().getType());
      if (isa_and_nonnull<tile::SharedLayoutAttr>(type.getEncoding()))
        loads[load->getParentOfType<scf::ForOp>()].push_back(load);
    });
    int64_t available = getAvailable(function), offset = 0;
    bool sharesPlaces = true;
    // Barriers of fills come behind what is placed here.
    if (schedule.getInstructions() == tile::Instructions::Wgmma ||
        !schedule.getRoles().empty()) {
      available -= tile::bytesForBarriers;
      sharesPlaces = false;
    }
    placeMeetings(function, offset);
    scf::ForOp outermost;
    tile::RingOp lastRing;
    Fills fills;
    int64_t base = offset, end = offset;
    for (auto &[loop, ofLoop] : loads) {
      if (scf::ForOp outer = getOutermost(loop); outer && outer != outermost) {
        if (!outermost)
          base = offset;
        else if (sharesPlaces) {
          meet(outer, lastRing);
          offset = base;
        }
        outermost = outer;
      }
      // With roles, fills of one loop may be on their way while the one before
      // is at work: loops that bring the same tiles go on in the same slots.
      if (!schedule.getRoles().empty() && continues(fills, loop, ofLoop))
        continue;
      int64_t bytes = 0;
      for (tile::LoadOp load : ofLoop)
        bytes += getSlotBytes(load.getResult().getType());
      int64_t slots = 1;
      if (loop) {
        slots = std::max<int64_t>(2, schedule.getStages());
        if (std::optional<int64_t> trips = getTripCount(loop))
          slots = std::clamp<int64_t>(*trips, 1, slots);
        slots = std::min(slots, std::max<int64_t>((available - offset) / bytes,
                                                  std::min<int64_t>(slots, 2)));
      }
      if (offset + slots * bytes > available) {
        function.emitError() << "expects the tiles of a block to fit into "
                             << available << " bytes of shared memory, got "
                             << offset + slots * bytes << " bytes";
        return signalPassFailure();
      }
      for (tile::LoadOp load : ofLoop) {
        tile::RingOp ring = stage(function, load, slots, offset);
        setFill(loop, load, ring, /*first=*/0);
        if (loop) {
          lastRing = ring;
          fills.rings.push_back(ring);
        }
        offset += slots * getSlotBytes(load.getResult().getType());
      }
      end = std::max(end, offset);
    }
    offset = end;
    WalkResult placed = function.walk([&](tile::ScratchOp scratch) {
      auto type = cast<MemRefType>(scratch.getResult().getType());
      int64_t bytes = llvm::alignTo(
          type.getNumElements() * type.getElementTypeBitWidth() / 8, 16);
      if (offset + bytes > available) {
        scratch.emitOpError()
            << "expects what the threads of a block hand to each other to fit "
               "into "
            << available << " bytes of shared memory, got " << offset + bytes
            << " bytes";
        return WalkResult::interrupt();
      }
      scratch.setOffset(offset);
      offset += bytes;
      return WalkResult::advance();
    });
    if (placed.wasInterrupted())
      return signalPassFailure();
    function->setAttr(tile::sharedBytesName,
                      Builder(&getContext()).getI64IntegerAttr(offset));
  }

  /// What warps hand to each other: slots of tiles in registers, and places
  /// where rows are combined.
  static void placeMeetings(func::FuncOp function, int64_t &offset) {
    Builder builder(function.getContext());
    function.walk([&](tile::ConvertOp convert) {
      auto type = cast<RankedTensorType>(convert.getResult().getType());
      OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
      auto ring = tile::RingOp::create(
          b, convert.getLoc(), tile::RingType::get(b.getContext(), 1, type),
          offset);
      b.setInsertionPoint(convert);
      convert.getRingMutable().assign(ring.getResult());
      convert.getFillMutable().assign(
          arith::ConstantIndexOp::create(b, convert.getLoc(), 0).getResult());
      offset += getSlotBytes(type);
    });
    function.walk([&](tile::ReduceOp reduce) {
      if (int64_t bytes = reduce.getMeetingBytes()) {
        reduce.setOffsetAttr(builder.getI64IntegerAttr(offset));
        offset += bytes;
      }
    });
    offset = llvm::alignTo(offset, 1024);
  }

  int64_t getAvailable(func::FuncOp function) {
    if (sharedBytes > 0)
      return sharedBytes;
    const GpuTarget *target = GpuTarget::of(function);
    return (target ? *target : GpuTarget::all().front()).sharedBytesPerBlock;
  }

  /// In front of the loop no copy is on its way, and the threads have met.
  static void meet(scf::ForOp loop, tile::RingOp ring) {
    OpBuilder b(loop);
    Location loc = loop.getLoc();
    tile::ConsumeOp::create(b, loc, ring.getResult().getType().getTile(), ring,
                            arith::ConstantIndexOp::create(b, loc, 0),
                            b.getI64IntegerAttr(0), /*rows=*/Value());
  }

  /// Rings of a loop at the top of the program, and how often each was filled
  /// up to its end, if that is known.
  struct Fills {
    SmallVector<tile::RingOp> rings;
    std::optional<int64_t> count;
  };

  /// Lets the loads of a loop go on in the rings of the one before, if these
  /// are for the same tiles. Keeps the rings for the next one.
  static bool continues(Fills &fills, scf::ForOp loop,
                        ArrayRef<tile::LoadOp> loads) {
    std::optional<int64_t> trips =
        loop && getOutermost(loop) == loop ? getTripCount(loop) : std::nullopt;
    bool isAlike =
        trips && *trips > 1 && fills.count &&
        llvm::equal(fills.rings, loads, [](tile::RingOp ring, auto load) {
          return ring.getType().getTile() == load.getResult().getType();
        });
    if (isAlike) {
      for (auto [ring, load] : llvm::zip(fills.rings, loads))
        setFill(loop, load, ring, *fills.count);
      *fills.count += *trips;
      return true;
    }
    fills.rings.clear();
    fills.count = trips;
    return false;
  }

  static tile::RingOp stage(func::FuncOp function, tile::LoadOp load,
                            int64_t slots, int64_t offset) {
    OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
    auto type = cast<RankedTensorType>(load.getResult().getType());
    return tile::RingOp::create(
        b, load.getLoc(), tile::RingType::get(b.getContext(), slots, type),
        offset);
  }

  /// The load of iteration i of a loop is fill `first` + i of a ring.
  static void setFill(scf::ForOp loop, tile::LoadOp load, tile::RingOp ring,
                      int64_t first) {
    Location loc = load.getLoc();
    OpBuilder b(load);
    Value fill = arith::ConstantIndexOp::create(b, loc, first);
    if (loop) {
      Value iteration = arith::SubIOp::create(b, loc, loop.getInductionVar(),
                                              loop.getLowerBound());
      iteration = arith::DivUIOp::create(b, loc, iteration, loop.getStep());
      fill = first == 0
                 ? iteration
                 : arith::AddIOp::create(b, loc, iteration, fill).getResult();
    }
    load.getRingMutable().assign(ring.getResult());
    load.getFillMutable().assign(fill);
  }
};

} // namespace
