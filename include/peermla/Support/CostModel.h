//===- CostModel.h - what a kernel takes ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arithmetic on work and machines, without IR. Work is what has to be done,
// wherever; a machine is so many equal units, cores of a CPU or multiprocessors
// of a GPU, whose rates TargetInfo knows.
//
//   floor     = max(FLOP / rate, special functions / rate, bytes / rate), all
//               units busy: no schedule is faster
//   predicted = launch + rounds * item, where a round gives each unit one work
//               item, and an item takes the longest of what it needs from its
//               unit, as far as moving and computing overlap
//
// On a GPU, blocks of threads that share a multiprocessor are counted as if
// they followed each other, and every kernel pays its launch.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_COSTMODEL_H
#define PEERMLA_SUPPORT_COSTMODEL_H

#include "peermla/Support/TargetInfo.h"
#include <optional>

namespace peermla {

/// What has to be done. A multiply-add is two FLOP.
struct Work {
  /// Products of f32, and of bf16 where the unit has an instruction for them.
  double flop = 0, narrowFlop = 0;
  double special = 0;
  /// Bytes that have to come from memory or go there.
  double bytes = 0;
  /// Bytes that come from a cache that units share, instead.
  double sharedBytes = 0;
  /// The share of the computation during which bytes move.
  double overlap = 1;

  /// Adds all but the overlap.
  Work &operator+=(const Work &other);
  friend Work operator+(Work lhs, const Work &rhs) { return lhs += rhs; }
  friend Work operator*(double times, const Work &work);
};

/// So many equal units.
class Machine {
public:
  Machine(const UnitRates &rates, int64_t units) : rates(rates), units(units) {}
  /// The usual device of `target`, for kernels whose products are matrix
  /// instructions or, if not, plain ones.
  explicit Machine(const GpuTarget &target, bool hasMatrixInstructions = true);

  /// The least seconds for `work`.
  double getFloor(const Work &work) const;
  /// Seconds of one unit for one work item.
  double getItemTime(const Work &item) const;
  /// Seconds for `items` equal work items. All units of a CPU are asked only
  /// where there is work for more than one.
  double predict(double items, const Work &item) const;
  /// The share of the units' time that is used: items / (rounds * units).
  double getBalance(double items) const;

private:
  UnitRates rates;
  double units;
  /// Whether one work item has to be launched like many.
  bool isRemote = false;
};

/// Seconds of one unit for the operations of `work`.
double getComputeTime(const Work &work, const UnitRates &rates);

/// Rows that are computed apart from each other, so many per work item.
struct RowBlocks {
  double rows;

  double getItems(double allRows) const;
  /// The mean item, if a row takes `row`.
  Work getItem(double allRows, const Work &row) const;
};

/// A product of a batch of matrices, C[rows, columns] = A[rows, terms]
/// B[terms, columns], where B lies in panels.
struct MatrixProduct {
  double rows, columns, terms;
  double batch = 1;
  /// Columns of a panel, the f32 vectors they are, and the rows that are
  /// multiplied with a panel at a time.
  double panel, panelVectors, tileRows;
  /// Bytes of an element of A and B, and of all that is read and written once
  /// for an element of C.
  double bytesA, bytesB, bytesC;
  /// Whether bf16 elements are multiplied as such.
  bool isNarrow = false;
  /// What computes a row of A in each block of columns, where A is not stored:
  /// its bytes are those that it reads.
  std::optional<Work> prologue;

  /// The whole product; each matrix is moved once.
  Work getWork() const;
};

/// A matrix product cut into blocks of rows and columns.
struct MatrixBlocks {
  double rows, columns;

  double getItems(const MatrixProduct &product) const;
  /// What a work item does. FLOP count more where a block has too few rows to
  /// hide the latency of the multiplier, and matrices are read as often as the
  /// caches of `level` make it necessary. A panel arrives while its first rows
  /// are computed; those that follow wait for nothing. A prologue computes the
  /// rows of the item before the product begins.
  Work getItem(const MatrixProduct &product, const CpuLevel &level) const;
  /// Bytes that an item wants to find in its unit's cache: its rows of A, a
  /// panel of B, and sums in f32.
  double getCacheBytes(const MatrixProduct &product) const;
};

/// The share of the multiplier's rate that tiles of `rows` rows and `vectors`
/// vectors of columns reach.
double getTileEfficiency(double rows, double vectors);

} // namespace peermla

#endif // PEERMLA_SUPPORT_COSTMODEL_H
