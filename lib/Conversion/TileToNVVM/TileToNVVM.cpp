//===- TileToNVVM.cpp - tiles to what one thread holds of them ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile program becomes a kernel with the parameters that `tile.launch` wants
// (see its description), then its ops become code of a thread. The memrefs are
// those of the launch if there is one: buffers may have strides that the
// program did not know.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "peermla/Conversion/Tile/Passes.h"
#include "peermla/Dialect/Frag/IR/Frag.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/ADT/MapVector.h"
#include <numeric>

namespace peermla {
#define GEN_PASS_DEF_TILETONVVM
#include "peermla/Conversion/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// A memref as the kernel gets it.
struct Memory {
  MemRefType type;
  Value memref, pointer;
  SmallVector<Value> sizes, strides; // index
};

/// Bytes of a tensor map.
static constexpr int64_t tensorMapBytes = 128;

/// Appends what the launch passes for the dynamic ones among `values`.
static void addExtents(FragmentBuilder &b, Block &entry,
                       ArrayRef<int64_t> values,
                       SmallVectorImpl<Value> &extents) {
  for (int64_t value : values)
    if (ShapedType::isDynamic(value))
      extents.push_back(arith::IndexCastOp::create(
          b, b.getIndexType(), entry.addArgument(b.getI64Type(), b.getLoc())));
    else
      extents.push_back(arith::ConstantIndexOp::create(b, value));
}

namespace {

struct TileToNVVM : peermla::impl::TileToNVVMBase<TileToNVVM> {
  using Base::Base;

  void runOnOperation() override {
    // The types of each kernel's operands where it is launched.
    llvm::DenseMap<Operation *, SmallVector<Type>> launched;
    getOperation().walk([&](tile::LaunchOp launch) {
      Operation *kernel =
          SymbolTable::lookupNearestSymbolFrom(launch, launch.getKernelAttr());
      SmallVector<Type> types(launch.getInputs().getTypes());
      llvm::append_range(types, launch.getOutputs().getTypes());
      launched[kernel] = types;
    });
    SmallVector<func::FuncOp> programs;
    getOperation().walk([&](func::FuncOp function) {
      if (function->hasAttr(tile::programScheduleName) &&
          isa<gpu::GPUModuleOp>(function->getParentOp()))
        programs.push_back(function);
    });
    for (func::FuncOp function : programs) {
      SmallVector<Type> types(function.getArgumentTypes());
      auto found = launched.find(function);
      if (found != launched.end() &&
          llvm::none_of(found->second, llvm::IsaPred<RankedTensorType>))
        types = found->second;
      if (failed(convert(function, types)))
        return signalPassFailure();
    }
  }

