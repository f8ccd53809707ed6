//===- KernelPlan.cpp - what is known of a kernel before it is code -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/KernelPlan.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

AffineExpr SizeNames::constant(int64_t value) {
  return getAffineConstantExpr(value, context);
}

AffineExpr SizeNames::get(StringRef name) {
  auto text = StringAttr::get(context, name);
  names.insert(text);
  return getAffineSymbolExpr(
      llvm::find(names.getArrayRef(), text) - names.begin(), context);
}

ArrayAttr SizeNames::getNames() const {
  SmallVector<Attribute> attributes(names.begin(), names.end());
  return ArrayAttr::get(context, attributes);
}

AffineExpr SizeNames::parse(StringRef text) {
  auto [name, rest] = text.split('+');
  int64_t addend = 0;
  if (rest.empty() || rest.getAsInteger(10, addend))
    return get(text);
  return get(name) + addend;
}

AffineExpr SizeNames::getArgumentDim(BlockArgument argument, unsigned dim) {
  std::string name = "argument" + std::to_string(argument.getArgNumber());
  if (auto function =
          dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp())) {
    auto dims = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                     "peermla.dims");
    if (dims && dim < dims.size())
      if (auto text = dyn_cast<StringAttr>(dims[dim]); text && !text.empty())
        return parse(text);
    if (auto given = function.getArgAttrOfType<StringAttr>(
            argument.getArgNumber(), "peermla.name"))
      name = given.str();
  }
  return get(name + "_" + std::to_string(dim));
}

AffineExpr SizeNames::getDim(Value shaped, unsigned dim) {
  auto type = cast<ShapedType>(shaped.getType());
  if (!type.isDynamicDim(dim))
    return constant(type.getDimSize(dim));
  if (auto argument = dyn_cast<BlockArgument>(shaped))
    return getArgumentDim(argument, dim);
  Operation *op = shaped.getDefiningOp();
  auto ofList = [&](ValueRange sizes) {
    return get(sizes[type.getDynamicDimIndex(dim)]);
  };
  AffineExpr unknown = nullptr;
  AffineExpr expr =
      llvm::TypeSwitch<Operation *, AffineExpr>(op)
          .Case(
              [&](tensor::EmptyOp op) { return ofList(op.getDynamicSizes()); })
          .Case(
              [&](memref::AllocOp op) { return ofList(op.getDynamicSizes()); })
          .Case([&](memref::ViewOp op) { return ofList(op.getSizes()); })
          .Case<tensor::CastOp, memref::CastOp>(
              [&](auto op) { return getDim(op.getSource(), dim); })
          .Case<tensor::InsertSliceOp>(
              [&](auto op) { return getDim(op.getDest(), dim); })
          .Case<tensor::ExpandShapeOp, memref::ExpandShapeOp>(
              [&](auto op) { return get(op.getMixedOutputShape()[dim]); })
          .Case<tensor::CollapseShapeOp, memref::CollapseShapeOp>([&](auto op) {
            AffineExpr product = constant(1);
            for (int64_t inner : op.getReassociationIndices()[dim])
              product = product * getDim(op.getSrc(), inner);
            return product;
          })
          .Case<tensor::ExtractSliceOp, memref::SubViewOp>([&](auto op) {
            llvm::SmallBitVector dropped = op.getDroppedDims();
            unsigned position = 0;
            for (unsigned i = 0; i < op.getMixedSizes().size(); ++i)
              if (!dropped.test(i) && position++ == dim)
                return get(op.getMixedSizes()[i]);
            return unknown;
          })
          .Case([&](DestinationStyleOpInterface op) {
            return getDim(op.getTiedOpOperand(cast<OpResult>(shaped))->get(),
                          dim);
          })
          .Default([&](Operation *) { return unknown; });
  return expr ? expr : getUnknown();
}

AffineExpr SizeNames::get(OpFoldResult size) {
  if (std::optional<int64_t> value = getConstantIntValue(size))
    return constant(*value);
  auto value = cast<Value>(size);
  if (AffineExpr expr = known.lookup(value))
    return expr;
  AffineExpr expr = compute(value);
  known[value] = expr;
  return expr;
}

AffineExpr SizeNames::getUnknown() {
  return get("size" + std::to_string(names.size()));
}

