//===- KernelToSimulator.cpp - GPU kernels as host code -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of the rewrite. Accesses are instrumented while pointers still say
// where they point; operations become calls of the runtime; accumulators become
// handles; and one replacement of types makes all pointers alike.
//
//===----------------------------------------------------------------------===//

#include "Rewriter.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "peermla/Conversion/KernelToSimulator/Passes.h"
#include "llvm/ADT/StringSet.h"

namespace peermla {
#define GEN_PASS_DEF_KERNELTOSIMULATOR
#include "peermla/Conversion/KernelToSimulator/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

/// Moves the contents of GPU modules to the top. Beside such modules, all else
/// is host code, which goes away.
static void hoistGpuModules(ModuleOp module) {
  SmallVector<gpu::GPUModuleOp> gpuModules(module.getOps<gpu::GPUModuleOp>());
  if (gpuModules.empty())
    return;
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (!isa<gpu::GPUModuleOp>(op))
      op.erase();
  SymbolTable table(module);
  // A kernel may be called like its module, or like another.
  for (gpu::GPUModuleOp gpuModule : gpuModules)
    table.remove(gpuModule);
  for (gpu::GPUModuleOp gpuModule : gpuModules) {
    SymbolTable inner(gpuModule);
    for (Operation &op :
         llvm::make_early_inc_range(gpuModule.getBodyRegion().front())) {
      if (op.hasTrait<OpTrait::IsTerminator>())
        continue;
      auto symbol = dyn_cast<SymbolOpInterface>(op);
      if (symbol && table.lookup(symbol.getName()))
        (void)inner.renameToUnique(&op, {&table});
      op.moveBefore(gpuModule);
      if (symbol)
        table.insert(&op, Block::iterator(&op));
    }
    gpuModule.erase();
  }
}

/// Drops what describes the GPU: its layout of data and its name. Integers of
/// 64 bits are aligned by 8 bytes on both sides, unlike MLIR's default.
static void dropTarget(ModuleOp module) {
  for (StringRef name :
       {"dlti.target_system_spec", "llvm.data_layout", "llvm.target_triple",
        "gpu.container_module", "llvm.module.flags"})
    module->removeAttr(name);
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (isa<LLVM::ModuleFlagsOp>(op))
      op.erase();
  Builder builder(module.getContext());
  SmallVector<DataLayoutEntryInterface> entries;
  for (int64_t bits : {1, 8, 16, 32, 64}) {
    int64_t aligned = std::max<int64_t>(bits, 8);
    entries.push_back(DataLayoutEntryAttr::get(
        builder.getIntegerType(bits),
        DenseIntElementsAttr::get(VectorType::get({2}, builder.getI64Type()),
                                  ArrayRef<int64_t>{aligned, aligned})));
  }
  module->setAttr(DLTIDialect::kDataLayoutAttrName,
                  DataLayoutSpecAttr::get(module.getContext(), entries));
}

//===----------------------------------------------------------------------===//
// Checks before the first change
//===----------------------------------------------------------------------===//

/// Whether host code may call the function by its name.
static bool isHostSymbol(StringRef name) {
  static const llvm::StringSet<> symbols = {
#define PEERMLA_SIM_HOST_SYMBOL(Symbol) #Symbol,
#include "peermla/Simulator/Abi.def"
  };
  return symbols.contains(name);
}

static bool isIntrinsicName(StringRef name) {
  return name.starts_with("llvm.");
}

static LogicalResult verifyCall(LLVM::CallOp call, SymbolTable &table) {
  std::optional<StringRef> callee = call.getCallee();
  if (!callee)
    return call.emitError("indirect calls are not modelled by the simulator");
  auto function = table.lookup<LLVM::LLVMFuncOp>(*callee);
  if (function && function.isExternal() && !isHostSymbol(*callee) &&
      !isIntrinsicName(*callee) && *callee != "vprintf" &&
      *callee != "__assertfail")
    return call.emitError("calls '")
           << *callee << "', which neither the module nor the simulator has";
  return success();
}

/// Everything is in the dialects that kernels have, and calls what is there.
static LogicalResult verifyInput(ModuleOp module) {
  SymbolTable table(module);
  WalkResult result = module.walk([&](Operation *op) {
    if (op == module)
      return WalkResult::advance();
    if (isa<ModuleOp>(op)) {
      op->emitError("expects no modules inside the module of kernels");
      return WalkResult::interrupt();
    }
    StringRef dialect = op->getName().getDialectNamespace();
    if (dialect != "llvm" && dialect != "nvvm" && dialect != "frag") {
      op->emitError(
          "expects kernels in the LLVM, NVVM and frag dialects, got '")
          << op->getName() << "'";
      return WalkResult::interrupt();
    }
    if (auto call = dyn_cast<LLVM::CallOp>(op))
      if (failed(verifyCall(call, table)))
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static LogicalResult rewriteOperation(Rewriter &rewriter, Operation *op) {
  rewriter.visit(op);
  for (auto part :
       {rewriteSpecialRegister, rewriteCollective, rewriteMatrix,
        rewriteAsyncCopy, rewriteMBarrier, rewriteWgmma, rewriteWarpgroup,
        rewriteConversion, rewriteIntrinsic, rewriteInlinePtx})
    if (Outcome outcome = part(rewriter, op))
      return *outcome;
  return rewriter.reject("");
}

/// `nvvm.inline_ptx` as the inline assembly that MLIR makes of it.
static void lowerInlinePtx(ModuleOp module) {
  bool isUsed = false;
  module.walk([&](NVVM::InlinePtxOp) { isUsed = true; });
  if (!isUsed)
    return;
  struct LowerInlinePtx final : OpRewritePattern<NVVM::InlinePtxOp> {
    using OpRewritePattern::OpRewritePattern;
    LogicalResult matchAndRewrite(NVVM::InlinePtxOp op,
                                  PatternRewriter &rewriter) const override {
      NVVM::PtxBuilder builder(op, rewriter);
      SmallVector<std::pair<Value, NVVM::PTXRegisterMod>> values;
      bool isManual = op.getAsmValues(rewriter, values);
      NVVM::PtxBuilder generator(op, rewriter, isManual);
      for (auto &[value, modifier] : values)
        if (failed(generator.insertValue(value, modifier)))
          return failure();
      generator.buildAndReplaceOp();
      return success();
    }
  };
  RewritePatternSet patterns(module.getContext());
  patterns.add<LowerInlinePtx>(module.getContext());
  walkAndApplyPatterns(module, std::move(patterns));
}

static LogicalResult rewriteOperations(Rewriter &rewriter) {
  SmallVector<Operation *> ops;
  rewriter.module.walk([&](Operation *op) {
    StringRef dialect = op->getName().getDialectNamespace();
    bool isInstruction = dialect == "nvvm" || dialect == "frag";
    auto call = dyn_cast<LLVM::CallOp>(op);
    bool isRuntime =
        call && call.getCallee() &&
        (*call.getCallee() == "vprintf" || *call.getCallee() == "__assertfail");
    if (isInstruction || isRuntime ||
        isa<LLVM::InlineAsmOp, LLVM::CallIntrinsicOp, LLVM::FenceOp>(op))
      ops.push_back(op);
  });
  bool failed = false;
  for (Operation *op : ops)
    failed |= mlir::failed(rewriteOperation(rewriter, op));
  return failure(failed);
}

//===----------------------------------------------------------------------===//
// Types and attributes
//===----------------------------------------------------------------------===//

/// One address space, and handles for accumulators; then the casts between
/// equal types go away.
static void unifyTypes(Rewriter &rewriter, const AccumulatorTypes &types) {
  Type pointer = rewriter.pointerType;
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [&](LLVM::LLVMPointerType) -> Type { return pointer; });
  replacer.addReplacement([&](LLVM::LLVMStructType type)
                              -> std::optional<std::pair<Type, WalkResult>> {
    if (types.contains(type))
      return std::make_pair(pointer, WalkResult::skip());
    return std::nullopt;
  });
  replacer.recursivelyReplaceElementsIn(rewriter.module, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
  rewriter.module.walk([&](Operation *op) {
    if (!isa<LLVM::AddrSpaceCastOp, UnrealizedConversionCastOp>(op) ||
        op->getOperand(0).getType() != op->getResult(0).getType())
      return;
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    op->erase();
  });
  for (auto global : rewriter.module.getOps<LLVM::GlobalOp>())
    global.setAddrSpace(0);
}

/// Kernels become functions of the host that only their entry point calls.
static void dropGpuAttributes(ModuleOp module) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    SmallVector<NamedAttribute> attributes =
        llvm::to_vector(function->getDiscardableAttrs());
    for (NamedAttribute attribute : attributes)
      if (attribute.getName().strref().starts_with("nvvm.") ||
          attribute.getName().strref().starts_with("gpu."))
        function->removeDiscardableAttr(attribute.getName());
    if (function.isExternal())
      continue;
    function.setCConv(LLVM::CConv::C);
    function.setLinkage(LLVM::Linkage::Internal);
    function.removePassthroughAttr();
    function.removeComdatAttr();
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      function.setArgAttrs(i, DictionaryAttr());
  }
}

/// Declarations that nothing calls any more would be symbols to look up.
static void dropUnusedDeclarations(ModuleOp module) {
  SymbolTableCollection tables;
  SymbolUserMap users(tables, module);
  for (auto function :
       llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>()))
    if (function.isExternal() && users.useEmpty(function))
      function.erase();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct KernelToSimulator final
    : peermla::impl::KernelToSimulatorBase<KernelToSimulator> {
  using KernelToSimulatorBase::KernelToSimulatorBase;

  LogicalResult rewrite(ModuleOp module) {
    hoistGpuModules(module);
    dropTarget(module);
    if (failed(verifyInput(module)))
      return failure();
    FailureOr<SharedLayout> layout = layOutSharedMemory(module);
    if (failed(layout))
      return failure();
    SmallVector<KernelTraits> kernels;
    for (LLVM::LLVMFuncOp kernel : getKernels(module)) {
      FailureOr<KernelTraits> traits = readTraits(kernel);
      if (failed(traits))
        return failure();
      kernels.push_back(std::move(*traits));
    }
    if (kernels.empty())
      return module.emitError("expects a kernel: a function with nvvm.kernel, "
                              "gpu.kernel or the convention ptx_kernelcc");

    Rewriter rewriter(module);
    AccumulatorTypes accumulators = collectAccumulatorTypes(module);
    lowerInlinePtx(module);
    if (count)
      countInstructions(rewriter);
    guardProducts(rewriter);
    if (failed(instrumentAccesses(rewriter)) ||
        failed(rewriteOperations(rewriter)) ||
        failed(rewriteAccumulators(rewriter, accumulators)))
      return failure();
    rewriteSharedMemory(rewriter, *layout);
    unifyTypes(rewriter, accumulators);
    dropGpuAttributes(module);
    dropUnusedDeclarations(module);
    addEntryPoints(rewriter, kernels, *layout);
    module->removeAttr(DLTIDialect::kDataLayoutAttrName);
    return success();
  }

  void runOnOperation() override {
    if (failed(rewrite(getOperation())))
      signalPassFailure();
  }
};

} // namespace
