//===- VectorPlan.h - which loop of a linalg op is vectorised -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The analysis behind VectorizeGenerics. It creates nothing.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_VECTORPLAN_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_VECTORPLAN_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/DenseSet.h"

namespace peermla {

/// How a result of a reduction is combined.
struct Combiner {
  mlir::Operation *op;
  mlir::vector::CombiningKind kind;
  /// What is combined with the result so far.
  mlir::Value term;
};

/// A choice of the loop to vectorise, and what depends on it.
class VectorPlan {
public:
  /// Columns if possible, terms otherwise; nothing is created.
  static mlir::FailureOr<VectorPlan> choose(mlir::linalg::LinalgOp op);

  bool isVarying(mlir::Value value) { return varying.contains(value); }
  /// Whether an operand has the vectorised dimension.
  bool isVarying(mlir::OpOperand &operand) {
    return !op.isScalar(&operand) &&
           op.getMatchingIndexingMap(&operand).isFunctionOfDim(loop);
  }

  mlir::linalg::LinalgOp op;
  unsigned loop = 0;
  /// Filled if the loop is over terms.
  llvm::SmallVector<Combiner> combiners;
  /// Bytes of the widest element that is computed with.
  int64_t bytes = 1;
  /// Body ops that are done in vectors.
  unsigned vectorOps = 0;

private:
  llvm::LogicalResult analyse(mlir::linalg::LinalgOp op, unsigned loop,
                              bool overTerms);
  llvm::LogicalResult analyseOperands();
  llvm::LogicalResult analyseBody();
  llvm::LogicalResult analyseCombiners();
  llvm::LogicalResult count(mlir::Type type);

  llvm::DenseSet<mlir::Value> varying;
};

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_VECTORPLAN_H
