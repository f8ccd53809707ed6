//===- WidenFloats.cpp - every float becomes f64 --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Replaces all float types and constants of a module by f64, inside tensors and
// attributes too. Roundings (`arith.truncf`) and extensions then have nothing
// left to do and are erased.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "peermla/Conversion/ModelToReference.h"
#include "peermla/Conversion/ModelToReference/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_WIDENFLOATS
#include "peermla/Conversion/ModelToReference/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// The same elements in f64.
static Attribute widenElements(DenseFPElementsAttr elements) {
  ShapedType type =
      elements.getType().clone(Float64Type::get(elements.getContext()));
  auto widen = [](APFloat value) {
    bool losesInfo;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return value;
  };
  if (elements.isSplat())
    return DenseElementsAttr::get(type,
                                  widen(elements.getSplatValue<APFloat>()));
  SmallVector<APFloat> values;
  for (const APFloat &value : elements.getValues<APFloat>())
    values.push_back(widen(value));
  return DenseElementsAttr::get(type, values);
}

static AttrTypeReplacer getReplacer() {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](FloatType type) -> Type {
    return Float64Type::get(type.getContext());
  });
  using Replaced = std::optional<std::pair<Attribute, WalkResult>>;
  replacer.addReplacement([](FloatAttr attribute) -> Replaced {
    auto type = Float64Type::get(attribute.getContext());
    APFloat value = attribute.getValue();
    bool losesInfo;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return {{FloatAttr::get(type, value), WalkResult::skip()}};
  });
  replacer.addReplacement([](DenseElementsAttr attribute) -> Replaced {
    if (auto floats = dyn_cast<DenseFPElementsAttr>(attribute))
      return {{widenElements(floats), WalkResult::skip()}};
    return {{attribute, WalkResult::skip()}};
  });
  return replacer;
}

/// Whether the op means something else once its floats are f64.
static bool dependsOnWidth(Operation *op) {
  auto hasFloat = [](Type type) {
    return isa<FloatType>(getElementTypeOrSelf(type));
  };
  if (auto cast = dyn_cast<arith::BitcastOp>(op))
    return hasFloat(cast.getIn().getType()) || hasFloat(cast.getType());
  return llvm::any_of(op->getAttrs(), [&](NamedAttribute attribute) {
    auto elements = dyn_cast<DenseResourceElementsAttr>(attribute.getValue());
    return elements && hasFloat(elements.getType());
  });
}

/// Notes on each weight the element type in which it is stored.
static void noteStoredTypes(func::FuncOp func) {
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    Type element = getElementTypeOrSelf(func.getArgument(i).getType());
    if (!func.getArgAttr(i, getWeightAttrName()) || !isa<FloatType>(element))
      continue;
    std::string text;
    llvm::raw_string_ostream(text) << element;
    func.setArgAttr(i, getStoredAttrName(),
                    StringAttr::get(func.getContext(), text));
  }
}

namespace {

struct WidenFloats : peermla::impl::WidenFloatsBase<WidenFloats> {
  using Base::Base;

  void runOnOperation() override {
    WalkResult result = getOperation().walk([](Operation *op) {
      if (!dependsOnWidth(op))
        return WalkResult::advance();
      op->emitOpError("cannot be evaluated in f64: it depends on the bits of a "
                      "narrower float");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (auto func : getOperation().getOps<func::FuncOp>())
      noteStoredTypes(func);
    getReplacer().recursivelyReplaceElementsIn(
        getOperation(), /*replaceAttrs=*/true, /*replaceLocs=*/false,
        /*replaceTypes=*/true);
    getOperation().walk([](Operation *op) {
      if (!isa<arith::ExtFOp, arith::TruncFOp>(op))
        return;
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
      op->erase();
    });
  }
};

} // namespace
