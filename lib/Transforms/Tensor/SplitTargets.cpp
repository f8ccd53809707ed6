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
    SmallVector<const CpuLevel *> targets;
    for (const std::string &name : cpuLevels) {
      const CpuLevel *level = CpuLevel::get(name);
      if (!level) {
        InFlightDiagnostic diagnostic =
            module.emitError() << "expects a CPU level, got '" << name << "'";
        diagnostic.attachNote() << "levels are " << levelNames();
        return signalPassFailure();
      }
      if (llvm::is_contained(targets, level)) {
        module.emitError() << "expects each CPU level once, got '" << name
                           << "' twice";
        return signalPassFailure();
      }
      targets.push_back(level);
    }
    if (targets.empty()) {
      module.emitError("expects at least one CPU level, got none");
      return signalPassFailure();
    }

    Block *body = module.getBody();
    SmallVector<Operation *> contents;
    for (Operation &op : *body)
      contents.push_back(&op);
    OpBuilder builder = OpBuilder::atBlockEnd(body);
    for (const CpuLevel *level : targets) {
      auto nested = ModuleOp::create(builder, module.getLoc(),
                                     ("cpu_" + level->symbol).str());
      nested->setAttr("peermla.level", builder.getStringAttr(level->name));
      OpBuilder inner = OpBuilder::atBlockEnd(nested.getBody());
      for (Operation *op : contents)
        inner.clone(*op);
    }
    for (Operation *op : llvm::reverse(contents))
      op->erase();
  }

  static std::string levelNames() {
    std::string names;
    for (const CpuLevel &level : CpuLevel::all())
      names += (names.empty() ? "" : ", ") + level.name.str();
    return names;
  }
};

} // namespace
