//===- AttentionKernel.h - one work item of attention ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows are pairs of a token and a head of the item, token-major. Everything
// about scores is kept transposed, [key][row], so that the softmax of all rows
// runs down the keys, without a step across a vector:
//
//   for blocks of keys
//     S[key][row]   = K[key][:] Q[:][row]          contraction; Q packed once
//     m[row], P     = running maximum, 2^(scale log2(e) S - m), 0 where masked:
//                     only in a block with a key that not all rows see
//     O[row][:]    *= 2^(old m - new m)            only if m grew by more than
//     8 O[row][:]    += P[:][row] V[:][:]            contraction
//
// Keys are used where they lie if their rows are contiguous and of a type the
// contraction takes; else they are copied to scratch memory, widened. On levels
// with a bf16 pair product Q, P and V hold the two terms of a pair side by
// side. AMX tiles of the second product are rows of pairs of keys, for which P
// is transposed.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_CONVERSION_TILEDTOCPU_ATTENTIONKERNEL_H
#define PEERMLA_LIB_CONVERSION_TILEDTOCPU_ATTENTIONKERNEL_H

#include "KernelBuilder.h"
#include "peermla/Dialect/Mla/IR/Mla.h"

namespace peermla {

/// How a tile is lowered: its schedule, and what its operands' shapes say.
struct AttentionPlan {
  /// Emits an error if the op is no tile that can be lowered.
  static mlir::FailureOr<AttentionPlan> make(mla::OnlineAttentionOp op);

  /// The plan for items with so few tokens that fewer vectors hold their rows,
  /// or none if there is no such number of tokens.
  std::optional<AttentionPlan> narrowed() const;

  int64_t dim, valueDim;
  /// The most tokens and heads of a work item; keys of a block.
  int64_t itemTokens, itemHeads, blockKeys;
  /// Rows in use, and with those that fill the last vector of `lanes`.
  int64_t usedRows, rows, lanes;
  /// Keys per head; pair products, and these by AMX tiles; keys (and values)
  /// copied to scratch memory; as many heads in every item.
  bool perHead, pairs, tiles, stages, hasAllHeads;

private:
  void setTokens(int64_t tokens);
};

/// The keys that a work item sees, and what of it is used; all of type index.
struct AttentionItem {
  mlir::Value sequence;
  /// How many tokens and heads it has: rows of `q`.
  mlir::Value tokens, heads;
  /// The row of `k` that key 0 is, where keys are not paged.
  mlir::Value firstKey;
  /// Position of the first token: it sees the keys up to that one.
  mlir::Value position;
};

class AttentionKernel {
public:
  /// Allocates scratch memory; call inside the work item.
  AttentionKernel(KernelBuilder &b, mla::OnlineAttentionOp op,
                  const AttentionPlan &plan);

  /// Packs the item's queries and empties the sums.
  void start(const AttentionItem &item);
  /// Adds the keys [begin, end).
  void addKeys(mlir::Value begin, mlir::Value end);

  /// The running values: maximum (of scores in base 2) and sum per row, and
  /// unnormalised sums of values [row][column].
  mlir::Value maxima, sums, values;

private:
  mlir::Value allocatePairs(int64_t height, int64_t width);
  void packQueries();
  void packRows(mlir::Value source, mlir::Value first, mlir::Value count);
  mlir::Value stageKeys(mlir::Value first, mlir::Value count);
  mlir::Value valuesOf(mlir::Value keys, mlir::Value first, mlir::Value count);
  mlir::Value rowsOf(mlir::Value buffer, mlir::Value first, mlir::Value count);
  mlir::Value pairValues(mlir::Value source, mlir::Value count);
  void multiplyKeys(mlir::Value keys, mlir::Value count);
  void multiplyValues(mlir::Value source, mlir::Value count);
  void addValuesRowwise(mlir::Value source, mlir::Value first,
                        mlir::Value count);
  bool mayMask();
  mlir::Value softmaxOfBlock(mlir::Value first, mlir::Value count);
  mlir::Value softmax(mlir::Value first, mlir::Value count, bool isMasked);
  mlir::Value softmaxOf(llvm::ArrayRef<int64_t> columns, mlir::Value first,
                        mlir::Value count, bool isMasked);
  mlir::Value isSeen(int64_t column, mlir::Value first, mlir::Value key);
  void rescale();
  mlir::Value hasNonFinite(mlir::Value source, mlir::Value begin,
                           mlir::Value count);

  KernelBuilder &b;
  mla::OnlineAttentionOp op;
  const AttentionPlan &plan;
  AttentionItem item;
  /// Scale of scores in base 2.
  double scale;
  mlir::Value queries, scores, probabilities, factors;
  /// What holds the queries; P as rows of pairs of keys, for tiles.
  mlir::Value queryMemory, probabilityRows;
  /// Queries as rows in f32, where they are stored in 16 bits.
  mlir::Value wideQueries;
  /// Copies of keys and of values; null where none is made.
  mlir::Value keyCopy, valueCopy;
};

} // namespace peermla

#endif // PEERMLA_LIB_CONVERSION_TILEDTOCPU_ATTENTIONKERNEL_H
