//===- ScheduleMatrixProducts.cpp - blocks of rows and panels -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A work item of a kernel with a matrix product is a block of rows and panels
// that fits the caches.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"

using namespace mlir;
using namespace peermla;

/// The largest divisor of `extent` that is at most `limit`, at least 1.
static int64_t largestDivisor(int64_t extent, int64_t limit) {
  for (int64_t divisor = std::min(extent, limit); divisor > 1; --divisor)
    if (extent % divisor == 0)
      return divisor;
  return 1;
}

Schedule peermla::scheduleMatrixProduct(const Kernel &kernel,
                                        const CpuLevel *level) {
  RankedTensorType type = kernel.getType();
  unsigned rank = type.getRank();
  SmallVector<int64_t> tile(rank, 0);
  tile[0] = 48;
  for (unsigned dim = 1; dim + 2 < rank; ++dim)
    tile[dim] = 1;
  if (rank > 2 && type.getDimSize(rank - 1) > 0)
    tile[rank - 2] =
        largestDivisor(type.getDimSize(rank - 2),
                       std::max<int64_t>(1, 192 / type.getDimSize(rank - 1)));
  return {cutResult(kernel, tile),
          "rows and columns of a matrix product that fit the cache"};
}
