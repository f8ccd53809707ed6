//===- MergeGpuKernels.cpp - one of several equal kernel modules ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two modules are equal if their texts are once all symbols are named by their
// positions: the text says everything but locations. Texts take time, so only
// modules with the same kinds of ops in the same order get one.
//
// Kernels that are functions yet are made for the types of the memory that they
// are launched with, and are equal only if these are.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
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

/// A number that equal modules share, and few others.
static llvm::hash_code getFingerprint(gpu::GPUModuleOp module) {
  llvm::hash_code hash = 0;
  module.walk([&](Operation *op) {
    hash = llvm::hash_combine(hash, op->getName().getAsOpaquePointer(),
                              op->getNumOperands(), op->getResultTypes());
  });
  return hash;
}

/// A text that equal modules share.
static std::string describe(gpu::GPUModuleOp module,
                            ArrayRef<tile::LaunchOp> launches) {
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
  // Verifiers may ask the module around, which a copy lacks.
  (*copy)->print(os, OpPrintingFlags().useLocalScope().assumeVerified());
  if (module.getOps<func::FuncOp>().empty())
    return text;
  SetVector<TypeRange> types;
  for (tile::LaunchOp launch : launches)
    if (types.insert(launch->getOperandTypes()))
      os << "\n" << types.back();
  return text;
}

namespace {
/// The launches of kernels, by the names of their modules.
using Launches = llvm::DenseMap<StringAttr, SmallVector<tile::LaunchOp>>;

struct MergeGpuKernels : peermla::impl::MergeGpuKernelsBase<MergeGpuKernels> {
  using Base::Base;

  void runOnOperation() override {
    llvm::MapVector<size_t, SmallVector<gpu::GPUModuleOp>> alike;
    for (auto module : getOperation().getOps<gpu::GPUModuleOp>())
      alike[getFingerprint(module)].push_back(module);
    Launches launches;
    getOperation().walk([&](tile::LaunchOp launch) {
      launches[launch.getKernelAttr().getRootReference()].push_back(launch);
    });
    llvm::DenseMap<Attribute, SymbolRefAttr> replacements;
    for (auto &[fingerprint, modules] : alike)
      if (modules.size() > 1)
        merge(modules, launches, replacements);
    for (auto &[module, known] : launches)
      for (tile::LaunchOp launch : known)
        if (SymbolRefAttr kernel = replacements.lookup(launch.getKernelAttr()))
          launch.setKernelAttr(kernel);
  }

private:
  /// Erases modules that equal one before; `replacements` says which kernels
  /// stand for theirs.
  void merge(ArrayRef<gpu::GPUModuleOp> modules, const Launches &launches,
             llvm::DenseMap<Attribute, SymbolRefAttr> &replacements) {
    llvm::StringMap<gpu::GPUModuleOp> known;
    for (gpu::GPUModuleOp module : modules) {
      std::string text =
          describe(module, launches.lookup(module.getSymNameAttr()));
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
  }
};
} // namespace
