//===- MBarrier.cpp - barriers in shared memory ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

/// What PTX allows.
static constexpr uint32_t kMaxCount = (1 << 20) - 1;
static constexpr int64_t kMaxTransactions = (1 << 20) - 1;

static uint64_t encode(uint32_t pending, uint32_t expected,
                       int32_t transactions, uint32_t phase) {
  return pending | uint64_t(expected) << 20 |
         (uint64_t(uint32_t(transactions)) & 0x3fffff) << 40 |
         uint64_t(phase & 1) << 62;
}

/// What arrivals return: pending count, and the phase that they belong to.
static uint64_t encodeState(const MBarrier &barrier) {
  return barrier.getPending() | uint64_t(barrier.phase) << 20;
}

MBarrier *MBarrierTable::find(uint64_t address) {
  auto it = barriers.find(address);
  return it == barriers.end() ? nullptr : &it->second;
}

void MBarrierTable::clear() { barriers.clear(); }

std::string peermla::sim::describe(const MBarrier &barrier) {
  std::string text = "mbarrier at offset " + std::to_string(barrier.offset);
  if (barrier.block->cluster->blocks.size() > 1)
    text += " of block rank " + std::to_string(barrier.block->rank);
  text += ": phase " + std::to_string(barrier.phase) + ", " +
          std::to_string(barrier.getPending()) + " of " +
          std::to_string(barrier.getExpected()) + " arrivals";
  int32_t bytes = barrier.getTransactions();
  if (bytes > 0)
    text += " and " + std::to_string(bytes) + " bytes";
  text += " pending";
  if (bytes < 0)
    text += ", " + std::to_string(-bytes) + " bytes more than expected";
  return text;
}

static void store(MBarrier &barrier, uint64_t word) {
  barrier.word = word;
  memcpy(barrier.block->shared + barrier.offset, &word, sizeof(word));
}

Agent peermla::sim::getAgent(Cluster &cluster, MBarrier &barrier) {
  if (barrier.agent == kNoAgent)
    barrier.agent = cluster.agents.add(AgentNames::MBarrier,
                                       barrier.block->rank, barrier.offset);
  return barrier.agent;
}

/// Ends the phase if nothing is missing.
static void checkPhase(Cluster &cluster, MBarrier &barrier) {
  if (barrier.getPending() || barrier.getTransactions())
    return;
  ++barrier.phase;
  store(barrier,
        encode(barrier.getExpected(), barrier.getExpected(), 0, barrier.phase));
  cluster.progress();
  if (cluster.races) {
    if (barrier.agent != kNoAgent)
      barrier.arriving.publish(barrier.agent, barrier.epoch++,
                               /*asyncProxy=*/true);
    barrier.arriving.seal();
    barrier.completed = barrier.arriving;
  }
  for (Thread *waiter : barrier.waiters)
    cluster.wake(*waiter);
  barrier.waiters.clear();
}

static void subtractPending(Cluster &cluster, MBarrier &barrier, uint32_t count,
                            const Thread *thread, uint32_t site) {
  cluster.progress();
  uint32_t pending = barrier.getPending();
  if (count > pending) {
    cluster.report(ReportKind::Barrier, thread, site,
                   std::to_string(count) + " arrivals at the " +
                       describe(barrier));
    count = pending;
  }
  store(barrier, encode(pending - count, barrier.getExpected(),
                        barrier.getTransactions(), barrier.phase));
}

void peermla::sim::completeTransactions(Cluster &cluster, MBarrier &barrier,
                                        int64_t bytes, const Thread *thread,
                                        uint32_t site) {
  if (!barrier.live)
    return;
  int64_t transactions = barrier.getTransactions() - bytes;
  if (transactions > kMaxTransactions || transactions < -kMaxTransactions) {
    cluster.report(ReportKind::Barrier, thread, site,
                   "the transaction count of an mbarrier is at most " +
                       std::to_string(kMaxTransactions) + " bytes, got " +
                       std::to_string(transactions));
    return;
  }
  store(barrier, encode(barrier.getPending(), barrier.getExpected(),
                        int32_t(transactions), barrier.phase));
  checkPhase(cluster, barrier);
}

void peermla::sim::arriveAsync(Cluster &cluster, MBarrier &barrier,
                               uint32_t count, const Thread *thread,
                               uint32_t site) {
  if (!barrier.live)
    return;
  subtractPending(cluster, barrier, count, thread, site);
  checkPhase(cluster, barrier);
}

