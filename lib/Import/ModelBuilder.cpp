//===- ModelBuilder.cpp - entries, weights, shapes ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace peermla::importer;

//===----------------------------------------------------------------------===//
// Globals and entries
//===----------------------------------------------------------------------===//

Type ModelBuilder::getType(Dtype dtype) {
  switch (dtype) {
  case Dtype::F32:
    return builder.getF32Type();
  case Dtype::F16:
    return builder.getF16Type();
  case Dtype::BF16:
    return builder.getBF16Type();
  }
  llvm_unreachable("all storage types are handled");
}

ModelBuilder::ModelBuilder(ModuleOp module, const BoundWeights &bound)
    : module(module), builder(module.getContext()),
      storage(getType(bound.storage)) {
  builder.setInsertionPointToEnd(module.getBody());
  for (const Weight &weight : bound.weights) {
    auto type = RankedTensorType::get(weight.shape, getType(weight.dtype));
    weights[weight.name] = type;
    ml_program::GlobalOp::create(
        builder, builder.getUnknownLoc(), weight.name, type,
        /*is_mutable=*/false,
        ml_program::ExternAttr::get(builder.getContext(), type),
        builder.getStringAttr("private"));
  }
}

static RankedTensorType getTensorType(const TensorSpec &spec) {
  SmallVector<int64_t> shape;
  for (const Dim &dim : spec.dims)
    shape.push_back(dim.extent);
  return RankedTensorType::get(shape, spec.element);
}

/// The attributes of an argument or result, see the entries of a MODEL module.
static DictionaryAttr getAttributes(Builder &builder, const TensorSpec &spec) {
  SmallVector<NamedAttribute> attributes;
  auto add = [&](StringRef name, Attribute value) {
    attributes.push_back(builder.getNamedAttr(name, value));
  };
  add(spec.isInOut ? "peermla.inout" : "peermla.name",
      builder.getStringAttr(spec.name));
  SmallVector<StringRef> symbols;
  for (const Dim &dim : spec.dims)
    symbols.push_back(dim.symbol);
  add("peermla.dims", builder.getStrArrayAttr(symbols));
  if (!spec.check.empty())
    add("peermla.check", builder.getStringAttr(spec.check));
  return builder.getDictionaryAttr(attributes);
}

SmallVector<Value> ModelBuilder::beginEntry(StringRef name,
                                            ArrayRef<TensorSpec> arguments,
                                            ArrayRef<TensorSpec> results) {
  SmallVector<Type> argumentTypes, resultTypes;
  SmallVector<Attribute> argumentAttributes, resultAttributes;
  for (const TensorSpec &spec : arguments) {
    argumentTypes.push_back(getTensorType(spec));
    argumentAttributes.push_back(getAttributes(builder, spec));
  }
  for (const TensorSpec &spec : results) {
    resultTypes.push_back(getTensorType(spec));
    resultAttributes.push_back(getAttributes(builder, spec));
  }
  builder.setInsertionPointToEnd(module.getBody());
  function =
      func::FuncOp::create(builder, builder.getUnknownLoc(), name,
                           builder.getFunctionType(argumentTypes, resultTypes));
  function.setArgAttrsAttr(builder.getArrayAttr(argumentAttributes));
  function.setResAttrsAttr(builder.getArrayAttr(resultAttributes));
  function->setAttr("peermla.entry", builder.getUnitAttr());

  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  for (auto [argument, spec] : llvm::zip_equal(body->getArguments(), arguments))
    argument.setLoc(named(spec.name));
  loaded.clear();
  constants.clear();
  zero = nullptr;
  rows = dim(body->getArgument(0), 0, "T");
  return llvm::to_vector_of<Value>(body->getArguments());
}

void ModelBuilder::endEntry(ValueRange results) {
  func::ReturnOp::create(builder, builder.getUnknownLoc(), results);
}

//===----------------------------------------------------------------------===//
// Constants and weights
//===----------------------------------------------------------------------===//

Location ModelBuilder::named(const Twine &name) {
  return NameLoc::get(builder.getStringAttr(name));
}

