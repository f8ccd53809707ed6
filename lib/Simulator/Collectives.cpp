//===- Collectives.cpp - shuffles, votes and the like ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each lane leaves its operands in its mailbox (Thread::words); the last one to
// arrive computes everybody's result into words[kResult]. None of these orders
// memory but bar.warp.sync.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>

using namespace peermla::sim;
using namespace peermla::sim::abi;

namespace {
/// Places in the mailbox.
enum : uint32_t { kValue = 0, kOther = 1, kClamp = 2, kResult = 3 };

/// Instructions that may not mix in one meeting; qualifiers are added.
enum Kind : uint32_t {
  kShuffle = 0x100,
  kVote = 0x200,
  kReduce = 0x300,
  kMatchAny = 0x400,
  kMatchAll = 0x500,
  kElect = 0x600,
  kSync = 0x700
};

/// Calls `body(lane)` for the live lanes of `mask`, from the lowest on.
template <typename Body>
void forEachLane(Thread &thread, uint32_t mask, Body body) {
  Warp &warp = *thread.warp;
  for (uint32_t lanes = warp.getLive(mask | 1u << thread.lane); lanes;
       lanes &= lanes - 1)
    body(warp.getLane(__builtin_ctz(lanes)));
}
} // namespace

static void shuffleLane(Thread &lane, uint32_t kind, uint32_t live,
                        uint32_t mask, uint32_t site) {
  uint32_t clamp = lane.words[kClamp] & 31, segment = lane.words[kClamp] >> 8;
  uint32_t b = lane.words[kOther] & 31;
  uint32_t maxLane = (lane.lane & segment) | (clamp & ~segment & 31);
  uint32_t minLane = lane.lane & segment & 31;
  int32_t source = 0;
  bool inside = false;
  switch (ShuffleKind(kind)) {
  case ShuffleKind::Up:
    source = int32_t(lane.lane) - int32_t(b);
    inside = source >= int32_t(maxLane);
    break;
  case ShuffleKind::Down:
    source = int32_t(lane.lane + b);
    inside = source <= int32_t(maxLane);
    break;
  case ShuffleKind::Butterfly:
    source = int32_t(lane.lane ^ b);
    inside = source <= int32_t(maxLane);
    break;
  case ShuffleKind::Index:
    source = int32_t(minLane | (b & ~segment & 31));
    inside = source <= int32_t(maxLane);
    break;
  }
  if (!inside)
    source = int32_t(lane.lane);
  if (!(live >> source & 1))
    lane.cluster->report(ReportKind::Divergence, &lane, site,
                         "lane " + std::to_string(lane.lane) +
                             " reads from lane " + std::to_string(source) +
                             (mask >> source & 1
                                  ? ", which has ended"
                                  : ", which is not in the mask"));
  lane.words[kResult] = uint32_t(lane.warp->getLane(source).words[kValue]) |
                        uint64_t(inside) << 32;
}

I32 peermla::sim::abi::peermla_sim_shuffle(I32 kind, I32 mask, I32 value, I32 b,
                                           I32 clamp, Ptr predicate, I32 site) {
  Thread &thread = enter(InstructionClass::Collective, site);
  thread.words[kValue] = value;
  thread.words[kOther] = b;
  thread.words[kClamp] = clamp;
  if (meet(thread, kShuffle + kind, mask, false, "shfl.sync", site)) {
    uint32_t live = thread.warp->getLive(mask | 1u << thread.lane);
    forEachLane(thread, mask, [&](Thread &lane) {
      shuffleLane(lane, kind, live, mask, site);
    });
    dismiss(thread, mask);
  }
  if (predicate)
    *static_cast<uint32_t *>(predicate) = uint32_t(thread.words[kResult] >> 32);
  return uint32_t(thread.words[kResult]);
}

I32 peermla::sim::abi::peermla_sim_vote(I32 kind, I32 mask, I32 predicate,
                                        I32 site) {
  Thread &thread = enter(InstructionClass::Collective, site);
  thread.words[kValue] = predicate != 0;
  if (meet(thread, kVote + kind, mask, false, "vote.sync", site)) {
    uint32_t ballot = 0, live = 0;
    forEachLane(thread, mask, [&](Thread &lane) {
      ballot |= uint32_t(lane.words[kValue]) << lane.lane;
      live |= 1u << lane.lane;
    });
    uint32_t result = 0;
    switch (VoteKind(kind)) {
    case VoteKind::Any:
      result = ballot != 0;
      break;
    case VoteKind::All:
      result = ballot == live;
      break;
    case VoteKind::Uniform:
      result = ballot == live || ballot == 0;
      break;
    case VoteKind::Ballot:
      result = ballot;
      break;
    }
    forEachLane(thread, mask,
                [&](Thread &lane) { lane.words[kResult] = result; });
    dismiss(thread, mask);
  }
  return uint32_t(thread.words[kResult]);
}

