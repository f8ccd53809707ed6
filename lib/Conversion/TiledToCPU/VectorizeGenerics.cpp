//===- VectorizeGenerics.cpp - linalg ops on memrefs to vector loops ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One loop of the op is run over in vectors, the others element by element:
//
//   columns   the innermost dimension of the results; sums over other loops are
//             carried in vectors
//   terms     an innermost dimension of the inputs that is summed (or
//   maximised,
//             ...); partial results in a vector, combined at the end
//
// Operands that do not depend on that loop are broadcast. What is left of a
// loop is done in narrower vectors if its extent is known, element by element
// otherwise. Ops that read or write with other strides, or compute with
// something else than elementwise ops, become scalar loops.
//
//===----------------------------------------------------------------------===//

#include "LoopUtils.h"
#include "Transpose.h"
#include "VectorPlan.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_VECTORIZEGENERICS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

class GenericLowering {
public:
  GenericLowering(const VectorPlan &plan)
      : plan(plan), op(plan.op), b(plan.op), extents(getLoopExtents(b, op)),
        counters(extents.size()) {
    vectorWidth = std::max<int64_t>(1, b.getLanes() * 4 / plan.bytes);
    for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray()))
      if (loop != plan.loop)
        (type == utils::IteratorType::parallel ? parallel : reductions)
            .push_back(loop);
  }

  /// Replaces the op.
  void lower();

private:
  void nest(ArrayRef<unsigned> loops, function_ref<void()> body) {
    forEachIteration(b, loops, extents, counters, body);
  }
  /// Calls `body(begin, end, width)` for the parts of the vectorised loop, a
  /// part being as many vectors of one width as fit; `wide` is the first width.
  void forEachPart(int64_t wide,
                   function_ref<void(Value, Value, int64_t)> body);
  void lowerColumns();
  void lowerTerms();
  /// Loops over `reductions` that carry the results for `width` columns.
  SmallVector<Value> reduce(ArrayRef<unsigned> loops, ValueRange results,
                            int64_t width);

  bool isCombiner(Operation &inner) {
    return llvm::any_of(plan.combiners, [&](Combiner &combiner) {
      return combiner.op == &inner;
    });
  }
  Value load(OpOperand &operand, int64_t width);
  /// Inputs and body ops that do not depend on the vectorised loop. Not those
  /// whose execution is visible, unless the loop surely runs.
  void emitUniform();
  /// The others; the counters are those of the vector's first element.
  void emitVarying(int64_t width);
  void emit(Operation &inner, int64_t width);
  /// Value of the body as a vector of `width`, or as it is for width 1.
  Value get(Value value, int64_t width);
  SmallVector<Value> getYielded(int64_t width);
  Value combine(Combiner &combiner, Value lhs, Value rhs);

  VectorPlan plan;
  linalg::LinalgOp op;
  KernelBuilder b;
  SmallVector<LoopExtent> extents;
  SmallVector<Value> counters;
  SmallVector<unsigned> parallel, reductions;
  /// Elements of a vector.
  int64_t vectorWidth;
  /// Values of the body, and which of its ops are done outside the vectorised
  /// loop.
  IRMapping values;
  llvm::DenseSet<Operation *> hoisted;
};

void GenericLowering::forEachPart(
    int64_t wide, function_ref<void(Value, Value, int64_t)> body) {
  const LoopExtent &extent = extents[plan.loop];
  SmallVector<int64_t> widths = {wide};
  if (wide != vectorWidth)
    widths.push_back(vectorWidth);
  if (extent.isStatic()) {
    llvm::append_range(widths, getSmallerTiles(vectorWidth));
    int64_t begin = 0;
    for (int64_t part : widths) {
      int64_t end = extent.size - (extent.size - begin) % part;
      if (end > begin)
        body(b.index(begin), b.index(end), part);
      begin = end;
    }
    return;
  }
  if (widths.back() != 1)
    widths.push_back(1);
  Value begin = b.index(0);
  for (int64_t part : widths) {
    Value rest = b.sub(extent.value, begin);
    Value end = b.sub(extent.value, b.rem(rest, b.index(part)));
    body(begin, end, part);
    begin = end;
  }
}

void GenericLowering::lower() {
  if (plan.combiners.empty()) {
    nest(parallel, [&] { lowerColumns(); });
  } else {
    llvm::append_range(parallel, reductions);
    nest(parallel, [&] { lowerTerms(); });
  }
  op.erase();
}

/// The constant difference of two indices, if there is one.
static std::optional<int64_t> getDistance(Value begin, Value end) {
  std::optional<int64_t> first = getConstantIntValue(begin),
                         last = getConstantIntValue(end);
  if (!first || !last)
    return std::nullopt;
  return *last - *first;
}

