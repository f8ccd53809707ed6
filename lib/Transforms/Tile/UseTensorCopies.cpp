//===- UseTensorCopies.cpp - fills of whole boxes become tensor copies ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor copy brings a box of memory and has zeros where memory ends. A fill
// wants zeros where its box ends. The two agree in a dimension if the box ends
// where the tile or the memory does:
//
//   size = tile,   size = extent - offset,   or the smaller of these
//
// Sizes and offsets are compared as sums of values; what a kernel gets as a
// number is an extent if all launches say so. Where the rows of a box may end
// earlier, they are cleared in the slot.
//
//===----------------------------------------------------------------------===//

#include "Consumers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Tile/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"

namespace peermla {
#define GEN_PASS_DEF_USETENSORCOPIES
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Rules of tensor maps: strides and the base are multiples of so many bytes;
/// rows of a box.
static constexpr int64_t mapAlignment = 16, maxBoxRows = 256;

//===----------------------------------------------------------------------===//
// Sums of values
//===----------------------------------------------------------------------===//

namespace {

/// constant + the sum of factor times value.
struct Sum {
  int64_t constant = 0;
  llvm::SmallMapVector<Value, int64_t, 4> terms;

  void add(Value value, int64_t factor) {
    if (std::optional<int64_t> known = getConstantIntValue(value)) {
      constant += factor * *known;
      return;
    }
    Operation *op = value.getDefiningOp();
    if (isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op)) {
      add(op->getOperand(0), factor);
      add(op->getOperand(1), isa<arith::SubIOp>(op) ? -factor : factor);
      return;
    }
    if (auto product = dyn_cast_or_null<arith::MulIOp>(op))
      if (std::optional<int64_t> known = getConstantIntValue(product.getRhs()))
        return add(product.getLhs(), factor * *known);
    terms[value] += factor;
  }

  /// The one value that this is, or null.
  Value getValue() const {
    Value found;
    for (auto [value, factor] : terms) {
      if (factor == 0)
        continue;
      if (factor != 1 || found)
        return Value();
      found = value;
    }
    return constant == 0 ? found : Value();
  }
  std::optional<int64_t> getConstant() const {
    for (auto [value, factor] : terms)
      if (factor != 0)
        return std::nullopt;
    return constant;
  }
};

/// Whether `value`, where a kernel is launched, is the extent of `memory`.
bool isExtentOf(Value value, Value memory, int64_t dim) {
  if (auto op = value.getDefiningOp<memref::DimOp>())
    if (op.getSource() == memory && op.getConstantIndex() == dim)
      return true;
  if (auto op = value.getDefiningOp<tensor::DimOp>())
    if (op.getSource() == memory && op.getConstantIndex() == dim)
      return true;
  OpFoldResult size;
  if (auto op = memory.getDefiningOp<memref::AllocOp>())
    size = op.getMixedSizes()[dim];
  else if (auto op = memory.getDefiningOp<memref::ReinterpretCastOp>())
    size = op.getMixedSizes()[dim];
  else if (auto op = memory.getDefiningOp<memref::SubViewOp>())
    if (op.getDroppedDims().none())
      size = op.getMixedSizes()[dim];
  return size && dyn_cast<Value>(size) == value;
}

/// A tile program and where it is launched.
struct Program {
  func::FuncOp function;
  SmallVector<tile::LaunchOp> launches;

  bool hasRoles() const {
    return !function
                ->getAttrOfType<tile::ScheduleAttr>(tile::programScheduleName)
                .getRoles()
                .empty();
  }

  /// The value if it is a parameter of the function, or null.
  static BlockArgument getParameter(Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    bool isParameter =
        argument && isa<func::FuncOp>(argument.getOwner()->getParentOp());
    return isParameter ? argument : BlockArgument();
  }

  static Value getOperand(tile::LaunchOp launch, unsigned number) {
    unsigned inputs = launch.getInputs().size();
    return number < inputs ? launch.getInputs()[number]
                           : launch.getOutputs()[number - inputs];
  }

