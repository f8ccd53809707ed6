//===- BindExterns.cpp - weights become arguments -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Appends one argument per extern global that a function reads, in the order of
// the globals in the module, and erases the globals that nobody reads any more.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "peermla/Conversion/ModelToReference.h"
#include "peermla/Conversion/ModelToReference/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace peermla {
#define GEN_PASS_DEF_BINDEXTERNS
#include "peermla/Conversion/ModelToReference/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static bool isExtern(ml_program::GlobalOp global) {
  return isa_and_nonnull<ml_program::ExternAttr>(
      global.getValue().value_or(Attribute()));
}

/// The name of the global that `op` reads, or null.
static SymbolRefAttr getGlobalRead(Operation *op) {
  if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op))
    return load.getGlobal();
  if (auto load = dyn_cast<ml_program::GlobalLoadOp>(op))
    return load.getGlobal();
  return {};
}

static LogicalResult bindExterns(func::FuncOp func,
                                 ArrayRef<ml_program::GlobalOp> externs) {
  MLIRContext *context = func.getContext();
  for (ml_program::GlobalOp global : externs) {
    SmallVector<Operation *> reads;
    func.walk([&](Operation *op) {
      SymbolRefAttr name = getGlobalRead(op);
      if (name && name.getLeafReference() == global.getSymName())
        reads.push_back(op);
    });
    if (reads.empty())
      continue;
    for (Operation *read : reads)
      if (read->getResult(0).getType() != global.getType())
        return read->emitOpError()
               << "expects the type of its global " << global.getSymNameAttr()
               << ", got " << read->getResult(0).getType() << " for "
               << global.getType();
    unsigned position = func.getNumArguments();
    auto attributes = DictionaryAttr::get(
        context, NamedAttribute(getWeightAttrName(), global.getSymNameAttr()));
    if (failed(func.insertArgument(position, global.getType(), attributes,
                                   global.getLoc())))
      return failure();
    for (Operation *read : reads) {
      read->getResult(0).replaceAllUsesWith(func.getArgument(position));
      read->erase();
    }
  }
  return success();
}

namespace {

struct BindExterns : peermla::impl::BindExternsBase<BindExterns> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<ml_program::GlobalOp> externs;
    for (auto global : getOperation().getOps<ml_program::GlobalOp>())
      if (isExtern(global))
        externs.push_back(global);
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() && failed(bindExterns(func, externs)))
        return signalPassFailure();
    for (ml_program::GlobalOp global : externs)
      if (SymbolTable::symbolKnownUseEmpty(global, getOperation()))
        global.erase();
  }
};

} // namespace
