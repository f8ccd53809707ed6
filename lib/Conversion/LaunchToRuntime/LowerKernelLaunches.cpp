//===- LowerKernelLaunches.cpp - launches as calls of the runtime ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values of a launch's parameters are the fields of a struct in the frame
// of the host function; beside it lie an array with their addresses and one
// with the bytes of each operand.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "peermla/Conversion/LaunchToRuntime/Passes.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/TargetInfo.h"

namespace peermla {
#define GEN_PASS_DEF_LOWERKERNELLAUNCHES
#include "peermla/Conversion/LaunchToRuntime/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static bool isKernel(LLVM::LLVMFuncOp function) {
  return !function.isExternal() &&
         (function->hasAttr("nvvm.kernel") || function->hasAttr("gpu.kernel"));
}

namespace {
/// A memref as numbers: where its elements begin, its extents and strides, and
/// the bytes from its first element to the end of its last.
struct Buffer {
  Value address, bytes;
  SmallVector<Value> sizes, strides, dynamicSizes, dynamicStrides;
};

/// Lowers the host code of one target.
class HostLowering {
public:
  explicit HostLowering(ModuleOp target) : target(target) {}

  /// Numbers the kernels.
  void collectKernels();
  LogicalResult run(func::FuncOp function);
  /// Moves the kernels to the end of `model`.
  void moveKernels(ModuleOp model);

private:
  LogicalResult lower(tile::LaunchOp launch);
  LogicalResult lower(memref::CopyOp copy);
  LogicalResult setOperands(tile::LaunchOp launch, LLVM::LLVMFuncOp kernel);
  Buffer getBuffer(ImplicitLocOpBuilder &b, Value memref);
  LLVM::LLVMFuncOp getFunction(StringRef name, ArrayRef<Type> parameters);

  ModuleOp target;
  llvm::DenseMap<Operation *, int64_t> numbers;
};
} // namespace

static Value toI64(ImplicitLocOpBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI64Type(), index);
}

static bool isMemory(Value value) { return isa<MemRefType>(value.getType()); }

void HostLowering::collectKernels() {
  for (auto module : target.getOps<gpu::GPUModuleOp>())
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (isKernel(function))
        numbers.try_emplace(function, numbers.size());
}

LLVM::LLVMFuncOp HostLowering::getFunction(StringRef name,
                                           ArrayRef<Type> parameters) {
  if (auto known = target.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return known;
  OpBuilder builder = OpBuilder::atBlockBegin(target.getBody());
  return LLVM::LLVMFuncOp::create(
      builder, target.getLoc(), name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(target.getContext()),
                                  parameters));
}

/// Bytes of an element in memory.
static int64_t getElementBytes(MemRefType type) {
  Type element = type.getElementType();
  unsigned bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  return llvm::PowerOf2Ceil(llvm::divideCeil(bits, 8));
}

Buffer HostLowering::getBuffer(ImplicitLocOpBuilder &b, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  auto [strides, offset] = type.getStridesAndOffset();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  Value elementBytes = constant(getElementBytes(type));
  auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
  Buffer buffer;
  buffer.address = memref::ExtractAlignedPointerAsIndexOp::create(
      b, metadata.getBaseBuffer());
  if (offset != 0)
    buffer.address = arith::AddIOp::create(
        b, buffer.address,
        arith::MulIOp::create(b, metadata.getOffset(), elementBytes));

  Value last = constant(0), count = constant(1), one = constant(1);
  for (int64_t d = 0; d < type.getRank(); ++d) {
    Value size = type.isDynamicDim(d) ? metadata.getSizes()[d]
                                      : constant(type.getDimSize(d));
    Value stride = ShapedType::isDynamic(strides[d]) ? metadata.getStrides()[d]
                                                     : constant(strides[d]);
    buffer.sizes.push_back(size);
    buffer.strides.push_back(stride);
    if (type.isDynamicDim(d))
      buffer.dynamicSizes.push_back(size);
    if (ShapedType::isDynamic(strides[d]))
      buffer.dynamicStrides.push_back(stride);
    Value steps = arith::SubIOp::create(b, size, one);
    last =
        arith::AddIOp::create(b, last, arith::MulIOp::create(b, steps, stride));
    count = arith::MulIOp::create(b, count, size);
  }
  Value isEmpty =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, count, constant(0));
  Value extent = arith::AddIOp::create(b, last, one);
  buffer.bytes = arith::MulIOp::create(
      b, arith::SelectOp::create(b, isEmpty, constant(0), extent),
      elementBytes);
  return buffer;
}

