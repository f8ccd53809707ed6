//===- KernelBuilder.h - loops, rows and vectors of CPU kernels -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A builder for the lowerings of model ops on memrefs. It counts columns of a
// row in vectors of the level's width, computes in f32 whatever the storage
// type is, and puts scratch memory where the workspace planner looks for it: at
// the top of the work item.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_KERNELBUILDER_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace peermla {

/// One row of a buffer: its indices but the innermost.
struct Row {
  mlir::Value buffer;
  llvm::SmallVector<mlir::Value> prefix;

  /// The indices of the element in that column.
  llvm::SmallVector<mlir::Value> at(mlir::Value column) const;
};

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  /// Builds before `op`, for the level whose module holds `op`.
  explicit KernelBuilder(mlir::Operation *op);

  /// f32 elements of a vector register.
  int64_t getLanes() const { return lanes; }
  /// Whether a work item encloses the insertion point.
  bool isInWorkItem() const;

  // Scalars. Arithmetic is on `index` or integers.
  mlir::Value index(int64_t value);
  mlir::Value i32(int64_t value);
  mlir::Value f32(double value);
  mlir::Value add(mlir::Value lhs, mlir::Value rhs);
  mlir::Value add(mlir::Value lhs, int64_t rhs);
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs);
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs);
  mlir::Value mul(mlir::Value lhs, int64_t rhs);
  mlir::Value min(mlir::Value lhs, mlir::Value rhs);
  mlir::Value max(mlir::Value lhs, mlir::Value rhs);
  /// Of values that are not negative.
  mlir::Value div(mlir::Value lhs, mlir::Value rhs);
  mlir::Value rem(mlir::Value lhs, mlir::Value rhs);
  mlir::Value ceilDiv(mlir::Value lhs, int64_t rhs);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value lhs,
                      mlir::Value rhs);
  mlir::Value toIndex(mlir::Value integer);
  mlir::Value toI32(mlir::Value index);
  mlir::Value extent(mlir::Value buffer, unsigned dim);
  /// The i32 element at `indices`, as an index.
  mlir::Value loadIndex(mlir::Value buffer, mlir::ValueRange indices);

  // Control. Bodies leave the builder inside; it continues after the loop.
  void loop(mlir::Value begin, mlir::Value end, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// With carried values; returns the last ones.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value begin, mlir::Value end, int64_t step,
       mlir::ValueRange initial,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                         mlir::ValueRange)>
           body);
  void when(mlir::Value condition, llvm::function_ref<void()> then,
            llvm::function_ref<void()> otherwise = nullptr);
  /// Work items 0 .. extents - 1. Inside a work item: nested loops.
  void parallel(llvm::ArrayRef<mlir::Value> extents,
                llvm::function_ref<void(mlir::ValueRange)> body);
  /// Visits the columns 0 .. extent - 1 as vectors: `body(column, width)`.
  void columns(int64_t extent,
               llvm::function_ref<void(mlir::Value, int64_t)> body);
  /// The f32 sums over the columns of what `step(column, width, sums)` adds to
  /// `count` vectors; scalars.
  llvm::SmallVector<mlir::Value> sumColumns(
      int64_t extent, int64_t count,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, int64_t,
                                                        mlir::ValueRange)>
          step);

  // Memory.
  /// A buffer of the enclosing work item, or of the host function.
  mlir::Value scratch(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// `width` elements from `column` on, as f32 (integers keep their type).
  mlir::Value load(const Row &row, mlir::Value column, int64_t width);
  /// Rounds to the buffer's element type.
  void store(mlir::Value vector, const Row &row, mlir::Value column);
  /// Moves `width` elements between rows of one element type.
  void copy(const Row &from, mlir::Value fromColumn, const Row &to,
            mlir::Value toColumn, int64_t width);
  /// Asks for the first lines of a row.
  void prefetch(const Row &row, int64_t extent, int64_t lines);
  /// row[0 .. extent - 1] = value, a scalar of the element type.
  void fill(const Row &row, int64_t extent, mlir::Value value);

  // Vectors.
  mlir::VectorType vectorOf(int64_t width, mlir::Type element);
  mlir::Value splat(mlir::Value scalar, int64_t width);
  mlir::Value zero(int64_t width);
  mlir::Value fma(mlir::Value lhs, mlir::Value rhs, mlir::Value addend);
  /// The bits of a vector of i1 as an i32, lane 0 the lowest.
  mlir::Value maskBits(mlir::Value mask);
  /// f32 sum of a vector's elements; their order is the target's choice.
  mlir::Value sum(mlir::Value vector);

private:
  int64_t lanes;
  /// What a kernel tells of the op it computes, see KernelPlan.h.
  mlir::Attribute id, plan;
};

/// Whether the innermost dimension of `buffer` has unit stride, which rows that
/// are read as vectors need. Emits an error on `op` if it has not.
mlir::LogicalResult verifyRows(mlir::Operation *op, llvm::StringRef name,
                               mlir::Value buffer);

/// Emits an error on `op` unless the element type of `buffer` is f32, f16 or
/// bf16.
mlir::LogicalResult verifyStorage(mlir::Operation *op, llvm::StringRef name,
                                  mlir::Value buffer);

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_KERNELBUILDER_H
