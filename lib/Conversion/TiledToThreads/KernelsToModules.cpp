//===- KernelsToModules.cpp - loops over blocks as kernels and launches ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Conversion/TiledToThreads/Passes.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/KernelPlan.h"
#include "llvm/ADT/StringExtras.h"

namespace peermla {
#define GEN_PASS_DEF_KERNELSTOMODULES
#include "peermla/Conversion/TiledToThreads/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// `text` as a part of a name in PTX.
static std::string getIdentifier(StringRef text) {
  std::string name = text.str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name;
}

namespace {

/// The extents of a grid: first iteration, distance and number per dimension.
struct Grid {
  SmallVector<Value> lower, step, count;
  Value items;
};

struct KernelsToModules
    : peermla::impl::KernelsToModulesBase<KernelsToModules> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      SmallVector<scf::ForallOp> loops;
      function.walk<WalkOrder::PreOrder>([&](scf::ForallOp loop) {
        loops.push_back(loop);
        return WalkResult::skip();
      });
      for (auto [i, loop] : llvm::enumerate(loops)) {
        if (loop.getNumResults() != 0) {
          loop.emitOpError("expects memrefs in place of results");
          return signalPassFailure();
        }
        outline(function, loop, getSymbol(function, loop, i));
      }
    }
  }

  /// A name that no other symbol has: the function's, a number, the op's id.
  std::string getSymbol(func::FuncOp function, scf::ForallOp loop, size_t i) {
    std::string name =
        getIdentifier(function.getName()) + "_" + std::to_string(i);
    if (auto id = loop->getAttrOfType<StringAttr>("peermla.id"))
      name += "_" + getIdentifier(id);
    while (getOperation().lookupSymbol(name))
      name += "_";
    return name;
  }

  static Grid getGrid(ImplicitLocOpBuilder &b, scf::ForallOp loop) {
    Grid grid;
    auto getValue = [&](OpFoldResult value) {
      return getValueOrCreateConstantIndexOp(b, b.getLoc(), value);
    };
    AffineExpr d0, d1, s0;
    bindDims(b.getContext(), d0, d1);
    bindSymbols(b.getContext(), s0);
    grid.items = arith::ConstantIndexOp::create(b, 1);
    for (auto [lower, upper, step] :
         llvm::zip_equal(loop.getMixedLowerBound(), loop.getMixedUpperBound(),
                         loop.getMixedStep())) {
      grid.lower.push_back(getValue(lower));
      grid.step.push_back(getValue(step));
      grid.count.push_back(getValue(affine::makeComposedFoldedAffineApply(
          b, b.getLoc(), (d1 - d0).ceilDiv(s0), {lower, upper, step})));
      grid.items = arith::MulIOp::create(b, grid.items, grid.count.back());
    }
    return grid;
  }

  /// Those of `captures` that the loop, or what it calls, may write.
  static llvm::SmallDenseSet<Value> getWritten(func::FuncOp function,
                                               scf::ForallOp loop,
                                               ArrayRef<Value> captures) {
    BufferViewFlowAnalysis views(function);
    llvm::SmallDenseSet<Value> written;
    loop.walk([&](MemoryEffectOpInterface op) {
      SmallVector<MemoryEffects::EffectInstance> effects;
      op.getEffects(effects);
      for (const MemoryEffects::EffectInstance &effect : effects) {
        if (!isa<MemoryEffects::Write>(effect.getEffect()))
          continue;
        if (!effect.getValue()) {
          written.insert(captures.begin(), captures.end());
          continue;
        }
        auto sources = views.resolveReverse(effect.getValue());
        for (Value capture : captures)
          if (sources.contains(capture))
            written.insert(capture);
      }
    });
    return written;
  }

  void outline(func::FuncOp function, scf::ForallOp loop,
               const std::string &name) {
    ImplicitLocOpBuilder b(loop.getLoc(), loop);
    Grid grid = getGrid(b, loop);

    // What the body reads from outside; constants are made anew inside.
    SetVector<Value> captured;
    getUsedValuesDefinedAbove(loop.getRegion(), captured);
    for (ArrayRef<Value> bounds : {ArrayRef(grid.lower), ArrayRef(grid.step),
                                   ArrayRef(grid.count).drop_front()})
      captured.insert(bounds.begin(), bounds.end());
    SmallVector<Value> constants, inputs, outputs;
    llvm::SmallDenseSet<Value> written =
        getWritten(function, loop, captured.getArrayRef());
    for (Value value : captured) {
      Operation *op = value.getDefiningOp();
      if (op && op->hasTrait<OpTrait::ConstantLike>())
        constants.push_back(value);
      else if (isa<MemRefType>(value.getType()) && written.contains(value))
        outputs.push_back(value);
      else
        inputs.push_back(value);
    }

    OpBuilder moduleBuilder = OpBuilder::atBlockEnd(getOperation().getBody());
    auto module = gpu::GPUModuleOp::create(moduleBuilder, loop.getLoc(), name);
    moduleBuilder.setInsertionPointToStart(module.getBody());
    SmallVector<Type> types(ValueRange(inputs).getTypes());
    llvm::append_range(types, ValueRange(outputs).getTypes());
    auto kernel = func::FuncOp::create(moduleBuilder, loop.getLoc(), name,
                                       b.getFunctionType(types, TypeRange()));
    kernel->setAttr("peermla.threads", b.getUnitAttr());
    if (Attribute id = loop->getAttr("peermla.id"))
      kernel->setAttr("peermla.id", id);

    Block *entry = kernel.addEntryBlock();
    ImplicitLocOpBuilder kb(loop.getLoc(), &getContext());
    kb.setInsertionPointToStart(entry);
    IRMapping mapping;
    for (Value value : constants)
      mapping.map(value, kb.clone(*value.getDefiningOp())->getResult(0));
    mapping.map(inputs, entry->getArguments().take_front(inputs.size()));
    mapping.map(outputs, entry->getArguments().drop_front(inputs.size()));
    mapInductionVariables(kb, loop, grid, mapping);
    for (Operation &op : loop.getBody()->without_terminator())
      kb.clone(op, mapping);
    func::ReturnOp::create(kb);

    auto symbol = SymbolRefAttr::get(
        b.getStringAttr(name), FlatSymbolRefAttr::get(b.getContext(), name));
    auto launch = tile::LaunchOp::create(
        b, TypeRange(), symbol, ValueRange(grid.items), inputs, outputs);
    std::string why = getReason(loop);
    NamedAttrList plan(loop->getAttrOfType<DictionaryAttr>(planName));
    plan.set(stepsName, b.getStringAttr(why));
    launch->setAttr(planName, plan.getDictionary(b.getContext()));
    remark::passed(loop.getLoc(),
                   remark::RemarkOpts::name("Steps").category("schedule"))
        << ("is a kernel of steps, no tile program: " + why);
    loop.erase();
    ++numKernels;
  }

  /// Why the loop became no tile program before.
  static std::string getReason(scf::ForallOp loop) {
    if (auto why = loop->getAttrOfType<StringAttr>(stepsName))
      return why.str();
    return "its schedule asks for no warps";
  }

  /// The iteration that a block is, from its number.
  static void mapInductionVariables(ImplicitLocOpBuilder &kb,
                                    scf::ForallOp loop, const Grid &grid,
                                    IRMapping &mapping) {
    Value rest = gpu::BlockIdOp::create(kb, gpu::Dimension::x);
    for (unsigned dim = grid.count.size(); dim-- > 0;) {
      Value position = rest;
      if (dim != 0) {
        Value extent = mapping.lookup(grid.count[dim]);
        position = arith::RemUIOp::create(kb, rest, extent);
        rest = arith::DivUIOp::create(kb, rest, extent);
      }
      AffineExpr d0, s0, s1;
      bindDims(kb.getContext(), d0);
      bindSymbols(kb.getContext(), s0, s1);
      // Bounds of what a block does are affine in this.
      mapping.map(loop.getInductionVar(dim),
                  affine::makeComposedAffineApply(
                      kb, kb.getLoc(), d0 * s1 + s0,
                      {position, mapping.lookup(grid.lower[dim]),
                       mapping.lookup(grid.step[dim])}));
    }
  }
};

} // namespace
