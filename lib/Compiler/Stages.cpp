//===- Stages.cpp - model IR through the stages ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "peermla/Compiler/Compiler.h"
#include "peermla/InitAll.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace peermla;

std::vector<StringRef> peermla::getCpuLevelNames() {
  std::vector<StringRef> names;
  for (const CpuLevel &level : CpuLevel::all())
    names.push_back(level.name);
  return names;
}

std::vector<StringRef> peermla::getTargetNames() {
  std::vector<StringRef> names = {"cpu"};
  for (const GpuTarget &target : GpuTarget::all())
    names.push_back(target.name);
  return names;
}

void peermla::registerCompiler(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerLibraryTarget(registry);
}

llvm::Error peermla::verifyOptions(const CompilerOptions &options) {
  for (auto [i, target] : llvm::enumerate(options.targets)) {
    if (!llvm::is_contained(getTargetNames(), target))
      return llvm::createStringError("unknown target '" + target +
                                     "', expected one of " +
                                     llvm::join(getTargetNames(), ", "));
    if (llvm::is_contained(ArrayRef(options.targets).take_front(i), target))
      return llvm::createStringError("expected each target once, got '" +
                                     target + "' twice");
  }
  if (!options.cpuLevels.empty() && !options.targets.empty() &&
      !llvm::is_contained(options.targets, "cpu"))
    return llvm::createStringError("CPU levels expect the target 'cpu', got " +
                                   llvm::join(options.targets, ", "));
  for (const std::string &level : options.cpuLevels)
    if (!CpuLevel::get(level))
      return llvm::createStringError("unknown CPU level '" + level +
                                     "', expected one of " +
                                     llvm::join(getCpuLevelNames(), ", "));
  StringRef form = options.attentionForm;
  if (!form.empty() && form != "expand" && form != "absorb")
    return llvm::createStringError("unknown attention form '" + form +
                                   "', expected expand or absorb");
  return llvm::Error::success();
}

LogicalResult
peermla::runStages(ModuleOp model, Stage first, Stage last,
                   const CompilerOptions &options,
                   llvm::function_ref<LogicalResult(PassManager &)> configure) {
  PipelineOptions pipeline;
  if (!options.cpuLevels.empty())
    pipeline.cpuLevels = ArrayRef<std::string>(options.cpuLevels);
  if (!options.targets.empty())
    pipeline.targets = ArrayRef<std::string>(options.targets);
  pipeline.attentionForm = options.attentionForm;
  pipeline.schedules = options.schedules;
  pipeline.deterministic = options.deterministic;
  pipeline.plans = options.withReport;
  PassManager pm(model.getContext());
  // The contract at the end of each stage verifies what the passes left.
  pm.enableVerifier(options.verifyEach);
  if (configure && failed(configure(pm)))
    return failure();
  buildPipeline(pm, first, last, pipeline);
  return pm.run(model);
}
