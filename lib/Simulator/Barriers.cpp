//===- Barriers.cpp - named barriers and the barrier of a cluster ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

using namespace peermla::sim;
using namespace peermla::sim::abi;

//===----------------------------------------------------------------------===//
// Named barriers
//===----------------------------------------------------------------------===//

static bool isComplete(const Block &block, const NamedBarrier &barrier) {
  // Threads that have ended do not count at a barrier of all.
  uint32_t expected = barrier.expected ? barrier.expected : block.running;
  return barrier.arrived && barrier.arrived >= expected;
}

/// Starts the next phase. `last` is the thread that arrived last if it would
/// have waited.
static void complete(Block &block, NamedBarrier &barrier, Thread *last) {
  Cluster &cluster = *block.cluster;
  cluster.progress();
  barrier.result[uint32_t(BarrierReduction::PopCount)] = barrier.numTrue;
  barrier.result[uint32_t(BarrierReduction::And)] =
      barrier.numTrue == barrier.arrived;
  barrier.result[uint32_t(BarrierReduction::Or)] = barrier.numTrue != 0;
  if (cluster.races) {
    barrier.clock.seal();
    if (last)
      barrier.clock.acquireAll(last->knowledge);
  }
  for (Thread *waiter : barrier.waiters) {
    if (cluster.races)
      barrier.clock.acquireAll(waiter->knowledge);
    cluster.wake(*waiter);
  }
  barrier.clock.clear();
  barrier.waiters.clear();
  barrier.arrived = barrier.numTrue = 0;
}

void peermla::sim::leaveBarriers(Block &block) {
  for (NamedBarrier &barrier : block.barriers)
    if (!barrier.expected && isComplete(block, barrier))
      complete(block, barrier, nullptr);
}

/// The barrier after the checks of its operands, or null.
static NamedBarrier *getBarrier(Thread &thread, uint32_t id, uint32_t count,
                                uint32_t site) {
  Cluster &cluster = *thread.cluster;
  auto report = [&](std::string message) {
    cluster.report(ReportKind::Barrier, &thread, site, std::move(message));
  };
  if (id >= Block::kNumBarriers) {
    report("there are " + std::to_string(Block::kNumBarriers) +
           " barriers, got number " + std::to_string(id));
    return nullptr;
  }
  if (count % kWarpSize)
    report("the number of threads at a barrier is a multiple of 32, got " +
           std::to_string(count));
  if (count > (cluster.state.numThreads + 31) / 32 * 32)
    report("the barrier waits for " + std::to_string(count) +
           " threads, the block has " +
           std::to_string(cluster.state.numThreads));
  NamedBarrier &barrier = thread.block->barriers[id];
  if (barrier.arrived && barrier.expected != count) {
    Report other;
    other.kind = ReportKind::Barrier;
    other.message = "barrier " + std::to_string(id) + " waits for " +
                    std::to_string(barrier.expected) +
                    " threads in this phase, got " + std::to_string(count);
    other.site = site;
    other.otherSite = barrier.site;
    other.block = thread.block->id;
    other.thread = thread.index;
    cluster.report(std::move(other));
  }
  barrier.expected = count;
  barrier.site = site;
  return &barrier;
}

/// Arrives; true if the caller must go on at once rather than wait.
static bool arrive(Thread &thread, NamedBarrier &barrier, bool predicate,
                   bool waits) {
  Cluster &cluster = *thread.cluster;
  cluster.progress();
  ++barrier.arrived;
  barrier.numTrue += predicate;
  if (cluster.races)
    barrier.clock.release(thread.knowledge);
  if (isComplete(*thread.block, barrier)) {
    complete(*thread.block, barrier, waits ? &thread : nullptr);
    return true;
  }
  if (waits)
    barrier.waiters.push_back(&thread);
  return !waits;
}

Void peermla::sim::abi::peermla_sim_barrier_sync(I32 id, I32 count, I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  thread.cluster->counting.add(site, &Counters::blockBarriers, 1);
  NamedBarrier *barrier = getBarrier(thread, id, count, site);
  if (!barrier || arrive(thread, *barrier, false, /*waits=*/true))
    return;
  thread.cluster->counting.add(site, &Counters::barrierWaits, 1);
  thread.cluster->wait(thread, "bar.sync", site);
}

Void peermla::sim::abi::peermla_sim_barrier_arrive(I32 id, I32 count,
                                                   I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  if (count == 0) {
    thread.cluster->report(ReportKind::Barrier, &thread, site,
                           "barrier.arrive needs a number of threads");
    return;
  }
  if (NamedBarrier *barrier = getBarrier(thread, id, count, site))
    arrive(thread, *barrier, false, /*waits=*/false);
}

I32 peermla::sim::abi::peermla_sim_barrier_reduce(I32 kind, I32 id, I32 count,
                                                  I32 predicate, I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  thread.cluster->counting.add(site, &Counters::blockBarriers, 1);
  NamedBarrier *barrier = getBarrier(thread, id, count, site);
  if (!barrier || kind > uint32_t(BarrierReduction::Or))
    return 0;
  if (!arrive(thread, *barrier, predicate != 0, /*waits=*/true)) {
    thread.cluster->counting.add(site, &Counters::barrierWaits, 1);
    thread.cluster->wait(thread, "bar.red", site);
  }
  // The next phase cannot complete before all have read this one's result:
  // completing it takes the same threads.
  return barrier->result[kind];
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

static void completeCluster(Cluster &cluster) {
  cluster.progress();
  cluster.clusterArrived = 0;
  ++cluster.clusterPhase;
  if (cluster.races) {
    cluster.clusterClock.seal();
    cluster.clusterCompleted = cluster.clusterClock;
    cluster.clusterClock.clear();
  }
  for (Thread *waiter : cluster.clusterWaiters)
    cluster.wake(*waiter);
  cluster.clusterWaiters.clear();
}

void peermla::sim::leaveClusterBarrier(Cluster &cluster, uint32_t unfinished) {
  if (cluster.clusterArrived && cluster.clusterArrived >= unfinished)
    completeCluster(cluster);
}

Void peermla::sim::abi::peermla_sim_cluster_arrive(I32 relaxed, I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  Cluster &cluster = *thread.cluster;
  if (thread.inClusterBarrier) {
    cluster.report(ReportKind::Barrier, &thread, site,
                   "cluster.arrive twice without cluster.wait");
    return;
  }
  cluster.progress();
  thread.inClusterBarrier = true;
  thread.clusterPhase = cluster.clusterPhase;
  if (cluster.races && !relaxed)
    cluster.clusterClock.release(thread.knowledge);
  if (++cluster.clusterArrived >= cluster.getUnfinished())
    completeCluster(cluster);
}

Void peermla::sim::abi::peermla_sim_cluster_wait(I32 site) {
  Thread &thread = enter(InstructionClass::Barrier, site);
  Cluster &cluster = *thread.cluster;
  if (!thread.inClusterBarrier) {
    cluster.report(ReportKind::Barrier, &thread, site,
                   "cluster.wait without cluster.arrive");
    return;
  }
  while (thread.clusterPhase == cluster.clusterPhase) {
    cluster.counting.add(site, &Counters::barrierWaits, 1);
    cluster.clusterWaiters.push_back(&thread);
    cluster.wait(thread, "barrier.cluster.wait", site);
  }
  thread.inClusterBarrier = false;
  if (cluster.races)
    cluster.clusterCompleted.acquire(thread.knowledge);
}