void peermla::sim::addPending(Cluster &cluster, MBarrier &barrier,
                              uint32_t count, const Thread *thread,
                              uint32_t site) {
  uint32_t pending = barrier.getPending() + count;
  if (pending > kMaxCount) {
    cluster.report(ReportKind::Barrier, thread, site,
                   "the pending count of an mbarrier is at most " +
                       std::to_string(kMaxCount) + ", got " +
                       std::to_string(pending));
    return;
  }
  store(barrier, encode(pending, barrier.getExpected(),
                        barrier.getTransactions(), barrier.phase));
}

void peermla::sim::fenceInitializations(Thread &thread) {
  for (auto &[address, barrier] : thread.cluster->mbarriers.getAll())
    if (barrier.live && barrier.initAgent == thread.knowledge.agent)
      barrier.initFenced = true;
}

/// Whether `thread` may use a barrier that another one has initialised.
static void checkInitialization(Thread &thread, MBarrier &barrier,
                                bool asyncProxy, uint32_t site) {
  Cluster &cluster = *thread.cluster;
  const Knowledge &knowledge = thread.knowledge;
  Agent agent = barrier.initAgent;
  std::string problem;
  if (!knowledge.knows(agent, barrier.initEpoch))
    problem = "use of an mbarrier without synchronisation after its "
              "initialisation by ";
  else if ((asyncProxy || barrier.block != thread.block) &&
           !barrier.initFenced &&
           !knowledge.knowsFenced(agent, barrier.initEpoch))
    problem = "use of an mbarrier by a copy or from another block without "
              "fence.mbarrier_init after its initialisation by ";
  else
    return;
  Report race;
  race.kind = ReportKind::Race;
  race.other = cluster.agents.getName(agent);
  race.message = problem + race.other;
  race.site = site;
  race.otherSite = barrier.initSite;
  race.block = thread.block->id;
  race.thread = thread.index;
  cluster.report(std::move(race));
}

