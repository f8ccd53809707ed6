//===- peermla-compile.cpp - model IR -> shared library -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "peermla/Compiler/Compiler.h"
#include "peermla/Support/LlvmErrors.h"
#include "peermla/Support/OutputFile.h"
#include "peermla/Target/Binary/Ptx.h"
#include "peermla/Target/Library/Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace peermla;
namespace cl = llvm::cl;

static cl::OptionCategory category("peermla-compile options");

static cl::opt<std::string> inputFile(cl::Positional, cl::desc("model.mlir"),
                                      cl::init("-"), cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("output file or folder"),
                                   cl::value_desc("file"), cl::init("-"),
                                   cl::cat(category));
static cl::list<std::string>
    targets("target", cl::CommaSeparated,
            cl::desc("cpu, sm_80, sm_90a (default: cpu)"), cl::cat(category));
static cl::list<std::string>
    cpuLevels("cpu-levels", cl::CommaSeparated,
              cl::desc("CPU levels (default: those of this architecture)"),
              cl::cat(category));
static cl::opt<std::string>
    inputStage("input-stage", cl::desc("stage of the input (default: model)"),
               cl::value_desc("stage"), cl::init("model"), cl::cat(category));
static cl::opt<std::string>
    emitStage("emit",
              cl::desc("what to write: IR of a stage (model, tiled, buffers, "
                       "tile, frag, nvvm, cpu, llvm), kernels of GPUs as text "
                       "(ptx), code of all levels as text (llvm-ir, "
                       "llvm-ir-opt, asm), a folder with objects (object), or "
                       "the library and its header (library, the default)"),
              cl::value_desc("what"), cl::init("library"), cl::cat(category));
static cl::opt<std::string>
    attentionForm("attention-form",
                  cl::desc("expand or absorb (default: by cost)"),
                  cl::value_desc("form"), cl::cat(category));
static cl::list<std::string> schedules(
    "schedule",
    cl::desc("schedule of the ops with an id, such as "
             "'lm_head = block = [96, 128, 0]'; '*' matches any text"),
    cl::value_desc("id = schedule"), cl::cat(category));
static cl::opt<bool> deterministic(
    "deterministic",
    cl::desc("the same bits of a sequence alone and in any batch"),
    cl::cat(category));
static cl::opt<std::string>
    reportFile("report", cl::desc("write decisions and facts about the code"),
               cl::value_desc("file.json"), cl::cat(category));
static cl::list<std::string> reportSizes(
    "report-sizes", cl::CommaSeparated,
    cl::desc("sizes at which the report's formulas are evaluated (default: "
             "T=256,B=2,R=2,S=1024,page=16,max_blocks=64,num_blocks=128,"
             "threads=2)"),
    cl::value_desc("name=size"), cl::cat(category));
static cl::opt<bool> simulate("simulate",
                              cl::desc("make the library run kernels of GPUs "
                                       "with --device=sim, too"),
                              cl::cat(category));
static cl::opt<bool> countInstructions(
    "count-instructions",
    cl::desc("have these count arithmetic, too, with --simulate"),
    cl::cat(category));
static cl::opt<std::string>
    linker("linker", cl::desc("linker to run (default: built in)"),
           cl::value_desc("path"), cl::cat(category));
static cl::opt<std::string> runtimeArchive("runtime",
                                           cl::desc("libpeermla_runtime.a"),
                                           cl::value_desc("path"),
                                           cl::cat(category));
static cl::opt<bool> verifyEach("verify-each",
                                cl::desc("verify IR after each pass, and not "
                                         "only at the end of each stage"),
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
  // Other threads may be at work: no destructors, but no half-written files.
  llvm::sys::RunInterruptHandlers();
  std::_Exit(1);
}

/// The artifact that `--emit` names, or nothing where it names a stage.
static std::optional<Artifact> getArtifact() {
  return llvm::StringSwitch<std::optional<Artifact>>(emitStage)
      .Case("ptx", Artifact::Ptx)
      .Case("llvm-ir", Artifact::LlvmIr)
      .Case("llvm-ir-opt", Artifact::OptimizedLlvmIr)
      .Case("asm", Artifact::Assembly)
      .Case("object", Artifact::Objects)
      .Case("library", Artifact::Library)
      .Default(std::nullopt);
}

