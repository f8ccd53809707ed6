//===- Jit.cpp - GPU kernels in memory, ready to launch -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Simulator/Jit.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "peermla/Conversion/KernelToSimulator/Passes.h"
#include "peermla/Dialect/Frag/IR/Frag.h"
#include "peermla/Simulator/Simulator.h"
#include "peermla/Support/Optimize.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace mlir;
using namespace peermla;
namespace orc = llvm::orc;

void peermla::registerSimulatorTarget(DialectRegistry &registry) {
  registry.insert<DLTIDialect, frag::FragDialect, gpu::GPUDialect,
                  LLVM::LLVMDialect, NVVM::NVVMDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

static bool isKernel(LLVM::LLVMFuncOp function) {
  return !function.isExternal() &&
         (function->hasAttr("nvvm.kernel") || function->hasAttr("gpu.kernel") ||
          function.getCConv() == LLVM::CConv::PTX_Kernel);
}

std::vector<std::string> peermla::getKernelNames(ModuleOp module) {
  std::vector<std::string> names;
  module.walk([&](LLVM::LLVMFuncOp function) {
    if (isKernel(function))
      names.push_back(function.getSymName().str());
  });
  return names;
}

/// Erases the other kernels, and what only they use: their shared memory would
/// count as this kernel's.
static void keepKernel(ModuleOp module, StringRef name) {
  SmallVector<LLVM::LLVMFuncOp> others;
  module.walk([&](LLVM::LLVMFuncOp function) {
    if (isKernel(function) && function.getSymName() != name)
      others.push_back(function);
  });
  for (LLVM::LLVMFuncOp function : others)
    function.erase();
  bool hasChanged = !others.empty();
  while (hasChanged) {
    SmallVector<Operation *> unused;
    module.walk([&](Operation *op) {
      auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
      if ((function && !isKernel(function)) || isa<LLVM::GlobalOp>(op))
        if (SymbolTable::symbolKnownUseEmpty(op, op->getParentOp()))
          unused.push_back(op);
    });
    for (Operation *op : unused)
      op->erase();
    hasChanged = !unused.empty();
  }
}

SimulatedKernels::SimulatedKernels() = default;
SimulatedKernels::~SimulatedKernels() = default;

/// Adds the code of `module` to a JIT whose only symbols from outside are those
/// of the runtime and of this process's C library.
static llvm::Error link(orc::LLJIT &jit, orc::ThreadSafeModule module) {
  orc::SymbolMap symbols;
  for (const sim::Symbol &symbol : sim::getSymbols())
    symbols[jit.mangleAndIntern(symbol.name)] = {
        orc::ExecutorAddr::fromPtr(symbol.address),
        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  orc::JITDylib &library = jit.getMainJITDylib();
  if (llvm::Error error = library.define(orc::absoluteSymbols(symbols)))
    return error;
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      jit.getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  return jit.addIRModule(std::move(module));
}

static llvm::Expected<std::unique_ptr<orc::LLJIT>>
createJit(std::unique_ptr<llvm::LLVMContext> context,
          std::unique_ptr<llvm::Module> module, unsigned optimization) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  auto builder = orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  auto machine = builder->createTargetMachine();
  if (!machine)
    return machine.takeError();
  module->setDataLayout((*machine)->createDataLayout());
  module->setTargetTriple((*machine)->getTargetTriple());
  const llvm::OptimizationLevel levels[] = {
      llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
      llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  if (optimization > 0)
    optimize(*module, **machine, levels[std::min(optimization, 3u)]);
  auto jit = orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(std::move(*builder))
                 .create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error = link(
          **jit, orc::ThreadSafeModule(std::move(module), std::move(context))))
    return std::move(error);
  return std::move(*jit);
}

FailureOr<std::unique_ptr<SimulatedKernels>>
SimulatedKernels::compile(ModuleOp module, const SimulatorJitOptions &options) {
  if (!options.kernel.empty())
    keepKernel(module, options.kernel);
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  KernelToSimulatorOptions passOptions;
  passOptions.count = options.count;
  passes.addPass(createKernelToSimulator(passOptions));
  if (failed(passes.run(module)))
    return failure();

  std::unique_ptr<SimulatedKernels> kernels(new SimulatedKernels());
  SmallVector<std::string> entries;
  for (auto global : module.getOps<LLVM::GlobalOp>())
    if (global.getSymName().ends_with("_descriptor"))
      entries.push_back(global.getSymName().str());

  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(module, *context, "kernels");
  if (!code)
    return module.emitError("the kernels cannot be translated to LLVM IR");
  auto jit =
      createJit(std::move(context), std::move(code), options.optimization);
  if (!jit)
    return module.emitError("the kernels cannot be compiled: ")
           << llvm::toString(jit.takeError());
  kernels->jit = std::move(*jit);
  // Code is generated by the first look-up; errors are to show here.
  for (const std::string &entry : entries)
    if (auto symbol = kernels->jit->lookup(entry); !symbol)
      return module.emitError("the kernels cannot be compiled: ")
             << llvm::toString(symbol.takeError());
  return kernels;
}

const sim::KernelDescriptor *SimulatedKernels::find(StringRef kernel) const {
  auto symbol = jit->lookup(("__peermla_sim_" + kernel + "_descriptor").str());
  if (symbol)
    return symbol->toPtr<const sim::KernelDescriptor *>();
  llvm::consumeError(symbol.takeError());
  return nullptr;
}
