//===- Clock.h - what a thread knows of the others ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A vector clock maps each agent (a thread, or an asynchronous unit such as the
// copies of an mbarrier) to an epoch: everything the agent did up to it
// happened before now. With a thousand threads that meet at barriers all the
// time, plain vectors cost a thousand joins of a thousand numbers each. Here a
// clock is a shared, immutable *base* plus a few entries of its own:
//
//     clock = max(base, { agent 7 -> 12, agent 130 -> 3 })
//
// After a barrier all participants share one base, so that a join is a pointer
// comparison. Joins of different bases are remembered, because the threads of a
// warpgroup make the same one after each other.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_CLOCK_H
#define PEERMLA_LIB_SIMULATOR_CLOCK_H

#include <cstdint>
#include <utility>
#include <vector>

namespace peermla::sim {

using Agent = uint32_t;
using Epoch = uint32_t;
constexpr Agent kNoAgent = ~0u;

/// The shared part of clocks; agents beyond the end are at 0.
struct ClockBase {
  uint32_t references = 0;
  /// Never used for another base.
  uint64_t id = 0;
  std::vector<Epoch> epochs;
};

/// A counted reference to a base; null is all zeros.
class BaseRef {
public:
  BaseRef() = default;
  explicit BaseRef(ClockBase *base) : base(base) { ++base->references; }
  BaseRef(const BaseRef &other) : base(other.base) {
    if (base)
      ++base->references;
  }
  BaseRef(BaseRef &&other) noexcept
      : base(std::exchange(other.base, nullptr)) {}
  BaseRef &operator=(BaseRef other) noexcept {
    std::swap(base, other.base);
    return *this;
  }
  ~BaseRef() {
    if (base && --base->references == 0)
      delete base;
  }

  explicit operator bool() const { return base; }
  bool operator==(const BaseRef &other) const { return base == other.base; }
  uint64_t getId() const { return base ? base->id : 0; }
  Epoch get(Agent agent) const {
    return base && agent < base->epochs.size() ? base->epochs[agent] : 0;
  }

  /// A base that nobody else holds, with the same epochs; it may be changed.
  ClockBase &makeUnique();
  bool isUnique() const { return base && base->references == 1; }

  /// The elementwise maximum.
  static BaseRef join(const BaseRef &a, const BaseRef &b);

private:
  ClockBase *base = nullptr;
};

class Clock {
public:
  Epoch get(Agent agent) const {
    Epoch epoch = base.get(agent);
    for (const auto &[other, value] : entries)
      if (other == agent && value > epoch)
        epoch = value;
    return epoch;
  }
  /// What every clock with this base knows.
  const BaseRef &getBase() const { return base; }
  bool hasEntries() const { return !entries.empty(); }

  /// Raises the epoch of `agent` to at least `epoch`.
  void raise(Agent agent, Epoch epoch);
  void join(const Clock &other);
  void clear() {
    base = BaseRef();
    entries.clear();
  }

private:
  friend class SyncClock;
  void foldEntries();
  void joinEntries(const Clock &other);

  BaseRef base;
  std::vector<std::pair<Agent, Epoch>> entries;
};

/// What a thread knows, and where it is itself.
struct Knowledge {
  Agent agent = kNoAgent;
  /// Of all accesses.
  Clock generic;
  /// Of accesses of the generic proxy that are visible to the asynchronous one.
  Clock fenced;
  /// The thread's own epoch; it rises after each release.
  Epoch own = 1;
  /// The own epochs up to this one are visible to the asynchronous proxy.
  Epoch fencedOwn = 0;

  /// fence.proxy.async
  void fenceProxy() {
    fenced = generic;
    fencedOwn = own;
  }

  /// Whether what `other` did in `epoch` happened before now.
  bool knows(Agent other, Epoch epoch) const {
    return other == agent || generic.get(other) >= epoch;
  }
  /// And whether the asynchronous proxy sees it.
  bool knowsFenced(Agent other, Epoch epoch) const {
    // Of its own accesses another thread may have fenced more.
    return (other == agent && epoch <= fencedOwn) || fenced.get(other) >= epoch;
  }
};

/// What a synchronisation object carries from those who arrive to those who
/// wait.
class SyncClock {
public:
  /// A thread arrives, and its next epoch begins.
  void release(Knowledge &knowledge);
  /// An asynchronous agent has finished `epoch`, of accesses by the
  /// asynchronous proxy or by the generic one, which are not fenced.
  void publish(Agent agent, Epoch epoch, bool asyncProxy);
  void acquire(Knowledge &knowledge) const;
  /// The same for one who released into this since the last clear, and whose
  /// knowledge therefore is a part of it.
  void acquireAll(Knowledge &knowledge) const;
  /// Makes one base of all, so that acquiring is cheap.
  void seal();
  void clear();

private:
  static constexpr unsigned kRemembered = 4;
  static void joinInto(Clock &clock, uint64_t (&joined)[kRemembered],
                       const Clock &other);

  Clock generic, fenced;
  /// Ids of bases that are part of the clocks already.
  uint64_t joinedGeneric[kRemembered] = {}, joinedFenced[kRemembered] = {};
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_CLOCK_H
