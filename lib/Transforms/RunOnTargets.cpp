//===- RunOnTargets.cpp - passes for one kind of target -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pass managers nest by the name of an op, not by its attributes. This pass
// stands at the module of a target and runs a pipeline on it if the target is
// of the kind that the pipeline is for, so that targets go on in parallel.
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_RUNONTARGETS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

struct RunOnTargets : peermla::impl::RunOnTargetsBase<RunOnTargets> {
  using Base::Base;

  void getDependentDialects(DialectRegistry &registry) const override {
    for (const OpPassManager &each : pipeline)
      each.getDependentDialects(registry);
  }

  void runOnOperation() override {
    if (kind != "cpu" && kind != "gpu") {
      getOperation().emitError()
          << "expects the kind of targets to be 'cpu' or 'gpu', got '" << kind
          << "'";
      return signalPassFailure();
    }
    ModuleOp module = getOperation();
    bool isGpu = module->hasAttr("peermla.gpu");
    bool isTarget = isGpu || module->hasAttr("peermla.level");
    if (!isTarget || isGpu != (kind == "gpu"))
      return markAllAnalysesPreserved();
    for (OpPassManager &each : pipeline)
      if (failed(runPipeline(each, module)))
        return signalPassFailure();
  }
};

} // namespace