static CompilerOptions getOptions() {
  return {{cpuLevels.begin(), cpuLevels.end()},
          attentionForm,
          llvm::join(schedules, ";"),
          deterministic,
          !reportFile.empty(),
          {targets.begin(), targets.end()},
          verifyEach};
}

static LogicalResult checkOptions() {
  if (llvm::Error invalid = verifyOptions(getOptions()))
    return error(llvm::toString(std::move(invalid)));
  std::optional<Artifact> artifact = getArtifact();
  std::string stages = llvm::join(getStageNames(), ", ");
  if (!getStage(inputStage))
    return error("unknown stage '" + inputStage + "', expected one of " +
                 stages);
  if (!artifact && !getStage(emitStage))
    return error("cannot emit '" + emitStage + "', expected one of " + stages +
                 ", ptx, llvm-ir, llvm-ir-opt, asm, object, library");
  if (artifact == Artifact::Ptx && *getStage(inputStage) > Stage::Nvvm)
    return error("cannot go back from stage '" + inputStage + "' to 'ptx'");
  if (!artifact && *getStage(emitStage) < *getStage(inputStage))
    return error("cannot go back from stage '" + inputStage + "' to '" +
                 emitStage + "'");
  if (!cpuLevels.empty() && *getStage(inputStage) > Stage::Model)
    return error("'--cpu-levels' expects input of the stage 'model', got '" +
                 inputStage + "'");
  if (!targets.empty() && *getStage(inputStage) > Stage::Model)
    return error("'--target' expects input of the stage 'model', got '" +
                 inputStage + "'");
  if (!schedules.empty() && *getStage(inputStage) > Stage::Model)
    return error("'--schedule' expects input of the stage 'model', got '" +
                 inputStage + "'");
  if (countInstructions && !simulate)
    return error("'--count-instructions' expects '--simulate'");
  if (output == "-" && artifact >= Artifact::Objects)
    return error("expects '-o' with the name of the output");
  if (output != "-" && artifact != Artifact::Objects)
    if (llvm::Error invalid =
            verifyOutput(output, artifact != Artifact::Library))
      return error(llvm::toString(std::move(invalid)));
  if (!reportFile.empty())
    if (llvm::Error invalid = verifyOutput(reportFile))
      return error(llvm::toString(std::move(invalid)));
  return success();
}

/// Writes text to `path`, which appears only when all went well.
static LogicalResult
writeText(StringRef path,
          llvm::function_ref<LogicalResult(llvm::raw_ostream &)> write) {
  LogicalResult result = failure();
  llvm::Error failed = writeOutput(path, [&](llvm::raw_ostream &os) {
    result = write(os);
    // Said already; this only keeps the file from appearing.
    return succeeded(result) ? llvm::Error::success()
                             : llvm::createStringError("");
  });
  if (!failed)
    return success();
  std::string message = llvm::toString(std::move(failed));
  return message.empty() ? failure() : error(message);
}

/// Applies the options that all tools of MLIR have.
static LogicalResult configure(PassManager &pm) {
  if (failed(applyPassManagerCLOptions(pm)))
    return failure();
  applyDefaultTimingPassManagerCLOptions(pm);
  return success();
}

static LogicalResult writeReport(const Report &report, StringRef path) {
  return writeText(path, [&](llvm::raw_ostream &os) {
    os << llvm::formatv("{0:2}\n", report.toJson());
    return success();
  });
}

/// Says after errors that arose inside LLVM how to repeat them.
class LlvmErrorHandler : public ScopedDiagnosticHandler {
public:
  explicit LlvmErrorHandler(MLIRContext *context)
      : ScopedDiagnosticHandler(context) {
    setHandler([this](Diagnostic &diagnostic) {
      hasErrors |= isLlvmError(diagnostic);
      return failure(); // The handler before this one prints it.
    });
  }
  ~LlvmErrorHandler() {
    if (hasErrors)
      llvm::errs() << "reproduce with: " << commandLine << "\n";
  }

private:
  bool hasErrors = false;
};

