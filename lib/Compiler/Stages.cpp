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

LogicalResult peermla::verifyOptions(Location loc,
                                     const CompilerOptions &options) {
  for (const std::string &level : options.cpuLevels)
    if (!CpuLevel::get(level))
      return emitError(loc)
             << "unknown CPU level '" << level << "', expected one of "
             << llvm::join(getCpuLevelNames(), ", ");
  StringRef form = options.attentionForm;
  if (!form.empty() && form != "expand" && form != "absorb")
    return emitError(loc) << "unknown attention form '" << form
                          << "', expected expand or absorb";
  return success();
}

LogicalResult peermla::runStages(ModuleOp model, Stage first, Stage last,
                                 const CompilerOptions &options) {
  PipelineOptions pipeline;
  for (const std::string &level : options.cpuLevels)
    pipeline.cpuLevels.push_back(level);
  pipeline.attentionForm = options.attentionForm;
  PassManager pm(model.getContext());
  buildPipeline(pm, first, last, pipeline);
  return pm.run(model);
}
