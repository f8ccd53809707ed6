//===- Regions.cpp - global memory that a kernel may use ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Regions.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace peermla::sim;

void Regions::add(const void *data, uint64_t size, std::string name,
                  bool readOnly) {
  uint64_t begin = reinterpret_cast<uintptr_t>(data);
  if (size)
    regions.push_back({begin, begin + size, std::move(name), readOnly});
}

void Regions::sort() {
  std::sort(regions.begin(), regions.end(),
            [](const Region &a, const Region &b) {
              return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
            });
  uint64_t end = 0;
  for (const Region &region : regions)
    maxEnd.push_back(end = std::max(end, region.end));
}

const Region *Regions::find(const void *address, uint64_t size, bool write,
                            RegionCache &cache) const {
  uint64_t begin = reinterpret_cast<uintptr_t>(address), end = begin + size;
  auto holds = [&](const Region &region) {
    return region.begin <= begin && end <= region.end &&
           !(write && region.readOnly);
  };
  if (cache && holds(*cache))
    return cache;
  size_t i = std::upper_bound(regions.begin(), regions.end(), begin,
                              [](uint64_t value, const Region &region) {
                                return value < region.begin;
                              }) -
             regions.begin();
  while (i-- > 0 && maxEnd[i] >= end)
    if (holds(regions[i]))
      return cache = &regions[i];
  return nullptr;
}

std::string Regions::explain(const void *address, uint64_t size,
                             bool write) const {
  uint64_t begin = reinterpret_cast<uintptr_t>(address), end = begin + size;
  RegionCache none = nullptr;
  if (write)
    if (const Region *region = find(address, size, false, none))
      return "'" + region->name + "', which is read-only";
  const Region *nearest = nullptr;
  uint64_t distance = ~0ull;
  for (const Region &region : regions) {
    uint64_t d = begin >= region.end    ? begin - region.end
                 : begin < region.begin ? region.begin - begin
                                        : 0;
    if (d < distance) {
      distance = d;
      nearest = &region;
    }
  }
  // Farther away it says nothing about what was meant.
  constexpr uint64_t kNear = 1 << 20;
  if (!nearest || distance > kNear)
    return "address 0x" + [&] {
      std::string digits;
      for (int shift = 60; shift >= 0; shift -= 4)
        if (uint32_t d = begin >> shift & 15; d || !digits.empty() || !shift)
          digits += "0123456789abcdef"[d];
      return digits;
    }() + ", which is in no buffer";
  std::string of = " of '" + nearest->name + "' (" +
                   std::to_string(nearest->end - nearest->begin) + " bytes)";
  if (begin < nearest->begin)
    return std::to_string(nearest->begin - begin) + " bytes before the start" +
           of;
  if (begin >= nearest->end)
    return std::to_string(begin - nearest->end) + " bytes past the end" + of;
  return "offset " + std::to_string(begin - nearest->begin) + ", " +
         std::to_string(end - nearest->end) + " bytes over the end" + of;
}

//===----------------------------------------------------------------------===//
// Buffers with red zones
//===----------------------------------------------------------------------===//

static constexpr size_t kRedZone = 4096;

void *peermla::sim::allocateGlobal(size_t size) {
  // A multiple of the alignment, and never an overflow.
  if (size > SIZE_MAX / 2)
    return nullptr;
  size_t bytes = (size + 255) / 256 * 256 + 2 * kRedZone;
  void *memory =
      aligned_alloc(kRedZone, (bytes + kRedZone - 1) / kRedZone * kRedZone);
  return memory ? static_cast<char *>(memory) + kRedZone : nullptr;
}

void peermla::sim::freeGlobal(void *data) {
  if (data)
    free(static_cast<char *>(data) - kRedZone);
}