MBarrier *peermla::sim::getMBarrier(Thread &thread, void *address,
                                    bool asyncProxy, uint32_t site) {
  Cluster &cluster = *thread.cluster;
  Block *block =
      cluster.checkShared(thread, address, 8, 8, "use of an mbarrier", site);
  if (!block)
    return nullptr;
  MBarrier *barrier =
      cluster.mbarriers.find(reinterpret_cast<uintptr_t>(address));
  uint32_t offset = cluster.getOffset(address);
  if (!barrier || !barrier->live) {
    cluster.report(ReportKind::Barrier, &thread, site,
                   "use of an mbarrier at offset " + std::to_string(offset) +
                       " that is not initialised");
    return nullptr;
  }
  uint64_t word;
  memcpy(&word, address, sizeof(word));
  if (word != barrier->word) {
    cluster.report(ReportKind::Barrier, &thread, site,
                   "the kernel has written over the " + describe(*barrier));
    store(*barrier, barrier->word);
  }
  if (cluster.races)
    checkInitialization(thread, *barrier, asyncProxy, site);
  return barrier;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

Void peermla::sim::abi::peermla_sim_mbarrier_init(Ptr address, I32 count,
                                                  I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  Cluster &cluster = *thread.cluster;
  Block *block = cluster.checkShared(thread, address, 8, 8,
                                     "initialisation of an mbarrier", site);
  if (!block)
    return;
  if (count == 0 || count > kMaxCount) {
    cluster.report(ReportKind::Barrier, &thread, site,
                   "the count of an mbarrier is from 1 to " +
                       std::to_string(kMaxCount) + ", got " +
                       std::to_string(count));
    return;
  }
  MBarrier &barrier =
      cluster.mbarriers.getOrCreate(reinterpret_cast<uintptr_t>(address));
  if (barrier.live && !barrier.waiters.empty())
    cluster.report(ReportKind::Barrier, &thread, site,
                   "initialisation while threads wait for the " +
                       describe(barrier));
  uint32_t offset = cluster.getOffset(address);
  cluster.touch(thread, *block, offset, 8, /*write=*/true, site);
  barrier.block = block;
  barrier.offset = offset;
  barrier.live = true;
  barrier.initSite = site;
  barrier.initAgent = thread.knowledge.agent;
  barrier.initEpoch = thread.knowledge.own;
  barrier.initFenced = false;
  barrier.phase = 0;
  barrier.arriving.clear();
  barrier.completed.clear();
  store(barrier, encode(count, count, 0, 0));
}

Void peermla::sim::abi::peermla_sim_mbarrier_inval(Ptr address, I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  MBarrier *barrier = getMBarrier(thread, address, false, site);
  if (!barrier)
    return;
  Cluster &cluster = *thread.cluster;
  if (!barrier->waiters.empty())
    cluster.report(ReportKind::Barrier, &thread, site,
                   "invalidation while threads wait for the " +
                       describe(*barrier));
  barrier->live = false;
  cluster.touch(thread, *barrier->block, barrier->offset, 8, /*write=*/true,
                site);
  if (cluster.init)
    barrier->block->shadow.clearInit(barrier->offset, 8);
}

/// All arrivals of threads; `bytes` are expected first.
static uint64_t arrive(Thread &thread, void *address, uint32_t count,
                       uint32_t bytes, uint32_t flags, uint32_t site) {
  Cluster &cluster = *thread.cluster;
  MBarrier *barrier = getMBarrier(thread, address, false, site);
  if (!barrier)
    return 0;
  if (count == 0) {
    cluster.report(ReportKind::Barrier, &thread, site,
                   "an arrival counts at least 1, got 0");
    return 0;
  }
  if (cluster.races) {
    cluster.touch(thread, *barrier->block, barrier->offset, 8, /*write=*/false,
                  site, /*atomic=*/true);
    if (!(flags & ArriveFlags::Relaxed))
      barrier->arriving.release(thread.knowledge);
  }
  if (bytes)
    completeTransactions(cluster, *barrier, -int64_t(bytes), &thread, site);
  uint64_t state = encodeState(*barrier);
  subtractPending(cluster, *barrier, count, &thread, site);
  if (flags & ArriveFlags::Drop) {
    uint32_t expected = barrier->getExpected();
    store(*barrier,
          encode(barrier->getPending(), expected - std::min(count, expected),
                 barrier->getTransactions(), barrier->phase));
  }
  if ((flags & ArriveFlags::NoComplete) && !barrier->getPending() &&
      !barrier->getTransactions())
    cluster.report(ReportKind::Barrier, &thread, site,
                   "arrive.noComplete completes the phase of the " +
                       describe(*barrier));
  checkPhase(cluster, *barrier);
  return state;
}

I64 peermla::sim::abi::peermla_sim_mbarrier_arrive(Ptr address, I32 count,
                                                   I32 flags, I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  return arrive(thread, address, count, 0, flags, site);
}

I64 peermla::sim::abi::peermla_sim_mbarrier_arrive_expect_tx(Ptr address,
                                                             I32 bytes,
                                                             I32 flags,
                                                             I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  return arrive(thread, address, 1, bytes, flags, site);
}

Void peermla::sim::abi::peermla_sim_mbarrier_expect_tx(Ptr address, I32 bytes,
                                                       I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  if (MBarrier *barrier = getMBarrier(thread, address, false, site))
    completeTransactions(*thread.cluster, *barrier, -int64_t(bytes), &thread,
                         site);
}

Void peermla::sim::abi::peermla_sim_mbarrier_complete_tx(Ptr address, I32 bytes,
                                                         I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  if (MBarrier *barrier = getMBarrier(thread, address, false, site))
    completeTransactions(*thread.cluster, *barrier, bytes, &thread, site);
}

I32 peermla::sim::abi::peermla_sim_mbarrier_wait(Ptr address, I64 operand,
                                                 I32 flags, I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  Cluster &cluster = *thread.cluster;
  MBarrier *barrier = getMBarrier(thread, address, false, site);
  if (!barrier) // Say yes: a loop would otherwise never end.
    return 1;
  if (barrier->block != thread.block) {
    cluster.report(ReportKind::Barrier, &thread, site,
                   "a thread can only wait for an mbarrier of its own block");
    return 1;
  }
  auto isOver = [&] {
    if (flags & WaitFlags::Parity)
      return (barrier->phase & 1) != (operand & 1);
    return barrier->phase != uint32_t(operand >> 20);
  };
  // A test that fails is asked again, as a rule: the second time it waits.
  bool tries = (flags & WaitFlags::Try) || thread.polls > 0;
  if (!isOver()) {
    if (!tries) {
      ++thread.polls;
      return 0;
    }
    cluster.counting.add(site, &Counters::barrierWaits, 1);
    const char *what =
        flags & WaitFlags::Try ? "mbarrier.try_wait" : "mbarrier.test_wait";
    do {
      barrier->waiters.push_back(&thread);
      cluster.wait(thread, what, site, /*timed=*/true);
      if (thread.timedOut) {
        barrier->waiters.erase(std::remove(barrier->waiters.begin(),
                                           barrier->waiters.end(), &thread),
                               barrier->waiters.end());
        if (!isOver())
          return 0;
      }
      // The barrier may have gone in the meantime.
      barrier = getMBarrier(thread, address, false, site);
      if (!barrier)
        return 1;
    } while (!isOver());
  }
  thread.polls = 0;
  if (cluster.races && !(flags & WaitFlags::Relaxed))
    barrier->completed.acquire(thread.knowledge);
  return 1;
}

I32 peermla::sim::abi::peermla_sim_mbarrier_pending_count(I64 state) {
  return state & kMaxCount;
}
