//===- NarrowWeights.cpp - weights stay as they are stored ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Widened, a table of a million experts would not fit into memory. Once all is
// loops, a weight is only loaded from, directly or through views: then its
// elements can have the type of the checkpoint and be widened at each load,
// which changes no value.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "peermla/Conversion/ModelToReference.h"
#include "peermla/Conversion/ModelToReference/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_NARROWWEIGHTS
#include "peermla/Conversion/ModelToReference/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// The element type in which a weight is stored, or null.
static Type getStoredType(FunctionOpInterface func, unsigned argument) {
  auto name = func.getArgAttrOfType<StringAttr>(argument, getStoredAttrName());
  if (!name)
    return {};
  MLIRContext *context = func.getContext();
  for (Type type :
       {Type(Float16Type::get(context)), Type(BFloat16Type::get(context)),
        Type(Float32Type::get(context))}) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    if (text == name.getValue())
      return type;
  }
  return {};
}

/// Collects the views of `weight`, itself first, and the loads from them. Fails
/// if something else is done with it.
static LogicalResult collectUses(Value weight, SmallVectorImpl<Value> &views,
                                 SmallVectorImpl<memref::LoadOp> &loads) {
  views.push_back(weight);
  for (unsigned i = 0; i < views.size(); ++i)
    for (Operation *user : views[i].getUsers()) {
      if (auto load = dyn_cast<memref::LoadOp>(user))
        loads.push_back(load);
      else if (isa<ViewLikeOpInterface>(user) && user->getNumResults() == 1)
        views.push_back(user->getResult(0));
      else if (!isa<memref::DimOp>(user))
        return failure();
    }
  return success();
}

static bool narrow(FunctionOpInterface func, unsigned argument) {
  Value weight = func.getArgument(argument);
  Type stored = getStoredType(func, argument);
  SmallVector<Value> views;
  SmallVector<memref::LoadOp> loads;
  if (!stored || !isa<MemRefType>(weight.getType()) ||
      failed(collectUses(weight, views, loads)))
    return false;
  for (Value view : views)
    view.setType(cast<MemRefType>(view.getType()).clone(stored));
  for (memref::LoadOp load : loads) {
    Type wide = load.getType();
    load.getResult().setType(stored);
    OpBuilder builder(load->getContext());
    builder.setInsertionPointAfter(load);
    auto widened =
        arith::ExtFOp::create(builder, load.getLoc(), wide, load.getResult());
    load.getResult().replaceAllUsesExcept(widened, widened);
  }
  return true;
}

namespace {

struct NarrowWeights : peermla::impl::NarrowWeightsBase<NarrowWeights> {
  using Base::Base;

  void runOnOperation() override {
    FunctionOpInterface func = getOperation();
    if (func.isExternal())
      return;
    SmallVector<Type> arguments(func.getArgumentTypes());
    for (unsigned i = 0; i < arguments.size(); ++i)
      if (narrow(func, i))
        arguments[i] = func.getArgument(i).getType();
    func.setType(func.cloneTypeWith(arguments, func.getResultTypes()));
  }
};

} // namespace
