//===- ScheduleRows.cpp - a few rows at a time ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item of a norm or an elementwise op over tokens is a few whole rows.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"

using namespace mlir;
using namespace peermla;

Schedule peermla::scheduleRows(const Kernel &kernel, const CpuLevel &level) {
  SmallVector<int64_t> tile(kernel.getType().getRank(), 0);
  tile[0] = tile.size() == 1 ? 1024 : 8;
  return {cutResult(kernel, tile), "rows"};
}
