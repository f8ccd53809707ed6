//===- peermla-import.cpp - checkpoints to model IR -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Options and files around `importModel`. The output appears whole or not at
// all.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OperationSupport.h"
#include "peermla/Import/Import.h"
#include "peermla/Support/OutputFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

static cl::OptionCategory category("peermla-import options");
static cl::opt<std::string>
    input(cl::Positional, cl::Required,
          cl::desc("<folder with config.json and safetensors, or config file>"),
          cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Where the IR goes"),
                                   cl::value_desc("file"), cl::init("-"),
                                   cl::cat(category));

/// `peermla-import: error: ...`, one line per diagnostic.
static mlir::LogicalResult print(mlir::Diagnostic &diagnostic) {
  llvm::raw_ostream &os = llvm::errs();
  switch (diagnostic.getSeverity()) {
  case mlir::DiagnosticSeverity::Error:
    llvm::WithColor::error(os, "peermla-import");
    break;
  case mlir::DiagnosticSeverity::Warning:
    llvm::WithColor::warning(os, "peermla-import");
    break;
  default:
    llvm::WithColor::note(os, "peermla-import");
  }
  os << diagnostic << '\n';
  return mlir::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM initializer(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv, "From a Hugging Face style checkpoint to model IR\n");

  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler handler(&context, print);
  auto module = peermla::importer::importModel(input, &context);
  if (mlir::failed(module))
    return 1;
  llvm::Error error = peermla::writeOutput(output, [&](llvm::raw_ostream &os) {
    (*module)->print(os, peermla::importer::getPrintingFlags());
    os << '\n';
    return llvm::Error::success();
  });
  if (error) {
    llvm::WithColor::error(llvm::errs(), "peermla-import")
        << llvm::toString(std::move(error)) << '\n';
    return 1;
  }
  return 0;
}
