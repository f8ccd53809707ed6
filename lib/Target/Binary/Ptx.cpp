//===- Ptx.cpp - kernels as PTX -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Binary/Ptx.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "peermla/Support/LlvmErrors.h"
#include "peermla/Support/Optimize.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace mlir;
using namespace peermla;

void peermla::registerBinaryTarget(DialectRegistry &registry) {
  registry.insert<gpu::GPUDialect, NVVM::NVVMDialect>();
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(Location loc, const GpuTarget &target) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string message;
  const llvm::Target *found =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!found)
    return emitError(loc) << "this LLVM has no code generator for NVIDIA GPUs: "
                          << message;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, target.name, "+ptx" + std::to_string(target.ptxVersion), {}, {},
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// The drivers of GPUs have no library to look names up in.
static LogicalResult verifyCalls(Location loc, const llvm::Module &module) {
  for (const llvm::Function &function : module)
    if (function.isDeclaration() && !function.isIntrinsic() &&
        !function.use_empty() && function.getName() != "vprintf" &&
        function.getName() != "__assertfail")
      return emitError(loc) << "the kernel calls '" << function.getName()
                            << "', which neither it nor the GPU has";
  return success();
}

namespace {
/// Makes located errors of LLVM's.
struct DiagnosticHandler : llvm::DiagnosticHandler {
  DiagnosticHandler(Location loc, bool &hasErrors)
      : loc(loc), hasErrors(hasErrors) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (info.getSeverity() != llvm::DS_Error)
      return true;
    std::string text;
    llvm::raw_string_ostream os(text);
    llvm::DiagnosticPrinterRawOStream printer(os);
    info.print(printer);
    emitLlvmError(loc) << "LLVM cannot generate PTX: " << text;
    hasErrors = true;
    return true;
  }

  Location loc;
  bool &hasErrors;
};
} // namespace

LogicalResult peermla::printPtx(ModuleOp model, llvm::raw_ostream &os) {
  WalkResult result = model.walk([&](gpu::GPUModuleOp module) {
    const GpuTarget *target = GpuTarget::of(module);
    if (!target) {
      module.emitError("expects a gpu.module of a GPU target");
      return WalkResult::interrupt();
    }
    FailureOr<std::string> ptx = translateToPtx(module, *target);
    if (failed(ptx))
      return WalkResult::interrupt();
    os << "// " << target->name << " " << module.getName() << "\n" << *ptx;
    return WalkResult::skip();
  });
  return failure(result.wasInterrupted());
}

FailureOr<std::string> peermla::translateToPtx(gpu::GPUModuleOp module,
                                               const GpuTarget &target) {
  Location loc = module.getLoc();
  auto machine = createTargetMachine(loc, target);
  if (failed(machine))
    return failure();
  bool hasErrors = false;
  llvm::LLVMContext context;
  context.setDiagnosticHandler(
      std::make_unique<DiagnosticHandler>(loc, hasErrors));
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(module, context, module.getName());
  if (!code)
    return emitLlvmError(loc) << "the kernel cannot be translated to LLVM IR";
  code->setTargetTriple((*machine)->getTargetTriple());
  code->setDataLayout((*machine)->createDataLayout());
  if (failed(verifyCalls(loc, *code)))
    return failure();
  optimize(*code, **machine);
  SmallVector<char, 0> text;
  llvm::raw_svector_ostream os(text);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, os, nullptr,
                                      llvm::CodeGenFileType::AssemblyFile))
    return emitLlvmError(loc) << "LLVM cannot emit PTX";
  passes.run(*code);
  if (hasErrors)
    return failure();
  return std::string(text.begin(), text.end());
}
