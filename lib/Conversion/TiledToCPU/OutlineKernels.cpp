//===- OutlineKernels.cpp - functions of ranges of work items ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Support/KernelPlan.h"

namespace peermla {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

Value ceilDiv(ImplicitLocOpBuilder &b, Value value, Value divisor) {
  AffineExpr d0, s0;
  bindDims(b.getContext(), d0);
  bindSymbols(b.getContext(), s0);
  return affine::makeComposedAffineApply(
      b, b.getLoc(), d0.ceilDiv(s0),
      {OpFoldResult(value), OpFoldResult(divisor)});
}

struct OutlineKernels : peermla::impl::OutlineKernelsBase<OutlineKernels> {
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
        outline(function, loop,
                (function.getName() + ".kernel_" + Twine(i)).str());
      }
    }
  }

  void outline(func::FuncOp function, scf::ForallOp loop, StringRef name) {
    ImplicitLocOpBuilder b(loop.getLoc(), loop);
    // Iterations per dimension, and their product.
    SmallVector<Value> lower, step, count;
    Value items = arith::ConstantIndexOp::create(b, 1);
    for (auto [lb, ub, st] :
         llvm::zip_equal(loop.getMixedLowerBound(), loop.getMixedUpperBound(),
                         loop.getMixedStep())) {
      lower.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), lb));
      step.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), st));
      Value upper = getValueOrCreateConstantIndexOp(b, b.getLoc(), ub);
      Value extent = arith::SubIOp::create(b, upper, lower.back());
      count.push_back(ceilDiv(b, extent, step.back()));
      items = arith::MulIOp::create(b, items, count.back());
    }

    // What the body reads from outside; constants are made anew inside.
    SetVector<Value> captured;
    getUsedValuesDefinedAbove(loop.getRegion(), captured);
    for (ArrayRef<Value> bounds :
         {ArrayRef(lower), ArrayRef(step), ArrayRef(count)})
      captured.insert(bounds.begin(), bounds.end());
    SmallVector<Value> constants, captures;
    for (Value value : captured) {
      Operation *op = value.getDefiningOp();
      (op && op->hasTrait<OpTrait::ConstantLike>() ? constants : captures)
          .push_back(value);
    }

    OpBuilder moduleBuilder(function);
    Type index = b.getIndexType();
    SmallVector<Type> types{index, index, index};
    llvm::append_range(types, ValueRange(captures).getTypes());
    auto kernel = func::FuncOp::create(moduleBuilder, loop.getLoc(), name,
                                       b.getFunctionType(types, TypeRange()));
    kernel.setPrivate();
    kernel->setAttr("peermla.kernel", b.getUnitAttr());
    if (Attribute id = loop->getAttr("peermla.id"))
      kernel->setAttr("peermla.id", id);
    types.erase(types.begin() + 1, types.begin() + 3);
    auto launch = func::FuncOp::create(moduleBuilder, loop.getLoc(),
                                       (name + ".launch").str(),
                                       b.getFunctionType(types, TypeRange()));
    launch.setPrivate();
    launch->setAttr("peermla.launch", FlatSymbolRefAttr::get(kernel));

    // The kernel: a loop over its range of items.
    Block *entry = kernel.addEntryBlock();
    ImplicitLocOpBuilder kb(loop.getLoc(), &getContext());
    kb.setInsertionPointToStart(entry);
    IRMapping mapping;
    for (Value value : constants)
      mapping.map(value, kb.clone(*value.getDefiningOp())->getResult(0));
    mapping.map(captures, entry->getArguments().drop_front(3));
    Value one = arith::ConstantIndexOp::create(kb, 1);
    auto range = scf::ForOp::create(kb, entry->getArgument(0),
                                    entry->getArgument(1), one);
    func::ReturnOp::create(kb);
    kb.setInsertionPointToStart(range.getBody());
    Value rest = range.getInductionVar();
    for (unsigned dim = count.size(); dim-- > 0;) {
      Value position = rest;
      if (dim != 0) {
        Value extent = mapping.lookup(count[dim]);
        position = arith::RemUIOp::create(kb, rest, extent);
        rest = arith::DivUIOp::create(kb, rest, extent);
      }
      Value offset =
          arith::MulIOp::create(kb, position, mapping.lookup(step[dim]));
      mapping.map(
          loop.getInductionVar(dim),
          arith::AddIOp::create(kb, mapping.lookup(lower[dim]), offset));
    }
    for (Operation &op : loop.getBody()->without_terminator())
      kb.clone(op, mapping);

    SmallVector<Value> operands{items};
    llvm::append_range(operands, captures);
    auto call = func::CallOp::create(b, launch, operands);
    if (Attribute plan = loop->getAttr(planName))
      call->setAttr(planName, plan);
    loop.erase();
  }
};

} // namespace
