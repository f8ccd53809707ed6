//===- TiledToTile.cpp - kernels on tensors to tile programs --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Takes each `scf.forall` with a matrix product for matrix instructions out of
// its function: a kernel beside it and a `tile.launch` at its place. A loop
// that no tile program can say stays, and a remark says why.
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Conversion/Tile/Passes.h"
#include "peermla/Support/KernelPlan.h"
#include "llvm/ADT/StringExtras.h"

namespace peermla {
#define GEN_PASS_DEF_TILEDTOTILE
#include "peermla/Conversion/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static constexpr StringLiteral scheduleName = "peermla.schedule";
static constexpr StringLiteral idName = "peermla.id";

/// The schedule with `warps` in a kernel, or null.
static tile::ScheduleAttr getMmaSchedule(scf::ForallOp loop) {
  tile::ScheduleAttr found;
  loop.walk([&](Operation *op) {
    auto schedule = op->getAttrOfType<tile::ScheduleAttr>(scheduleName);
    if (schedule && !schedule.getWarps().empty())
      found = schedule;
  });
  return found;
}

/// A symbol from what users call a kernel.
static std::string getKernelName(scf::ForallOp loop) {
  auto id = loop->getAttrOfType<StringAttr>(idName);
  std::string name = id ? id.str() : "kernel";
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return llvm::isDigit(name.front()) ? "k" + name : name;
}

namespace {

struct TiledToTile : peermla::impl::TiledToTileBase<TiledToTile> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<scf::ForallOp> loops;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](scf::ForallOp loop) {
        if (!loop->getParentOfType<scf::ForallOp>() && getMmaSchedule(loop))
          loops.push_back(loop);
      });
    SymbolTable symbols(getOperation());
    for (scf::ForallOp loop : loops)
      take(loop, symbols);
  }

  static void explain(scf::ForallOp loop, const Twine &why) {
    loop->setAttr(stepsName, StringAttr::get(loop.getContext(), why));
    remark::missed(loop.getLoc(),
                   remark::RemarkOpts::name("TileProgram").category("schedule"))
        << ("has no tile program: " + why).str();
  }

  /// Dimensions of the grid: loops of more than one iteration.
  static int64_t countDimensions(scf::ForallOp loop) {
    int64_t count = 0;
    for (auto [lower, upper, step] :
         llvm::zip(loop.getMixedLowerBound(), loop.getMixedUpperBound(),
                   loop.getMixedStep()))
      count += !isSingle(lower, upper, step);
    return count;
  }

  void take(scf::ForallOp loop, SymbolTable &symbols) {
    if (countDimensions(loop) > 3 || loop.getNumResults() == 0)
      return explain(loop, "the grid has more than 3 dimensions");
    OpBuilder builder(&getContext());
    // What the kernel reads: constants are repeated in it.
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(loop.getRegion(), used);
    for (OpFoldResult value : llvm::concat<OpFoldResult>(
             loop.getMixedLowerBound(), loop.getMixedStep()))
      if (auto scalar = dyn_cast<Value>(value))
        used.insert(scalar);
    SmallVector<Value> captures;
    SmallVector<Type> types;
    for (Value value : used) {
      if (matchPattern(value, m_Constant()) &&
          !isa<ShapedType>(value.getType()))
        continue;
      // Destinations that no one reads.
      if (value.getDefiningOp<tensor::EmptyOp>())
        continue;
      captures.push_back(value);
      types.push_back(getArgumentType(value.getType()));
    }
    for (Value output : loop.getOutputs())
      types.push_back(getArgumentType(output.getType()));
    if (llvm::is_contained(types, Type()))
      return explain(loop, "it reads what no kernel can be given");

    std::string name = getKernelName(loop);
    auto module = gpu::GPUModuleOp::create(builder, loop.getLoc(), name);
    builder.setInsertionPointToEnd(module.getBody());
    auto kernel = func::FuncOp::create(builder, loop.getLoc(), name,
                                       builder.getFunctionType(types, {}));
    kernel.addEntryBlock();
    ProgramBuilder program(loop, kernel, captures);
    if (failed(program.build())) {
      explain(loop, program.getReason());
      module.erase();
      return;
    }
    tile::ScheduleAttr schedule = getMmaSchedule(loop);
    kernel->setAttr(tile::programScheduleName, schedule);
    // A name that no other kernel has.
    symbols.insert(module);
    kernel.setSymName(module.getName());
    launch(loop, captures,
           SymbolRefAttr::get(module.getSymNameAttr(),
                              {FlatSymbolRefAttr::get(kernel)}));
    ++numTaken;
    remark::passed(loop.getLoc(),
                   remark::RemarkOpts::name("TileProgram").category("schedule"))
        << ("is a tile program of " +
            llvm::Twine(schedule.getWarps()[0] * schedule.getWarps()[1]) +
            " warps")
               .str();
    loop.erase();
  }

  /// The launch at the place of the loop.
  static void launch(scf::ForallOp loop, ArrayRef<Value> captures,
                     SymbolRefAttr kernel) {
    ImplicitLocOpBuilder b(loop.getLoc(), loop);
    SmallVector<Value> blocks;
    for (auto [lower, upper, step] :
         llvm::zip(loop.getMixedLowerBound(), loop.getMixedUpperBound(),
                   loop.getMixedStep())) {
      if (isSingle(lower, upper, step))
        continue;
      auto index = [&](OpFoldResult value) {
        return getValueOrCreateConstantIndexOp(b, b.getLoc(), value);
      };
      Value extent = b.createOrFold<arith::SubIOp>(index(upper), index(lower));
      Value width = index(step);
      Value above = b.createOrFold<arith::SubIOp>(
          b.createOrFold<arith::AddIOp>(extent, width),
          arith::ConstantIndexOp::create(b, 1));
      blocks.push_back(b.createOrFold<arith::DivUIOp>(above, width));
    }
    if (blocks.empty())
      blocks.push_back(arith::ConstantIndexOp::create(b, 1));
    auto op = tile::LaunchOp::create(b, loop.getResultTypes(), kernel, blocks,
                                     captures, loop.getOutputs());
    for (StringRef name : {StringRef(idName), StringRef(planName)})
      if (Attribute attribute = loop->getAttr(name))
        op->setAttr(name, attribute);
    loop.replaceAllUsesWith(op.getResults());
  }
};

} // namespace
