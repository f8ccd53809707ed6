//===- peermla-compile.cpp - model IR -> shared library -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "peermla/InitAll.h"
#include "peermla/Pipelines/Pipelines.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Target/Library/Library.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace peermla;
namespace cl = llvm::cl;

namespace {
/// What is written: IR at a stage, text or objects made by LLVM, the library.
enum class Emit {
  Model,
  Tiled,
  Buffers,
  Cpu,
  Llvm,
  LlvmIr,
  OptimizedLlvmIr,
  Assembly,
  Objects,
  Library
};
/// The stage of the input.
enum class Input { Model, Llvm };
} // namespace

static cl::OptionCategory category("peermla-compile options");

static cl::opt<std::string> inputFile(cl::Positional, cl::desc("model.mlir"),
                                      cl::init("-"), cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("output file or folder"),
                                   cl::value_desc("file"), cl::init("-"),
                                   cl::cat(category));
static cl::list<std::string> targets("target", cl::CommaSeparated,
                                     cl::desc("targets (default: cpu)"),
                                     cl::cat(category));
static cl::list<std::string>
    cpuLevels("cpu-levels", cl::CommaSeparated,
              cl::desc("CPU levels (default: those of this architecture)"),
              cl::cat(category));
static cl::opt<Input>
    inputStage("input-stage", cl::desc("stage of the input"),
               cl::values(clEnumValN(Input::Model, "model", "model IR"),
                          clEnumValN(Input::Llvm, "llvm",
                                     "LLVM dialect, one module per level")),
               cl::init(Input::Model), cl::cat(category));
static cl::opt<Emit> emitStage(
    "emit", cl::desc("what to write"),
    cl::values(
        clEnumValN(Emit::Model, "model", "model IR as read"),
        clEnumValN(Emit::Tiled, "tiled", "kernels on tensors, per target"),
        clEnumValN(Emit::Buffers, "buffers", "kernels on memrefs"),
        clEnumValN(Emit::Cpu, "cpu", "vector loops, planned workspace"),
        clEnumValN(Emit::Llvm, "llvm", "LLVM dialect"),
        clEnumValN(Emit::LlvmIr, "llvm-ir", "LLVM IR of all levels"),
        clEnumValN(Emit::OptimizedLlvmIr, "llvm-ir-opt", "optimised LLVM IR"),
        clEnumValN(Emit::Assembly, "asm", "assembly of all levels"),
        clEnumValN(Emit::Objects, "object", "a folder with objects"),
        clEnumValN(Emit::Library, "library", "the library and its header")),
    cl::init(Emit::Library), cl::cat(category));
static cl::opt<std::string>
    attentionForm("attention-form",
                  cl::desc("'expand' or 'absorb' for all attention ops "
                           "(default: by cost)"),
                  cl::cat(category));
static cl::opt<std::string> report("report", cl::desc("report of all kernels"),
                                   cl::value_desc("file.json"),
                                   cl::cat(category));
static cl::opt<bool> simulate("simulate",
                              cl::desc("add GPU kernels as host code"),
                              cl::cat(category));
static cl::opt<std::string>
    linker("linker", cl::desc("linker to run (default: built in)"),
           cl::value_desc("path"), cl::cat(category));
static cl::opt<std::string> runtimeArchive("runtime",
                                           cl::desc("libpeermla_runtime.a"),
                                           cl::value_desc("path"),
                                           cl::cat(category));
static cl::list<std::string>
    libraryPaths("library-path", cl::desc("folder with shared libraries"),
                 cl::value_desc("folder"), cl::cat(category));

/// The command line, for reports of failures.
static std::string commandLine;

static LogicalResult error(const llvm::Twine &message) {
  llvm::errs() << "peermla-compile: error: " << message << "\n";
  return failure();
}

/// LLVM calls this where it cannot go on; it must not return.
static void reportFatalError(void *, const char *reason, bool) {
  llvm::errs() << "peermla-compile: error in LLVM: " << reason
               << "\nreproduce with: " << commandLine << "\n";
  exit(1);
}