void ModelBuilder::identify(Operation *op, StringRef id) {
  id.consume_front("model.");
  op->setAttr("peermla.id", builder.getStringAttr(id));
}

Value ModelBuilder::hoisted(function_ref<Value()> create) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.getBody().front());
  return create();
}

Value ModelBuilder::indexConstant(int64_t value) {
  Value &constant = constants[value];
  if (!constant)
    constant = hoisted([&] {
      return arith::ConstantIndexOp::create(builder, builder.getUnknownLoc(),
                                            value);
    });
  return constant;
}

Value ModelBuilder::dim(Value tensor, int64_t index, const Twine &name) {
  return tensor::DimOp::create(builder, named(name), tensor,
                               indexConstant(index));
}

Value ModelBuilder::empty(ArrayRef<int64_t> shape, Type element) {
  SmallVector<Value> dynamic;
  if (ShapedType::isDynamic(shape.front()))
    dynamic.push_back(rows);
  return tensor::EmptyOp::create(builder, builder.getUnknownLoc(), shape,
                                 element, dynamic);
}

Value ModelBuilder::zeros(ArrayRef<int64_t> shape) {
  if (!zero)
    zero = hoisted([&] {
      return arith::ConstantFloatOp::create(builder, builder.getUnknownLoc(),
                                            builder.getF32Type(),
                                            APFloat(0.0f));
    });
  Value destination = empty(shape, builder.getF32Type());
  return linalg::FillOp::create(builder, builder.getUnknownLoc(), zero,
                                destination)
      .getResult(0);
}

Value ModelBuilder::weight(StringRef name) {
  Value &value = loaded[name];
  if (!value)
    value = ml_program::GlobalLoadConstOp::create(
        builder, named(name), weights.lookup(name),
        FlatSymbolRefAttr::get(builder.getContext(), name));
  return value;
}

Value ModelBuilder::storageWeight(StringRef name) {
  Value stored = weight(name);
  auto type = cast<RankedTensorType>(stored.getType());
  if (type.getElementType() == storage)
    return stored;
  Value &cast = loaded[(name + " in S").str()];
  if (!cast) {
    auto dims = llvm::to_vector_of<unsigned, 3>(llvm::seq(type.getRank()));
    cast = elementwise(
        type.getShape(), storage, Operand{stored, dims},
        [](ImplicitLocOpBuilder &, ValueRange v) { return v[0]; },
        name + ".cast");
  }
  return cast;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

Value ModelBuilder::expand(Value tensor, unsigned index,
                           ArrayRef<int64_t> extents, const Twine &name) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<ReassociationIndices> groups;
  int64_t next = 0;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    ReassociationIndices &group = groups.emplace_back();
    for (size_t n = i == index ? extents.size() : 1; n > 0; --n)
      group.push_back(next++);
  }
  shape.erase(shape.begin() + index);
  shape.insert(shape.begin() + index, extents.begin(), extents.end());
  SmallVector<OpFoldResult> sizes;
  for (int64_t extent : shape) {
    if (ShapedType::isDynamic(extent))
      sizes.push_back(rows);
    else
      sizes.push_back(builder.getIndexAttr(extent));
  }
  return tensor::ExpandShapeOp::create(
      builder, named(name), RankedTensorType::get(shape, type.getElementType()),
      tensor, groups, sizes);
}

Value ModelBuilder::collapseFrom(Value tensor, unsigned index,
                                 const Twine &name) {
  SmallVector<ReassociationIndices> groups(index + 1);
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  for (int64_t i = 0; i < rank; ++i)
    groups[std::min<int64_t>(i, index)].push_back(i);
  return tensor::CollapseShapeOp::create(builder, named(name), tensor, groups);
}

Value ModelBuilder::columns(Value tensor, int64_t first, int64_t width,
                            const Twine &name) {
  SmallVector<OpFoldResult> offsets = {builder.getIndexAttr(0),
                                       builder.getIndexAttr(first)};
  SmallVector<OpFoldResult> sizes = {rows, builder.getIndexAttr(width)};
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, named(name), tensor, offsets,
                                        sizes, strides);
}
