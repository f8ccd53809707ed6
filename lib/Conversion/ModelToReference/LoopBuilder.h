//===- LoopBuilder.h - loops over f64 memory, in few words ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thin layer over OpBuilder so that the reference of an op reads like its
// formula: `forEach(T, [&](Value t) { store(sum(d, ...), y, {t}); })`.
// Everything it makes is scf, arith, math and memref on scalars.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_LOOPBUILDER_H
#define PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_LOOPBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace peermla::reference {

class LoopBuilder {
public:
  using Body = llvm::function_ref<void(mlir::Value)>;
  using Term = llvm::function_ref<mlir::Value(mlir::Value)>;
  using Step = llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)>;
  using Comparison = mlir::arith::CmpIPredicate;

  /// Builds before `op`.
  explicit LoopBuilder(mlir::Operation *op);

  mlir::OpBuilder &builder() { return b; }

  // Constants.
  mlir::Value index(int64_t value);
  mlir::Value i32(int32_t value);
  mlir::Value f64(double value);

  // Memory.
  mlir::Value dim(mlir::Value memref, unsigned d);
  mlir::Value load(mlir::Value memref, mlir::ValueRange indices);
  void store(mlir::Value value, mlir::Value memref, mlir::ValueRange indices);
  /// An element of an i32 memref as a signed index.
  mlir::Value loadIndex(mlir::Value memref, mlir::ValueRange indices);
  /// Stores an index into an i32 memref.
  void storeIndex(mlir::Value value, mlir::Value memref,
                  mlir::ValueRange indices);
  /// Uninitialised f64 or i32 memory of the given extents; pair it with `free`.
  mlir::Value allocate(mlir::Type element, mlir::ValueRange extents);
  mlir::Value allocateF64(mlir::ValueRange extents) {
    return allocate(b.getF64Type(), extents);
  }
  void free(mlir::Value memref);

  // Control.
  void forRange(mlir::Value begin, mlir::Value end, Body body);
  void forEach(mlir::Value count, Body body) {
    forRange(index(0), count, body);
  }
  /// A loop over the elements of a memref's index space.
  void forEachElement(mlir::Value memref,
                      llvm::function_ref<void(mlir::ValueRange)> body);
  /// `value = step(i, value)` for i = 0 .. count - 1.
  mlir::Value fold(mlir::Value count, mlir::Value init, Step step);
  /// The sum of `term(i)` for i = 0 .. count - 1; 0 for none.
  mlir::Value sum(mlir::Value count, Term term);
  /// The sum of `lhs(i) * rhs(i)`.
  mlir::Value dot(mlir::Value count, Term lhs, Term rhs);
  void when(mlir::Value condition, llvm::function_ref<void()> then,
            llvm::function_ref<void()> otherwise = nullptr);
  /// `then()` where the condition holds, else `otherwise()`; neither is
  /// evaluated where it is not taken.
  mlir::Value choose(mlir::Value condition, mlir::Type type,
                     llvm::function_ref<mlir::Value()> then,
                     llvm::function_ref<mlir::Value()> otherwise);

  // f64 arithmetic.
  mlir::Value add(mlir::Value lhs, mlir::Value rhs);
  mlir::Value subtract(mlir::Value lhs, mlir::Value rhs);
  mlir::Value multiply(mlir::Value lhs, mlir::Value rhs);
  mlir::Value divide(mlir::Value lhs, mlir::Value rhs);
  /// The larger one; NaN if either is.
  mlir::Value maximum(mlir::Value lhs, mlir::Value rhs);
  mlir::Value exp(mlir::Value value);
  mlir::Value log(mlir::Value value);
  mlir::Value erf(mlir::Value value);
  mlir::Value sqrt(mlir::Value value);
  mlir::Value sin(mlir::Value value);
  mlir::Value cos(mlir::Value value);
  mlir::Value isNan(mlir::Value value);
  mlir::Value greater(mlir::Value lhs, mlir::Value rhs);
  /// An i32 as f64.
  mlir::Value toFloat(mlir::Value value);

  // Index arithmetic; signed.
  mlir::Value addIndex(mlir::Value lhs, mlir::Value rhs);
  mlir::Value subtractIndex(mlir::Value lhs, mlir::Value rhs);
  mlir::Value multiplyIndex(mlir::Value lhs, mlir::Value rhs);
  mlir::Value divideIndex(mlir::Value lhs, mlir::Value rhs);
  mlir::Value remainder(mlir::Value lhs, mlir::Value rhs);
  mlir::Value minIndex(mlir::Value lhs, mlir::Value rhs);
  mlir::Value maxIndex(mlir::Value lhs, mlir::Value rhs);
  mlir::Value clamp(mlir::Value value, mlir::Value low, mlir::Value high);
  mlir::Value compare(Comparison comparison, mlir::Value lhs, mlir::Value rhs);
  /// low <= value < high.
  mlir::Value isWithin(mlir::Value value, mlir::Value low, mlir::Value high);
  mlir::Value both(mlir::Value lhs, mlir::Value rhs);
  mlir::Value either(mlir::Value lhs, mlir::Value rhs);
  mlir::Value isFalse(mlir::Value condition);

private:
  mlir::OpBuilder b;
  mlir::Location loc;
};

} // namespace peermla::reference

#endif // PEERMLA_LIB_CONVERSION_MODELTOREFERENCE_LOOPBUILDER_H