static uint32_t reduceValues(ReduceKind kind, uint32_t a, uint32_t b) {
  switch (kind) {
  case ReduceKind::Add:
    return a + b;
  case ReduceKind::And:
    return a & b;
  case ReduceKind::Or:
    return a | b;
  case ReduceKind::Xor:
    return a ^ b;
  case ReduceKind::MinS32:
    return uint32_t(std::min(int32_t(a), int32_t(b)));
  case ReduceKind::MaxS32:
    return uint32_t(std::max(int32_t(a), int32_t(b)));
  case ReduceKind::MinU32:
    return std::min(a, b);
  case ReduceKind::MaxU32:
    return std::max(a, b);
  }
  return a;
}

I32 peermla::sim::abi::peermla_sim_reduce(I32 kind, I32 mask, I32 value,
                                          I32 site) {
  Thread &thread = enter(InstructionClass::Collective, site);
  thread.words[kValue] = value;
  if (meet(thread, kReduce + kind, mask, false, "redux.sync", site)) {
    bool first = true;
    uint32_t result = 0;
    forEachLane(thread, mask, [&](Thread &lane) {
      uint32_t other = uint32_t(lane.words[kValue]);
      result = first ? other : reduceValues(ReduceKind(kind), result, other);
      first = false;
    });
    forEachLane(thread, mask,
                [&](Thread &lane) { lane.words[kResult] = result; });
    dismiss(thread, mask);
  }
  return uint32_t(thread.words[kResult]);
}

I32 peermla::sim::abi::peermla_sim_match_any(I32 mask, I64 value, I32 site) {
  Thread &thread = enter(InstructionClass::Collective, site);
  thread.words[kValue] = value;
  if (meet(thread, kMatchAny, mask, false, "match.sync", site)) {
    forEachLane(thread, mask, [&](Thread &lane) {
      uint32_t equal = 0;
      forEachLane(thread, mask, [&](Thread &other) {
        if (other.words[kValue] == lane.words[kValue])
          equal |= 1u << other.lane;
      });
      lane.words[kResult] = equal;
    });
    dismiss(thread, mask);
  }
  return uint32_t(thread.words[kResult]);
}

I32 peermla::sim::abi::peermla_sim_match_all(I32 mask, I64 value, Ptr predicate,
                                             I32 site) {
  Thread &thread = enter(InstructionClass::Collective, site);
  thread.words[kValue] = value;
  if (meet(thread, kMatchAll, mask, false, "match.sync", site)) {
    uint32_t live = thread.warp->getLive(mask | 1u << thread.lane);
    bool equal = true;
    forEachLane(thread, mask, [&](Thread &lane) {
      equal &= lane.words[kValue] == thread.words[kValue];
    });
    forEachLane(thread, mask,
                [&](Thread &lane) { lane.words[kResult] = equal ? live : 0; });
    dismiss(thread, mask);
  }
  if (predicate)
    *static_cast<uint32_t *>(predicate) = thread.words[kResult] != 0;
  return uint32_t(thread.words[kResult]);
}

I32 peermla::sim::abi::peermla_sim_elect(I32 mask, Ptr elected, I32 site) {
  Thread &thread = enter(InstructionClass::Collective, site);
  if (meet(thread, kElect, mask, false, "elect.sync", site)) {
    // Hardware may choose any lane, the same each time.
    uint32_t live = thread.warp->getLive(mask | 1u << thread.lane);
    uint32_t leader = __builtin_ctz(live);
    forEachLane(thread, mask,
                [&](Thread &lane) { lane.words[kResult] = leader; });
    dismiss(thread, mask);
  }
  if (elected)
    *static_cast<uint32_t *>(elected) = uint32_t(thread.words[kResult]);
  return thread.words[kResult] == thread.lane;
}

I32 peermla::sim::abi::peermla_sim_active_mask(I32 site) {
  return enter(InstructionClass::Collective, site).warp->getLive(~0u);
}

Void peermla::sim::abi::peermla_sim_warp_sync(I32 mask, I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  if (!meet(thread, kSync, mask, false, "bar.warp.sync", site))
    return;
  if (thread.cluster->races) {
    SyncClock &clock = thread.warp->clock;
    clock.clear();
    forEachLane(thread, mask,
                [&](Thread &lane) { clock.release(lane.knowledge); });
    clock.seal();
    forEachLane(thread, mask,
                [&](Thread &lane) { clock.acquireAll(lane.knowledge); });
  }
  dismiss(thread, mask);
}