  /// The memory as it is in every launch.
  SmallVector<MemRefType> getTypes(BlockArgument memory) const {
    SmallVector<MemRefType> types;
    for (tile::LaunchOp launch : launches) {
      Type type = getOperand(launch, memory.getArgNumber()).getType();
      if (auto buffer = dyn_cast<MemRefType>(type))
        types.push_back(buffer);
    }
    if (types.empty())
      types.push_back(cast<MemRefType>(memory.getType()));
    return types;
  }

  bool isExtent(Value value, BlockArgument memory, int64_t dim) const {
    if (isExtentOf(value, memory, dim))
      return true;
    BlockArgument argument = getParameter(value);
    return argument && !launches.empty() &&
           llvm::all_of(launches, [&](tile::LaunchOp launch) {
             return isExtentOf(getOperand(launch, argument.getArgNumber()),
                               getOperand(launch, memory.getArgNumber()), dim);
           });
  }

  /// Whether a box of `size` from `offset` on ends where a tile of `extent`
  /// does, or where the memory does.
  bool endsWithMemory(Value size, Value offset, int64_t extent,
                      BlockArgument memory, int64_t dim) const {
    if (auto smaller = size.getDefiningOp<arith::MinSIOp>())
      return endsWithMemory(smaller.getLhs(), offset, extent, memory, dim) &&
             endsWithMemory(smaller.getRhs(), offset, extent, memory, dim);
    if (isConstantIntValue(size, extent))
      return true;
    Sum end;
    end.add(size, 1);
    end.add(offset, 1);
    if (std::optional<int64_t> known = end.getConstant())
      return llvm::all_of(getTypes(memory), [&](MemRefType type) {
        return type.getDimSize(dim) == *known;
      });
    Value value = end.getValue();
    return value && isExtent(value, memory, dim);
  }
};

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Why tensor maps cannot describe the memory; empty if they can.
std::string findObstacle(MemRefType type) {
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
    return "rows are not contiguous";
  auto isAligned = [&](int64_t elements) {
    return !ShapedType::isDynamic(elements) &&
           elements * bytes % mapAlignment == 0;
  };
  if (!isAligned(offset) ||
      !llvm::all_of(ArrayRef(strides).drop_back(), isAligned))
    return llvm::formatv("not all strides and the offset of {0} are known to "
                         "be multiples of {1} bytes",
                         type, mapAlignment)
        .str();
  return "";
}

struct UseTensorCopies : peermla::impl::UseTensorCopiesBase<UseTensorCopies> {
  using Base::Base;

  void runOnOperation() override {
    llvm::MapVector<Operation *, Program> programs;
    getOperation().walk([&](func::FuncOp function) {
      auto schedule = function->getAttrOfType<tile::ScheduleAttr>(
          tile::programScheduleName);
      if (schedule && bringsBoxes(schedule) &&
          isa<gpu::GPUModuleOp>(function->getParentOp()))
        programs[function].function = function;
    });
    getOperation().walk([&](tile::LaunchOp launch) {
      Operation *kernel =
          SymbolTable::lookupNearestSymbolFrom(launch, launch.getKernelAttr());
      if (auto *found = programs.find(kernel); found != programs.end())
        found->second.launches.push_back(launch);
    });
    for (auto &[function, program] : programs)
      convert(program);
  }

  /// Where warpgroups multiply, or others do and a role brings only boxes.
  static bool bringsBoxes(tile::ScheduleAttr schedule) {
    ArrayRef<int64_t> roles = schedule.getRoles();
    return schedule.getInstructions() == tile::Instructions::Wgmma ||
           (!roles.empty() && roles[0] != 0 &&
            roles[0] < tile::registersOfCopies);
  }

