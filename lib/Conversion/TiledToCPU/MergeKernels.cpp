//===- MergeKernels.cpp - one of several equal kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_MERGEKERNELS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// A number that equal kernels share.
static size_t getHash(func::FuncOp kernel) {
  llvm::hash_code hash = mlir::hash_value(kernel.getFunctionType());
  kernel.getBody().walk([&](Operation *op) {
    hash = llvm::hash_combine(hash, op->getName(), op->getNumOperands());
  });
  return hash;
}

static bool areEqual(func::FuncOp lhs, func::FuncOp rhs) {
  return lhs.getFunctionType() == rhs.getFunctionType() &&
         OperationEquivalence::isRegionEquivalentTo(
             &lhs.getBody(), &rhs.getBody(),
             OperationEquivalence::IgnoreLocations);
}

namespace {

struct MergeKernels : peermla::impl::MergeKernelsBase<MergeKernels> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::DenseMap<size_t, SmallVector<func::FuncOp>> kernels;
    llvm::StringMap<StringRef> launchOf;
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (auto kernel =
              function->getAttrOfType<FlatSymbolRefAttr>("peermla.launch"))
        launchOf[kernel.getValue()] = function.getName();

    // The kernel says which op it came from; ops inside it that repeat this
    // would tell equal layers apart.
    for (func::FuncOp function : functions)
      if (function->hasAttr("peermla.kernel"))
        function.getBody().walk(
            [](Operation *op) { op->removeDiscardableAttr("peermla.id"); });

    llvm::StringMap<StringAttr> replacements;
    SmallVector<func::FuncOp> dead;
    for (func::FuncOp function : functions) {
      if (!function->hasAttr("peermla.kernel") ||
          !launchOf.contains(function.getName()))
        continue;
      SmallVector<func::FuncOp> &similar = kernels[getHash(function)];
      auto *known = llvm::find_if(similar, [&](func::FuncOp other) {
        return areEqual(function, other);
      });
      if (known == similar.end()) {
        similar.push_back(function);
        continue;
      }
      StringRef launch = launchOf.lookup(function.getName());
      StringRef kept = launchOf.lookup(known->getName());
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
