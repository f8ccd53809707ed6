//===- SelectProgram.h - the program of one peer.select -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokens of a work item, of one head. One or several lanes have the row of
// a token:
//
//   for each dimension
//     best = no keys
//     for each block of sub-keys
//       s = q k^T                              through scratch to lanes
//       for each batch of them
//         best = the K largest of best and key(s, number)
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

  /// K, at least 2: there are no tiles of one column.
  static int64_t getSize(int64_t k) {
    return std::max<int64_t>(2, llvm::PowerOf2Ceil(k));
  }

  /// Selects for `rows` tokens, each by `lanes` lanes of a warp.
  SelectProgram(mlir::ImplicitLocOpBuilder &b, peer::SelectOp op, int64_t rows,
                int64_t lanes)
      : b(b), op(op), rows(rows), lanes(lanes), k(op.getK()), size(getSize(k)) {
  }

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
  /// Sub-keys, or pairs of two lists, that a lane alone sorts together: more
  /// would need the registers of longer lists.
  static constexpr int64_t batchOfLane = 16;
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
  /// Sub-keys whose scores are in scratch together, and that are sorted so.
  int64_t getBlock() const;
  int64_t getBatch() const;
  mlir::Value loadRows(const View &view, int64_t rowDim, mlir::Value row,
                       mlir::Value numRows, int64_t height);
  /// Scratch of `columns` for each row, and as many more as keep rows in
  /// different banks.
  mlir::Value makeScratch(int64_t columns, int64_t gap, mlir::Type element);
  /// The best of the sub-keys of a dimension.
  List scan(unsigned number, Dimension &dimension, mlir::Value scratch,
            mlir::Value &top);
  List scanProducts(llvm::MutableArrayRef<Part> parts, mlir::Value scratch,
                    int64_t numKeys, mlir::Value &top);
  List scanMemory(const View &view, int64_t numKeys, mlir::Value &top);
  void scanBatches(mlir::Value scratch, mlir::Value first, mlir::Value end,
                   int64_t numKeys, mlir::Value &best, mlir::Value &top);
  /// Lets scores of the sub-keys from `first` on into the list. With `ends`
  /// there may be some of no sub-key.
  void admit(mlir::Value scores, mlir::Value first, int64_t numKeys, bool ends,
             mlir::Value &best, mlir::Value &top);

  // Folds, in SelectFolds.cpp.
  /// The best sums of an entry of `lhs` and one of `rhs`, which is of a
  /// dimension of `numKeys` sub-keys.
  List foldPairs(const List &lhs, const List &rhs, int64_t numKeys,
                 mlir::Value &top);
  /// The same of lists in scratch.
  List foldRuns(const Place &lhs, const Place &rhs, int64_t numKeys,
                mlir::Value &top);
  Place makePlace();
  void put(const List &list, Place &place);

  mlir::ImplicitLocOpBuilder &b;
  peer::SelectOp op;
  /// Rows of the tile, lanes of a row, k and K.
  int64_t rows, lanes, k, size;
};

} // namespace peermla

#endif // LIB_CONVERSION_TILEDTOTILE_SELECTPROGRAM_H
