//===- ThreadLoops.cpp - iterations shared out to the threads of a block --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Results are numbered in the order in which they lie in memory, so that
// neighbouring threads write neighbouring elements:
//
//   for e = thread; e < results; e += threads
//     sum = out[e]; for r in terms: sum = f(sum, in[e, r]); out[e] = sum
//
// With few results and long sums, a warp has a result and a lane some terms:
//
//   for e = warp; e < results; e += warps
//     sum = 0; for r = lane; r < terms; r += 32: sum = sum + f(in[e, r])
//     for d in 16, 8, 4, 2, 1: sum = sum + (sum of lane ^ d)
//     lane 0: out[e] = out[e] + sum
//
//===----------------------------------------------------------------------===//

#include "ThreadLoops.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace peermla;

/// Sums of fewer terms stay with one thread.
static constexpr int64_t termsOfWarp = 2 * warpSize;

//===----------------------------------------------------------------------===//
// What is known of an op
//===----------------------------------------------------------------------===//

/// Parallel loops in the order of the first result's dimensions.
static SmallVector<unsigned> getResultLoops(linalg::LinalgOp op) {
  SmallVector<unsigned> parallel, ordered;
  op.getParallelDims(parallel);
  if (op.getNumDpsInits() != 0)
    for (AffineExpr result :
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(result))
        ordered.push_back(dim.getPosition());
  SmallVector<unsigned> loops;
  for (unsigned dim : parallel)
    if (!llvm::is_contained(ordered, dim))
      loops.push_back(dim);
  for (unsigned dim : ordered)
    if (llvm::is_contained(parallel, dim) && !llvm::is_contained(loops, dim))
      loops.push_back(dim);
  return loops;
}

/// The largest number of iterations of some loops, if there is a bound.
static std::optional<int64_t> getMaxIterations(linalg::LinalgOp op,
                                               ArrayRef<unsigned> loops) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  int64_t product = 1;
  for (unsigned loop : loops) {
    int64_t extent = extents[loop];
    for (OpOperand &operand : op->getOpOperands()) {
      if (!ShapedType::isDynamic(extent))
        break;
      std::optional<unsigned> dim =
          op.getMatchingIndexingMap(&operand).getResultPosition(
              getAffineDimExpr(loop, op.getContext()));
      if (!dim)
        continue;
      FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
          presburger::BoundType::UB, {operand.get(), int64_t(*dim)}, nullptr,
          /*closedUB=*/true);
      if (succeeded(bound))
        extent = *bound;
    }
    if (ShapedType::isDynamic(extent))
      return std::nullopt;
    product *= extent;
  }
  return product;
}

/// The ops that add a term to each result, if all are of a kind that lanes may
/// do in any order; else empty.
static SmallVector<Operation *> getCombiners(linalg::LinalgOp op) {
  SmallVector<Operation *> combiners;
  for (unsigned i = 0; i < op.getNumDpsInits(); ++i) {
    SmallVector<Operation *> chain;
    if (!matchReduction(op.getRegionOutputArgs(), i, chain) ||
        chain.size() != 1 || !arith::getNeutralElement(chain.front()))
      return {};
    Type type = chain.front()->getResult(0).getType();
    if (!type.isF32() && !type.isInteger(32))
      return {};
    combiners.push_back(chain.front());
  }
  return combiners;
}

/// Whether results are few and sums long enough for warps.
static bool isForWarps(linalg::LinalgOp op, int64_t threads) {
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  if (reduced.empty() || threads < warpSize)
    return false;
  std::optional<int64_t> results = getMaxIterations(op, getResultLoops(op)),
                         terms = getMaxIterations(op, reduced);
  return results && *results * 2 <= threads &&
         (!terms || *terms >= termsOfWarp) && !getCombiners(op).empty();
}

