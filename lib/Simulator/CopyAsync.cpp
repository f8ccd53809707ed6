//===- CopyAsync.cpp - cp.async -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A copy writes as an agent of its own, beside the thread that issues it, and
// through the generic proxy. wait_group tells the thread of the agent's epochs.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

/// Performs now what may as well happen later?
static bool happensNow(Cluster &cluster) {
  return cluster.options.async == Async::Eager ||
         (cluster.options.async == Async::Random && cluster.random.coin());
}

static void performCopy(const PendingCopy &copy) {
  memcpy(copy.destination, copy.source, copy.sourceSize);
  memset(copy.destination + copy.sourceSize, 0, copy.size - copy.sourceSize);
}

/// The copies of a thread up to `epoch` have ended, and the barrier hears of
/// it.
static void arriveFor(Thread &thread, MBarrier &barrier, Epoch epoch,
                      uint32_t site) {
  Cluster &cluster = *thread.cluster;
  if (cluster.races && thread.copies.agent != kNoAgent)
    barrier.arriving.publish(thread.copies.agent, epoch,
                             /*asyncProxy=*/false);
  arriveAsync(cluster, barrier, 1, &thread, site);
}

void peermla::sim::performCopies(Thread &thread, Epoch epoch) {
  std::vector<PendingCopy> &pending = thread.copies.pending;
  size_t done = 0;
  for (; done < pending.size() && pending[done].epoch <= epoch; ++done) {
    const PendingCopy &copy = pending[done];
    if (copy.barrier)
      arriveFor(thread, *copy.barrier, copy.epoch, copy.site);
    else
      performCopy(copy);
  }
  pending.erase(pending.begin(), pending.begin() + done);
}

static Agent getCopyAgent(Thread &thread) {
  if (thread.copies.agent == kNoAgent)
    thread.copies.agent = thread.cluster->agents.add(
        AgentNames::Copies, thread.block->rank, thread.index);
  return thread.copies.agent;
}

Void peermla::sim::abi::peermla_sim_cp_async(Ptr destination, Ptr source,
                                             I32 size, I32 sourceSize,
                                             I32 site) {
  Thread &thread = enter(InstructionClass::CopyAsync, site);
  Cluster &cluster = *thread.cluster;
  if (size != 4 && size != 8 && size != 16) {
    cluster.report(ReportKind::Async, &thread, site,
                   "cp.async copies 4, 8 or 16 bytes, got " +
                       std::to_string(size));
    return;
  }
  if (sourceSize > size) {
    cluster.report(ReportKind::Async, &thread, site,
                   "cp.async of " + std::to_string(size) +
                       " bytes cannot read " + std::to_string(sourceSize));
    sourceSize = size;
  }
  Block *block = cluster.checkShared(thread, destination, size, size,
                                     "write by cp.async", site);
  // Nothing is read of a source of zero bytes, wherever it is.
  if (!block ||
      (sourceSize && !cluster.checkGlobal(thread, source, sourceSize, size,
                                          false, "read by cp.async", site)))
    return;
  cluster.finishAccess();
  if (sourceSize)
    cluster.touchGlobal(thread, source, sourceSize, /*write=*/false,
                        /*strong=*/false, /*strongOutside=*/false, site);
  CopyState &copies = thread.copies;
  copies.lastEpoch = copies.epoch;
  copies.lastSite = site;
  if (cluster.checksShared()) {
    const Knowledge *party = &thread.knowledge;
    Actor actor;
    actor.agent = getCopyAgent(thread);
    actor.epoch = copies.epoch;
    actor.site = site;
    actor.parties = &party;
    actor.numParties = 1;
    cluster.touch(*block, cluster.getOffset(destination), size, /*write=*/true,
                  actor, &thread);
  }
  if (cluster.counting.countsAccesses()) {
    if (sourceSize)
      cluster.counting.addAccess(thread, site, /*shared=*/false, source,
                                 sourceSize);
    cluster.counting.addAccess(thread, site, /*shared=*/true, destination,
                               size);
  }
  PendingCopy copy = {static_cast<char *>(destination),
                      source,
                      size,
                      sourceSize,
                      site,
                      copies.epoch,
                      nullptr};
  // Those of one thread happen in order.
  if (copies.pending.empty() && happensNow(cluster))
    performCopy(copy);
  else
    copies.pending.push_back(copy);
}

Void peermla::sim::abi::peermla_sim_cp_async_commit(I32 site) {
  Thread &thread = enter(InstructionClass::CopyAsync, site);
  thread.copies.groups.push_back(thread.copies.epoch++);
}

Void peermla::sim::abi::peermla_sim_cp_async_wait(I32 count, I32 site) {
  Thread &thread = enter(InstructionClass::CopyAsync, site);
  CopyState &copies = thread.copies;
  // wait_all also waits for copies that no group holds.
  Epoch epoch;
  if (count == ~0u)
    epoch = copies.epoch++;
  else if (copies.groups.size() > count)
    epoch = copies.groups[copies.groups.size() - 1 - count];
  else
    return;
  performCopies(thread, epoch);
  copies.covered = std::max(copies.covered, epoch);
  if (thread.cluster->races && copies.agent != kNoAgent)
    thread.knowledge.generic.raise(copies.agent, epoch);
}

Void peermla::sim::abi::peermla_sim_cp_async_mbarrier_arrive(Ptr address,
                                                             I32 noinc,
                                                             I32 site) {
  Thread &thread = enter(InstructionClass::CopyAsync, site);
  Cluster &cluster = *thread.cluster;
  MBarrier *barrier = getMBarrier(thread, address, false, site);
  if (!barrier)
    return;
  CopyState &copies = thread.copies;
  if (!noinc)
    addPending(cluster, *barrier, 1, &thread, site);
  copies.covered = copies.epoch;
  PendingCopy arrival = {nullptr, nullptr, 0, 0, site, copies.epoch++, barrier};
  if (copies.pending.empty() && happensNow(cluster))
    arriveFor(thread, *barrier, arrival.epoch, site);
  else
    copies.pending.push_back(arrival);
}
