//===- Regions.h - global memory that a kernel may use --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_REGIONS_H
#define PEERMLA_LIB_SIMULATOR_REGIONS_H

#include "peermla/Simulator/Simulator.h"

namespace peermla::sim {

struct Region {
  uint64_t begin, end;
  std::string name;
  bool readOnly;
};

/// The region that was used last, for each cluster.
using RegionCache = const Region *;

/// Buffers, globals of the module and parameters. Regions may overlap: several
/// tensors may share an allocation.
class Regions {
public:
  void add(const void *data, uint64_t size, std::string name, bool readOnly);
  /// After the last `add`.
  void sort();

  /// A region that holds [address, address + size) and may be written if
  /// `write`, or null.
  const Region *find(const void *address, uint64_t size, bool write,
                     RegionCache &cache) const;
  /// What is wrong with that range, as the end of a sentence: `8 bytes past the
  /// end of 'out' (4096 bytes)`.
  std::string explain(const void *address, uint64_t size, bool write) const;
  bool empty() const { return regions.empty(); }

private:
  std::vector<Region> regions;
  /// The largest `end` of this region and all before it.
  std::vector<uint64_t> maxEnd;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_REGIONS_H