  /// The kernel, with the body of the program and its new parameters.
  static FailureOr<LLVM::LLVMFuncOp>
  makeKernel(func::FuncOp function, ArrayRef<Type> types, KernelInfo &info) {
    MLIRContext *context = function.getContext();
    Location loc = function.getLoc();
    FragmentBuilder b(loc, function);
    Block &entry = function.getBody().front();
    auto old = llvm::to_vector_of<Value>(entry.getArguments());
    b.setInsertionPointToStart(&entry);
    SmallVector<Memory> memories;
    SmallVector<Value> replacements;
    for (auto [type, argument] : llvm::zip(types, old)) {
      auto memref = dyn_cast<MemRefType>(type);
      Type lowered = memref           ? LLVM::LLVMPointerType::get(context)
                     : type.isIndex() ? b.getI64Type()
                                      : type;
      Value added = entry.addArgument(lowered, loc);
      if (memref) {
        SmallVector<int64_t> strides;
        int64_t offset;
        if (failed(memref.getStridesAndOffset(strides, offset)) ||
            memref.getRank() != cast<MemRefType>(argument.getType()).getRank())
          return function.emitError()
                 << "expects strided memory of the rank of "
                 << argument.getType() << ", got " << memref;
        // The program keeps the type it was written for.
        Value cast =
            UnrealizedConversionCastOp::create(b, argument.getType(), added)
                .getResult(0);
        memories.push_back({memref, cast, added, {}, {}});
        replacements.push_back(cast);
      } else {
        replacements.push_back(type.isIndex() ? arith::IndexCastOp::create(
                                                    b, b.getIndexType(), added)
                                                    .getResult()
                                              : added);
      }
    }
    for (Memory &memory : memories) {
      addExtents(b, entry, memory.type.getShape(), memory.sizes);
      auto [strides, offset] = memory.type.getStridesAndOffset();
      addExtents(b, entry, strides, memory.strides);
      describeStrides(b, memory);
      info.sizes[memory.memref] = memory.sizes;
      info.strides[memory.memref] = memory.strides;
      info.alignments[memory.memref] = getAlignment(memory.type);
    }
    unsigned firstMap = entry.getNumArguments() - old.size();
    SmallVector<Attribute> maps = addTensorMaps(function, info);
    for (auto [argument, replacement] : llvm::zip(old, replacements))
      argument.replaceAllUsesWith(replacement);
    entry.eraseArguments(0, old.size());
    // Extents are parameters now.
    llvm::DenseMap<Value, Memory *> byMemref;
    for (Memory &memory : memories)
      byMemref[memory.memref] = &memory;
    WalkResult dims = function.walk([&](memref::DimOp dim) {
      Memory *memory = byMemref.lookup(dim.getSource());
      std::optional<int64_t> number = dim.getConstantIndex();
      if (!memory || !number) {
        dim.emitError("expects a known dimension of a parameter");
        return WalkResult::interrupt();
      }
      dim.getResult().replaceAllUsesWith(memory->sizes[*number]);
      dim.erase();
      return WalkResult::advance();
    });
    if (dims.wasInterrupted())
      return failure();

    b.setInsertionPoint(function);
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                    llvm::to_vector(entry.getArgumentTypes()));
    auto kernel = LLVM::LLVMFuncOp::create(b, function.getName(), type);
    kernel->setAttr("nvvm.kernel", b.getUnitAttr());
    int64_t threads = info.threads;
    function.walk([&](tile::SpecializeOp) { threads += threadsOfWarpgroup; });
    kernel->setAttr("nvvm.reqntid",
                    b.getDenseI32ArrayAttr({static_cast<int32_t>(threads)}));
    Attribute shared = function->getAttr(tile::sharedBytesName);
    kernel->setAttr(tile::sharedBytesName,
                    shared ? shared : b.getI64IntegerAttr(0));
    if (std::optional<int64_t> blocks = getBlocksOfUnit(function, threads))
      kernel->setAttr("nvvm.minctasm", b.getI32IntegerAttr(*blocks));
    if (int64_t bytes = getBytesAhead(function))
      kernel->setAttr(tile::bytesAheadName, b.getI64IntegerAttr(bytes));
    if (!maps.empty())
      kernel->setAttr(tile::tensorMapsName, b.getArrayAttr(maps));
    for (unsigned i = 0; i < maps.size(); ++i) {
      auto bytes = LLVM::LLVMArrayType::get(b.getI8Type(), tensorMapBytes);
      kernel.setArgAttr(firstMap + i, "llvm.byval", TypeAttr::get(bytes));
      kernel.setArgAttr(firstMap + i, "llvm.align", b.getI64IntegerAttr(64));
      kernel.setArgAttr(firstMap + i, "nvvm.grid_constant", b.getUnitAttr());
    }
    kernel.getBody().takeBody(function.getBody());
    bool copies = false;
    kernel.walk([&](tile::FillOp) { copies = true; });
    kernel.walk([&](func::ReturnOp op) {
      OpBuilder b(op);
      // No thread ends with copies on their way, not even those of nothing.
      if (copies)
        NVVM::CpAsyncWaitGroupOp::create(b, op.getLoc(), 0);
      LLVM::ReturnOp::create(b, op.getLoc(), ValueRange());
      op.erase();
    });
    function.erase();
    return kernel;
  }

  /// Strides of what is contiguous are products of extents, which says more of
  /// what divides them than a parameter does.
  static void describeStrides(FragmentBuilder &b, Memory &memory) {
    if (!memory.type.getLayout().isIdentity())
      return;
    for (int64_t dim = memory.type.getRank() - 2; dim >= 0; --dim)
      if (!getConstantIntValue(memory.strides[dim]))
        memory.strides[dim] =
            b.mul(memory.sizes[dim + 1], memory.strides[dim + 1]);
  }

  /// Adds a parameter for each tensor map that fills copy by; fills of equal
  /// boxes of one memory share it.
  static SmallVector<Attribute> addTensorMaps(func::FuncOp function,
                                              KernelInfo &info) {
    Block &entry = function.getBody().front();
    llvm::MapVector<Attribute, Value> maps;
    function.walk([&](tile::FillBoxOp fill) {
      auto number = static_cast<int64_t>(
          cast<BlockArgument>(fill.getSource()).getArgNumber());
      tile::TensorMap map{number, fill.getBox()};
      Value &argument = maps[map.toAttribute(function.getContext())];
      if (!argument)
        argument = entry.addArgument(
            LLVM::LLVMPointerType::get(function.getContext()), fill.getLoc());
      info.tensorMaps[fill] = argument;
    });
    return llvm::map_to_vector(maps, [](auto &entry) { return entry.first; });
  }