/// The words of a peermla_rt_tensor_map, which the runtime makes a tensor map
/// of.
static Value describe(ImplicitLocOpBuilder &b, const Buffer &buffer,
                      MemRefType type, ArrayRef<int64_t> box) {
  constexpr int64_t maxRank = 5, numWords = 16;
  Type i64 = b.getI64Type();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, value, 64);
  };
  int64_t rank = type.getRank(), elementBytes = getElementBytes(type);
  SmallVector<Value> words{toI64(b, buffer.address)};
  for (int64_t i = 0; i < maxRank; ++i)
    words.push_back(i < rank ? toI64(b, buffer.sizes[rank - 1 - i])
                             : constant(1));
  for (int64_t i = 0; i + 1 < maxRank; ++i)
    words.push_back(i + 1 < rank
                        ? Value(arith::MulIOp::create(
                              b, toI64(b, buffer.strides[rank - 2 - i]),
                              constant(elementBytes)))
                        : constant(0));
  for (int64_t i = 0; i < maxRank; ++i)
    words.push_back(constant(i < rank ? box[rank - 1 - i] : 1));
  // Two numbers of 32 bits.
  words.push_back(constant(rank | elementBytes << 32));
  Value all = LLVM::UndefOp::create(b, LLVM::LLVMArrayType::get(i64, numWords));
  for (auto [i, word] : llvm::enumerate(words))
    all = LLVM::InsertValueOp::create(b, all, word, static_cast<int64_t>(i));
  return all;
}

LogicalResult HostLowering::setOperands(tile::LaunchOp launch,
                                        LLVM::LLVMFuncOp kernel) {
  std::string operands;
  for (Value input : launch.getInputs())
    operands += isMemory(input) ? 'r' : 's';
  operands.append(launch.getOutputs().size(), 'w');
  constexpr StringLiteral name = "peermla.operands";
  auto known = kernel->getAttrOfType<StringAttr>(name);
  if (known && known != operands)
    return launch.emitOpError()
           << "expects operands '" << known.getValue()
           << "' as other launches of its kernel have, got '" << operands
           << "'";
  kernel->setAttr(name, StringAttr::get(kernel.getContext(), operands));
  return success();
}

LogicalResult HostLowering::lower(tile::LaunchOp launch) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<LLVM::LLVMFuncOp>(
      launch, launch.getKernelAttr());
  if (!kernel || !numbers.contains(kernel))
    return launch.emitOpError()
           << "expects 'kernel' to be an llvm.func with 'nvvm.kernel', got "
           << launch.getKernelAttr();
  if (launch.getNumResults() != 0 ||
      !llvm::all_of(launch.getOutputs(), isMemory))
    return launch.emitOpError("expects memrefs in place of tensors");
  if (failed(setOperands(launch, kernel)))
    return failure();

  ImplicitLocOpBuilder b(launch.getLoc(), launch);
  SmallVector<Value> values, sizes, bytes;
  std::vector<Buffer> buffers;
  SmallVector<Value> operands(launch.getInputs());
  llvm::append_range(operands, launch.getOutputs());
  for (Value operand : operands) {
    if (!isMemory(operand)) {
      bool isIndex = operand.getType().isIndex();
      values.push_back(isIndex ? toI64(b, operand) : operand);
      buffers.emplace_back();
      bytes.push_back(arith::ConstantIndexOp::create(b, 0));
      continue;
    }
    Buffer &buffer = buffers.emplace_back(getBuffer(b, operand));
    values.push_back(toI64(b, buffer.address));
    bytes.push_back(buffer.bytes);
    llvm::append_range(sizes, buffer.dynamicSizes);
    llvm::append_range(sizes, buffer.dynamicStrides);
  }
  for (Value size : sizes)
    values.push_back(toI64(b, size));
  for (const tile::TensorMap &map : tile::getTensorMaps(kernel)) {
    auto type = map.operand >= 0 && map.operand < int64_t(operands.size())
                    ? dyn_cast<MemRefType>(operands[map.operand].getType())
                    : MemRefType();
    if (!type || type.getRank() != static_cast<int64_t>(map.box.size()))
      return launch.emitOpError()
             << "expects 'tile.tensor_maps' of its kernel to have boxes of "
                "memory, got one of rank "
             << map.box.size() << " for operand " << map.operand;
    values.push_back(describe(b, buffers[map.operand], type, map.box));
  }

  // The frame, once per function call however often the launch runs.
  MLIRContext *context = launch.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = b.getI64Type();
  auto record = LLVM::LLVMStructType::getLiteral(
      context, llvm::to_vector(ValueRange(values).getTypes()));
  Block &start = launch->getParentOfType<func::FuncOp>().getBody().front();
  auto allocate = [&](Type type, int64_t count) -> Value {
    ImplicitLocOpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&start);
    Value size = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(count));
    return LLVM::AllocaOp::create(b, pointer, type, size);
  };
  Value frame = allocate(record, 1);
  Value addresses = allocate(pointer, values.size());
  Value extents = allocate(i64, bytes.size());
  for (auto [i, value] : llvm::enumerate(values)) {
    Value field = LLVM::GEPOp::create(b, pointer, record, frame,
                                      ArrayRef<LLVM::GEPArg>{0, int32_t(i)});
    LLVM::StoreOp::create(b, value, field);
    Value place = LLVM::GEPOp::create(b, pointer, pointer, addresses,
                                      ArrayRef<LLVM::GEPArg>{int32_t(i)});
    LLVM::StoreOp::create(b, field, place);
  }
  for (auto [i, value] : llvm::enumerate(bytes)) {
    Value place = LLVM::GEPOp::create(b, pointer, i64, extents,
                                      ArrayRef<LLVM::GEPArg>{int32_t(i)});
    LLVM::StoreOp::create(b, toI64(b, value), place);
  }

  Value number = LLVM::ConstantOp::create(
      b, i64, b.getI64IntegerAttr(numbers.lookup(kernel)));
  SmallVector<Value> arguments{number};
  for (Value extent : launch.getBlocks())
    arguments.push_back(toI64(b, extent));
  while (arguments.size() < 4)
    arguments.push_back(
        LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(1)));
  arguments.append({addresses, extents});
  LLVM::CallOp::create(
      b,
      getFunction("peermla_rt_launch", {i64, i64, i64, i64, pointer, pointer}),
      arguments);
  launch.erase();
  return success();
}

