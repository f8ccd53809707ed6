//===- MergeKernels.cpp - one of several equal kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "peermla/Conversion/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_MERGEKERNELS
#include "peermla/Conversion/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Everything of a kernel but its name.
static std::string getText(func::FuncOp kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << kernel.getFunctionType() << "\n";
  kernel.getBody().front().print(stream);
  return text;
}

namespace {

struct MergeKernels : peermla::impl::MergeKernelsBase<MergeKernels> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::StringMap<func::FuncOp> kernels;
    llvm::StringMap<StringRef> launchOf, keptLaunch;
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (auto kernel =
              function->getAttrOfType<FlatSymbolRefAttr>("peermla.launch"))
        launchOf[kernel.getValue()] = function.getName();

    llvm::StringMap<StringAttr> replacements;
    SmallVector<func::FuncOp> dead;
    for (func::FuncOp function : functions) {
      if (!function->hasAttr("peermla.kernel"))
        continue;
      auto [known, isNew] = kernels.try_emplace(getText(function), function);
      if (isNew)
        continue;
      StringRef launch = launchOf.lookup(function.getName());
      StringRef kept = launchOf.lookup(known->second.getName());
      replacements[launch] = StringAttr::get(&getContext(), kept);
      dead.push_back(function);
      dead.push_back(module.lookupSymbol<func::FuncOp>(launch));
      ++numMerged;
    }
    module.walk([&](func::CallOp call) {
      if (StringAttr name = replacements.lookup(call.getCallee()))
        call.setCalleeAttr(FlatSymbolRefAttr::get(name));
    });
    for (func::FuncOp function : dead)
      function.erase();
  }
};

} // namespace