void GenericLowering::lowerColumns() {
  // Sums wait for one another: four vectors of columns at a time.
  int64_t wide = reductions.empty() ? vectorWidth : 4 * vectorWidth;
  if (reductions.empty())
    emitUniform();
  forEachPart(wide, [&](Value begin, Value end, int64_t width) {
    auto step = [&](Value column) {
      counters[plan.loop] = column;
      SmallVector<Value> results;
      if (reductions.empty()) {
        emitVarying(width);
        results = getYielded(width);
      } else {
        for (OpOperand &init : op.getDpsInitsMutable())
          results.push_back(load(init, width));
        results = reduce(reductions, results, width);
      }
      for (auto [init, result] :
           llvm::zip_equal(op.getDpsInitsMutable(), results)) {
        SmallVector<Value> at =
            getIndices(b, op.getMatchingIndexingMap(&init), counters);
        if (width == 1)
          memref::StoreOp::create(b, result, init.get(), at);
        else
          vector::StoreOp::create(b, result, init.get(), at);
      }
    };
    if (getDistance(begin, end) == width)
      step(begin);
    else
      b.loop(begin, end, width, step);
  });
}

SmallVector<Value> GenericLowering::reduce(ArrayRef<unsigned> loops,
                                           ValueRange results, int64_t width) {
  if (loops.empty()) {
    values.map(op.getRegionOutputArgs(), results);
    emitUniform();
    emitVarying(width);
    return getYielded(width);
  }
  return b.loop(b.index(0), extents[loops.front()].value, 1, results,
                [&](Value counter, ValueRange carried) {
                  counters[loops.front()] = counter;
                  return reduce(loops.drop_front(), carried, width);
                });
}

void GenericLowering::lowerTerms() {
  SmallVector<Value> results;
  for (OpOperand &init : op.getDpsInitsMutable())
    results.push_back(load(init, 1));
  counters[plan.loop] = b.index(0);
  emitUniform();
  // Partial results wait for one another: four vectors of them, unless what is
  // combined takes longer.
  int64_t wide = plan.vectorOps <= 8 ? 4 * vectorWidth : vectorWidth;
  forEachPart(wide, [&](Value begin, Value end, int64_t width) {
    auto getTerms = [&](Value at) {
      counters[plan.loop] = at;
      emitVarying(width);
      SmallVector<Value> terms;
      for (Combiner &combiner : plan.combiners)
        terms.push_back(get(combiner.term, width));
      return terms;
    };
    auto combineAll = [&](ValueRange lhs, ValueRange rhs) {
      SmallVector<Value> combined;
      for (auto [combiner, left, right] :
           llvm::zip_equal(plan.combiners, lhs, rhs))
        combined.push_back(combine(combiner, left, right));
      return combined;
    };
    SmallVector<Value> partial;
    if (getDistance(begin, end) == width) {
      partial = getTerms(begin);
    } else {
      SmallVector<Value> neutral;
      for (Combiner &combiner : plan.combiners) {
        Value scalar = arith::ConstantOp::create(
            b, *arith::getNeutralElement(combiner.op));
        neutral.push_back(width == 1 ? scalar : b.splat(scalar, width));
      }
      // Element by element there is no need for partial results.
      partial = b.loop(begin, end, width, width == 1 ? results : neutral,
                       [&](Value at, ValueRange carried) {
                         return combineAll(carried, getTerms(at));
                       });
      if (width == 1) {
        results = partial;
        return;
      }
    }
    if (width != 1)
      for (auto [combiner, value] : llvm::zip_equal(plan.combiners, partial)) {
        bool isFloat = isa<FloatType>(combiner.term.getType());
        value =
            vector::ReductionOp::create(b, combiner.kind, value,
                                        isFloat ? arith::FastMathFlags::reassoc
                                                : arith::FastMathFlags::none);
      }
    results = combineAll(results, partial);
  });
  for (auto [init, result] : llvm::zip_equal(op.getDpsInitsMutable(), results))
    memref::StoreOp::create(
        b, result, init.get(),
        getIndices(b, op.getMatchingIndexingMap(&init), counters));
}

Value GenericLowering::load(OpOperand &operand, int64_t width) {
  if (op.isScalar(&operand))
    return operand.get();
  SmallVector<Value> at =
      getIndices(b, op.getMatchingIndexingMap(&operand), counters);
  if (width == 1 || !plan.isVarying(operand))
    return memref::LoadOp::create(b, operand.get(), at);
  Type element = cast<MemRefType>(operand.get().getType()).getElementType();
  return vector::LoadOp::create(b, b.vectorOf(width, element), operand.get(),
                                at);
}

