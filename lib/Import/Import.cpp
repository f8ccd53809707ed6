//===- Import.cpp - from a checkpoint to model IR -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Import.h"
#include "Architectures.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace peermla::importer;

OpPrintingFlags peermla::importer::getPrintingFlags() {
  return OpPrintingFlags().printNameLocAsPrefix().useLocalScope();
}

/// Turns every error of `error` into a diagnostic.
static LogicalResult report(MLIRContext *context, llvm::Error error) {
  llvm::handleAllErrors(std::move(error), [&](const llvm::ErrorInfoBase &info) {
    emitError(UnknownLoc::get(context), info.message());
  });
  return failure();
}

static void buildModel(ModelBuilder &model, const ModelConfig &config) {
  switch (config.architecture) {
  case Architecture::PeerLayer:
    return buildPeerLayer(model, config);
  case Architecture::MlaLayer:
    return buildMlaLayer(model, config);
  case Architecture::DeepseekV2ForCausalLM:
  case Architecture::DeepseekV3ForCausalLM:
  case Architecture::PeerMlaForCausalLM:
    return buildLanguageModel(model, config);
  }
  llvm_unreachable("all architectures are handled");
}

FailureOr<OwningOpRef<ModuleOp>>
peermla::importer::importModel(StringRef configText, StringRef file,
                               const CheckpointHeaders *headers,
                               MLIRContext *context) {
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       linalg::LinalgDialect, math::MathDialect,
                       ml_program::MLProgramDialect, mla::MlaDialect,
                       peer::PeerDialect, tensor::TensorDialect>();

  std::vector<std::string> warnings;
  auto emitWarnings = [&] {
    for (const std::string &warning : warnings)
      emitWarning(UnknownLoc::get(context), warning);
    warnings.clear();
  };
  llvm::Expected<ModelConfig> config = parseConfig(configText, file, warnings);
  emitWarnings();
  if (!config)
    return report(context, config.takeError());
  StringRef folder = llvm::sys::path::parent_path(file);
  llvm::Expected<BoundWeights> weights =
      bindWeights(*config, headers, headers ? folder : file, warnings);
  emitWarnings();
  if (!weights)
    return report(context, weights.takeError());

  OwningOpRef<ModuleOp> module = ModuleOp::create(
      UnknownLoc::get(context), stringifyArchitecture(config->architecture));
  ModelBuilder model(*module, *weights);
  buildModel(model, *config);
  if (failed(verify(*module)))
    return failure();
  return module;
}

FailureOr<OwningOpRef<ModuleOp>>
peermla::importer::importModel(StringRef path, MLIRContext *context) {
  SmallString<128> file(path);
  std::optional<CheckpointHeaders> headers;
  if (llvm::sys::fs::is_directory(path)) {
    llvm::sys::path::append(file, "config.json");
    llvm::Expected<std::optional<CheckpointHeaders>> found =
        readCheckpointHeaders(path);
    if (!found)
      return report(context, found.takeError());
    headers = std::move(*found);
  }
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> text =
      llvm::MemoryBuffer::getFile(file);
  if (!text) {
    emitError(UnknownLoc::get(context))
        << file << ": cannot be read: " << text.getError().message();
    return failure();
  }
  return importModel((*text)->getBuffer(), file, headers ? &*headers : nullptr,
                     context);
}
