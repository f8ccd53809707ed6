//===- CodeGen.cpp - machine code of one CPU level ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/CodeGen.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "peermla/Support/LlvmErrors.h"
#include "peermla/Support/Optimize.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Target/Binary/Ptx.h"
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

void peermla::registerLibraryTarget(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerBinaryTarget(registry);
}

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(Location loc, StringRef architecture, StringRef processor,
                    StringRef features) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
  });
  llvm::Triple triple((architecture + "-unknown-linux-gnu").str());
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return emitError(loc) << "this LLVM has no code generator for "
                          << architecture << ": " << message;
  llvm::TargetOptions options;
  // Unused functions fall away at link time, and an undefined symbol can be
  // traced to the function that uses it.
  options.FunctionSections = true;
  options.DataSections = true;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, processor, features, options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

/// Emits an error for an intrinsic that the level's instructions cannot
/// express: LLVM ends the process at one.
static LogicalResult verifyIntrinsics(Location loc, const llvm::Module &module,
                                      const CpuLevel &level) {
  for (const llvm::Function &function : module) {
    if (!function.isIntrinsic() || function.use_empty())
      continue;
    StringRef name = function.getName();
    bool isX86 = name.consume_front("llvm.x86.");
    bool isTile =
        isX86 && (name.starts_with("tile") || name.starts_with("tdp") ||
                  name.starts_with("ldtile") || name.starts_with("sttile"));
    bool isBf16 = isX86 && name.starts_with("avx512bf16");
    bool isAvx512 = isX86 && name.starts_with("avx512");
    if ((isX86 && level.architecture != "x86_64") ||
        (isTile && !level.hasAmx) || (isBf16 && !level.hasBf16Dot) ||
        (isAvx512 && level.lanes < 16))
      return emitError(loc) << "level '" << level.name
                            << "' has no instruction for the intrinsic '"
                            << function.getName() << "'";
  }
  return success();
}

/// Gives every function its linkage and the level's processor.
static void setAttributes(llvm::Module &module, const LevelModule &level) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (llvm::is_contained(level.exported, function.getName())) {
      function.setLinkage(llvm::GlobalValue::ExternalLinkage);
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
    } else {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
    }
    function.addFnAttr("target-cpu", level.level->processor);
    if (!level.level->features.empty())
      function.addFnAttr("target-features", level.level->features);
    // Some processors' tuning prefers half of the register.
    if (level.level->architecture == "x86_64" && level.level->lanes == 16)
      function.addFnAttr("prefer-vector-width", "512");
    function.setDoesNotThrow();
    function.setUWTableKind(llvm::UWTableKind::Default);
  }
  for (llvm::GlobalVariable &global : module.globals()) {
    if (global.isDeclaration())
      continue;
    bool isExported = llvm::is_contained(level.exported, global.getName());
    global.setLinkage(isExported ? llvm::GlobalValue::ExternalLinkage
                                 : llvm::GlobalValue::InternalLinkage);
    if (isExported)
      global.setVisibility(llvm::GlobalValue::HiddenVisibility);
  }
}

namespace {
/// Makes located errors of LLVM's, and facts of the remarks in which the code
/// generator states them.
struct DiagnosticHandler : llvm::DiagnosticHandler {
  DiagnosticHandler(Location loc, LevelReport *report)
      : loc(loc), report(report) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (info.getSeverity() == llvm::DS_Error) {
      std::string text;
      llvm::raw_string_ostream os(text);
      llvm::DiagnosticPrinterRawOStream printer(os);
      info.print(printer);
      emitLlvmError(loc) << "LLVM cannot generate code: " << text;
      hasErrors = true;
    }
    if (auto *remark =
            llvm::dyn_cast<llvm::DiagnosticInfoOptimizationBase>(&info);
        remark && report)
      addFacts(*remark, report->getFunction(remark->getFunction().getName()));
    return true;
  }
  bool isAnalysisRemarkEnabled(StringRef pass) const override {
    return report && (pass == "asm-printer" || pass == "prologepilog");
  }
  bool isMissedOptRemarkEnabled(StringRef pass) const override {
    return report && pass == "regalloc";
  }
  bool isPassedOptRemarkEnabled(StringRef) const override { return false; }
  bool isAnyRemarkEnabled() const override { return report; }

