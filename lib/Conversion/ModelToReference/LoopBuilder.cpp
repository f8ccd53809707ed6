//===- LoopBuilder.cpp - loops over f64 memory, in few words --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace peermla::reference;

LoopBuilder::LoopBuilder(Operation *op) : b(op), loc(op->getLoc()) {}

//===----------------------------------------------------------------------===//
// Constants and memory
//===----------------------------------------------------------------------===//

Value LoopBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value LoopBuilder::i32(int32_t value) {
  return arith::ConstantIntOp::create(b, loc, b.getI32Type(), value);
}

Value LoopBuilder::f64(double value) {
  return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value));
}

Value LoopBuilder::dim(Value memref, unsigned d) {
  return b.createOrFold<memref::DimOp>(loc, memref, d);
}

Value LoopBuilder::load(Value memref, ValueRange indices) {
  return memref::LoadOp::create(b, loc, memref, indices);
}

void LoopBuilder::store(Value value, Value memref, ValueRange indices) {
  memref::StoreOp::create(b, loc, value, memref, indices);
}

Value LoopBuilder::loadIndex(Value memref, ValueRange indices) {
  return arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                    load(memref, indices));
}

void LoopBuilder::storeIndex(Value value, Value memref, ValueRange indices) {
  store(arith::IndexCastOp::create(b, loc, b.getI32Type(), value), memref,
        indices);
}

Value LoopBuilder::allocate(Type element, ValueRange extents) {
  SmallVector<int64_t> shape(extents.size(), ShapedType::kDynamic);
  return memref::AllocOp::create(b, loc, MemRefType::get(shape, element),
                                 extents);
}

void LoopBuilder::free(Value memref) {
  memref::DeallocOp::create(b, loc, memref);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void LoopBuilder::forRange(Value begin, Value end, Body body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void LoopBuilder::forEachElement(Value memref,
                                 function_ref<void(ValueRange)> body) {
  unsigned rank = cast<MemRefType>(memref.getType()).getRank();
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Value> indices;
  for (unsigned d = 0; d < rank; ++d) {
    auto loop = scf::ForOp::create(b, loc, index(0), dim(memref, d), index(1));
    b.setInsertionPointToStart(loop.getBody());
    indices.push_back(loop.getInductionVar());
  }
  body(indices);
}

Value LoopBuilder::fold(Value count, Value init, Step step) {
  auto loop = scf::ForOp::create(b, loc, index(0), count, index(1), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value next = step(loop.getInductionVar(), loop.getRegionIterArg(0));
  scf::YieldOp::create(b, loc, next);
  return loop.getResult(0);
}

Value LoopBuilder::sum(Value count, Term term) {
  return fold(count, f64(0.0),
              [&](Value i, Value partial) { return add(partial, term(i)); });
}

Value LoopBuilder::dot(Value count, Term lhs, Term rhs) {
  return sum(count, [&](Value i) {
    Value left = lhs(i);
    return multiply(left, rhs(i));
  });
}

void LoopBuilder::when(Value condition, function_ref<void()> then,
                       function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(b, loc, condition,
                                  /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  if (otherwise) {
    b.setInsertionPointToStart(branch.elseBlock());
    otherwise();
  }
}

Value LoopBuilder::choose(Value condition, Type type,
                          function_ref<Value()> then,
                          function_ref<Value()> otherwise) {
  auto branch = scf::IfOp::create(b, loc, type, condition,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, loc, then());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc, otherwise());
  return branch.getResult(0);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value LoopBuilder::add(Value lhs, Value rhs) {
  return arith::AddFOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::subtract(Value lhs, Value rhs) {
  return arith::SubFOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::multiply(Value lhs, Value rhs) {
  return arith::MulFOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::divide(Value lhs, Value rhs) {
  return arith::DivFOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::maximum(Value lhs, Value rhs) {
  return arith::MaximumFOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::exp(Value value) {
  return math::ExpOp::create(b, loc, value);
}
Value LoopBuilder::log(Value value) {
  return math::LogOp::create(b, loc, value);
}
Value LoopBuilder::erf(Value value) {
  return math::ErfOp::create(b, loc, value);
}
Value LoopBuilder::sqrt(Value value) {
  return math::SqrtOp::create(b, loc, value);
}
Value LoopBuilder::sin(Value value) {
  return math::SinOp::create(b, loc, value);
}
Value LoopBuilder::cos(Value value) {
  return math::CosOp::create(b, loc, value);
}
Value LoopBuilder::isNan(Value value) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, value, value);
}
Value LoopBuilder::greater(Value lhs, Value rhs) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, lhs, rhs);
}
Value LoopBuilder::toFloat(Value value) {
  return arith::SIToFPOp::create(b, loc, b.getF64Type(), value);
}

Value LoopBuilder::addIndex(Value lhs, Value rhs) {
  return arith::AddIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::subtractIndex(Value lhs, Value rhs) {
  return arith::SubIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::multiplyIndex(Value lhs, Value rhs) {
  return arith::MulIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::divideIndex(Value lhs, Value rhs) {
  return arith::DivSIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::remainder(Value lhs, Value rhs) {
  return arith::RemSIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::minIndex(Value lhs, Value rhs) {
  return arith::MinSIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::maxIndex(Value lhs, Value rhs) {
  return arith::MaxSIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::clamp(Value value, Value low, Value high) {
  return minIndex(maxIndex(value, low), high);
}
Value LoopBuilder::compare(Comparison comparison, Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, loc, comparison, lhs, rhs);
}
Value LoopBuilder::isWithin(Value value, Value low, Value high) {
  return both(compare(Comparison::sge, value, low),
              compare(Comparison::slt, value, high));
}
Value LoopBuilder::both(Value lhs, Value rhs) {
  return arith::AndIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::either(Value lhs, Value rhs) {
  return arith::OrIOp::create(b, loc, lhs, rhs);
}
Value LoopBuilder::isFalse(Value condition) {
  Value yes = arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1);
  return arith::XOrIOp::create(b, loc, condition, yes);
}
