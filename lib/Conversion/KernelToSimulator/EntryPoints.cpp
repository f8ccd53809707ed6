//===- EntryPoints.cpp - what a launch calls and reads --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each kernel `k`
//
//     void __peermla_sim_k(void **arguments);
//     const KernelDescriptor __peermla_sim_k_descriptor;
//
// and for all of them the table of sites and that of the module's globals, as
// plain data: a JIT and an object file need nothing else.
//
//===----------------------------------------------------------------------===//

#include "Rewriter.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

SmallVector<LLVM::LLVMFuncOp> tosim::getKernels(ModuleOp module) {
  SmallVector<LLVM::LLVMFuncOp> kernels;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    bool isKernel = function->hasAttr("nvvm.kernel") ||
                    function->hasAttr("gpu.kernel") ||
                    function.getCConv() == LLVM::CConv::PTX_Kernel;
    if (isKernel && !function.isExternal())
      kernels.push_back(function);
  }
  return kernels;
}

/// Reads up to three extents; the product of them is returned.
static uint32_t readExtents(LLVM::LLVMFuncOp kernel, StringRef name,
                            uint32_t *extents) {
  auto array = kernel->getAttrOfType<DenseI32ArrayAttr>(name);
  if (!array)
    return 0;
  uint32_t product = 1, index = 0;
  for (int32_t extent : array.asArrayRef()) {
    product *= extent;
    if (extents && index < 3)
      extents[index++] = extent;
  }
  for (; extents && index < 3; ++index)
    extents[index] = 1;
  return product;
}

FailureOr<KernelTraits> tosim::readTraits(LLVM::LLVMFuncOp kernel) {
  KernelTraits traits;
  traits.function = kernel;
  traits.name = kernel.getSymName().str();
  if (!isa<LLVM::LLVMVoidType>(kernel.getFunctionType().getReturnType()))
    return kernel.emitError("expects a kernel without results");
  if (kernel.isVarArg())
    return kernel.emitError("expects a kernel with a fixed number of "
                            "parameters");
  readExtents(kernel, "nvvm.reqntid", traits.requiredBlock);
  readExtents(kernel, "nvvm.cluster_dim", traits.requiredCluster);
  traits.maxThreads = readExtents(kernel, "nvvm.maxntid", nullptr);
  if (auto registers = kernel->getAttrOfType<IntegerAttr>("nvvm.maxnreg"))
    traits.maxRegisters = registers.getInt();
  DataLayout layout(kernel->getParentOfType<ModuleOp>());
  for (auto [index, type] :
       llvm::enumerate(kernel.getFunctionType().getParams())) {
    auto byValue = kernel.getArgAttrOfType<TypeAttr>(index, "llvm.byval");
    traits.isByValue.push_back(byValue != nullptr);
    traits.parameterSizes.push_back(
        layout.getTypeSize(byValue ? byValue.getValue() : type));
  }
  return traits;
}

//===----------------------------------------------------------------------===//
// Constant data
//===----------------------------------------------------------------------===//

namespace {

/// Makes globals of the module, in the layout of the structs of Abi.h.
class Data {
public:
  Data(Rewriter &rewriter)
      : rewriter(rewriter), builder(rewriter.builder),
        loc(rewriter.module.getLoc()), context(builder.getContext()) {}

  /// A constant whose value `fill` makes inside its initializer.
  LLVM::GlobalOp define(Type type, const Twine &name, LLVM::Linkage linkage,
                        function_ref<Value()> fill);
  Value address(LLVM::GlobalOp global) {
    return LLVM::AddressOfOp::create(builder, loc, global);
  }
  Value address(LLVM::LLVMFuncOp function) {
    return LLVM::AddressOfOp::create(builder, loc, function);
  }
  Value number(uint64_t value, Type type) {
    return LLVM::ConstantOp::create(builder, loc, type,
                                    builder.getIntegerAttr(type, value));
  }
  Value null() {
    return LLVM::ZeroOp::create(builder, loc, rewriter.pointerType);
  }
  LLVM::GlobalOp text(StringRef value);
  Value aggregate(Type type, ValueRange members);
  LLVM::LLVMStructType structure(ArrayRef<Type> members) {
    return LLVM::LLVMStructType::getLiteral(context, members);
  }
  LLVM::LLVMArrayType array(Type element, unsigned size) {
    return LLVM::LLVMArrayType::get(element, size);
  }

private:
  Rewriter &rewriter;
  OpBuilder &builder;
  Location loc;
  MLIRContext *context;
  llvm::StringMap<LLVM::GlobalOp> texts;
};

} // namespace

LLVM::GlobalOp Data::define(Type type, const Twine &name, LLVM::Linkage linkage,
                            function_ref<Value()> fill) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(rewriter.module.getBody());
  auto global = LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true,
                                       linkage, name.str(), Attribute());
  builder.createBlock(&global.getInitializerRegion());
  LLVM::ReturnOp::create(builder, loc, fill());
  return global;
}

