//===- ThreadShadow.h - which thread touched global memory last -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Races in global memory between the threads of one cluster, as in shared
// memory: what a thread wrote for its block is only there behind a barrier. It
// knows loads and stores, atomics and the sources of cp.async; what bulk copies
// do to global memory is left to GlobalShadow, which compares clusters.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_THREADSHADOW_H
#define PEERMLA_LIB_SIMULATOR_THREADSHADOW_H

#include "Shadow.h"
#include <unordered_map>

namespace peermla::sim {

class ThreadShadow {
public:
  /// Forgets everything.
  void reset();

  /// Checks and records an access; the first conflict if there is one, whose
  /// offset is the distance from `address`.
  Conflict access(const void *address, uint32_t size, bool write, Actor &actor);

private:
  static constexpr uint32_t kPageBytes = 4096;
  Shadow &getPage(uint64_t key);

  std::unordered_map<uint64_t, std::unique_ptr<Shadow>> pages;
  std::vector<std::unique_ptr<Shadow>> spare;
  /// The page that was used last.
  uint64_t lastKey = ~0ull;
  Shadow *lastPage = nullptr;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_THREADSHADOW_H
