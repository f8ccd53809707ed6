//===- FoldNorms.cpp - column expressions apart from rows -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   y[t, j] = (x[t, j] - mean[j]) rsqrt(var[j] + eps) w[j] + b[j]
//
// The reciprocal root depends on j alone. Folding all of it into the rows of
// the projection would round weights once more than the numerical contract
// allows; computing it per column does not.
//
//===----------------------------------------------------------------------===//

#include "LinalgBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_FOLDNORMS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// The part of an elementwise body that depends on vectors along one dimension.
struct ColumnPart {
  linalg::GenericOp op;
  unsigned dim;
  /// Operands that are such vectors.
  SmallVector<unsigned> vectors;
  /// Values of the body computed from them, and those that the rest reads.
  llvm::SetVector<Operation *> ops;
  SmallVector<Value> results;

  ColumnPart(linalg::GenericOp op, unsigned dim) : op(op), dim(dim) {
    AffineExpr expr = getAffineDimExpr(dim, op.getContext());
    llvm::DenseSet<Value> known;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (map.getNumResults() != 1 || map.getResult(0) != expr)
        continue;
      vectors.push_back(operand->getOperandNumber());
      known.insert(op.getMatchingBlockArgument(operand));
    }
    bool worthwhile = false;
    for (Operation &inner : op.getBody()->without_terminator()) {
      if (inner.getNumResults() != 1 || inner.getNumRegions() != 0 ||
          !isMemoryEffectFree(&inner) || isa<linalg::IndexOp>(inner))
        continue;
      bool reads = false, only = true;
      for (Value operand : inner.getOperands()) {
        bool isConstant = isConstantOp(operand.getDefiningOp());
        reads |= known.contains(operand);
        only &= known.contains(operand) || isConstant;
      }
      if (!reads || !only)
        continue;
      known.insert(inner.getResult(0));
      ops.insert(&inner);
      // A widened vector alone is not worth an op.
      worthwhile |= !isa<arith::ExtFOp, arith::TruncFOp>(inner);
    }
    if (!worthwhile)
      ops.clear();
    for (Operation *inner : ops)
      if (!isa<arith::ExtFOp>(inner) &&
          llvm::any_of(inner->getUsers(),
                       [&](Operation *user) { return !ops.contains(user); }))
        results.push_back(inner->getResult(0));
  }

  static bool isConstantOp(Operation *op) {
    return op && op->hasTrait<OpTrait::ConstantLike>();
  }

  /// The op over the columns that computes `value`.
  Value compute(ImplicitLocOpBuilder &b, Value value) {
    SmallVector<Value> inputs;
    for (unsigned operand : vectors)
      inputs.push_back(op->getOperand(operand));
    SmallVector<AffineMap> maps(vectors.size(), b.getMultiDimIdentityMap(1));
    SmallVector<OpFoldResult> extents =
        tensor::getMixedSizes(b, b.getLoc(), inputs.front());
    return elementwise(
        b, extents, value.getType(), inputs, maps,
        [&](ImplicitLocOpBuilder &inner, ValueRange elements) {
          IRMapping mapping;
          for (auto [operand, element] : llvm::zip_equal(vectors, elements))
            mapping.map(op.getBody()->getArgument(operand), element);
          for (Operation *part : ops) {
            for (Value operand : part->getOperands())
              if (isConstantOp(operand.getDefiningOp()) &&
                  !mapping.contains(operand))
                mapping.map(
                    operand,
                    inner.clone(*operand.getDefiningOp())->getResult(0));
            inner.clone(*part, mapping);
          }
          return mapping.lookup(value);
        });
  }
};

/// `op` with the values of `part` read from vectors of their own.
void split(linalg::GenericOp op, ColumnPart &part) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<Value> inputs(op.getInputs());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap column = AffineMap::get(
      op.getNumLoops(), 0, getAffineDimExpr(part.dim, op.getContext()));
  for (auto [i, value] : llvm::enumerate(part.results)) {
    maps.insert(maps.begin() + inputs.size(), column);
    inputs.push_back(part.compute(b, value));
  }
  auto replacement = linalg::GenericOp::create(
      b, op->getResultTypes(), inputs, op.getOutputs(), maps,
      op.getIteratorTypesArray(),
      [&](OpBuilder &nested, Location, ValueRange elements) {
        IRMapping mapping;
        unsigned numInputs = op.getInputs().size();
        Block *body = op.getBody();
        mapping.map(body->getArguments().take_front(numInputs),
                    elements.take_front(numInputs));
        mapping.map(body->getArguments().drop_front(numInputs),
                    elements.drop_front(inputs.size()));
        for (auto [i, value] : llvm::enumerate(part.results))
          mapping.map(value, elements[numInputs + i]);
        for (Operation &inner : *body)
          if (inner.getNumResults() != 1 ||
              !mapping.contains(inner.getResult(0)))
            nested.clone(inner, mapping);
      });
  replacement->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  op->replaceAllUsesWith(replacement);
  op->erase();
}

struct FoldNorms : peermla::impl::FoldNormsBase<FoldNorms> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> ops;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (op.hasPureTensorSemantics() && op.getNumLoops() > 1 &&
          op.getNumParallelLoops() == op.getNumLoops())
        ops.push_back(op);
    });
    for (linalg::GenericOp op : ops) {
      ColumnPart part(op, op.getNumLoops() - 1);
      if (!part.results.empty())
        split(op, part);
    }
  }
};

} // namespace
