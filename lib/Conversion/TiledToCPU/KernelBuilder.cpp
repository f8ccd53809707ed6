//===- KernelBuilder.cpp - loops, rows and vectors of CPU kernels ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "peermla/Support/KernelPlan.h"
#include "peermla/Support/TargetInfo.h"

using namespace mlir;
using namespace peermla;

/// f32 elements of a vector where no level is known: x86-64-v3.
static constexpr int64_t defaultLanes = 8;
/// Bytes of a cache line.
static constexpr int64_t lineBytes = 64;

SmallVector<Value> Row::at(Value column) const {
  SmallVector<Value> indices(prefix);
  indices.push_back(column);
  return indices;
}

KernelBuilder::KernelBuilder(Operation *op)
    : ImplicitLocOpBuilder(op->getLoc(), op) {
  const CpuLevel *level = CpuLevel::of(op);
  lanes = level ? level->lanes : defaultLanes;
  id = op->getAttr("peermla.id");
  plan = op->getAttr(planName);
}

/// The outermost work item around the insertion point, or null.
static scf::ForallOp getWorkItem(Block *block) {
  scf::ForallOp item;
  for (Operation *op = block->getParentOp(); op; op = op->getParentOp())
    if (auto forall = dyn_cast<scf::ForallOp>(op))
      item = forall;
  return item;
}

bool KernelBuilder::isInWorkItem() const {
  return static_cast<bool>(getWorkItem(getInsertionBlock()));
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value KernelBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(*this, getI32Type(), value);
}

Value KernelBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value KernelBuilder::add(Value lhs, Value rhs) {
  return createOrFold<arith::AddIOp>(lhs, rhs);
}

Value KernelBuilder::add(Value lhs, int64_t rhs) {
  return add(lhs, index(rhs));
}

Value KernelBuilder::sub(Value lhs, Value rhs) {
  return createOrFold<arith::SubIOp>(lhs, rhs);
}

Value KernelBuilder::mul(Value lhs, Value rhs) {
  return createOrFold<arith::MulIOp>(lhs, rhs);
}

Value KernelBuilder::mul(Value lhs, int64_t rhs) {
  return mul(lhs, index(rhs));
}

Value KernelBuilder::min(Value lhs, Value rhs) {
  return createOrFold<arith::MinSIOp>(lhs, rhs);
}

Value KernelBuilder::max(Value lhs, Value rhs) {
  return createOrFold<arith::MaxSIOp>(lhs, rhs);
}

Value KernelBuilder::div(Value lhs, Value rhs) {
  return createOrFold<arith::DivUIOp>(lhs, rhs);
}

Value KernelBuilder::rem(Value lhs, Value rhs) {
  return createOrFold<arith::RemUIOp>(lhs, rhs);
}

Value KernelBuilder::ceilDiv(Value lhs, int64_t rhs) {
  return div(add(lhs, rhs - 1), index(rhs));
}

Value KernelBuilder::compare(arith::CmpIPredicate predicate, Value lhs,
                             Value rhs) {
  return createOrFold<arith::CmpIOp>(predicate, lhs, rhs);
}

Value KernelBuilder::toIndex(Value integer) {
  return createOrFold<arith::IndexCastOp>(getIndexType(), integer);
}

Value KernelBuilder::toI32(Value index) {
  return createOrFold<arith::IndexCastOp>(getI32Type(), index);
}

Value KernelBuilder::extent(Value buffer, unsigned dim) {
  int64_t size = cast<MemRefType>(buffer.getType()).getDimSize(dim);
  if (!ShapedType::isDynamic(size))
    return index(size);
  // Reshapes are looked through: the sizes of workspaces have to follow from
  // those of arguments.
  if (auto expand = buffer.getDefiningOp<memref::ExpandShapeOp>())
    return getValueOrCreateConstantIndexOp(*this, getLoc(),
                                           expand.getMixedOutputShape()[dim]);
  if (auto collapse = buffer.getDefiningOp<memref::CollapseShapeOp>()) {
    Value product;
    for (int64_t part : collapse.getReassociationIndices()[dim]) {
      Value factor = extent(collapse.getSrc(), part);
      product = product ? mul(product, factor) : factor;
    }
    return product;
  }
  if (auto cast = buffer.getDefiningOp<memref::CastOp>())
    return extent(cast.getSource(), dim);
  return createOrFold<memref::DimOp>(buffer, dim);
}

