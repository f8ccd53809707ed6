//===- SelectionKeys.h - scores and numbers as keys -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The keys of `tile.topk` and `tile.scan`: the bits of a score as an ordered
// number, above the complement of what the score is of. Larger keys are of
// higher scores, or of equal ones and lower numbers. A NaN counts as -inf, -0
// as 0. Values are scalars, vectors or tiles.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_SELECTIONKEYS_H
#define PEERMLA_DIALECT_TILE_IR_SELECTIONKEYS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace peermla::tile {

/// Scores (f32) as unsigned numbers (i32) that are ordered as they are.
mlir::Value orderScores(mlir::ImplicitLocOpBuilder &b, mlir::Value scores);

/// What `orderScores` was given.
mlir::Value getOrderedScores(mlir::ImplicitLocOpBuilder &b,
                             mlir::Value ordered);

/// Keys (i64) of scores (f32) and numbers (i32) of one shape.
mlir::Value makeKeys(mlir::ImplicitLocOpBuilder &b, mlir::Value scores,
                     mlir::Value numbers);

/// The scores (f32) of keys, a NaN of key 0.
mlir::Value getScoresOfKeys(mlir::ImplicitLocOpBuilder &b, mlir::Value keys);

/// The numbers (i32) of keys.
mlir::Value getNumbersOfKeys(mlir::ImplicitLocOpBuilder &b, mlir::Value keys);

} // namespace peermla::tile

#endif // PEERMLA_DIALECT_TILE_IR_SELECTIONKEYS_H
