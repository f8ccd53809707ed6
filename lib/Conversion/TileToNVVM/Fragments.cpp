//===- Fragments.cpp - what the lowerings of tile ops share ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <numeric>

using namespace mlir;
using namespace peermla;

FragmentTypeConverter::FragmentTypeConverter(MLIRContext *context) {
  auto pointer = [=](unsigned space) {
    return LLVM::LLVMPointerType::get(context, space);
  };
  addConversion([](Type type) { return type; });
  addConversion([=](tile::RingType) -> Type { return pointer(3); });
  addConversion([=](MemRefType type) -> Type {
    return pointer(gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type) ? 3
                                                                         : 0);
  });
  addConversion([=](RankedTensorType type) -> std::optional<Type> {
    if (isa_and_nonnull<tile::SharedLayoutAttr>(type.getEncoding()))
      return pointer(3);
    if (auto layout =
            dyn_cast_or_null<tile::FragmentLayout>(type.getEncoding())) {
      int64_t size = layout.getFragmentSize(type.getShape());
      // Rows stay as they were loaded.
      if (isa<tile::RowsLayoutAttr>(layout) && size % 2 == 0 &&
          isa<Float16Type, BFloat16Type>(type.getElementType()))
        return VectorType::get({size / 2}, IntegerType::get(context, 32));
      return VectorType::get({size}, type.getElementType());
    }
    return Type(); // A tile that lives nowhere.
  });
  auto cast = [](OpBuilder &b, Type type, ValueRange values,
                 Location loc) -> Value {
    return UnrealizedConversionCastOp::create(b, loc, type, values)
        .getResult(0);
  };
  addSourceMaterialization(cast);
  addTargetMaterialization(cast);
}

int64_t peermla::getBytesOfElement(Type type) {
  return getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8;
}

tile::MmaLayoutAttr peermla::getMmaLayout(RankedTensorType type) {
  Attribute layout = type.getEncoding();
  if (auto slice = dyn_cast_or_null<tile::SliceLayoutAttr>(layout))
    return slice.getMmaParent();
  return dyn_cast_or_null<tile::MmaLayoutAttr>(layout);
}

int64_t peermla::getKnownDivisor(Value index) {
  if (std::optional<int64_t> constant = getConstantIntValue(index))
    return std::abs(*constant);
  if (auto argument = dyn_cast<BlockArgument>(index)) {
    auto loop =
        dyn_cast_or_null<scf::ForOp>(argument.getOwner()->getParentOp());
    if (!loop || argument != loop.getInductionVar())
      return 1;
    return std::gcd(getKnownDivisor(loop.getLowerBound()),
                    getKnownDivisor(loop.getStep()));
  }
  Operation *op = index.getDefiningOp();
  if (isa<arith::AddIOp, arith::SubIOp, arith::RemUIOp>(op))
    return std::gcd(getKnownDivisor(op->getOperand(0)),
                    getKnownDivisor(op->getOperand(1)));
  if (isa<arith::MulIOp>(op)) {
    int64_t x = getKnownDivisor(op->getOperand(0));
    int64_t y = getKnownDivisor(op->getOperand(1));
    constexpr int64_t enough = 1 << 16;
    return x > enough || y > enough ? std::max(x, y) : x * y;
  }
  if (isa<arith::IndexCastOp, UnrealizedConversionCastOp>(op) &&
      op->getNumOperands() == 1 && op->getOperand(0).getType().isIntOrIndex())
    return getKnownDivisor(op->getOperand(0));
  return 1;
}

//===----------------------------------------------------------------------===//
// FragmentBuilder
//===----------------------------------------------------------------------===//

