//===- ScheduleSelection.cpp - tokens whose scores stay near --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item selects experts for a few tokens and one head, so that the scores
// it computes for them are still in the cache.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"

using namespace mlir;
using namespace peermla;

Schedule peermla::scheduleSelection(const Kernel &kernel,
                                    const CpuLevel &level) {
  SmallVector<int64_t> tile(kernel.getType().getRank(), 0);
  tile[0] = 8;
  tile[1] = 1;
  return {cutResult(kernel, tile), "scores of one head stay in the cache"};
}
