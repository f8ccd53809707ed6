//===- ScheduleWeights.cpp - work items of preparations -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels over weights alone run once per session: there must be enough items
// for all threads, and no more is asked of them.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;

Schedule peermla::scheduleWeights(const Kernel &kernel, const CpuLevel &level) {
  RankedTensorType type = kernel.getType();
  unsigned rank = type.getRank();
  SmallVector<int64_t> tile(rank, 0);
  int64_t items = 1;
  for (unsigned dim = 0; dim < rank && items < 16; ++dim) {
    if (type.isDynamicDim(dim))
      break;
    int64_t extent = type.getDimSize(dim);
    tile[dim] = std::max<int64_t>(1, extent * items / 64);
    items *= llvm::divideCeil(std::max<int64_t>(extent, 1), tile[dim]);
  }
  return {cutResult(kernel, tile), "enough items for the threads"};
}