void GenericLowering::emitUniform() {
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (!plan.isVarying(*input) && !argument.use_empty())
      values.map(argument, load(*input, 1));
  }
  bool surelyRuns =
      extents[plan.loop].isStatic() && extents[plan.loop].size > 0;
  hoisted.clear();
  for (Operation &inner : op.getBlock()->without_terminator()) {
    auto isReady = [&](Value operand) {
      Operation *producer = operand.getDefiningOp();
      return !plan.isVarying(operand) &&
             (!producer || producer->getBlock() != op.getBlock() ||
              hoisted.contains(producer));
    };
    if (plan.isVarying(inner.getResult(0)) || isCombiner(inner) ||
        !llvm::all_of(inner.getOperands(), isReady) ||
        !(surelyRuns || (isPure(&inner) && isSpeculatable(&inner))))
      continue;
    emit(inner, 1);
    hoisted.insert(&inner);
  }
}

void GenericLowering::emitVarying(int64_t width) {
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    bool isCarried = op.isDpsInit(&operand) &&
                     (!reductions.empty() || !plan.combiners.empty());
    if (plan.isVarying(operand) && !argument.use_empty() && !isCarried)
      values.map(argument, load(operand, width));
  }
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (!isCombiner(inner) && !hoisted.contains(&inner))
      emit(inner, width);
  }
}

void GenericLowering::emit(Operation &inner, int64_t width) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    Value counter = counters[index.getDim()];
    if (width != 1 && index.getDim() == plan.loop)
      counter = arith::AddIOp::create(
          b, b.splat(counter, width),
          vector::StepOp::create(b, b.vectorOf(width, b.getIndexType())));
    values.map(index.getResult(), counter);
    return;
  }
  if (width != 1 && plan.isVarying(inner.getResult(0))) {
    Value result = inner.getResult(0);
    VectorType type = b.vectorOf(width, result.getType());
    if (auto load = dyn_cast<memref::LoadOp>(inner)) {
      SmallVector<Value> at;
      for (Value index : load.getIndices().drop_back())
        at.push_back(values.lookupOrDefault(index));
      at.push_back(counters[plan.loop]);
      values.map(result,
                 vector::LoadOp::create(
                     b, type, values.lookupOrDefault(load.getMemRef()), at));
      return;
    }
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(inner.getOperands())) {
      // One condition may choose between vectors.
      bool keep =
          isa<arith::SelectOp>(inner) && i == 0 && !plan.isVarying(operand);
      operands.push_back(keep ? values.lookupOrDefault(operand)
                              : get(operand, width));
    }
    Operation *copy = b.clone(inner);
    copy->setOperands(operands);
    copy->getResult(0).setType(type);
    values.map(result, copy->getResult(0));
    return;
  }
  b.clone(inner, values);
}

Value GenericLowering::get(Value value, int64_t width) {
  Value mapped = values.lookupOrDefault(value);
  if (width == 1 || isa<VectorType>(mapped.getType()))
    return mapped;
  return b.splat(mapped, width);
}

SmallVector<Value> GenericLowering::getYielded(int64_t width) {
  SmallVector<Value> results;
  for (Value value : op.getBlock()->getTerminator()->getOperands())
    results.push_back(get(value, width));
  return results;
}

Value GenericLowering::combine(Combiner &combiner, Value lhs, Value rhs) {
  Operation *copy = b.clone(*combiner.op);
  copy->setOperands({lhs, rhs});
  copy->getResult(0).setType(lhs.getType());
  return copy->getResult(0);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

struct VectorizeGenerics
    : peermla::impl::VectorizeGenericsBase<VectorizeGenerics> {
  using Base::Base;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<memref::CopyOp> copies;
    getOperation()->walk([&](memref::CopyOp op) {
      if (isa<MemRefType>(op.getSource().getType()) &&
          isa<MemRefType>(op.getTarget().getType()))
        copies.push_back(op);
    });
    for (memref::CopyOp copy : copies) {
      rewriter.setInsertionPoint(copy);
      linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(),
                               copy.getTarget());
      rewriter.eraseOp(copy);
    }
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op.hasPureBufferSemantics())
        ops.push_back(op);
    });
    for (linalg::LinalgOp op : ops) {
      if (FailureOr<Transpose> transpose = Transpose::match(op);
          succeeded(transpose)) {
        transpose->lower();
        continue;
      }
      if (FailureOr<VectorPlan> plan = VectorPlan::choose(op);
          succeeded(plan)) {
        GenericLowering(*plan).lower();
        continue;
      }
      rewriter.setInsertionPoint(op);
      if (failed(linalg::linalgOpToLoops(rewriter, op))) {
        op.emitOpError("cannot be lowered to loops");
        return signalPassFailure();
      }
      rewriter.eraseOp(op);
    }
  }
};

} // namespace
