//===- AmxProduct.h - blocks of a contraction as AMX tiles ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inside of a contraction's loops where a block is whole tiles of 16 rows,
// 16 columns and 16 pairs of terms:
//
//   acc[i][j] = C, or 0                   a tile of 16 x 16 f32
//   for k in steps of 16 pairs
//     a[i] = A[16 i ..][k ..]             16 rows of 16 pairs
//     b[j] = B[k ..][16 j ..]             16 pairs of rows of 16 columns
//     acc[i][j] += a[i] b[j]
//   C = acc
//
// Eight tiles are all there are: 2 x 2 sums, two of A and two of B. Nothing in
// here may call a function, which would cost the configuration of the tiles.
//
// Sixteen rows that are a multiple of 4096 bytes apart lie in one set of the
// nearest cache, which holds fewer. Such rows of A are copied to a frame first,
// where they lie closer; the copy serves all columns.
//
// Fewer than sixteen rows are copied to a frame of sixteen, and their sums pass
// through another one: a row's bits do not depend on how many rows there are.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_AMXPRODUCT_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_AMXPRODUCT_H

#include "Contraction.h"
#include "KernelBuilder.h"

namespace peermla {

class AmxProduct {
public:
  /// Rows, columns and pairs of terms of a tile, and how many tiles there are.
  static constexpr int64_t size = 16;
  static constexpr int64_t registers = 8;

  /// For a contraction that `hasTiles`; `counters` say where its loops are.
  /// Creates views of the operands at the insertion point.
  AmxProduct(KernelBuilder &b, const Contraction &contraction,
             llvm::MutableArrayRef<mlir::Value> counters);

  /// Whether a block of so many tiles fits the registers.
  static bool fits(int64_t rowTiles, int64_t columnTiles) {
    return rowTiles * columnTiles + rowTiles + columnTiles <= registers;
  }

  /// Memory for `rows` rows of `pairs` pairs of A.
  static mlir::MemRefType getFrameType(mlir::Builder &b, int64_t rows,
                                       int64_t pairs);
  /// Copies the pairs [begin, end) of `rows` rows to `frame`, from where blocks
  /// read them. If there are only `count` of them, the last one fills the rest.
  void copyRows(mlir::Value frame, int64_t rows, mlir::Value begin,
                mlir::Value end, mlir::Value count = nullptr);

  /// The block of `rows` rows and `columns` columns at the counters, for pairs
  /// [begin, end), a multiple of `size`.
  void lower(int64_t rows, int64_t columns, mlir::Value begin, mlir::Value end,
             bool fromZero);

  /// Memory for the sums of `size` rows and `columns` columns.
  static mlir::MemRefType getSumsType(mlir::Builder &b, int64_t columns);
  /// The same for the first `count` of `size` rows, which `copyRows` copied.
  void lowerPart(mlir::Value count, int64_t columns, mlir::Value begin,
                 mlir::Value end, mlir::Value sums, bool fromZero);

private:
  /// The place of a tile of sums, so many rows and columns from the block's.
  using SumPlace = llvm::function_ref<mlir::Value(int64_t, int64_t)>;
  void lowerBlock(int64_t rows, int64_t columns, mlir::Value begin,
                  mlir::Value end, bool fromZero, SumPlace sumAt);
  /// The innermost row of `buffer` at the counters and `row` rows on, without
  /// its last `inner` indices.
  Row rowAt(mlir::Value buffer, mlir::AffineMap map, mlir::Value row,
            unsigned inner);
  /// A view of `size` rows of `width` elements: the counters' place in
  /// `buffer`, moved by so many rows and columns.
  mlir::Value tileOf(mlir::Value buffer, mlir::AffineMap map, unsigned rowLoop,
                     int64_t row, int64_t column, int64_t width);
  mlir::Value load(mlir::Value tile);

  KernelBuilder &b;
  const Contraction &contraction;
  llvm::MutableArrayRef<mlir::Value> counters;
  /// A and B, in which the two terms of a pair are two columns.
  mlir::Value rowsOfA, columnsOfB;
  /// Copied rows of A, or null, and the pair that they begin with.
  mlir::Value frame, firstPair;
};

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_AMXPRODUCT_H