  void convert(const Program &program) {
    func::FuncOp function = program.function;
    const GpuTarget *target = GpuTarget::of(function);
    if (!target)
      target = llvm::find_if(GpuTarget::all(),
                             [](const GpuTarget &x) { return x.hasTma; });
    auto shared = function->getAttrOfType<IntegerAttr>(tile::sharedBytesName);
    int64_t offset = llvm::alignTo(shared ? shared.getInt() : 0, barrierBytes);
    llvm::DenseSet<Value> converted;
    SmallVector<tile::RingOp> rings(function.getOps<tile::RingOp>());
    for (tile::RingOp ring : rings) {
      SmallVector<tile::FillOp> fills;
      for (Operation *user : ring->getUsers())
        if (auto fill = dyn_cast<tile::FillOp>(user))
          fills.push_back(fill);
      if (fills.empty())
        continue;
      int64_t bytes = getBytesOfBarriers(ring, program.hasRoles());
      std::string obstacle;
      for (tile::FillOp fill : fills)
        if (obstacle.empty())
          obstacle = findObstacle(program, fill);
      if (obstacle.empty() && offset + bytes > target->sharedBytesPerBlock)
        obstacle = "shared memory has no room for barriers";
      if (!obstacle.empty()) {
        fills.back().emitRemark() << "copied by cp.async: " << obstacle;
        continue;
      }
      ring.setBarriersAttr(Builder(&getContext()).getI64IntegerAttr(offset));
      offset += bytes;
      convert(program, ring, fills);
      converted.insert(ring);
      ++numConverted;
    }
    if (converted.empty())
      return;
    function->setAttr(tile::sharedBytesName,
                      Builder(&getContext()).getI64IntegerAttr(offset));
    countPending(function, converted);
  }

  static std::string findObstacle(const Program &program, tile::FillOp fill) {
    BlockArgument memory = Program::getParameter(fill.getSource());
    if (!memory)
      return "the memory is no argument of the kernel";
    if (fill.getTable())
      return "a table says where rows are";
    auto type = cast<MemRefType>(memory.getType());
    if (fill.getGroup() || fill.getDims().size() != 2 ||
        fill.getDims()[1] != type.getRank() - 1 || type.getRank() > 5)
      return "rows of the tile are no rows of the memory";
    RankedTensorType tile = fill.getRing().getType().getTile();
    if (tile.getDimSize(0) > maxBoxRows)
      return llvm::formatv("a box has at most {0} rows", maxBoxRows).str();
    for (MemRefType launched : program.getTypes(memory)) {
      std::string obstacle = ::findObstacle(launched);
      if (!obstacle.empty())
        return obstacle;
    }
    if (!program.endsWithMemory(fill.getSizes()[1],
                                fill.getOffsets()[fill.getDims()[1]],
                                tile.getDimSize(1), memory, fill.getDims()[1]))
      return "columns may end before those of the memory do";
    return "";
  }

  static void convert(const Program &program, tile::RingOp ring,
                      ArrayRef<tile::FillOp> fills) {
    bool endsWithMemory = true;
    for (tile::FillOp fill : fills) {
      int64_t dim = fill.getDims()[0];
      endsWithMemory &=
          program.endsWithMemory(fill.getSizes()[0], fill.getOffsets()[dim],
                                 ring.getType().getTile().getDimSize(0),
                                 cast<BlockArgument>(fill.getSource()), dim);
      OpBuilder b(fill);
      tile::FillBoxOp::create(b, fill.getLoc(), ring, fill.getFill(),
                              fill.getSource(), fill.getOffsets(),
                              fill.getPredicate(), fill.getDimsAttr());
      fill.erase();
    }
    for (Operation *user : llvm::to_vector(ring->getUsers())) {
      auto consume = dyn_cast<tile::ConsumeOp>(user);
      if (!consume || !consume.getRows())
        continue;
      if (!endsWithMemory) {
        OpBuilder b(consume);
        b.setInsertionPointAfter(consume);
        auto clear =
            tile::ClearRowsOp::create(b, consume.getLoc(), consume.getType(),
                                      consume.getResult(), consume.getRows());
        consume.getResult().replaceAllUsesExcept(clear.getResult(), clear);
      }
      consume.getRowsMutable().clear();
    }
  }

  /// Tensor copies are no fills that others count: in a loop, as many of each
  /// ring were pending.
  static void countPending(func::FuncOp function,
                           const llvm::DenseSet<Value> &converted) {
    function.walk([&](scf::ForOp loop) {
      int64_t rings = 0, left = 0;
      for (auto consume : loop.getOps<tile::ConsumeOp>()) {
        ++rings;
        left += !converted.contains(consume.getRing());
      }
      for (auto consume : loop.getOps<tile::ConsumeOp>())
        consume.setPending(converted.contains(consume.getRing())
                               ? 0
                               : consume.getPending() / rings * left);
    });
  }
};

} // namespace
