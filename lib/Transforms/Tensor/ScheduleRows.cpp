//===- ScheduleRows.cpp - a few rows at a time ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item of a norm or an elementwise op over tokens is whole rows. Few
// make items for all units, many make items worth a launch: powers of two are
// judged by the cost model, as far as the rows of an item stay in the cache.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace peermla;

/// The most rows of an item that are worth a look.
static constexpr int64_t maxRows = 1024;

static double predictBlocks(RowBlocks blocks, const Work &row, double rows,
                            const Machine &machine) {
  return machine.predict(blocks.getItems(rows), blocks.getItem(rows, row));
}

static RowBlocks chooseBlocks(const Kernel &kernel, const Work &row,
                              const CpuLevel &level) {
  RowBlocks best{0};
  double bestScore = 0;
  for (int64_t rows = 1; rows <= maxRows; rows *= 2) {
    if (rows > 1 && rows * row.sharedBytes > 0.5 * level.l2Bytes)
      break;
    RowBlocks blocks{double(rows)};
    double score = judge(kernel.getType().getDimSize(0), level,
                         [&](double rows, const Machine &machine) {
                           return predictBlocks(blocks, row, rows, machine);
                         });
    if (best.rows == 0 || score < bestScore) {
      best = blocks;
      bestScore = score;
    }
  }
  return best;
}

Prediction peermla::predictRows(const Kernel &kernel, const CpuLevel &level) {
  Work row = getRowWork(kernel.members);
  RowBlocks blocks = chooseBlocks(kernel, row, level);
  return [=](double rows, const Machine &machine) {
    return predictBlocks(blocks, row, rows, machine);
  };
}

Schedule peermla::scheduleRows(const Kernel &kernel, const CpuLevel &level) {
  Work row = getRowWork(kernel.members);
  RowBlocks blocks = chooseBlocks(kernel, row, level);
  SmallVector<int64_t> tile(kernel.getType().getRank(), 0);
  tile[0] = blocks.rows;
  Machine machine(level.rates, 2);
  std::string reason = llvm::formatv(
      "{0} per block, {1} of {2}",
      formatSeconds(machine.getItemTime(blocks.getItem(blocks.rows, row))),
      formatBytes(blocks.rows * row.sharedBytes), formatBytes(level.l2Bytes));
  return {cutResult(kernel, tile), reason};
}