LogicalResult HostLowering::lower(memref::CopyOp copy) {
  for (Value memref : {copy.getSource(), copy.getTarget()}) {
    auto type = dyn_cast<MemRefType>(memref.getType());
    if (!type || !type.areTrailingDimsContiguous(type.getRank()))
      return copy.emitOpError()
             << "expects contiguous memrefs in host code, got "
             << memref.getType();
  }
  ImplicitLocOpBuilder b(copy.getLoc(), copy);
  Type pointer = LLVM::LLVMPointerType::get(copy.getContext());
  Buffer source = getBuffer(b, copy.getSource());
  Buffer destination = getBuffer(b, copy.getTarget());
  auto toPointer = [&](Value address) -> Value {
    return LLVM::IntToPtrOp::create(b, pointer, toI64(b, address));
  };
  LLVM::CallOp::create(
      b, getFunction("peermla_rt_copy", {pointer, pointer, b.getI64Type()}),
      ValueRange{toPointer(destination.address), toPointer(source.address),
                 toI64(b, source.bytes)});
  copy.erase();
  return success();
}

/// Whether the op reads or writes elements, rather than asking for extents and
/// addresses, or has memory that is the host's.
static bool touchesMemory(Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  return isa<memref::LoadOp, memref::StoreOp, memref::AllocOp, memref::AllocaOp,
             memref::AtomicRMWOp, memref::GetGlobalOp, scf::ForallOp>(op) ||
         dialect == "linalg" || dialect == "vector" || dialect == "peer" ||
         dialect == "mla";
}

LogicalResult HostLowering::run(func::FuncOp function) {
  WalkResult result = function.walk([&](Operation *op) -> WalkResult {
    if (auto launch = dyn_cast<tile::LaunchOp>(op))
      return lower(launch);
    if (auto copy = dyn_cast<memref::CopyOp>(op))
      return lower(copy);
    if (touchesMemory(op))
      return op->emitError()
             << "'" << op->getName()
             << "' may not exist in host code of the GPU '"
             << GpuTarget::of(op)->name << "', whose memory is the device's";
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

void HostLowering::moveKernels(ModuleOp model) {
  auto gpu = target->getAttrOfType<StringAttr>("peermla.gpu");
  SmallVector<gpu::GPUModuleOp> modules(target.getOps<gpu::GPUModuleOp>());
  for (gpu::GPUModuleOp module : modules) {
    module.setName((gpu.getValue() + "." + module.getName()).str());
    module->setAttr("peermla.gpu", gpu);
    module->moveBefore(model.getBody(), model.getBody()->end());
  }
}

namespace {
struct LowerKernelLaunches
    : peermla::impl::LowerKernelLaunchesBase<LowerKernelLaunches> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<ModuleOp> targets(getOperation().getOps<ModuleOp>());
    for (ModuleOp target : targets) {
      if (!target->hasAttr("peermla.gpu"))
        continue;
      if (!GpuTarget::of(target)) {
        target.emitOpError("expects 'peermla.gpu' to name a GPU target, got ")
            << target->getAttr("peermla.gpu");
        return signalPassFailure();
      }
      HostLowering lowering(target);
      lowering.collectKernels();
      SmallVector<func::FuncOp> functions(target.getOps<func::FuncOp>());
      for (func::FuncOp function : functions)
        if (failed(lowering.run(function)))
          return signalPassFailure();
      lowering.moveKernels(getOperation());
    }
  }
};
} // namespace
