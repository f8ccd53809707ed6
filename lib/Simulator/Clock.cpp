//===- Clock.cpp - what a thread knows of the others ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Clock.h"
#include <algorithm>

using namespace peermla::sim;

/// Entries of its own that a clock bears before it makes a new base.
static constexpr size_t kMaxEntries = 8;

// A base belongs to one cluster, and a cluster to one thread of the system, so
// that neither counts of references nor the memory of joins needs a lock.
static thread_local uint64_t nextId = 1;

namespace {
struct JoinMemo {
  uint64_t a = 0, b = 0;
  BaseRef result;
};
} // namespace
static thread_local JoinMemo memos[16];

ClockBase &BaseRef::makeUnique() {
  if (!isUnique()) {
    auto *copy = new ClockBase;
    if (base)
      copy->epochs = base->epochs;
    *this = BaseRef(copy);
  }
  // What was remembered of the old content is not true of the new one.
  base->id = nextId++;
  return *base;
}

BaseRef BaseRef::join(const BaseRef &a, const BaseRef &b) {
  if (a == b || !b)
    return a;
  if (!a)
    return b;
  JoinMemo &memo = memos[(a.getId() * 31 + b.getId()) % 16];
  if (memo.a == a.getId() && memo.b == b.getId())
    return memo.result;
  const std::vector<Epoch> &x = a.base->epochs, &y = b.base->epochs;
  size_t common = std::min(x.size(), y.size());
  bool aHasMore = x.size() > common, bHasMore = y.size() > common;
  for (size_t i = 0; i < common; ++i) {
    aHasMore |= x[i] > y[i];
    bHasMore |= x[i] < y[i];
  }
  BaseRef result;
  if (!bHasMore) {
    result = a;
  } else if (!aHasMore) {
    result = b;
  } else {
    result = a;
    std::vector<Epoch> &z = result.makeUnique().epochs;
    z.resize(std::max(x.size(), y.size()));
    for (size_t i = 0; i < y.size(); ++i)
      z[i] = std::max(z[i], y[i]);
  }
  memo.a = a.getId();
  memo.b = b.getId();
  memo.result = result;
  return result;
}

void Clock::raise(Agent agent, Epoch epoch) {
  if (get(agent) >= epoch)
    return;
  if (!base.isUnique()) {
    for (auto &[other, value] : entries)
      if (other == agent) {
        value = epoch;
        return;
      }
    if (entries.size() < kMaxEntries) {
      entries.push_back({agent, epoch});
      return;
    }
  }
  entries.push_back({agent, epoch});
  foldEntries();
}

void Clock::foldEntries() {
  if (entries.empty())
    return;
  std::vector<Epoch> &epochs = base.makeUnique().epochs;
  for (const auto &[other, value] : entries) {
    if (epochs.size() <= other)
      epochs.resize(other + 1);
    epochs[other] = std::max(epochs[other], value);
  }
  entries.clear();
}

void Clock::joinEntries(const Clock &other) {
  // `raise` may change the entries: never those of `other`, which is another
  // clock.
  for (const auto &[agent, epoch] : other.entries)
    raise(agent, epoch);
}

void Clock::join(const Clock &other) {
  if (this == &other)
    return;
  if (!(base == other.base)) {
    base = BaseRef::join(base, other.base);
    entries.erase(std::remove_if(entries.begin(), entries.end(),
                                 [&](const auto &entry) {
                                   return entry.second <= base.get(entry.first);
                                 }),
                  entries.end());
  }
  joinEntries(other);
}

//===----------------------------------------------------------------------===//
// Synchronisation objects
//===----------------------------------------------------------------------===//

void SyncClock::joinInto(Clock &clock, uint64_t (&joined)[kRemembered],
                         const Clock &other) {
  uint64_t id = other.base.getId();
  if (std::find(joined, joined + kRemembered, id) == joined + kRemembered) {
    clock.base = BaseRef::join(clock.base, other.base);
    std::move_backward(joined, joined + kRemembered - 1, joined + kRemembered);
    joined[0] = id;
  }
  clock.joinEntries(other);
}

void SyncClock::release(Knowledge &knowledge) {
  joinInto(generic, joinedGeneric, knowledge.generic);
  joinInto(fenced, joinedFenced, knowledge.fenced);
  generic.raise(knowledge.agent, knowledge.own);
  if (knowledge.fencedOwn)
    fenced.raise(knowledge.agent, knowledge.fencedOwn);
  ++knowledge.own;
}

void SyncClock::publish(Agent agent, Epoch epoch, bool asyncProxy) {
  generic.raise(agent, epoch);
  if (asyncProxy)
    fenced.raise(agent, epoch);
}

void SyncClock::acquire(Knowledge &knowledge) const {
  knowledge.generic.join(generic);
  knowledge.fenced.join(fenced);
}

void SyncClock::acquireAll(Knowledge &knowledge) const {
  // As a rule neither has entries: nothing to allocate, nothing to free.
  auto assign = [](Clock &to, const Clock &from) {
    to.base = from.base;
    if (to.hasEntries() || from.hasEntries())
      to.entries = from.entries;
  };
  assign(knowledge.generic, generic);
  assign(knowledge.fenced, fenced);
}

void SyncClock::seal() {
  generic.foldEntries();
  fenced.foldEntries();
}

void SyncClock::clear() {
  generic.clear();
  fenced.clear();
  std::fill(joinedGeneric, joinedGeneric + kRemembered, 0);
  std::fill(joinedFenced, joinedFenced + kRemembered, 0);
}