  /// Bytes that the first element's address is a multiple of: arguments start
  /// at multiples of 16, as the runtime sees to.
  static int64_t getAlignment(MemRefType type) {
    int64_t bytes = getBytesOfElement(type);
    int64_t offset = type.getStridesAndOffset().second;
    if (ShapedType::isDynamic(offset))
      offset = 1;
    return std::gcd<int64_t>(16, offset * bytes);
  }

  /// Scratch is memory with known strides.
  static void describeScratch(LLVM::LLVMFuncOp kernel, KernelInfo &info) {
    kernel.walk([&](tile::ScratchOp scratch) {
      FragmentBuilder b(scratch.getLoc(), scratch);
      auto type = cast<MemRefType>(scratch.getResult().getType());
      SmallVector<Value> strides;
      for (int64_t stride : type.getStridesAndOffset().first)
        strides.push_back(arith::ConstantIndexOp::create(b, stride));
      info.strides[scratch] = strides;
      info.alignments[scratch] = 16;
    });
  }

  /// Zeros for gathers: the pieces that a thread has of a row.
  static void addZeros(LLVM::LLVMFuncOp kernel) {
    int64_t bytes = 0;
    kernel.walk([&](tile::GatherOp gather) {
      auto type = cast<RankedTensorType>(gather.getResult().getType());
      int64_t ofRow = getBytesOfElement(type);
      if (auto layout = dyn_cast<tile::RowsLayoutAttr>(type.getEncoding()))
        ofRow *= type.getDimSize(1) / (layout.getLanes() / 32);
      bytes = std::max(bytes, ofRow);
    });
    if (bytes == 0)
      return;
    OpBuilder b(kernel);
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes);
    auto global = LLVM::GlobalOp::create(
        b, kernel.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal,
        zerosName, Attribute(), /*alignment=*/16, /*addrSpace=*/1);
    b.createBlock(&global.getInitializerRegion());
    Value zero = LLVM::ZeroOp::create(b, kernel.getLoc(), type);
    LLVM::ReturnOp::create(b, kernel.getLoc(), zero);
  }

