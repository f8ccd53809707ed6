//===- ParkValues.cpp - rows wait in shared memory for their use ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value that lives through a loop takes registers there that the loop needs
// for what it carries: the best keys of one dimension while those of the next
// are looked for. Where both together are too many, values that are used behind
// the loop alone are stored in front of it and loaded again where they are
// used. Each thread stores and loads rows of its own; between rows an odd
// number of elements keeps the threads of a warp in different banks. What waits
// through a later loop takes the places of what was loaded before it.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_PARKVALUES
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Registers of 32 bits that a thread needs for a value.
static int64_t countRegisters(Type type) {
  auto tile = dyn_cast<RankedTensorType>(type);
  auto layout = tile
                    ? dyn_cast_or_null<tile::FragmentLayout>(tile.getEncoding())
                    : tile::FragmentLayout();
  if (!layout)
    return 0;
  return llvm::divideCeil(layout.getFragmentSize(tile.getShape()) *
                              tile.getElementTypeBitWidth(),
                          32);
}

/// What the largest product in a loop needs for its sums; of f32 also for the
/// two parts of factors.
static int64_t countRegistersOfProducts(scf::ForOp loop) {
  int64_t most = 0;
  loop.walk([&](tile::MmaOp product) {
    int64_t sums = countRegisters(product.getD().getType());
    bool isF32 = getElementTypeOrSelf(product.getA()).isF32();
    most = std::max(most, isF32 ? sums + sums / 2 : sums);
  });
  return most;
}

/// Whether each thread has rows of its own, in two dimensions.
static bool isParkable(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto layout = type
                    ? dyn_cast_or_null<tile::RowsLayoutAttr>(type.getEncoding())
                    : tile::RowsLayoutAttr();
  return layout && type.getRank() == 2 && layout.getLanes() == 1 &&
         type.getElementTypeBitWidth() >= 32 &&
         !matchPattern(value, m_Constant());
}

namespace {

/// Rows of scratch, and the load of what waits there.
struct Place {
  Value scratch;
  Operation *load;
};

struct ParkValues : peermla::impl::ParkValuesBase<ParkValues> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto bytes = function->getAttrOfType<IntegerAttr>(tile::sharedBytesName);
    if (!bytes || !function->hasAttr(tile::programScheduleName))
      return;
    const GpuTarget *target = GpuTarget::of(function);
    available =
        (target ? *target : GpuTarget::all().front()).sharedBytesPerBlock;
    end = bytes.getInt();
    places.clear();
    Block &body = function.getBody().front();
    for (auto loop : llvm::make_early_inc_range(body.getOps<scf::ForOp>()))
      relieve(loop);
    function->setAttr(tile::sharedBytesName,
                      Builder(&getContext()).getI64IntegerAttr(end));
  }

  /// Parks values until the loop has the registers that it should.
  void relieve(scf::ForOp loop) {
    int64_t registers = countRegistersOfProducts(loop);
    for (Type type : loop.getResultTypes())
      registers += countRegisters(type);
    SmallVector<Value> waiting;
    for (Operation &op : *loop->getBlock()) {
      if (&op == loop)
        break;
      for (Value value : op.getResults())
        if (isParkable(value) && isUsedBehindAlone(value, loop)) {
          waiting.push_back(value);
          registers += countRegisters(value.getType());
        }
    }
    while (registers > maxRegisters && !waiting.empty()) {
      auto *largest = llvm::max_element(waiting, [](Value a, Value b) {
        return countRegisters(a.getType()) < countRegisters(b.getType());
      });
      if (park(*largest, loop))
        registers -= countRegisters(largest->getType());
      waiting.erase(largest);
    }
  }

  /// Of what comes from the loop on: whether it is used, but not in the loop.
  static bool isUsedBehindAlone(Value value, scf::ForOp loop) {
    bool isUsed = false;
    for (Operation *user : value.getUsers()) {
      Operation *place = loop->getBlock()->findAncestorOpInBlock(*user);
      if (place == loop)
        return false;
      isUsed |= loop->isBeforeInBlock(place);
    }
    return isUsed;
  }

  /// A place where nothing waits through the loop, null if shared memory has no
  /// room for one more.
  Place *getPlace(MemRefType memory, scf::ForOp loop) {
    for (Place &place : places)
      if (place.scratch.getType() == memory &&
          place.load->isBeforeInBlock(loop))
        return &place;
    int64_t offset = llvm::alignTo(end, 16);
    int64_t bytes =
        memory.getNumElements() * memory.getElementTypeBitWidth() / 8;
    if (offset + bytes > available)
      return nullptr;
    end = offset + bytes;
    OpBuilder b(loop);
    Value scratch = tile::ScratchOp::create(b, loop.getLoc(), memory,
                                            b.getI64IntegerAttr(offset));
    return &places.emplace_back(Place{scratch, nullptr});
  }

  /// False if shared memory has no place for it.
  bool park(Value value, scf::ForOp loop) {
    auto type = cast<RankedTensorType>(value.getType());
    int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
    auto space = gpu::AddressSpaceAttr::get(
        &getContext(), gpu::GPUDialect::getWorkgroupAddressSpace());
    auto memory = MemRefType::get({rows, columns | 1}, type.getElementType(),
                                  MemRefLayoutAttrInterface(), space);
    Place *place = getPlace(memory, loop);
    if (!place)
      return false;

    Location loc = value.getLoc();
    OpBuilder b(loop);
    auto constant = [&](int64_t number) -> Value {
      return arith::ConstantIndexOp::create(b, loc, number);
    };
    SmallVector<Value> offsets(2, constant(0)),
        sizes{constant(rows), constant(columns)};
    SmallVector<int64_t> dims{0, 1};
    tile::StoreOp::create(b, loc, value, place->scratch, offsets, sizes, dims);

    Operation *first = nullptr;
    auto isBehind = [&](OpOperand &use) {
      Operation *user =
          loop->getBlock()->findAncestorOpInBlock(*use.getOwner());
      return loop->isBeforeInBlock(user);
    };
    for (OpOperand &use : value.getUses())
      if (isBehind(use)) {
        Operation *user =
            loop->getBlock()->findAncestorOpInBlock(*use.getOwner());
        if (!first || user->isBeforeInBlock(first))
          first = user;
      }
    b.setInsertionPoint(first);
    auto load =
        tile::LoadOp::create(b, loc, type, place->scratch, offsets, sizes,
                             /*ring=*/Value(), /*fill=*/Value(), dims);
    value.replaceUsesWithIf(load.getResult(), isBehind);
    place->load = load;
    ++numParked;
    return true;
  }

  int64_t available = 0, end = 0;
  SmallVector<Place> places;
};

} // namespace
