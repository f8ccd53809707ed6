//===- MergeGpuKernels.cpp - one of several equal kernel modules ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two modules are equal if their texts are once all symbols are named by their
// positions: the text says everything but locations.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/OwningOpRef.h"
#include "peermla/Conversion/LaunchToRuntime/Passes.h"
#include "peermla/Dialect/Tile/IR/Tile.h"

namespace peermla {
#define GEN_PASS_DEF_MERGEGPUKERNELS
#include "peermla/Conversion/LaunchToRuntime/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// The symbols of a module, in their order.
static SmallVector<StringAttr> getSymbols(gpu::GPUModuleOp module) {
  SmallVector<StringAttr> symbols;
  for (auto symbol : module.getBodyRegion().getOps<SymbolOpInterface>())
    symbols.push_back(symbol.getNameAttr());
  return symbols;
}

/// A text that equal modules share.
static std::string describe(gpu::GPUModuleOp module) {
  OwningOpRef<gpu::GPUModuleOp> copy = module.clone();
  copy->setName("module");
  for (auto [i, symbol] : llvm::enumerate(llvm::to_vector(
           copy->getBodyRegion().getOps<SymbolOpInterface>()))) {
    auto name = StringAttr::get(module.getContext(), "symbol" + Twine(i));
    if (failed(SymbolTable::replaceAllSymbolUses(symbol, name, *copy)))
      return "";
    symbol.setName(name);
  }
  copy->walk([](Operation *op) { op->removeDiscardableAttr("peermla.id"); });
  std::string text;
  llvm::raw_string_ostream os(text);
  (*copy)->print(os, OpPrintingFlags().useLocalScope());
  return text;
}

namespace {
struct MergeGpuKernels : peermla::impl::MergeGpuKernelsBase<MergeGpuKernels> {
  using Base::Base;

  void runOnOperation() override {
    llvm::StringMap<gpu::GPUModuleOp> known;
    llvm::DenseMap<Attribute, SymbolRefAttr> replacements;
    SmallVector<gpu::GPUModuleOp> modules(
        getOperation().getOps<gpu::GPUModuleOp>());
    for (gpu::GPUModuleOp module : modules) {
      std::string text = describe(module);
      if (text.empty())
        continue;
      auto [entry, isNew] = known.try_emplace(text, module);
      if (isNew)
        continue;
      gpu::GPUModuleOp kept = entry->second;
      for (auto [from, to] :
           llvm::zip_equal(getSymbols(module), getSymbols(kept)))
        replacements[SymbolRefAttr::get(module.getSymNameAttr(),
                                        FlatSymbolRefAttr::get(from))] =
            SymbolRefAttr::get(kept.getSymNameAttr(),
                               FlatSymbolRefAttr::get(to));
      module.erase();
      ++numMerged;
    }
    getOperation().walk([&](tile::LaunchOp launch) {
      if (SymbolRefAttr kernel = replacements.lookup(launch.getKernelAttr()))
        launch.setKernelAttr(kernel);
    });
  }
};
} // namespace