static LogicalResult writeResult(ModuleOp model, Report &report,
                                 const char *argv0) {
  std::optional<Artifact> artifact = getArtifact();
  if (!artifact)
    return writeText(output, [&](llvm::raw_ostream &os) {
      model.print(os);
      return success();
    });
  if (*artifact == Artifact::Ptx)
    return writeText(
        output, [&](llvm::raw_ostream &os) { return printPtx(model, os); });
  if (*artifact < Artifact::Objects)
    return writeText(output, [&](llvm::raw_ostream &os) {
      return printCode(model, *artifact, os);
    });
  LibraryOptions options;
  options.output = output;
  options.linker = linker;
  options.report = reportFile.empty() ? nullptr : &report;
  options.libraryPaths.assign(libraryPaths.begin(), libraryPaths.end());
  options.runtimeArchive = runtimeArchive;
  options.simulate = simulate;
  options.countInstructions = countInstructions;
  if (options.runtimeArchive.empty())
    options.runtimeArchive = getRuntimeArchive(llvm::sys::fs::getMainExecutable(
        argv0, reinterpret_cast<void *>(&writeResult)));
  return *artifact == Artifact::Objects ? writeObjects(model, options)
                                        : writeLibrary(model, options);
}

/// Reads `--report-sizes`.
static LogicalResult setSizes(Report &report) {
  for (StringRef entry : reportSizes) {
    auto [name, text] = entry.split('=');
    int64_t size;
    if (name.empty() || text.getAsInteger(10, size) || size < 1)
      return error("'--report-sizes' expects NAME=SIZE with a size of at least "
                   "1, got '" +
                   entry + "'");
    report.sizes[name.str()] = size;
  }
  return success();
}

static LogicalResult compile(const char *argv0) {
  Report report;
  if (failed(checkOptions()) || failed(setSizes(report)))
    return failure();
  DialectRegistry registry;
  registerCompiler(registry);
  MLIRContext context(registry);
  if (!reportFile.empty() && failed(report.collectDecisions(context)))
    return error("cannot collect the remarks of passes");

  std::string message;
  auto file = openInputFile(inputFile, &message);
  if (!file)
    return error(message);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  SourceMgrDiagnosticHandler diagnostics(*sources, &context);
  // Reports tell what passes decided, peermla-opt shows what they remark.
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &diagnostic) {
    return success(diagnostic.getSeverity() == DiagnosticSeverity::Remark);
  });
  OwningOpRef<ModuleOp> model = parseSourceFile<ModuleOp>(sources, &context);
  if (!model)
    return failure();
  Stage last = getStage(emitStage).value_or(
      getArtifact() == Artifact::Ptx ? Stage::Nvvm : Stage::Llvm);
  if (failed(runStages(*model, *getStage(inputStage), last, getOptions(),
                       configure))) {
    llvm::errs() << "reproduce with: " << commandLine
                 << " --verify-each "
                    "--mlir-pass-pipeline-crash-reproducer=reproducer.mlir\n";
    return failure();
  }
  LlvmErrorHandler llvmErrors(&context);
  // The linker resets all options of the process.
  std::string reportPath = reportFile;
  if (failed(writeResult(*model, report, argv0)))
    return failure();
  return reportPath.empty() ? success() : writeReport(report, reportPath);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::raw_string_ostream os(commandLine);
  for (int i = 0; i < argc; ++i) {
    if (i)
      os << " ";
    llvm::sys::printArg(os, argv[i], /*Quote=*/false);
  }
  llvm::setBugReportMsg("peermla-compile or LLVM failed, reproduce with the "
                        "program arguments below\n");
  llvm::install_fatal_error_handler(reportFatalError);
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "PEER and MLA model compiler\n");
  return failed(compile(argv[0]));
}
