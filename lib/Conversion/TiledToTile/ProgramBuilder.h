//===- ProgramBuilder.h - one kernel on tensors as a tile program ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes a tile program beside the kernel it says again: each tensor of the
// kernel is a place in global memory (`View`) or a tile. The kernel itself is
// left alone, so that it is still there where it cannot be said.
//
// A tile has the extents of its tensor that are not 1, rounded up to multiples
// of `tileUnit`; dynamic extents are their upper bounds. Where a selection has
// fewer tokens, its tiles have as many rows.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TILEDTOTILE_PROGRAMBUILDER_H
#define LIB_CONVERSION_TILEDTOTILE_PROGRAMBUILDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "peermla/Dialect/Tile/IR/Tile.h"

namespace peermla {

/// What extents of tiles are multiples of: warps of 16 rows, panels of 128
/// bytes of shared memory.
inline constexpr int64_t tileUnit = 64;

/// The most keys of a list that a thread keeps in registers.
inline constexpr int64_t maxSelected = 32;

/// A tensor that is a box of a memref. Dimension i of the tensor runs along
/// `dims[i]` of the memref, or is -1 for an extent of 1 that the memref lacks.
struct View {
  mlir::Value memory;
  llvm::SmallVector<mlir::Value> offsets, sizes; // per dimension of the memref
  llvm::SmallVector<int64_t> dims;
};

class ProgramBuilder {
public:
  /// `kernel` is the empty function whose arguments are `captures`, tensors as
  /// memrefs, then the destinations of the loop.
  ProgramBuilder(mlir::scf::ForallOp loop, mlir::func::FuncOp kernel,
                 llvm::ArrayRef<mlir::Value> captures);

  /// Writes the program. On failure `getReason` says what cannot be said.
  mlir::LogicalResult build();
  llvm::StringRef getReason() const { return reason; }

private:
  /// In ProgramAttention.cpp and ProgramCompute.cpp.
  struct Attention;
  struct Body;

  mlir::LogicalResult fail(mlir::Operation *op, const llvm::Twine &why);

  // Ops of the kernel, in ProgramBuilder.cpp.
  mlir::LogicalResult write(mlir::Block &block);
  mlir::LogicalResult write(mlir::Operation *op);
  mlir::LogicalResult writeNow(mlir::Operation *op);
  mlir::LogicalResult writeScalar(mlir::Operation *op);
  mlir::LogicalResult writeSlice(mlir::Operation *op);
  mlir::LogicalResult writeReshape(mlir::Operation *op);
  mlir::LogicalResult writeInsert(mlir::Operation *op);
  mlir::LogicalResult writeLoop(mlir::scf::ForOp op);
  mlir::LogicalResult writeStores();
  // In ProgramCompute.cpp.
  mlir::LogicalResult writeElementwise(mlir::linalg::LinalgOp op);
  mlir::LogicalResult writeRowSum(mlir::linalg::LinalgOp op);
  mlir::LogicalResult writeRope(mlir::Operation *op);
  mlir::LogicalResult writeProduct(mlir::linalg::LinalgOp op);
  // In ProgramAttention.cpp.
  mlir::LogicalResult writeAttention(mlir::Operation *op);
  // In ProgramExperts.cpp.
  mlir::LogicalResult writeExperts(mlir::Operation *op);
  // In ProgramSelect.cpp.
  mlir::LogicalResult writeSelect(mlir::Operation *op);
  /// Whether the result, a tile, is for a selection alone, which has it written
  /// where it reads it, or computes it itself: scores.
  bool isOfSelection(mlir::Operation *op);
  /// Writes what such a tile needs, and the tile.
  mlir::LogicalResult writeForSelection(mlir::Value tensor);

  // Values.
  /// Upper bounds of the extents of a tensor of the kernel; fails without.
  mlir::FailureOr<llvm::SmallVector<int64_t>> getBounds(mlir::Value tensor);
  /// The same of the loops of an op.
  mlir::FailureOr<llvm::SmallVector<int64_t>>
  getLoopBounds(mlir::linalg::LinalgOp op);
  /// The extent of a loop, where an operand says it; null if none does.
  mlir::Value getLoopExtent(mlir::linalg::LinalgOp op, int64_t loop);
  /// The dimensions whose bound is not 1.
  static llvm::SmallVector<int64_t> getTileDims(llvm::ArrayRef<int64_t> bounds);
  /// The rounded extents of a tile along those dimensions.
  llvm::SmallVector<int64_t> getTileShape(llvm::ArrayRef<int64_t> bounds);
  /// The tile of a tensor, loaded here if it is a view; null if there is none.
  mlir::Value getTile(mlir::Value tensor);
  /// The element of a tensor of one element; null if there is none.
  mlir::Value getElement(mlir::Value tensor);
  /// A scalar that the block knows, or a constant; null for others.
  mlir::Value getScalar(mlir::Value value);
  mlir::Value getIndex(mlir::OpFoldResult value);
  llvm::SmallVector<mlir::Value>
  getIndices(llvm::ArrayRef<mlir::OpFoldResult> values);
  mlir::Value splat(mlir::Value scalar, llvm::ArrayRef<int64_t> shape);
  /// `tile` with `value` in its columns from `extent` on.
  mlir::Value endColumns(mlir::Value tile, mlir::Value extent,
                         mlir::TypedAttr value);

  mlir::scf::ForallOp loop;
  mlir::func::FuncOp kernel;
  mlir::ImplicitLocOpBuilder b;
  mlir::IRMapping scalars;
  llvm::DenseMap<mlir::Value, View> views;
  llvm::DenseMap<mlir::Value, mlir::Value> tiles;
  /// Bounds that the schedule promises, of results.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<int64_t>> promisedBounds;
  /// Of results that are stored only where an i1 holds.
  llvm::DenseMap<mlir::Value, mlir::Value> storeConditions;
  /// The tokens of a selection; 0 without one.
  int64_t selectedTokens = 0;
  std::string reason;
};

/// Whether a dimension of a loop has one iteration, known to be one.
bool isSingle(mlir::OpFoldResult lower, mlir::OpFoldResult upper,
              mlir::OpFoldResult step);

/// The type of the kernel's argument for a captured value; null if it cannot
/// be one.
mlir::Type getArgumentType(mlir::Type type);

} // namespace peermla

#endif // LIB_CONVERSION_TILEDTOTILE_PROGRAMBUILDER_H