Value FragmentBuilder::constant(Value like, int64_t value) {
  return arith::ConstantOp::create(*this,
                                   getIntegerAttr(like.getType(), value));
}
Value FragmentBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(*this, value, 32);
}
Value FragmentBuilder::toI32(Value index) {
  return createOrFold<arith::IndexCastOp>(getI32Type(), index);
}
Value FragmentBuilder::toIndex(Value i32) {
  return createOrFold<arith::IndexCastOp>(getIndexType(), i32);
}
Value FragmentBuilder::add(Value x, Value y) {
  return createOrFold<arith::AddIOp>(x, y);
}
Value FragmentBuilder::add(Value x, int64_t y) {
  return y == 0 ? x : add(x, constant(x, y));
}
Value FragmentBuilder::mul(Value x, Value y) {
  return createOrFold<arith::MulIOp>(x, y);
}
Value FragmentBuilder::mul(Value x, int64_t y) {
  return y == 1 ? x : mul(x, constant(x, y));
}
Value FragmentBuilder::div(Value x, int64_t y) {
  return y == 1 ? x : createOrFold<arith::DivUIOp>(x, constant(x, y));
}
Value FragmentBuilder::rem(Value x, int64_t y) {
  return y == 1 ? constant(x, 0)
                : createOrFold<arith::RemUIOp>(x, constant(x, y));
}
Value FragmentBuilder::xorOf(Value x, Value y) {
  return createOrFold<arith::XOrIOp>(x, y);
}
Value FragmentBuilder::isLess(Value x, Value y) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, x, y);
}
Value FragmentBuilder::isEqual(Value x, Value y) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, x, y);
}
Value FragmentBuilder::both(Value x, Value y) {
  return createOrFold<arith::AndIOp>(x, y);
}
Value FragmentBuilder::select(Value condition, Value x, Value y) {
  return createOrFold<arith::SelectOp>(condition, x, y);
}

void FragmentBuilder::publish() {
  NVVM::FenceProxyOp::create(
      *this, NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(getContext(), NVVM::SharedSpace::shared_cta));
}
void FragmentBuilder::meet(const KernelInfo &kernel, bool publishes) {
  if (publishes)
    publish();
  if (!kernel.hasRoles()) {
    NVVM::BarrierOp::create(*this);
    return;
  }
  // Barrier 0 is that of all threads.
  NVVM::BarrierOp::create(*this, /*res=*/Type(), i32(1), i32(kernel.threads),
                          NVVM::BarrierReductionAttr(),
                          /*reductionPredicate=*/Value());
}
Value FragmentBuilder::meetIfAll(const KernelInfo &kernel, Value condition) {
  // NVVM's op reduces over barrier 0 only.
  return LLVM::CallIntrinsicOp::create(
             *this, getI1Type(),
             getStringAttr("llvm.nvvm.barrier.cta.red.and.aligned.count"),
             ValueRange{i32(kernel.hasRoles() ? 1 : 0), i32(kernel.threads),
                        condition})
      .getResult(0);
}

Value FragmentBuilder::thread() {
  return NVVM::ThreadIdXOp::create(*this, getI32Type());
}
Value FragmentBuilder::lane() { return rem(thread(), 32); }
Value FragmentBuilder::warp() { return div(thread(), 32); }

Value FragmentBuilder::sharedMemory() {
  return LLVM::AddressOfOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), 3), sharedMemoryName);
}
Value FragmentBuilder::pointer(unsigned space, Value base, Value bytes) {
  return LLVM::GEPOp::create(*this,
                             LLVM::LLVMPointerType::get(getContext(), space),
                             getI8Type(), base, LLVM::GEPArg(bytes));
}
Value FragmentBuilder::pointer(unsigned space, Value base, int64_t bytes) {
  if (bytes == 0)
    return base;
  return LLVM::GEPOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), space), getI8Type(), base,
      LLVM::GEPArg(static_cast<int32_t>(bytes)));
}
Value FragmentBuilder::toGlobal(Value pointer) {
  return LLVM::AddrSpaceCastOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), 1), pointer);
}