AffineExpr SizeNames::compute(Value size) {
  Operation *op = size.getDefiningOp();
  if (!op)
    return getUnknown();
  AffineExpr unknown = nullptr;
  auto combine = [&](auto op, auto function) {
    AffineExpr lhs = get(op.getLhs());
    return function(lhs, get(op.getRhs()));
  };
  AffineExpr expr =
      llvm::TypeSwitch<Operation *, AffineExpr>(op)
          .Case<tensor::DimOp, memref::DimOp>([&](auto op) {
            std::optional<int64_t> dim = op.getConstantIndex();
            return dim ? getDim(op.getSource(), *dim) : unknown;
          })
          .Case<arith::AddIOp>([&](auto op) {
            return combine(op, [](auto a, auto b) { return a + b; });
          })
          .Case<arith::SubIOp>([&](auto op) {
            return combine(op, [](auto a, auto b) { return a - b; });
          })
          .Case<arith::MulIOp>([&](auto op) {
            return combine(op, [](auto a, auto b) { return a * b; });
          })
          .Case<arith::DivUIOp, arith::DivSIOp>([&](auto op) {
            return combine(op, [](auto a, auto b) { return a.floorDiv(b); });
          })
          .Case<arith::CeilDivUIOp, arith::CeilDivSIOp>([&](auto op) {
            return combine(op, [](auto a, auto b) { return a.ceilDiv(b); });
          })
          .Case([&](arith::SelectOp op) {
            // Asked for in one of two cases: a bound.
            return isZeroInteger(op.getFalseValue()) ? get(op.getTrueValue())
                                                     : unknown;
          })
          .Case([&](affine::AffineApplyOp op) {
            SmallVector<AffineExpr> dims, symbols;
            for (Value operand : op.getDimOperands())
              dims.push_back(get(operand));
            for (Value operand : op.getSymbolOperands())
              symbols.push_back(get(operand));
            return op.getAffineMap().getResult(0).replaceDimsAndSymbols(
                dims, symbols);
          })
          .Default([&](Operation *) { return unknown; });
  return expr ? expr : getUnknown();
}

AffineExpr SizeNames::getVolume(Value shaped) {
  AffineExpr volume = constant(1);
  for (unsigned dim = 0, rank = cast<ShapedType>(shaped.getType()).getRank();
       dim < rank; ++dim)
    volume = volume * getDim(shaped, dim);
  return volume;
}

//===----------------------------------------------------------------------===//
// Functions of sizes
//===----------------------------------------------------------------------===//

DictionaryAttr SizeFunction::toAttr() const {
  MLIRContext *context = map.getContext();
  Builder b(context);
  return b.getDictionaryAttr(
      {b.getNamedAttr("sizes", sizes),
       b.getNamedAttr("costs", AffineMapAttr::get(map))});
}

std::optional<SizeFunction> SizeFunction::fromAttr(Attribute attribute) {
  auto dictionary = dyn_cast_or_null<DictionaryAttr>(attribute);
  if (!dictionary)
    return std::nullopt;
  auto sizes = dictionary.getAs<ArrayAttr>("sizes");
  auto map = dictionary.getAs<AffineMapAttr>("costs");
  if (!sizes || !map || map.getValue().getNumDims() != 0 ||
      map.getValue().getNumSymbols() != sizes.size() ||
      !llvm::all_of(sizes, llvm::IsaPred<StringAttr>))
    return std::nullopt;
  return SizeFunction{sizes, map.getValue()};
}

std::string SizeFunction::getText(unsigned i) const {
  std::string plain, text;
  llvm::raw_string_ostream(plain) << map.getResult(i);
  // Symbols print as s0, s1 ...
  for (StringRef rest = plain; !rest.empty();) {
    if (rest.consume_front("s")) {
      unsigned number = 0;
      rest.consumeInteger(10, number);
      text += cast<StringAttr>(sizes[number]).str();
      continue;
    }
    // Keywords have letters too.
    StringRef word = rest.take_while(llvm::isAlpha);
    word = word.empty() ? rest.take_front(1) : word;
    text += word;
    rest = rest.drop_front(word.size());
  }
  return text;
}

std::optional<int64_t> SizeFunction::evaluate(
    unsigned i, function_ref<std::optional<int64_t>(StringRef)> size) const {
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> values;
  for (auto [number, name] : llvm::enumerate(sizes)) {
    std::optional<int64_t> value = size(cast<StringAttr>(name).getValue());
    values.push_back(value ? getAffineConstantExpr(*value, context)
                           : getAffineSymbolExpr(number, context));
  }
  AffineExpr result = simplifyAffineExpr(
      map.getResult(i).replaceSymbols(values), 0, map.getNumSymbols());
  if (auto constant = dyn_cast<AffineConstantExpr>(result))
    return constant.getValue();
  return std::nullopt;
}

void peermla::copyKernelAttributes(Operation *from, Operation *to) {
  for (StringRef name : {StringRef("peermla.id"), StringRef(planName)})
    if (Attribute value = from->getAttr(name))
      to->setAttr(name, value);
}