static LogicalResult checkOptions() {
  for (const std::string &target : targets)
    if (target != "cpu")
      return error("target '" + target +
                   "' is not built yet, this version compiles for 'cpu'");
  if (simulate)
    return error("'--simulate' is not built yet");
  for (const std::string &level : cpuLevels)
    if (!CpuLevel::get(level)) {
      std::string names;
      for (const CpuLevel &known : CpuLevel::all())
        names += (names.empty() ? "" : ", ") + known.name.str();
      return error("unknown CPU level '" + level + "', expected one of " +
                   names);
    }
  if (output == "-" &&
      (emitStage == Emit::Objects || emitStage == Emit::Library))
    return error("expects '-o' with the name of the output");
  return success();
}

/// Writes text to the output file, which appears only when all went well.
static LogicalResult
writeText(llvm::function_ref<LogicalResult(llvm::raw_ostream &)> write) {
  std::string message;
  std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(output, &message);
  if (!file)
    return error(message);
  if (failed(write(file->os())))
    return failure();
  file->keep();
  return success();
}

static LogicalResult writeResult(ModuleOp model, const char *argv0) {
  LibraryOptions options;
  options.output = output;
  options.linker = linker;
  options.libraryPaths.assign(libraryPaths.begin(), libraryPaths.end());
  options.runtimeArchive = runtimeArchive;
  if (options.runtimeArchive.empty())
    options.runtimeArchive = getRuntimeArchive(llvm::sys::fs::getMainExecutable(
        argv0, reinterpret_cast<void *>(&writeResult)));

  auto print = [&](Artifact artifact) {
    return writeText(
        [&](llvm::raw_ostream &os) { return printCode(model, artifact, os); });
  };
  switch (emitStage) {
  case Emit::Model:
  case Emit::Tiled:
  case Emit::Buffers:
  case Emit::Cpu:
  case Emit::Llvm:
    return writeText([&](llvm::raw_ostream &os) {
      model.print(os);
      return success();
    });
  case Emit::LlvmIr:
    return print(Artifact::LlvmIr);
  case Emit::OptimizedLlvmIr:
    return print(Artifact::OptimizedLlvmIr);
  case Emit::Assembly:
    return print(Artifact::Assembly);
  case Emit::Objects:
    return writeObjects(model, options);
  case Emit::Library:
    return writeLibrary(model, options);
  }
  llvm_unreachable("all values handled");
}

/// Runs the stages up to the one that is written.
static LogicalResult runStages(ModuleOp model) {
  Stage last = Stage::Llvm;
  switch (emitStage) {
  case Emit::Model:
    return success();
  case Emit::Tiled:
    last = Stage::Tiled;
    break;
  case Emit::Buffers:
    last = Stage::Buffers;
    break;
  case Emit::Cpu:
    last = Stage::Cpu;
    break;
  default:
    break;
  }
  PipelineOptions options;
  for (const std::string &level : cpuLevels)
    options.cpuLevels.push_back(level);
  options.attentionForm = attentionForm;
  PassManager pm(model.getContext());
  if (failed(applyPassManagerCLOptions(pm)))
    return failure();
  buildPipeline(pm, last, options);
  if (succeeded(pm.run(model)))
    return success();
  llvm::errs() << "reproduce with: " << commandLine << "\n";
  return failure();
}

static LogicalResult compile(const char *argv0) {
  if (failed(checkOptions()))
    return failure();
  DialectRegistry registry;
  registerAllDialects(registry);
  registerLibraryTarget(registry);
  MLIRContext context(registry);

  std::string message;
  auto file = openInputFile(inputFile, &message);
  if (!file)
    return error(message);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  SourceMgrDiagnosticHandler diagnostics(*sources, &context);
  OwningOpRef<ModuleOp> model = parseSourceFile<ModuleOp>(sources, &context);
  if (!model)
    return failure();
  if (inputStage == Input::Model)
    if (failed(runStages(*model)))
      return failure();
  return writeResult(*model, argv0);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::raw_string_ostream os(commandLine);
  llvm::ListSeparator separator(" ");
  for (int i = 0; i < argc; ++i) {
    os << separator;
    llvm::sys::printArg(os, argv[i], /*Quote=*/false);
  }
  llvm::setBugReportMsg(nullptr);
  llvm::install_fatal_error_handler(reportFatalError);
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  cl::ParseCommandLineOptions(argc, argv, "PEER and MLA model compiler\n");
  return failed(compile(argv[0]));
}