Value KernelBuilder::loadIndex(Value buffer, ValueRange indices) {
  return toIndex(memref::LoadOp::create(*this, buffer, indices));
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelBuilder::loop(Value begin, Value end, int64_t step,
                         function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(*this, begin, end, index(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

SmallVector<Value>
KernelBuilder::loop(Value begin, Value end, int64_t step, ValueRange initial,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, begin, end, index(step), initial);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(*this,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return llvm::to_vector_of<Value>(loop.getResults());
}

void KernelBuilder::when(Value condition, function_ref<void()> then,
                         function_ref<void()> otherwise) {
  auto branch =
      scf::IfOp::create(*this, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

void KernelBuilder::parallel(ArrayRef<Value> extents,
                             function_ref<void(ValueRange)> body) {
  OpBuilder::InsertionGuard guard(*this);
  if (isInWorkItem()) {
    SmallVector<Value> indices;
    for (Value extent : extents) {
      auto loop = scf::ForOp::create(*this, index(0), extent, index(1));
      setInsertionPointToStart(loop.getBody());
      indices.push_back(loop.getInductionVar());
    }
    body(indices);
    return;
  }
  SmallVector<OpFoldResult> ends = getAsOpFoldResult(ValueRange(extents));
  auto forall = scf::ForallOp::create(*this, ends, /*outputs=*/ValueRange(),
                                      /*mapping=*/std::nullopt);
  if (id)
    forall->setAttr("peermla.id", id);
  if (plan)
    forall->setAttr(planName, plan);
  setInsertionPointToStart(forall.getBody());
  body(forall.getInductionVars());
}

void KernelBuilder::columns(int64_t extent,
                            function_ref<void(Value, int64_t)> body) {
  int64_t whole = extent - extent % lanes;
  if (whole == lanes)
    body(index(0), lanes);
  else if (whole > 0)
    loop(index(0), index(whole), lanes,
         [&](Value column) { body(column, lanes); });
  if (whole < extent)
    body(index(whole), extent - whole);
}

SmallVector<Value> KernelBuilder::sumColumns(
    int64_t extent, int64_t count,
    function_ref<SmallVector<Value>(Value, int64_t, ValueRange)> step) {
  int64_t whole = extent - extent % lanes;
  SmallVector<Value> results(count);
  if (whole > 0) {
    SmallVector<Value> sums = loop(index(0), index(whole), lanes,
                                   SmallVector<Value>(count, zero(lanes)),
                                   [&](Value column, ValueRange sums) {
                                     return step(column, lanes, sums);
                                   });
    for (auto [result, partial] : llvm::zip_equal(results, sums))
      result = sum(partial);
  }
  if (whole < extent) {
    int64_t width = extent - whole;
    SmallVector<Value> zeros(count, zero(width));
    for (auto [result, partial] :
         llvm::zip_equal(results, step(index(whole), width, zeros))) {
      Value last = sum(partial);
      result = result ? arith::AddFOp::create(*this, result, last) : last;
    }
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::scratch(ArrayRef<int64_t> shape, Type element) {
  OpBuilder::InsertionGuard guard(*this);
  if (scf::ForallOp item = getWorkItem(getInsertionBlock()))
    setInsertionPointToStart(item.getBody());
  return memref::AllocOp::create(*this, MemRefType::get(shape, element));
}

Value KernelBuilder::load(const Row &row, Value column, int64_t width) {
  Type element = cast<MemRefType>(row.buffer.getType()).getElementType();
  Value vector = vector::LoadOp::create(*this, vectorOf(width, element),
                                        row.buffer, row.at(column));
  if (isa<FloatType>(element) && !element.isF32())
    vector =
        arith::ExtFOp::create(*this, vectorOf(width, getF32Type()), vector);
  return vector;
}

void KernelBuilder::store(Value vector, const Row &row, Value column) {
  Type element = cast<MemRefType>(row.buffer.getType()).getElementType();
  auto type = cast<VectorType>(vector.getType());
  if (type.getElementType() != element)
    vector = arith::TruncFOp::create(
        *this, vectorOf(type.getNumElements(), element), vector);
  vector::StoreOp::create(*this, vector, row.buffer, row.at(column));
}

void KernelBuilder::copy(const Row &from, Value fromColumn, const Row &to,
                         Value toColumn, int64_t width) {
  Type element = cast<MemRefType>(from.buffer.getType()).getElementType();
  Value vector = vector::LoadOp::create(*this, vectorOf(width, element),
                                        from.buffer, from.at(fromColumn));
  vector::StoreOp::create(*this, vector, to.buffer, to.at(toColumn));
}

void KernelBuilder::prefetch(const Row &row, int64_t extent, int64_t lines) {
  auto type = cast<MemRefType>(row.buffer.getType());
  int64_t perLine = lineBytes * 8 / type.getElementTypeBitWidth();
  for (int64_t line = 0; line < lines && line * perLine < extent; ++line)
    memref::PrefetchOp::create(*this, row.buffer, row.at(index(line * perLine)),
                               /*isWrite=*/false, /*localityHint=*/3,
                               /*isDataCache=*/true);
}

void KernelBuilder::fill(const Row &row, int64_t extent, Value value) {
  columns(extent, [&](Value column, int64_t width) {
    vector::StoreOp::create(*this, splat(value, width), row.buffer,
                            row.at(column));
  });
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

VectorType KernelBuilder::vectorOf(int64_t width, Type element) {
  return VectorType::get({width}, element);
}

Value KernelBuilder::splat(Value scalar, int64_t width) {
  return vector::BroadcastOp::create(*this, vectorOf(width, scalar.getType()),
                                     scalar);
}

Value KernelBuilder::zero(int64_t width) {
  return arith::ConstantOp::create(*this,
                                   getZeroAttr(vectorOf(width, getF32Type())));
}

Value KernelBuilder::fma(Value lhs, Value rhs, Value addend) {
  return vector::FMAOp::create(*this, lhs, rhs, addend);
}

Value KernelBuilder::maskBits(Value mask) {
  int64_t width = cast<VectorType>(mask.getType()).getNumElements();
  Value bits = vector::ExtractOp::create(
      *this,
      vector::BitCastOp::create(*this, vectorOf(1, getIntegerType(width)),
                                mask),
      int64_t(0));
  if (width < 32)
    bits = arith::ExtUIOp::create(*this, getI32Type(), bits);
  return bits;
}

Value KernelBuilder::sum(Value vector) {
  // Reassociation is what lets the target add in a tree.
  return vector::ReductionOp::create(*this, vector::CombiningKind::ADD, vector,
                                     arith::FastMathFlags::reassoc);
}

//===----------------------------------------------------------------------===//
// Preconditions
//===----------------------------------------------------------------------===//

LogicalResult peermla::verifyRows(Operation *op, StringRef name, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  int64_t offset;
  SmallVector<int64_t> strides;
  if (succeeded(type.getStridesAndOffset(strides, offset)) &&
      strides.back() == 1)
    return success();
  return op->emitOpError() << "expects the rows of '" << name
                           << "' to have unit stride, got " << type;
}

LogicalResult peermla::verifyStorage(Operation *op, StringRef name,
                                     Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Type element = type.getElementType();
  if (element.isF32() || element.isF16() || element.isBF16())
    return success();
  return op->emitOpError() << "expects '" << name
                           << "' to have element type f32, f16 or bf16, got "
                           << type;
}