  static void addFacts(const llvm::DiagnosticInfoOptimizationBase &remark,
                       FunctionReport &function) {
    auto get = [&](StringRef key) {
      int64_t value = 0;
      for (const auto &argument : remark.getArgs())
        if (argument.Key == key)
          StringRef(argument.Val).getAsInteger(10, value);
      return value;
    };
    StringRef name = remark.getRemarkName();
    if (name == "InstructionCount") {
      function.instructions += get("NumInstructions");
    } else if (name == "StackSize") {
      function.stackBytes = get("NumStackBytes");
    } else if (name == "SpillReloadCopies") {
      function.spills += get("NumSpills");
      function.reloads += get("NumReloads");
    } else if (name == "LoopSpillReloadCopies") {
      // Inner loops are part of outer ones.
      function.spillsInLoops = std::max(function.spillsInLoops,
                                        get("NumSpills") + get("NumReloads"));
    }
  }

  Location loc;
  LevelReport *report;
  bool hasErrors = false;
};
} // namespace

static FailureOr<Code> emit(Location loc, llvm::Module &module,
                            llvm::TargetMachine &machine,
                            llvm::CodeGenFileType kind) {
  Code code;
  llvm::raw_svector_ostream os(code);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, os, nullptr, kind))
    return emitLlvmError(loc) << "LLVM cannot emit this kind of file for "
                              << machine.getTargetTriple().str();
  passes.run(module);
  return code;
}

static void setTarget(llvm::Module &module, llvm::TargetMachine &machine) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  module.setPICLevel(llvm::PICLevel::BigPIC);
}

FailureOr<Code> peermla::compileLevel(const LevelModule &level,
                                      Artifact artifact, LevelReport *report) {
  ModuleOp source = level.module;
  Location loc = source.getLoc();
  const CpuLevel &info = *level.level;
  auto machine = createTargetMachine(loc, info.architecture, info.processor,
                                     info.features);
  if (failed(machine))
    return failure();
  llvm::LLVMContext context;
  auto handler = std::make_unique<DiagnosticHandler>(loc, report);
  const bool &hasErrors = handler->hasErrors;
  context.setDiagnosticHandler(std::move(handler));
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(source, context, info.name);
  if (!module)
    return emitLlvmError(loc)
           << "level '" << info.name << "' cannot be translated to LLVM IR";
  setTarget(*module, **machine);
  setAttributes(*module, level);
  if (failed(verifyIntrinsics(loc, *module, info)))
    return failure();

  if (artifact != Artifact::LlvmIr) {
    llvm::PipelineTuningOptions tuning;
    tuning.LoopVectorization = true;
    tuning.SLPVectorization = true;
    optimize(*module, **machine, llvm::OptimizationLevel::O3, tuning);
  }
  if (artifact == Artifact::LlvmIr || artifact == Artifact::OptimizedLlvmIr) {
    Code text;
    llvm::raw_svector_ostream os(text);
    module->print(os, nullptr);
    return text;
  }
  bool isText = artifact == Artifact::Assembly;
  FailureOr<Code> code = emit(loc, *module, **machine,
                              isText ? llvm::CodeGenFileType::AssemblyFile
                                     : llvm::CodeGenFileType::ObjectFile);
  if (failed(code) || hasErrors)
    return failure();
  if (isText)
    return code;
  if (failed(verifyUndefinedSymbols(loc, level, *code)))
    return failure();
  if (report) {
    report->level = info.name.str();
    report->objectBytes = code->size();
  }
  return code;
}

FailureOr<std::vector<Code>>
peermla::compileLevels(ArrayRef<LevelModule> levels, Artifact artifact,
                       Report *report) {
  std::vector<Code> codes(levels.size());
  if (report)
    report->levels.resize(levels.size());
  if (levels.empty())
    return codes;
  ModuleOp first = levels.front().module;
  LogicalResult result = failableParallelForEachN(
      first.getContext(), 0, levels.size(), [&](size_t i) -> LogicalResult {
        FailureOr<Code> code = compileLevel(
            levels[i], artifact, report ? &report->levels[i] : nullptr);
        if (failed(code))
          return failure();
        codes[i] = std::move(*code);
        return success();
      });
  if (failed(result))
    return failure();
  return codes;
}

FailureOr<Code> peermla::emitModelObject(Location loc, llvm::Module &module,
                                         StringRef architecture) {
  auto machine = createTargetMachine(
      loc, architecture, architecture == "x86_64" ? "x86-64" : "generic", "");
  if (failed(machine))
    return failure();
  setTarget(module, **machine);
  return emit(loc, module, **machine, llvm::CodeGenFileType::ObjectFile);
}
