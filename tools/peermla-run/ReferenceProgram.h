//===- ReferenceProgram.h - an entry as a function in memory --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses a model, reduces it to one entry, lowers that by the reference
// pipeline and compiles it in process. Nothing of the optimising compiler takes
// part.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TOOLS_PEERMLA_RUN_REFERENCEPROGRAM_H
#define PEERMLA_TOOLS_PEERMLA_RUN_REFERENCEPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "peermla/Runtime/Safetensors.h"
#include "llvm/Support/SourceMgr.h"
#include <map>
#include <memory>

namespace mlir {
class ExecutionEngine;
} // namespace mlir

namespace peermla::run {

/// An argument or a result of an entry, as declared.
struct ReferenceParameter {
  std::string name;
  mlir::RankedTensorType type;
  /// Per dimension "", `SYM` or `SYM+1`; may be empty.
  std::vector<std::string> dims;
  /// Whether it is read from the checkpoint.
  bool isWeight = false;
  /// Whether the compiled code takes floats as f64 and not as declared.
  bool isWide = true;

  unsigned getRank() const { return type.getRank(); }
};

/// `[T, 64]`
std::string formatShape(const ReferenceParameter &parameter);

/// Memory that the compiled code asks for; freed when the program ends. It
/// starts as NaN (and as -1), so that elements nobody wrote show.
class ReferenceMemory {
public:
  ~ReferenceMemory();
  void *allocate(size_t size);
  void free(void *address);

private:
  std::map<void *, size_t> blocks;
};

class ReferenceProgram {
public:
  ReferenceProgram();
  ~ReferenceProgram();

  /// Loads a model and compiles one of its entries.
  Failure load(const std::string &path, const std::string &entry);

  const std::vector<ReferenceParameter> &getArguments() const {
    return arguments;
  }
  const std::vector<ReferenceParameter> &getResults() const { return results; }

  /// Calls the entry with one descriptor per argument. `descriptors` of the
  /// results follow each other in `words`; they are valid while the program
  /// lives.
  Failure call(std::vector<std::vector<int64_t>> &descriptors,
               std::vector<int64_t> &words);

private:
  Failure parse(const std::string &path);
  Failure selectEntry(const std::string &path, const std::string &entry);
  Failure lower();
  Failure compile();

  mlir::MLIRContext context;
  /// What diagnostics quote.
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string name;
  std::vector<ReferenceParameter> arguments, results;
  std::unique_ptr<mlir::ExecutionEngine> engine;
  ReferenceMemory memory;
};

} // namespace peermla::run

#endif // PEERMLA_TOOLS_PEERMLA_RUN_REFERENCEPROGRAM_H
