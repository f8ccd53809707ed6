//===- Compiler.h - the compiler as a library -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What tools and the Python package do with the compiler, in two layers. The
// first works on modules and reports through the diagnostics of their context:
//
//     registerCompiler -> parse or import -> runStages -> writeLibrary
//
// The second takes text and paths, makes a context of its own for each request,
// and answers with text and the messages that arose; nothing is printed, and
// requests of several threads do not meet. There are no global options, and
// nothing here ends the process.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_COMPILER_COMPILER_H
#define PEERMLA_COMPILER_COMPILER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "peermla/Pipelines/Pipelines.h"
#include "peermla/Target/Library/Library.h"
#include "peermla/Target/Library/Report.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace peermla {

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

/// The choices of a user; everything empty means the defaults.
struct CompilerOptions {
  /// Levels to compile for, by their names in TargetInfo.h.
  std::vector<std::string> cpuLevels;
  /// `expand` or `absorb` for all attention ops; by cost if empty.
  std::string attentionForm;
  /// Schedules of ops by their ids: `ID = SCHEDULE; ...`, see the pass
  /// peermla-override-schedules.
  std::string schedules = {};
  /// Whether a sequence gives the same bits alone and in a batch.
  bool deterministic = false;
  /// Whether kernels are described for a report.
  bool withReport = false;
  /// `cpu` and names of GPUs in TargetInfo.h; empty: `cpu`.
  std::vector<std::string> targets = {};
  /// Whether IR is verified after every pass, and not only where a stage ends.
  bool verifyEach = false;
};

/// The names of all CPU levels, in the order of preference.
std::vector<llvm::StringRef> getCpuLevelNames();

/// `cpu` and the names of all GPU targets.
std::vector<llvm::StringRef> getTargetNames();

/// Registers all that the functions below need.
void registerCompiler(mlir::DialectRegistry &registry);

/// An error if an option has a value that does not exist.
llvm::Error verifyOptions(const CompilerOptions &options);

/// IR of the stage `first` -> IR of the stage `last`, in place. `options` must
/// be valid. `configure` may add timers and printers before the passes run.
mlir::LogicalResult runStages(
    mlir::ModuleOp model, Stage first, Stage last,
    const CompilerOptions &options,
    llvm::function_ref<mlir::LogicalResult(mlir::PassManager &)> configure =
        nullptr);

//===----------------------------------------------------------------------===//
// Text and files
//===----------------------------------------------------------------------===//

/// One diagnostic with its notes, as people read it: the place and the line of
/// the source, if they are known, and what is wrong there.
struct Message {
  enum Severity { Error, Warning, Remark } severity;
  std::string text;
};

/// The outcome of a request.
struct Answer {
  /// What was asked for; absent if there was an error.
  std::optional<std::string> text;
  /// The error arose in a pass or in LLVM, from IR that parses: whoever reports
  /// it should keep that.
  bool failedInPasses = false;
  std::vector<Message> messages;
};

/// IR as text or bytecode, and what messages call it.
struct Source {
  std::string text, name;
};

/// Model IR of a folder with `config.json`, or of a configuration file.
Answer importCheckpoint(llvm::StringRef path);

/// Model IR of the text of a configuration; `name` is what messages call it.
Answer importConfig(llvm::StringRef text, llvm::StringRef name);

/// IR of a model after `stage`, by its name in Pipelines.h.
Answer printStage(const Source &model, llvm::StringRef stage,
                  const CompilerOptions &options);

/// Compiles a model into `library.output` and its header; answers with the
/// report of Report.h as JSON if `withReport` is set, at `reportSizes` where
/// they differ from its defaults; else with nothing to read.
Answer compileModel(const Source &model, const CompilerOptions &options,
                    LibraryOptions library, bool withReport = false,
                    const Sizes &reportSizes = {});

} // namespace peermla

#endif // PEERMLA_COMPILER_COMPILER_H
