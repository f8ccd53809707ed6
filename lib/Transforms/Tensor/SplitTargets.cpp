//===- SplitTargets.cpp - one nested module per target --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/BuiltinOps.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_SPLITTARGETS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

struct SplitTargets : peermla::impl::SplitTargetsBase<SplitTargets> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<const CpuLevel *> levels;
    SmallVector<const GpuTarget *> gpus;
    if (failed(collect(cpuLevels, "CPU level", levels)) ||
        failed(collect(gpuTargets, "GPU target", gpus)))
      return signalPassFailure();
    if (levels.empty() && gpus.empty()) {
      module.emitError("expects at least one target, got none");
      return signalPassFailure();
    }

    Block *body = module.getBody();
    SmallVector<Operation *> contents;
    for (Operation &op : *body)
      contents.push_back(&op);
    for (const CpuLevel *level : levels)
      addTarget(contents, "cpu_" + level->symbol, "peermla.level", level->name);
    for (const GpuTarget *gpu : gpus)
      addTarget(contents, "gpu_" + gpu->name, "peermla.gpu", gpu->name);
    for (Operation *op : llvm::reverse(contents))
      op->erase();
  }

  /// Looks up each of `names`; what there is, is called `kind` in errors.
  template <typename Target>
  LogicalResult collect(ArrayRef<std::string> names, StringRef kind,
                        SmallVectorImpl<const Target *> &targets) {
    for (const std::string &name : names) {
      const Target *target = Target::get(name);
      if (!target) {
        InFlightDiagnostic diagnostic = getOperation().emitError()
                                        << "expects a " << kind << ", got '"
                                        << name << "'";
        Diagnostic &note = diagnostic.attachNote() << "there are ";
        llvm::interleaveComma(Target::all(), note,
                              [&](const Target &known) { note << known.name; });
        return failure();
      }
      if (llvm::is_contained(targets, target))
        return getOperation().emitError()
               << "expects each " << kind << " once, got '" << name
               << "' twice";
      targets.push_back(target);
    }
    return success();
  }

  /// A nested module `symbol` with a copy of `contents`, for the target that
  /// the attribute names.
  void addTarget(ArrayRef<Operation *> contents, const Twine &symbol,
                 StringRef attribute, StringRef target) {
    ModuleOp module = getOperation();
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto nested = ModuleOp::create(builder, module.getLoc(), symbol.str());
    nested->setAttr(attribute, builder.getStringAttr(target));
    OpBuilder inner = OpBuilder::atBlockEnd(nested.getBody());
    for (Operation *op : contents)
      inner.clone(*op);
  }
};

} // namespace