std::optional<int64_t> peermla::getUsefulThreads(linalg::LinalgOp op) {
  std::optional<int64_t> results = getMaxIterations(op, getResultLoops(op));
  if (results && isForWarps(op, *results * warpSize))
    return *results * warpSize;
  return results;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

static Value getIndex(ImplicitLocOpBuilder &b, OpFoldResult value) {
  return getValueOrCreateConstantIndexOp(b, b.getLoc(), value);
}

SmallVector<Value> peermla::beginSharedLoop(ImplicitLocOpBuilder &b,
                                            ArrayRef<OpFoldResult> extents,
                                            Value first, int64_t step) {
  OpFoldResult total = b.getIndexAttr(1);
  AffineExpr d0, s0;
  bindDims(b.getContext(), d0);
  bindSymbols(b.getContext(), s0);
  for (OpFoldResult extent : extents)
    total = affine::makeComposedFoldedAffineApply(b, b.getLoc(), d0 * s0,
                                                  {total, extent});
  auto loop = scf::ForOp::create(b, first, getIndex(b, total),
                                 arith::ConstantIndexOp::create(b, step));
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> position(extents.size());
  Value rest = loop.getInductionVar();
  for (unsigned dim = extents.size(); dim-- > 1;) {
    Value extent = getIndex(b, extents[dim]);
    position[dim] = arith::RemUIOp::create(b, rest, extent);
    rest = arith::DivUIOp::create(b, rest, extent);
  }
  if (!position.empty())
    position.front() = rest;
  return position;
}

namespace {

/// Emits the loops of one op.
class LoopEmitter {
public:
  LoopEmitter(linalg::LinalgOp op, const Threads &threads)
      : op(op), threads(threads), b(op.getLoc(), op), ivs(op.getNumLoops()) {
    results = getResultLoops(op);
    op.getReductionDims(reduced);
    for (Range range : op.createLoopRanges(b, b.getLoc()))
      extents.push_back(range.size);
  }

  void run() {
    if (isForWarps(op, threads.count))
      return emitWarps();
    beginResults(threads.id, threads.count);
    SmallVector<Value> sums = emitSums(loadResults());
    storeResults(sums);
  }

private:
  SmallVector<OpFoldResult> getExtents(ArrayRef<unsigned> loops) {
    SmallVector<OpFoldResult> selected;
    for (unsigned loop : loops)
      selected.push_back(extents[loop]);
    return selected;
  }

  void beginResults(Value first, int64_t step) {
    SmallVector<Value> position =
        beginSharedLoop(b, getExtents(results), first, step);
    for (auto [loop, value] : llvm::zip_equal(results, position))
      ivs[loop] = value;
  }

  SmallVector<Value> getPosition(OpOperand &operand) {
    SmallVector<Value> position;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (unsigned i = 0; i < map.getNumResults(); ++i) {
      // Loops that the map does not read may have no value here.
      SmallVector<OpFoldResult> operands;
      for (Value iv : ivs)
        operands.push_back(iv ? OpFoldResult(iv)
                              : OpFoldResult(b.getIndexAttr(0)));
      position.push_back(
          getIndex(b, affine::makeComposedFoldedAffineApply(
                          b, b.getLoc(), map.getSubMap({i}), operands)));
    }
    return position;
  }

  Value load(OpOperand &operand) {
    if (!isa<MemRefType>(operand.get().getType()))
      return operand.get();
    return memref::LoadOp::create(b, operand.get(), getPosition(operand));
  }

  /// Results as they are, where the op reads them; else zeros, which nobody
  /// reads.
  SmallVector<Value> loadResults() {
    SmallVector<Value> values;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Type element = getElementTypeOrSelf(init.get().getType());
      if (op.payloadUsesValueFromOperand(&init))
        values.push_back(load(init));
      else
        values.push_back(arith::ConstantOp::create(b, b.getZeroAttr(element)));
    }
    return values;
  }

  void storeResults(ValueRange values) {
    for (auto [init, value] : llvm::zip_equal(op.getDpsInitsMutable(), values))
      memref::StoreOp::create(b, value, init.get(), getPosition(init));
  }

  /// The body of the op at `ivs`.
  SmallVector<Value> emitBody(ValueRange carried) {
    IRMapping mapping;
    Block &body = *op.getBlock();
    for (OpOperand *input : op.getDpsInputOperands())
      if (op.payloadUsesValueFromOperand(input))
        mapping.map(op.getMatchingBlockArgument(input), load(*input));
    mapping.map(op.getRegionOutputArgs(), carried);
    for (Operation &inner : body.without_terminator()) {
      Operation *clone = b.clone(inner, mapping);
      SmallVector<linalg::IndexOp> indices;
      clone->walk([&](linalg::IndexOp index) { indices.push_back(index); });
      for (linalg::IndexOp index : indices) {
        if (index == clone)
          mapping.map(inner.getResult(0), ivs[index.getDim()]);
        index.replaceAllUsesWith(ivs[index.getDim()]);
        index.erase();
      }
    }
    SmallVector<Value> yielded;
    for (Value value : body.getTerminator()->getOperands())
      yielded.push_back(mapping.lookupOrDefault(value));
    return yielded;
  }

  /// Loops over the terms, one after the other.
  SmallVector<Value> emitSums(SmallVector<Value> sums) {
    if (reduced.empty())
      return emitBody(sums);
    Value zero = arith::ConstantIndexOp::create(b, 0),
          one = arith::ConstantIndexOp::create(b, 1);
    SmallVector<scf::ForOp> loops;
    for (unsigned dim : reduced) {
      auto loop =
          scf::ForOp::create(b, zero, getIndex(b, extents[dim]), one, sums);
      loops.push_back(loop);
      b.setInsertionPointToStart(loop.getBody());
      ivs[dim] = loop.getInductionVar();
      sums.assign(loop.getRegionIterArgs().begin(),
                  loop.getRegionIterArgs().end());
    }
    sums = emitBody(sums);
    for (scf::ForOp loop : llvm::reverse(loops)) {
      scf::YieldOp::create(b, sums);
      b.setInsertionPointAfter(loop);
      sums.assign(loop.result_begin(), loop.result_end());
    }
    return sums;
  }

  static Value combine(OpBuilder &b, Operation *combiner, Value lhs,
                       Value rhs) {
    Operation *clone = b.clone(*combiner);
    clone->setOperands({lhs, rhs});
    return clone->getResult(0);
  }

  /// A result per warp, every 32nd term per lane.
  void emitWarps() {
    SmallVector<Operation *> combiners = getCombiners(op);
    Value size = arith::ConstantIndexOp::create(b, warpSize);
    Value warp = arith::DivUIOp::create(b, threads.id, size),
          lane = arith::RemUIOp::create(b, threads.id, size);
    beginResults(warp, threads.count / warpSize);

    SmallVector<Value> sums;
    for (Operation *combiner : combiners)
      sums.push_back(arith::ConstantOp::create(
          b, cast<TypedAttr>(*arith::getNeutralElement(combiner))));
    sums = emitLaneSums(lane, sums);
    for (int64_t distance = warpSize / 2; distance > 0; distance /= 2)
      for (auto [combiner, sum] : llvm::zip_equal(combiners, sums)) {
        Value other =
            gpu::ShuffleOp::create(b, sum, int32_t(distance), int32_t(warpSize),
                                   gpu::ShuffleMode::XOR)
                .getShuffleResult();
        sum = combine(b, combiner, sum, other);
      }
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value isFirst =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, zero);
    auto choice = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
    b.setInsertionPointToStart(choice.thenBlock());
    SmallVector<Value> before = loadResults();
    for (auto [combiner, sum, old] : llvm::zip_equal(combiners, sums, before))
      sum = combine(b, combiner, old, sum);
    storeResults(sums);
  }

  SmallVector<Value> emitLaneSums(Value lane, ArrayRef<Value> neutral) {
    OpFoldResult terms = b.getIndexAttr(1);
    AffineExpr d0, s0;
    bindDims(b.getContext(), d0);
    bindSymbols(b.getContext(), s0);
    for (unsigned dim : reduced)
      terms = affine::makeComposedFoldedAffineApply(b, b.getLoc(), d0 * s0,
                                                    {terms, extents[dim]});
    auto loop = scf::ForOp::create(b, lane, getIndex(b, terms),
                                   arith::ConstantIndexOp::create(b, warpSize),
                                   neutral);
    b.setInsertionPointToStart(loop.getBody());
    Value rest = loop.getInductionVar();
    for (unsigned dim : llvm::reverse(ArrayRef(reduced).drop_front())) {
      Value extent = getIndex(b, extents[dim]);
      ivs[dim] = arith::RemUIOp::create(b, rest, extent);
      rest = arith::DivUIOp::create(b, rest, extent);
    }
    ivs[reduced.front()] = rest;
    SmallVector<Value> sums(loop.getRegionIterArgs().begin(),
                            loop.getRegionIterArgs().end());
    scf::YieldOp::create(b, emitBody(sums));
    b.setInsertionPointAfter(loop);
    return SmallVector<Value>(loop.result_begin(), loop.result_end());
  }

  linalg::LinalgOp op;
  const Threads &threads;
  ImplicitLocOpBuilder b;
  /// Per loop of the op: its variable, if it has begun, and its extent.
  SmallVector<Value> ivs;
  SmallVector<OpFoldResult> extents;
  SmallVector<unsigned> results, reduced;
};

} // namespace

LogicalResult peermla::emitThreadLoops(linalg::LinalgOp op,
                                       const Threads &threads) {
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  for (OpOperand &init : op.getDpsInitsMutable())
    for (unsigned dim : reduced)
      if (op.getMatchingIndexingMap(&init).isFunctionOfDim(dim))
        return op.emitOpError() << "cannot be shared out to threads: expects "
                                   "results not to depend on the iteration "
                                   "of a sum, got loop "
                                << dim;
  LoopEmitter(op, threads).run();
  return success();
}