LLVM::GlobalOp Data::text(StringRef value) {
  LLVM::GlobalOp &global = texts[value];
  if (global)
    return global;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(rewriter.module.getBody());
  std::string terminated = value.str() + '\0';
  return global = LLVM::GlobalOp::create(
             builder, loc, array(rewriter.i8Type, terminated.size()),
             /*isConstant=*/true, LLVM::Linkage::Internal,
             "__peermla_sim_text" + std::to_string(texts.size()),
             builder.getStringAttr(terminated));
}

Value Data::aggregate(Type type, ValueRange members) {
  Value value = LLVM::ZeroOp::create(builder, loc, type);
  for (auto [index, member] : llvm::enumerate(members))
    value = LLVM::InsertValueOp::create(
        builder, loc, value, member,
        ArrayRef<int64_t>{static_cast<int64_t>(index)});
  return value;
}

/// A table of entries; null without any. LLVM makes a new constant with each
/// insertion, so the table is an array of pieces.
static LLVM::GlobalOp defineTable(Data &data, Type entry, const Twine &name,
                                  size_t size,
                                  function_ref<Value(size_t)> makeEntry) {
  if (size == 0)
    return {};
  constexpr size_t piece = 32;
  Type pieceType = data.array(entry, piece);
  size_t numPieces = llvm::divideCeil(size, piece);
  Type type = data.array(pieceType, numPieces);
  return data.define(type, name, LLVM::Linkage::Internal, [&] {
    SmallVector<Value> pieces;
    for (size_t first = 0; first < size; first += piece) {
      SmallVector<Value> entries;
      for (size_t i = first; i < std::min(size, first + piece); ++i)
        entries.push_back(makeEntry(i));
      pieces.push_back(data.aggregate(pieceType, entries));
    }
    return data.aggregate(type, pieces);
  });
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

static LLVM::LLVMFuncOp addEntry(Rewriter &rewriter,
                                 const KernelTraits &kernel) {
  OpBuilder &builder = rewriter.builder;
  LLVM::LLVMFuncOp function = kernel.function;
  Location loc = function.getLoc();
  Type pointer = rewriter.pointerType;
  builder.setInsertionPointToEnd(rewriter.module.getBody());
  auto entry = LLVM::LLVMFuncOp::create(
      builder, loc, "__peermla_sim_" + kernel.name,
      LLVM::LLVMFunctionType::get(rewriter.voidType, {pointer}));
  Block *block = entry.addEntryBlock(builder);
  builder.setInsertionPointToStart(block);
  SmallVector<Value> arguments;
  for (auto [index, type] :
       llvm::enumerate(function.getFunctionType().getParams())) {
    Value slot = LLVM::GEPOp::create(
        builder, loc, pointer, pointer, block->getArgument(0),
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
    Value argument = LLVM::LoadOp::create(builder, loc, pointer, slot);
    if (!kernel.isByValue[index])
      argument = LLVM::LoadOp::create(builder, loc, type, argument);
    arguments.push_back(argument);
  }
  LLVM::CallOp::create(builder, loc, function, arguments);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return entry;
}

/// Calls and what they call.
using KernelCalls = SmallVector<std::pair<LLVM::CallOp, LLVM::LLVMFuncOp>>;

/// All calls of a kernel and of its callees.
static KernelCalls collectCalls(Rewriter &rewriter, LLVM::LLVMFuncOp kernel) {
  KernelCalls calls;
  SmallVector<LLVM::LLVMFuncOp> worklist = {kernel};
  llvm::SmallDenseSet<Operation *> seen = {kernel};
  SymbolTable symbols(rewriter.module);
  while (!worklist.empty()) {
    worklist.pop_back_val().walk([&](LLVM::CallOp call) {
      auto callee =
          symbols.lookup<LLVM::LLVMFuncOp>(call.getCallee().value_or(""));
      if (!callee)
        return;
      calls.push_back({call, callee});
      if (seen.insert(callee).second)
        worklist.push_back(callee);
    });
  }
  return calls;
}

/// Whether accumulators are kept in registers while there are waits for
/// products without them.
static bool hasUntiedWaits(Rewriter &rewriter, const KernelCalls &calls) {
  auto isCalled = [&](Runtime function) {
    return llvm::any_of(calls, [&](const auto &call) {
      return call.second == rewriter.getDeclaration(function);
    });
  };
  return isCalled(Runtime::wgmma_registers) && isCalled(Runtime::wgmma_wait);
}

/// Whether clusters may learn of each other through one of the calls.
static bool communicates(Rewriter &rewriter, const KernelCalls &calls) {
  namespace F = sim::AccessFlags;
  // What no constant says may be anything.
  auto getConstant = [](LLVM::CallOp call, unsigned index) -> uint64_t {
    llvm::APInt value;
    return matchPattern(call.getOperand(index), m_ConstantInt(&value))
               ? value.getZExtValue()
               : ~0ull;
  };
  auto isOutside = [](uint64_t flags) {
    return flags == ~0ull || !(flags & (F::Shared | F::ClusterScope));
  };
  return llvm::any_of(calls, [&](const auto &entry) {
    auto [call, callee] = entry;
    auto is = [&, callee = callee](Runtime function) {
      return callee == rewriter.getDeclaration(function);
    };
    if (is(Runtime::access)) {
      uint64_t flags = getConstant(call, 3);
      return isOutside(flags) && (flags & (F::Atomic | F::Volatile));
    }
    if (is(Runtime::atomic))
      return isOutside(getConstant(call, 5));
    if (is(Runtime::tma_store))
      return getConstant(call, 4) != uint64_t(sim::TmaReduction::None);
    return is(Runtime::atomic_vector) || is(Runtime::bulk_reduce);
  });
}

void tosim::addEntryPoints(Rewriter &rewriter, ArrayRef<KernelTraits> kernels,
                           const SharedLayout &layout) {
  ModuleOp module = rewriter.module;
  DataLayout dataLayout(module);
  Type pointer = rewriter.pointerType, i32 = rewriter.i32Type,
       i64 = rewriter.i64Type;
  SmallVector<LLVM::GlobalOp> variables;
  for (auto global : module.getOps<LLVM::GlobalOp>())
    if (!global.isDeclaration())
      variables.push_back(global);

  Data data(rewriter);
  SmallVector<std::pair<LLVM::GlobalOp, LLVM::GlobalOp>> siteTexts;
  for (auto &[op, location] : rewriter.sites)
    siteTexts.emplace_back(data.text(op), data.text(location));
  Type siteType = data.structure({pointer, pointer});
  LLVM::GlobalOp sites = defineTable(
      data, siteType, "__peermla_sim_sites", siteTexts.size(), [&](size_t i) {
        return data.aggregate(siteType, {data.address(siteTexts[i].first),
                                         data.address(siteTexts[i].second)});
      });
  SmallVector<LLVM::GlobalOp> names;
  for (LLVM::GlobalOp variable : variables)
    names.push_back(data.text(variable.getSymName()));
  Type globalType = data.structure({pointer, pointer, i64});
  LLVM::GlobalOp globals = defineTable(
      data, globalType, "__peermla_sim_globals", variables.size(),
      [&](size_t i) {
        uint64_t size = dataLayout.getTypeSize(variables[i].getGlobalType());
        return data.aggregate(globalType, {data.address(names[i]),
                                           data.address(variables[i]),
                                           data.number(size, i64)});
      });

  Type extents = data.array(i32, 3);
  Type descriptor = data.structure({i32, i32, pointer, pointer, pointer,
                                    pointer, pointer, i32, i32, i32, i32,
                                    extents, extents, i32, i32, i32, i32, i32});
  for (const KernelTraits &kernel : kernels) {
    LLVM::LLVMFuncOp entry = addEntry(rewriter, kernel);
    KernelCalls calls = collectCalls(rewriter, kernel.function);
    std::string prefix = "__peermla_sim_" + kernel.name;
    LLVM::GlobalOp name = data.text(kernel.name);
    LLVM::GlobalOp sizes = defineTable(
        data, i64, prefix + "_sizes", kernel.parameterSizes.size(),
        [&](size_t i) { return data.number(kernel.parameterSizes[i], i64); });
    auto makeExtents = [&](const uint32_t *values) {
      return data.aggregate(extents, {data.number(values[0], i32),
                                      data.number(values[1], i32),
                                      data.number(values[2], i32)});
    };
    auto orNull = [&](LLVM::GlobalOp table) {
      return table ? data.address(table) : data.null();
    };
    data.define(
        descriptor, prefix + "_descriptor", LLVM::Linkage::External, [&] {
          return data.aggregate(
              descriptor,
              {data.number(sim::kAbiVersion, i32),
               data.number(kernel.parameterSizes.size(), i32),
               data.address(name), data.address(entry), orNull(sizes),
               orNull(sites), orNull(globals),
               data.number(siteTexts.size(), i32),
               data.number(variables.size(), i32),
               data.number(layout.staticBytes, i32),
               data.number(layout.dynamicOffset, i32),
               makeExtents(kernel.requiredBlock),
               makeExtents(kernel.requiredCluster),
               data.number(kernel.maxThreads, i32),
               data.number(kernel.maxRegisters, i32), data.number(0, i32),
               data.number(hasUntiedWaits(rewriter, calls), i32),
               data.number(communicates(rewriter, calls), i32)});
        });
  }
}
