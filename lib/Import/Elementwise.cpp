//===- Elementwise.cpp - arithmetic in f32, rounded once ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::importer;

using utils::IteratorType;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value peermla::importer::constantF32(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantFloatOp::create(b, b.getF32Type(),
                                        APFloat(float(value)));
}

static Value extendToF32(ImplicitLocOpBuilder &b, Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(b, b.getF32Type(), value);
}

static Value roundTo(ImplicitLocOpBuilder &b, Type type, Value value) {
  if (value.getType() == type)
    return value;
  return arith::TruncFOp::create(b, type, value);
}

static Value activate(ImplicitLocOpBuilder &b, peer::Activation activation,
                      Value x) {
  Value one = constantF32(b, 1);
  switch (activation) {
  case peer::Activation::relu:
    return arith::MaximumFOp::create(b, x, constantF32(b, 0));
  case peer::Activation::silu: {
    // x / (1 + exp(-x))
    Value exp = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(b, x, arith::AddFOp::create(b, one, exp));
  }
  case peer::Activation::gelu: {
    // x / 2 (1 + erf(x / sqrt(2)))
    Value half = arith::MulFOp::create(b, x, constantF32(b, 0.5));
    Value scaled =
        arith::MulFOp::create(b, x, constantF32(b, 1 / llvm::numbers::sqrt2));
    Value erf = math::ErfOp::create(b, scaled);
    return arith::MulFOp::create(b, half, arith::AddFOp::create(b, one, erf));
  }
  }
  llvm_unreachable("all activations are handled");
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static SmallVector<AffineMap> getMaps(MLIRContext *context, unsigned numDims,
                                      ArrayRef<Operand> operands,
                                      unsigned numResultDims) {
  SmallVector<AffineMap> maps;
  for (const Operand &operand : operands)
    maps.push_back(
        AffineMap::getMultiDimMapWithTargets(numDims, operand.dims, context));
  maps.push_back(AffineMap::getMultiDimIdentityMap(numDims, context)
                     .getMajorSubMap(numResultDims));
  return maps;
}

static SmallVector<Value> getValues(ArrayRef<Operand> operands) {
  SmallVector<Value> values;
  for (const Operand &operand : operands)
    values.push_back(operand.value);
  return values;
}

Value ModelBuilder::elementwise(ArrayRef<int64_t> shape, Type element,
                                ArrayRef<Operand> operands, Body body,
                                const Twine &name) {
  Value destination = empty(shape, element);
  SmallVector<IteratorType> iterators(shape.size(), IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, named(name), destination.getType(), getValues(operands),
      destination,
      getMaps(builder.getContext(), shape.size(), operands, shape.size()),
      iterators, [&](OpBuilder &nested, Location, ValueRange arguments) {
        ImplicitLocOpBuilder b(nested.getUnknownLoc(), nested);
        SmallVector<Value> inputs;
        for (Value argument : arguments.drop_back())
          inputs.push_back(extendToF32(b, argument));
        Value result = roundTo(b, element, body(b, inputs));
        linalg::YieldOp::create(b, result);
      });
  return generic.getResult(0);
}

Value ModelBuilder::sumLast(ArrayRef<Operand> operands, Body term,
                            const Twine &name) {
  ArrayRef<int64_t> space =
      cast<RankedTensorType>(operands.front().value.getType()).getShape();
  Value destination = zeros(space.drop_back());
  SmallVector<IteratorType> iterators(space.size(), IteratorType::parallel);
  iterators.back() = IteratorType::reduction;
  auto generic = linalg::GenericOp::create(
      builder, named(name), destination.getType(), getValues(operands),
      destination,
      getMaps(builder.getContext(), space.size(), operands, space.size() - 1),
      iterators, [&](OpBuilder &nested, Location, ValueRange arguments) {
        ImplicitLocOpBuilder b(nested.getUnknownLoc(), nested);
        SmallVector<Value> inputs;
        for (Value argument : arguments.drop_back())
          inputs.push_back(extendToF32(b, argument));
        Value sum = arith::AddFOp::create(b, arguments.back(), term(b, inputs));
        linalg::YieldOp::create(b, sum);
      });
  return generic.getResult(0);
}

Value ModelBuilder::round(Value accumulator, const Twine &name) {
  auto type = cast<RankedTensorType>(accumulator.getType());
  if (type.getElementType() == storage)
    return accumulator;
  auto dims = llvm::to_vector_of<unsigned, 3>(llvm::seq(type.getRank()));
  return elementwise(
      type.getShape(), storage, Operand{accumulator, dims},
      [](ImplicitLocOpBuilder &, ValueRange v) { return v[0]; }, name);
}

Value ModelBuilder::add(Value x, Value y, const Twine &name) {
  return elementwise(
      cast<RankedTensorType>(x.getType()).getShape(), storage,
      {{x, {0, 1}}, {y, {0, 1}}},
      [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        return arith::AddFOp::create(b, v[0], v[1]);
      },
      name);
}

Value ModelBuilder::gate(Value gate, Value up, peer::Activation activation,
                         const Twine &name) {
  return elementwise(
      cast<RankedTensorType>(gate.getType()).getShape(), storage,
      {{gate, {0, 1}}, {up, {0, 1}}},
      [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        return arith::MulFOp::create(b, activate(b, activation, v[0]), v[1]);
      },
      name);
}

Value ModelBuilder::gatherRows(Value table, Value ids, const Twine &name) {
  auto type = cast<RankedTensorType>(table.getType());
  Value limit = type.isDynamicDim(0) ? dim(table, 0, name + "_limit")
                                     : indexConstant(type.getDimSize(0));
  SmallVector<int64_t> shape = {ShapedType::kDynamic, type.getDimSize(1)};
  Value destination = empty(shape, type.getElementType());
  SmallVector<IteratorType> iterators(2, IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, named(name), destination.getType(), ids, destination,
      getMaps(builder.getContext(), 2, Operand{ids, {0}}, 2), iterators,
      [&](OpBuilder &nested, Location, ValueRange arguments) {
        ImplicitLocOpBuilder b(nested.getUnknownLoc(), nested);
        // As unsigned numbers, negative ids are out of range too.
        Value id = arith::IndexCastUIOp::create(b, b.getIndexType(),
                                                arguments.front());
        Value inRange =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, id, limit);
        Value first = arith::ConstantIndexOp::create(b, 0);
        Value row = arith::SelectOp::create(b, inRange, id, first);
        Value column = linalg::IndexOp::create(b, 1);
        Value element =
            tensor::ExtractOp::create(b, table, ValueRange{row, column});
        Value nothing =
            arith::ConstantOp::create(b, b.getZeroAttr(type.getElementType()));
        Value result = arith::SelectOp::create(b, inRange, element, nothing);
        linalg::YieldOp::create(b, result);
      });
  return generic.getResult(0);
}
