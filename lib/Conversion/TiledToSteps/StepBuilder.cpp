//===- StepBuilder.cpp - loops on tensors, in few words -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StepBuilder.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace peermla;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value StepBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value StepBuilder::i32(int32_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
}

Value StepBuilder::f32(double value) {
  return arith::ConstantOp::create(*this,
                                   getF32FloatAttr(static_cast<float>(value)));
}

Value StepBuilder::boolean(bool value) {
  return arith::ConstantOp::create(*this, getBoolAttr(value));
}

Value StepBuilder::add(Value lhs, Value rhs) {
  return arith::AddIOp::create(*this, lhs, rhs);
}
Value StepBuilder::sub(Value lhs, Value rhs) {
  return arith::SubIOp::create(*this, lhs, rhs);
}
Value StepBuilder::mul(Value lhs, Value rhs) {
  return arith::MulIOp::create(*this, lhs, rhs);
}
Value StepBuilder::div(Value lhs, Value rhs) {
  return arith::DivSIOp::create(*this, lhs, rhs);
}
Value StepBuilder::rem(Value lhs, Value rhs) {
  return arith::RemSIOp::create(*this, lhs, rhs);
}
Value StepBuilder::min(Value lhs, Value rhs) {
  return arith::MinSIOp::create(*this, lhs, rhs);
}
Value StepBuilder::max(Value lhs, Value rhs) {
  return arith::MaxSIOp::create(*this, lhs, rhs);
}

Value StepBuilder::compare(arith::CmpIPredicate predicate, Value lhs,
                           Value rhs) {
  return arith::CmpIOp::create(*this, predicate, lhs, rhs);
}

Value StepBuilder::compare(arith::CmpFPredicate predicate, Value lhs,
                           Value rhs) {
  return arith::CmpFOp::create(*this, predicate, lhs, rhs);
}

Value StepBuilder::both(Value lhs, Value rhs) {
  return arith::AndIOp::create(*this, lhs, rhs);
}

Value StepBuilder::either(Value lhs, Value rhs) {
  return arith::OrIOp::create(*this, lhs, rhs);
}

Value StepBuilder::select(Value condition, Value lhs, Value rhs) {
  return arith::SelectOp::create(*this, condition, lhs, rhs);
}

Value StepBuilder::isNan(Value value) {
  return compare(arith::CmpFPredicate::UNO, value, value);
}

Value StepBuilder::toI32(Value index) {
  return arith::IndexCastOp::create(*this, getI32Type(), index);
}

Value StepBuilder::toIndex(Value integer) {
  return arith::IndexCastOp::create(*this, getIndexType(), integer);
}

Value StepBuilder::castTo(Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (value.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(*this, type, value);
  return arith::TruncFOp::create(*this, type, value);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value StepBuilder::dim(Value tensor, unsigned d) {
  if (!typeOf(tensor).isDynamicDim(d))
    return index(typeOf(tensor).getDimSize(d));
  return tensor::DimOp::create(*this, tensor, d);
}

Value StepBuilder::extract(Value tensor, ValueRange place) {
  return tensor::ExtractOp::create(*this, tensor, place);
}

Value StepBuilder::extractIndex(Value tensor, ValueRange place) {
  return toIndex(extract(tensor, place));
}

Value StepBuilder::insert(Value value, Value tensor, ValueRange place) {
  return tensor::InsertOp::create(*this, value, tensor, place);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

StepBuilder::Values StepBuilder::choose(Value condition,
                                        function_ref<Values()> then,
                                        function_ref<Values()> otherwise) {
  auto yield = [&](function_ref<Values()> side) {
    return [this, side](OpBuilder &, Location) {
      scf::YieldOp::create(*this, side());
    };
  };
  auto op = scf::IfOp::create(*this, condition, yield(then), yield(otherwise));
  return Values(op.getResults());
}

StepBuilder::Values StepBuilder::loop(Value begin, Value end, Value step,
                                      ValueRange carried, Step body) {
  auto op = scf::ForOp::create(
      *this, begin, end, step, carried,
      [&](OpBuilder &, Location, Value i, ValueRange values) {
        scf::YieldOp::create(*this, body(i, values));
      });
  return Values(op.getResults());
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Value StepBuilder::temporary(ArrayRef<int64_t> bounds,
                             ArrayRef<OpFoldResult> extents, Type element) {
  // Not tensor.empty, of which CSE would make one for all.
  Value memory = bufferization::AllocTensorOp::create(
      *this, RankedTensorType::get(bounds, element), ValueRange());
  if (getAsIndexOpFoldResult(getContext(), bounds) ==
      SmallVector<OpFoldResult>(extents))
    return memory;
  SmallVector<OpFoldResult> offsets(bounds.size(), getIndexAttr(0));
  SmallVector<OpFoldResult> strides(bounds.size(), getIndexAttr(1));
  return tensor::ExtractSliceOp::create(*this, memory, offsets, extents,
                                        strides);
}

Value StepBuilder::fill(Value tensor, double value) {
  Type element = typeOf(tensor).getElementType();
  Value scalar = arith::ConstantOp::create(*this, getFloatAttr(element, value));
  return linalg::FillOp::create(*this, scalar, tensor).getResult(0);
}

Value StepBuilder::compute(Value tensor, Element body) {
  unsigned rank = typeOf(tensor).getRank();
  return combine({}, tensor, getMultiDimIdentityMap(rank), [&](ValueRange) {
    Values place;
    for (unsigned d = 0; d < rank; ++d)
      place.push_back(this->place(d));
    return body(place);
  });
}

Value StepBuilder::combine(ValueRange ins, Value out, ArrayRef<AffineMap> maps,
                           Terms body) {
  AffineMap results = maps.back();
  SmallVector<utils::IteratorType> iterators(results.getNumDims(),
                                             utils::IteratorType::reduction);
  for (AffineExpr loop : results.getResults())
    iterators[cast<AffineDimExpr>(loop).getPosition()] =
        utils::IteratorType::parallel;
  return linalg::GenericOp::create(
             *this, out.getType(), ins, out, maps, iterators,
             [&](OpBuilder &, Location, ValueRange elements) {
               linalg::YieldOp::create(*this, body(elements));
             })
      .getResult(0);
}

Value StepBuilder::place(unsigned loop) {
  return linalg::IndexOp::create(*this, loop);
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// The largest that `extent` can be. Minima of what is loaded have no affine
/// form.
static FailureOr<int64_t> getConstantBound(Value extent) {
  FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, extent, nullptr, /*closedUB=*/true);
  if (auto minimum = extent.getDefiningOp<arith::MinSIOp>())
    for (Value operand : minimum->getOperands())
      if (FailureOr<int64_t> other = getConstantBound(operand);
          succeeded(other))
        bound = failed(bound) ? *other : std::min(*bound, *other);
  return bound;
}

FailureOr<int64_t> peermla::getBound(Operation *op, StringRef name,
                                     Value tensor, unsigned d) {
  if (!typeOf(tensor).isDynamicDim(d))
    return typeOf(tensor).getDimSize(d);
  FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, {tensor, static_cast<int64_t>(d)}, nullptr,
      /*closedUB=*/true);
  if (auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>();
      slice && slice.getDroppedDims().none())
    if (Value size = slice.getMixedSizes()[d].dyn_cast<Value>())
      if (FailureOr<int64_t> other = getConstantBound(size); succeeded(other))
        bound = failed(bound) ? *other : std::min(*bound, *other);
  if (failed(bound))
    return op->emitOpError()
           << "expects a bound of dimension " << d << " of '" << name
           << "', which makes memory for a tile, got " << tensor.getType();
  return bound;
}