  /// Learns how the boxes of the kernel are aligned.
  static void alignBoxes(LLVM::LLVMFuncOp kernel, KernelInfo &info) {
    kernel.walk([&](Operation *op) {
      Value memory;
      OperandRange offsets = op->getOperands();
      if (auto load = dyn_cast<tile::LoadOp>(op)) {
        memory = load.getSource();
        offsets = load.getOffsets();
      } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
        memory = store.getTarget();
        offsets = store.getOffsets();
      } else if (auto fill = dyn_cast<tile::FillOp>(op)) {
        memory = fill.getSource();
        offsets = fill.getOffsets();
      } else if (auto gather = dyn_cast<tile::GatherOp>(op)) {
        memory = gather.getSource();
        offsets = gather.getOffsets();
      }
      if (!memory)
        return;
      int64_t divisor = 0;
      auto paged = dyn_cast<tile::FillOp>(op);
      for (auto [dim, offset, stride] :
           llvm::enumerate(offsets, info.strides.lookup(memory))) {
        // A table says where rows are.
        if (paged && paged.getTable() &&
            dim <= static_cast<uint64_t>(paged.getDims()[0]) &&
            dim + 1 >= static_cast<uint64_t>(paged.getDims()[0]))
          continue;
        divisor = std::gcd(divisor,
                           getKnownDivisor(offset) * getKnownDivisor(stride));
      }
      if (auto gather = dyn_cast<tile::GatherOp>(op))
        for (int64_t dim :
             gather.getDims().take_front(gather.getCoordinates().size()))
          divisor = std::gcd(divisor,
                             getKnownDivisor(info.strides.lookup(memory)[dim]));
      info.originDivisors[op] = divisor;
    });
  }

  static bool isMeeting(Operation *op, const KernelInfo &info) {
    auto reduce = dyn_cast<tile::ReduceOp>(op);
    return isa<tile::ConvertOp>(op) ||
           (isa<tile::ConsumeOp>(op) && info.meetsInConsume) ||
           (reduce && reduce.getMeetingBytes());
  }

  /// The consume of slots that are filled in the same way which follows, with
  /// nothing but scalars between, and leaves no more fills pending.
  static tile::ConsumeOp getNextConsume(tile::ConsumeOp op) {
    Operation *next = op->getNextNode();
    while (next && isPure(next) && next->getNumRegions() == 0 &&
           llvm::none_of(next->getOperands(), [&](Value operand) {
             return operand == op.getResult();
           }))
      next = next->getNextNode();
    auto other = dyn_cast_or_null<tile::ConsumeOp>(next);
    bool isAlike = other && other.getPending() <= op.getPending() &&
                   bool(getRingWithBarriers(op.getRing())) ==
                       bool(getRingWithBarriers(other.getRing()));
    return isAlike ? other : tile::ConsumeOp();
  }

  /// Learns which hand-overs in shared memory need a barrier of their own.
  static void findMeetings(LLVM::LLVMFuncOp kernel, KernelInfo &info) {
    kernel.walk([&](tile::ConsumeOp op) {
      if (getNextConsume(op))
        info.meetLater.insert(op);
    });
    kernel.walk([&](Operation *op) {
      if (!isa<tile::ConvertOp, tile::ReduceOp>(op) ||
          !op->getParentOfType<scf::ForOp>())
        return;
      bool haveMet = false;
      auto meetsIn = [&](Operation *other, auto next) {
        for (; other && !haveMet; other = next(other))
          haveMet = isMeeting(other, info);
      };
      if (isa<scf::ForOp>(op->getParentOp())) {
        meetsIn(op->getPrevNode(),
                [](Operation *x) { return x->getPrevNode(); });
        // What a reduction wrote it has read itself.
        if (isa<tile::ReduceOp>(op))
          meetsIn(op->getNextNode(),
                  [](Operation *x) { return x->getNextNode(); });
      }
      if (!haveMet)
        info.unmet.insert(op);
    });
  }

  LogicalResult convert(func::FuncOp function, ArrayRef<Type> types) {
    auto schedule =
        function->getAttrOfType<tile::ScheduleAttr>(tile::programScheduleName);
    if (!schedule || schedule.getWarps().size() != 2)
      return function.emitError() << "expects '" << tile::programScheduleName
                                  << "' to be a #tile.schedule with warps";
    KernelInfo info;
    info.threads = 32 * schedule.getWarps()[0] * schedule.getWarps()[1];
    bool useWarpgroups =
        schedule.getInstructions() == tile::Instructions::Wgmma;
    function.walk([&](tile::MmaOp mma) {
      if (useWarpgroups && isWarpgroupProduct(mma))
        info.hasWarpgroups = true;
      else if (useWarpgroups)
        mma.emitRemark() << "computed by mma.sync: wgmma does not take "
                         << mma.getA().getType() << " and "
                         << mma.getB().getType();
    });
    info.usesAsyncProxy = info.hasWarpgroups;
    function.walk([&](tile::FillBoxOp) { info.usesAsyncProxy = true; });
    addSharedMemory(function);
    FailureOr<LLVM::LLVMFuncOp> kernel = makeKernel(function, types, info);
    if (failed(kernel))
      return failure();

    info.producers = assignRoles(*kernel, info);
    info.meetsInConsume = !info.hasRoles();
    initializeBarriers(*kernel);
    describeScratch(*kernel, info);
    alignBoxes(*kernel, info);
    addZeros(*kernel);
    findMeetings(*kernel, info);

    MLIRContext *context = &getContext();
    FragmentTypeConverter converter(context);
    RewritePatternSet patterns(context);
    populateElementwisePatterns(converter, patterns);
    populateReductionPatterns(converter, info, patterns);
    populateProductPatterns(converter, info, patterns);
    if (info.hasWarpgroups)
      populateWarpgroupProductPatterns(converter, patterns);
    populateCopyPatterns(converter, info, patterns);
    populateBarrierPatterns(converter, info, patterns);
    populateTensorCopyPatterns(converter, info, patterns);
    populateSlotPatterns(converter, info, patterns);
    populateGlobalAccessPatterns(converter, info, patterns);
    populateGatherPatterns(converter, info, patterns);
    populateRotationPatterns(converter, info, patterns);
    populateRowsAccessPatterns(converter, info, patterns);
    populateRowsComputePatterns(converter, patterns);
    populateSelectionPatterns(converter, patterns);
    populateScanPatterns(converter, info, patterns);
    ConversionTarget target(*context);
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    target.addIllegalDialect<tile::TileDialect, gpu::GPUDialect,
                             memref::MemRefDialect>();
    target.addLegalDialect<frag::FragDialect, LLVM::LLVMDialect,
                           NVVM::NVVMDialect>();
    target.addLegalOp<UnrealizedConversionCastOp>();
    target.markUnknownOpDynamicallyLegal(
        [&](Operation *op) { return converter.isLegal(op); });
    return applyPartialConversion(*kernel, target, std::move(patterns));
  }

  static void addSharedMemory(func::FuncOp function) {
    auto module = cast<gpu::GPUModuleOp>(function->getParentOp());
    if (module.lookupSymbol(sharedMemoryName))
      return;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    LLVM::GlobalOp::create(
        b, function.getLoc(), LLVM::LLVMArrayType::get(b.getI8Type(), 0),
        /*isConstant=*/false, LLVM::Linkage::External, sharedMemoryName,
        Attribute(), /*alignment=*/1024, /*addrSpace=*/3);
  }
};

} // namespace
