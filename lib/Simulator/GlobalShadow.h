//===- GlobalShadow.h - which cluster touched global memory last ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Races between the clusters of a launch. Here an agent is a cluster: what its
// threads do among themselves is not looked at, and what one of them learns all
// of them know. Clusters learn of each other through atomic accesses of one
// address, by release and acquire.
//
// Weak accesses (plain loads and stores, copies) conflict with what another
// cluster wrote and with weak or strong reads before a write; strong ones
// (atomic, volatile, reductions) only with weak ones. Memory that a launch may
// only read is not recorded.
//
// All clusters of a launch share this, on several threads of the system.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_GLOBALSHADOW_H
#define PEERMLA_LIB_SIMULATOR_GLOBALSHADOW_H

#include "Shadow.h"
#include <atomic>
#include <mutex>
#include <unordered_map>

namespace peermla::sim {

/// What a cluster knows of the others, and where it is itself.
class ClusterKnowledge {
public:
  void reset(uint64_t index) {
    self = uint32_t(index);
    own = 1;
    fenced = 0;
    hasAccessed = false;
    others.clear();
  }
  /// A thread executes a fence: what the cluster has done so far may be
  /// released by relaxed accesses behind it.
  void fence() { fenced = endEpoch(); }
  uint32_t getSelf() const { return self; }
  Epoch getOwn() const { return own; }
  bool knows(uint32_t cluster, Epoch epoch) const {
    if (cluster == self)
      return true;
    auto found = others.find(cluster);
    return found != others.end() && found->second >= epoch;
  }

private:
  friend class GlobalShadow;
  /// The last epoch with an access, which is over.
  Epoch endEpoch() {
    own += hasAccessed;
    hasAccessed = false;
    return own - 1;
  }

  uint32_t self = 0;
  Epoch own = 1;
  /// The last epoch that a fence ended.
  Epoch fenced = 0;
  bool hasAccessed = false;
  std::unordered_map<uint32_t, Epoch> others;
};

/// An earlier access of another cluster that is not ordered before a new one.
struct GlobalConflict {
  Conflict::Kind kind = Conflict::None;
  uint64_t address = 0;
  uint32_t cluster = 0, site = 0;
};

class GlobalShadow {
  struct Page;
  static constexpr unsigned kClusterBits = 24, kEpochBits = 20, kSiteBits = 19;

public:
  /// Launches of more are not looked at.
  static constexpr uint64_t kMaxClusters = uint64_t(1) << kClusterBits;

  /// The pages that a cluster used last.
  class Cache {
    friend class GlobalShadow;
    static constexpr size_t kSize = 64;
    uint64_t keys[kSize] = {};
    Page *pages[kSize] = {};
  };

  /// Checks and records an access; the first conflict if there is one.
  GlobalConflict access(const void *address, uint32_t size, bool write,
                        bool strong, uint32_t site, ClusterKnowledge &knowledge,
                        Cache &cache);

  /// What an atomic access of `address` with these semantics carries. A relaxed
  /// one releases what the last fence ended, the others everything.
  void acquire(const void *address, ClusterKnowledge &knowledge);
  void release(const void *address, ClusterKnowledge &knowledge,
               bool relaxed = false);

private:
  static constexpr uint64_t kPageBytes = 4096;
  /// Who, when, where and how; nobody while it is all zeros, as the epoch never
  /// is. Later epochs and sites than there are bits for are the last.
  struct Record {
    uint64_t cluster : kClusterBits;
    uint64_t epoch : kEpochBits;
    uint64_t site : kSiteBits;
    uint64_t strong : 1;
  };
  static_assert(sizeof(Record) == 8, "outputs have one for each 4 bytes");
  struct Page {
    std::atomic_flag isLocked = ATOMIC_FLAG_INIT;
    /// Bytes of a cell: 4, or fewer since a smaller access.
    uint32_t width = 4;
    /// By cell. A strong write does not hide a weak one, which others may still
    /// conflict with; there are none until the first.
    std::vector<Record> weakWrites, strongWrites, reads;
  };
  class Lock;

  Page &getPage(uint64_t key, Cache &cache);
  static void narrow(Page &page);

  std::mutex mutex;
  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
  std::mutex clockMutex;
  std::unordered_map<uint64_t, std::unordered_map<uint32_t, Epoch>> clocks;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_GLOBALSHADOW_H