Value FragmentBuilder::slot(tile::RingType type, Value ring, Value fill) {
  return pointer(3, ring,
                 mul(rem(toI32(fill), type.getSlots()), type.getSlotBytes()));
}

Value FragmentBuilder::sharedPlace(Value base, RankedTensorType tile, Value row,
                                   Value column, int64_t below) {
  constexpr int64_t panel = tile::SharedLayoutAttr::panelBytes;
  constexpr int64_t piece = tile::SharedLayoutAttr::pieceBytes;
  assert(below % 8 == 0);
  Value byte = mul(column, getBytesOfElement(tile));
  Value place =
      add(mul(div(byte, panel), panel * tile.getDimSize(0)), mul(row, panel));
  Value swizzled = xorOf(rem(byte, panel), mul(rem(row, 8), piece));
  return pointer(3, pointer(3, base, add(place, swizzled)), below * panel);
}

//===----------------------------------------------------------------------===//
// FragmentPlaces
//===----------------------------------------------------------------------===//

/// A thread's first row and first column in #tile.rows.
static SmallVector<Value>
getBases(FragmentBuilder &b, tile::RowsLayoutAttr layout, int64_t columns) {
  int64_t lanes = layout.getLanes(), inWarp = std::min<int64_t>(lanes, 32);
  Value row =
      lanes == layout.getThreads() ? b.i32(0) : b.div(b.thread(), lanes);
  if (lanes == 1)
    return {row, b.i32(0)};
  Value column = b.mul(b.rem(b.thread(), inWarp), layout.getVector());
  if (lanes > 32) {
    Value inRow =
        lanes == layout.getThreads() ? b.thread() : b.rem(b.thread(), lanes);
    column =
        b.add(column, b.mul(b.div(inRow, inWarp), columns * inWarp / lanes));
  }
  return {row, column};
}

FragmentPlaces::FragmentPlaces(FragmentBuilder &b, RankedTensorType type)
    : type(type), numElements(cast<tile::FragmentLayout>(type.getEncoding())
                                  .getFragmentSize(type.getShape())) {
  if (isa<tile::PartsLayoutAttr>(type.getEncoding())) {
    bases = {b.div(b.lane(), 32 / type.getDimSize(0)), b.warp()};
    return;
  }
  if (auto rows = dyn_cast<tile::RowsLayoutAttr>(type.getEncoding())) {
    bases = getBases(b, rows, type.getDimSize(1));
    return;
  }
  auto slice = dyn_cast<tile::SliceLayoutAttr>(type.getEncoding());
  if (slice && slice.getRowsParent()) {
    bool isRows = slice.getDim() == 1;
    bases = {getBases(b, slice.getRowsParent(),
                      isRows ? slice.getRowsParent().getLanes()
                             : type.getDimSize(0))[isRows ? 0 : 1]};
    return;
  }
  tile::MmaLayoutAttr layout = getMmaLayout(type);
  int64_t warpsM = layout.getWarps()[0], warpsN = layout.getWarps()[1];
  Value warp = b.warp(), lane = b.lane();
  auto rows = [&] {
    return b.add(b.mul(b.rem(warp, warpsM), 16), b.div(lane, 4));
  };
  auto columns = [&](int64_t extent) {
    Value ofWarp = b.mul(b.rem(b.div(warp, warpsM), warpsN), extent / warpsN);
    return b.add(ofWarp, b.mul(b.rem(lane, 4), 2));
  };
  if (!slice)
    bases = {rows(), columns(type.getDimSize(1))};
  else if (slice.getDim() == 1)
    bases = {rows()};
  else
    bases = {columns(type.getDimSize(0))};
}

SmallVector<int64_t> FragmentPlaces::getOffsets(int64_t element) const {
  // The layout of thread 0 is that of all, moved.
  return cast<tile::FragmentLayout>(type.getEncoding())
      .getCoordinates(type.getShape(), /*thread=*/0, element);
}
