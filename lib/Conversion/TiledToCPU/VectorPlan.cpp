//===- VectorPlan.cpp - which loop of a linalg op is vectorised -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorPlan.h"
#include "LoopUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;

/// Bytes of an element in memory and in a vector; 0 where these differ.
static int64_t getBytes(Type type) {
  if (isa<IndexType>(type))
    return 8;
  if (!isa<IntegerType, FloatType>(type))
    return 0;
  unsigned bits = type.getIntOrFloatBitWidth();
  return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits / 8 : 0;
}

/// The kind of a combiner whose order does not matter, or nothing.
static std::optional<vector::CombiningKind> getCombiningKind(Operation *op) {
  using Kind = vector::CombiningKind;
  using Result = std::optional<Kind>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return Kind::ADD; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return Kind::MUL; })
      .Case([](arith::MaximumFOp) { return Kind::MAXIMUMF; })
      .Case([](arith::MinimumFOp) { return Kind::MINIMUMF; })
      .Case([](arith::MaxNumFOp) { return Kind::MAXNUMF; })
      .Case([](arith::MinNumFOp) { return Kind::MINNUMF; })
      .Case([](arith::MaxSIOp) { return Kind::MAXSI; })
      .Case([](arith::MinSIOp) { return Kind::MINSI; })
      .Case([](arith::MaxUIOp) { return Kind::MAXUI; })
      .Case([](arith::MinUIOp) { return Kind::MINUI; })
      .Case([](arith::AndIOp) { return Kind::AND; })
      .Case([](arith::OrIOp) { return Kind::OR; })
      .Case([](arith::XOrIOp) { return Kind::XOR; })
      .Default([](Operation *) { return Result(); });
}

FailureOr<VectorPlan> VectorPlan::choose(linalg::LinalgOp op) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<int64_t> extents = getStaticLoopExtents(op);
  auto innermost = [&](OpOperand &operand) -> std::optional<unsigned> {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (op.isScalar(&operand) || map.getNumResults() == 0)
      return std::nullopt;
    if (auto dim = dyn_cast<AffineDimExpr>(map.getResults().back()))
      return dim.getPosition();
    return std::nullopt;
  };
  VectorPlan columns, terms;
  std::optional<unsigned> column = innermost(op.getDpsInitsMutable()[0]);
  bool hasColumns =
      column && succeeded(columns.analyse(op, *column, /*overTerms=*/false));
  if (hasColumns && extents[*column] != 1)
    return columns;
  for (OpOperand *input : op.getDpsInputOperands())
    if (std::optional<unsigned> term = innermost(*input))
      if (iterators[*term] == utils::IteratorType::reduction &&
          succeeded(terms.analyse(op, *term, /*overTerms=*/true)))
        return terms;
  if (hasColumns)
    return columns;
  return failure();
}

LogicalResult VectorPlan::analyse(linalg::LinalgOp target, unsigned vectorLoop,
                                  bool overTerms) {
  *this = VectorPlan();
  op = target;
  loop = vectorLoop;
  if (failed(analyseOperands()))
    return failure();
  for (OpOperand &init : op.getDpsInitsMutable())
    if (isVarying(init) == overTerms)
      return failure();
  if (overTerms && failed(analyseCombiners()))
    return failure();
  return analyseBody();
}

LogicalResult VectorPlan::count(Type type) {
  int64_t size = getBytes(type);
  bytes = std::max(bytes, size);
  return success(size != 0);
}

LogicalResult VectorPlan::analyseOperands() {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isVarying(operand))
      continue;
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!type || failed(count(type.getElementType())) ||
        !type.isLastDimUnitStride() ||
        map.getResults().back() != getAffineDimExpr(loop, map.getContext()))
      return failure();
    for (AffineExpr expr : map.getResults().drop_back())
      if (expr.isFunctionOfDim(loop))
        return failure();
    varying.insert(op.getMatchingBlockArgument(&operand));
  }
  return success();
}

LogicalResult VectorPlan::analyseCombiners() {
  Operation *yield = op.getBlock()->getTerminator();
  for (auto [argument, value] :
       llvm::zip_equal(op.getRegionOutputArgs(), yield->getOperands())) {
    Operation *combiner = value.getDefiningOp();
    if (!combiner || !argument.hasOneUse() || !value.hasOneUse() ||
        *argument.user_begin() != combiner || failed(count(value.getType())))
      return failure();
    auto kind = getCombiningKind(combiner);
    if (!kind || !arith::getNeutralElement(combiner))
      return failure();
    unsigned term = combiner->getOperand(0) == argument ? 1 : 0;
    combiners.push_back({combiner, *kind, combiner->getOperand(term)});
  }
  return success();
}

/// Whether `value` is the counter of `loop`.
static bool isCounter(Value value, unsigned loop) {
  auto index = value.getDefiningOp<linalg::IndexOp>();
  return index && index.getDim() == loop;
}

LogicalResult VectorPlan::analyseBody() {
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (inner.getNumRegions() != 0 || inner.getNumResults() != 1 ||
        !(isMemoryEffectFree(&inner) || isa<memref::LoadOp>(inner)))
      return failure();
    Value result = inner.getResult(0);
    if (isCounter(result, loop)) {
      varying.insert(result);
      continue;
    }
    if (llvm::none_of(inner.getOperands(),
                      [&](Value operand) { return isVarying(operand); }))
      continue;
    varying.insert(result);
    ++vectorOps;
    if (auto load = dyn_cast<memref::LoadOp>(inner)) {
      // Neighbours of a row.
      if (load.getIndices().empty() ||
          !isCounter(load.getIndices().back(), loop) ||
          llvm::any_of(load.getIndices().drop_back(),
                       [&](Value index) { return isVarying(index); }) ||
          !load.getMemRefType().isLastDimUnitStride() ||
          failed(count(result.getType())))
        return failure();
      continue;
    }
    if (!OpTrait::hasElementwiseMappableTraits(&inner))
      return failure();
    // Truth values are fine in registers.
    for (Value value : llvm::concat<Value>(llvm::to_vector(inner.getOperands()),
                                           llvm::to_vector(inner.getResults())))
      if (!value.getType().isInteger(1) && failed(count(value.getType())))
        return failure();
  }
  return success();
}
