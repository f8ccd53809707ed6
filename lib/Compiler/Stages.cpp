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

void peermla::registerCompiler(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerLibraryTarget(registry);
}

llvm::Error peermla::verifyOptions(const CompilerOptions &options) {
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
  pipeline.attentionForm = options.attentionForm;
  pipeline.schedules = options.schedules;
  pipeline.deterministic = options.deterministic;
  pipeline.plans = options.withReport;
  PassManager pm(model.getContext());
  if (configure && failed(configure(pm)))
    return failure();
  buildPipeline(pm, first, last, pipeline);
  return pm.run(model);
}
