//===- SelectProgram.h - the program of one peer.select -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokens of a work item, of one head. Lanes of a warp share the row of a
// token:
//
//   for each dimension
//     best = no keys
//     for each block of sub-keys
//       s = q k^T                              some after the others to scratch
//       best = the K largest of best and key(s, number)
//   fold dimensions from the left: of sums of the a-th and the b-th best only
//   those with (a + 1) (b + 1) <= k can be among the k best
//
// Keys are those of SelectionKeys.h; K is k rounded up to a power of two. A NaN
// is below all numbers, and is noticed: the maximum of all scores and sums is
// NaN then, and scores and gates of the row become NaN, while its indices stay
// in range.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TILEDTOTILE_SELECTPROGRAM_H
#define LIB_CONVERSION_TILEDTOTILE_SELECTPROGRAM_H

#include "ProgramBuilder.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "llvm/Support/MathExtras.h"

namespace peermla {

/// Writes the program of one `peer.select`.
class SelectProgram {
public:
  /// Columns of sub-queries, in memory or else a tile that is yet to be
  /// written, and of sub-keys.
  struct Part {
    View queries;
    mlir::Value tile;
    View keys;
  };
  /// The scores of a dimension are the sum of those of its parts, or, without
  /// any, are in memory.
  struct Dimension {
    llvm::SmallVector<Part, 1> parts;
    View scores;
  };
  /// Writes the tile of a part's queries, if they are not in memory.
  using Project = llvm::function_ref<mlir::LogicalResult(Part &)>;

  /// K: lanes have one each, and collect as many scores at a time.
  static int64_t getSize(int64_t k) {
    return std::max<int64_t>(16, llvm::PowerOf2Ceil(k));
  }

  /// Selects for `rows` tokens, each by several lanes of a warp, which scan the
  /// scores of up to `scanned` sub-keys at a time; `step` of them are scored
  /// together.
  SelectProgram(mlir::ImplicitLocOpBuilder &b, peer::SelectOp op, int64_t rows,
                int64_t step, int64_t scanned)
      : b(b), op(op), rows(rows), step(step), scanned(scanned), k(op.getK()),
        size(getSize(k)) {}

  /// Gates, indices and perhaps scores.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  write(llvm::MutableArrayRef<Dimension> dimensions, Project project);

private:
  /// The best of some dimensions: K scores and ids per row, of which `count`
  /// are.
  struct List {
    mlir::Value scores, ids;
    int64_t count;
  };
  /// A list in scratch.
  using Place = List;

  mlir::Value index(int64_t value);
  mlir::RankedTensorType tile(llvm::ArrayRef<int64_t> shape,
                              mlir::Type element) {
    return mlir::RankedTensorType::get(shape, element);
  }
  mlir::RankedTensorType like(mlir::Value value, mlir::Type element) {
    return mlir::cast<mlir::RankedTensorType>(value.getType()).clone(element);
  }
  mlir::Value constant(mlir::RankedTensorType type, double value);
  mlir::Value constant(mlir::RankedTensorType type, int64_t value);
  /// All elements are `value`, an index, as i32.
  mlir::Value splat(mlir::Value value, mlir::RankedTensorType type);
  List readKeys(mlir::Value keys, int64_t count);
  /// `top` with what is largest in each row of `scores`; NaN if one is.
  mlir::Value notice(mlir::Value top, mlir::Value scores);
  mlir::Value noKeys();
  mlir::Value computeGates(mlir::Value scores);

  // Scores, in SelectProgram.cpp.
  /// Sub-keys of a dimension whose scores are in scratch together.
  int64_t getBlock(int64_t numKeys) const;
  mlir::Value load(const View &view, int64_t rowDim, mlir::Value row,
                   mlir::Value numRows, int64_t height);
  /// Scratch of `columns` for each row, and as many more as keep rows in
  /// different banks.
  mlir::Value makeScratch(int64_t columns, int64_t gap, mlir::Type element);
  /// The scores of the sub-keys from `first` on, `present` of a product.
  mlir::Value computeScores(Dimension &dimension, mlir::Value first,
                            mlir::Value present);
  /// The best of the sub-keys of a dimension.
  List selectKeys(Dimension &dimension, int64_t numKeys, mlir::Value &top);
  /// The best of `best` and of scores in scratch, those of the sub-keys from
  /// `first` on up to `end`.
  void scan(mlir::Value first, mlir::Value end, int64_t numKeys,
            mlir::Value &best, mlir::Value &top);

  // Folds, in SelectFolds.cpp.
  /// The best sums of an entry of `lhs` and one of `rhs`, which is of a
  /// dimension of `numKeys` sub-keys.
  List fold(const Place &lhs, const Place &rhs, int64_t numKeys,
            mlir::Value &top);
  Place makePlace();
  void put(const List &list, Place &place);

  mlir::ImplicitLocOpBuilder &b;
  peer::SelectOp op;
  /// Scores of a block of sub-keys, and columns of those that may win.
  mlir::Value scratch, list;
  /// Rows of the tile, sub-keys that are scored and scanned together, k and K.
  int64_t rows, step, scanned, k, size;
};

} // namespace peermla

#endif // LIB_CONVERSION_TILEDTOTILE_SELECTPROGRAM_H
