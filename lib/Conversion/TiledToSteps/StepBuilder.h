//===- StepBuilder.h - loops on tensors, in few words -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thin layer over ImplicitLocOpBuilder for lowerings that stay on tensors:
// what it makes is linalg.generic, linalg.fill, scf, arith, math and
// tensor.extract. Bodies get no builder: they use the one that made the loop.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOSTEPS_STEPBUILDER_H
#define PEERMLA_LIB_CONVERSION_TILEDTOSTEPS_STEPBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace peermla {

inline mlir::RankedTensorType typeOf(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType());
}

class StepBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Values = llvm::SmallVector<mlir::Value>;
  /// From the place of an element to what it becomes.
  using Element = llvm::function_ref<mlir::Value(mlir::ValueRange place)>;
  using Terms = llvm::function_ref<mlir::Value(mlir::ValueRange elements)>;
  using Step =
      llvm::function_ref<Values(mlir::Value i, mlir::ValueRange carried)>;

  /// Builds before `op`.
  explicit StepBuilder(mlir::Operation *op)
      : ImplicitLocOpBuilder(op->getLoc(), op) {}

  // Scalars. Index arithmetic is signed.
  mlir::Value index(int64_t value);
  mlir::Value i32(int32_t value);
  mlir::Value f32(double value);
  mlir::Value boolean(bool value);
  mlir::Value add(mlir::Value lhs, mlir::Value rhs);
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs);
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs);
  mlir::Value div(mlir::Value lhs, mlir::Value rhs);
  mlir::Value rem(mlir::Value lhs, mlir::Value rhs);
  mlir::Value min(mlir::Value lhs, mlir::Value rhs);
  mlir::Value max(mlir::Value lhs, mlir::Value rhs);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value lhs,
                      mlir::Value rhs);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value lhs,
                      mlir::Value rhs);
  mlir::Value both(mlir::Value lhs, mlir::Value rhs);
  mlir::Value either(mlir::Value lhs, mlir::Value rhs);
  mlir::Value select(mlir::Value condition, mlir::Value lhs, mlir::Value rhs);
  mlir::Value isNan(mlir::Value value);
  mlir::Value toI32(mlir::Value index);
  mlir::Value toIndex(mlir::Value integer);
  /// Extended or rounded to a float type.
  mlir::Value castTo(mlir::Value value, mlir::Type type);

  // Elements.
  mlir::Value dim(mlir::Value tensor, unsigned d);
  mlir::Value extract(mlir::Value tensor, mlir::ValueRange place);
  /// An element of an i32 tensor as a signed index.
  mlir::Value extractIndex(mlir::Value tensor, mlir::ValueRange place);
  mlir::Value insert(mlir::Value value, mlir::Value tensor,
                     mlir::ValueRange place);

  // Control. A choice evaluates one side; sides yield values of one type.
  Values choose(mlir::Value condition, llvm::function_ref<Values()> then,
                llvm::function_ref<Values()> otherwise);
  Values loop(mlir::Value begin, mlir::Value end, mlir::Value step,
              mlir::ValueRange carried, Step body);
  Values loop(mlir::Value count, mlir::ValueRange carried, Step body) {
    return loop(index(0), count, index(1), carried, body);
  }

  // Tensors.
  /// A temporary of these extents, a slice of memory of the extents `bounds`.
  mlir::Value temporary(llvm::ArrayRef<int64_t> bounds,
                        llvm::ArrayRef<mlir::OpFoldResult> extents,
                        mlir::Type element);
  mlir::Value fill(mlir::Value tensor, double value);
  /// The tensor with each element replaced; elements are independent.
  mlir::Value compute(mlir::Value tensor, Element body);
  /// linalg.generic: `out[maps.back()] = body(ins[maps]..., out)`. What the
  /// last map does not name is a reduction. The body finds its place by
  /// `place`.
  mlir::Value combine(mlir::ValueRange ins, mlir::Value out,
                      llvm::ArrayRef<mlir::AffineMap> maps, Terms body);
  /// Inside a body: position along a loop.
  mlir::Value place(unsigned loop);
};

/// The largest that an extent can be; emits an error, naming the operand, if
/// there is no bound.
llvm::FailureOr<int64_t> getBound(mlir::Operation *op, llvm::StringRef name,
                                  mlir::Value tensor, unsigned d);

/// Collects the ops of one type on tensors in a function, in order.
template <typename OpTy>
llvm::SmallVector<OpTy> collectOnTensors(mlir::Operation *function) {
  llvm::SmallVector<OpTy> ops;
  function->walk([&](OpTy op) {
    if (op.hasPureTensorSemantics())
      ops.push_back(op);
  });
  return ops;
}

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOSTEPS_STEPBUILDER_H
