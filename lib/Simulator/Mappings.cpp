//===- Mappings.cpp - memory of the simulated machine ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mappings.h"
#include <mutex>
#include <sys/mman.h>
#include <utility>
#include <vector>

using namespace peermla::sim;

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

namespace {
struct Free {
  char *data;
  size_t size;
  bool low;
};

/// Mappings that nobody uses now.
struct Cache {
  static constexpr size_t kMaxEntries = 16;
  std::mutex mutex;
  std::vector<Free> entries;

  static Cache &get() {
    // Never destroyed: a launch may run while the process exits.
    static Cache &cache = *new Cache;
    return cache;
  }

  char *take(size_t size, bool low) {
    std::lock_guard<std::mutex> guard(mutex);
    for (size_t i = entries.size(); i-- > 0;) {
      if (entries[i].size != size || entries[i].low != low)
        continue;
      char *data = entries[i].data;
      entries.erase(entries.begin() + i);
      return data;
    }
    return nullptr;
  }

  void give(Free entry) {
    std::lock_guard<std::mutex> guard(mutex);
    entries.push_back(entry);
    if (entries.size() > kMaxEntries) {
      munmap(entries.front().data, entries.front().size);
      entries.erase(entries.begin());
    }
  }
};
} // namespace

Mapping Mapping::getArenas(uint32_t blocks) {
  size_t size = size_t(blocks) * kArenaBytes;
  if (char *data = Cache::get().take(size, true))
    return Mapping(data, size, true);
  // From 1 GiB on: executables that are not position-independent, and what
  // grows behind them, are below.
  for (uint64_t address = 1ull << 30; address + size <= 1ull << 32;
       address += kArenaBytes) {
    void *wanted = reinterpret_cast<void *>(address);
    void *data =
        mmap(wanted, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
             -1, 0);
    if (data == wanted)
      return Mapping(static_cast<char *>(data), size, true);
    // An old kernel takes the address as a hint.
    if (data != MAP_FAILED)
      munmap(data, size);
  }
  return Mapping();
}

Mapping Mapping::getStacks(size_t bytes) {
  size_t size = kStackGuard + bytes;
  if (char *data = Cache::get().take(size, false))
    return Mapping(data, size, false);
  void *data = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return Mapping();
  if (mprotect(data, kStackGuard, PROT_NONE) != 0) {
    munmap(data, size);
    return Mapping();
  }
  return Mapping(static_cast<char *>(data), size, false);
}

Mapping::Mapping(Mapping &&other) noexcept
    : data(std::exchange(other.data, nullptr)), size(other.size),
      low(other.low) {}

Mapping &Mapping::operator=(Mapping &&other) noexcept {
  std::swap(data, other.data);
  std::swap(size, other.size);
  std::swap(low, other.low);
  return *this;
}

Mapping::~Mapping() {
  if (data)
    Cache::get().give({data, size, low});
}
