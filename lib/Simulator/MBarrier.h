//===- MBarrier.h - barriers in shared memory -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The state of an mbarrier is the 8 bytes in shared memory,
//
//     bits  0-19  pending arrivals of the phase
//          20-39  expected arrivals of a phase
//          40-61  bytes of transactions still to come, signed
//             62  parity of the phase
//
// A table keeps what bytes cannot: who waits, clocks, the number of phases. It
// also keeps the last value of the bytes, so that a kernel that writes over a
// live barrier is found out at the next use.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_MBARRIER_H
#define PEERMLA_LIB_SIMULATOR_MBARRIER_H

#include "Clock.h"
#include "peermla/Simulator/Simulator.h"
#include <unordered_map>

namespace peermla::sim {

struct Block;
struct Cluster;
struct Thread;

struct MBarrier {
  Block *block = nullptr;
  uint32_t offset = 0;
  bool live = false;
  uint32_t initSite = kNoSite;
  /// Who initialised it and when, and whether fence.mbarrier_init followed.
  Agent initAgent = kNoAgent;
  Epoch initEpoch = 0;
  bool initFenced = false;
  /// What the bytes are unless somebody wrote over them.
  uint64_t word = 0;
  /// Phases completed since the initialisation.
  uint32_t phase = 0;
  /// Copies that report here, and the epoch of those issued in this phase. It
  /// goes on across initialisations.
  Agent agent = kNoAgent;
  Epoch epoch = 1;
  std::vector<Thread *> waiters;
  /// Of all arrivals, and of those of completed phases.
  SyncClock arriving, completed;

  uint32_t getPending() const { return word & 0xfffff; }
  uint32_t getExpected() const { return word >> 20 & 0xfffff; }
  int32_t getTransactions() const { return int32_t(int64_t(word << 2) >> 42); }
};

class MBarrierTable {
public:
  /// Null if there never was one at the address.
  MBarrier *find(uint64_t address);
  MBarrier &getOrCreate(uint64_t address) { return barriers[address]; }
  void clear();
  std::unordered_map<uint64_t, MBarrier> &getAll() { return barriers; }

private:
  std::unordered_map<uint64_t, MBarrier> barriers;
};

/// The live barrier at `address`, or null after a report. `asyncProxy`: it is
/// used by a copy, so that its initialisation must be fenced.
MBarrier *getMBarrier(Thread &thread, void *address, bool asyncProxy,
                      uint32_t site);
/// `bytes` fewer (or, negative, more) to come; may complete the phase. `thread`
/// issued the copy.
void completeTransactions(Cluster &cluster, MBarrier &barrier, int64_t bytes,
                          const Thread *thread, uint32_t site);
/// One or more arrivals that nobody needs to be a part of: cp.async.
void arriveAsync(Cluster &cluster, MBarrier &barrier, uint32_t count,
                 const Thread *thread, uint32_t site);
/// More arrivals are pending in this phase.
void addPending(Cluster &cluster, MBarrier &barrier, uint32_t count,
                const Thread *thread, uint32_t site);
/// fence.mbarrier_init
void fenceInitializations(Thread &thread);
/// The agent of copies that report to the barrier.
Agent getAgent(Cluster &cluster, MBarrier &barrier);
/// What a thread that waits for it would like to know: `mbarrier at offset 64:
/// phase 3, 1 of 128 arrivals and 4096 bytes to come`.
std::string describe(const MBarrier &barrier);

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_MBARRIER_H
