//===- Residents.cpp - clusters that take turns ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Residents.h"
#include "Machine.h"
#include <algorithm>

using namespace peermla::sim;

/// An H100 has 132 multiprocessors.
static constexpr size_t kMaxResidents = 256;
/// In random order so many are in the middle of their work, even if none waits
/// for another.
static constexpr size_t kMaxInterleaved = 4;
/// What a turn that ended in a wait counts if nothing happened in it, against
/// one in which only the cluster itself can see what happened: threads met at a
/// barrier in order to poll again, or calculated.
static constexpr uint64_t kIdleWeight = 2;
/// Of each resident, after which it is a deadlock.
static constexpr uint64_t kMaxQuietWeight = 512;

Residents::Residents(LaunchState &state, size_t stackBytes)
    : state(state), stackBytes(stackBytes), random(state.options.seed) {}

Residents::~Residents() = default;

bool Residents::mayBegin() const {
  return active.size() < kMaxResidents &&
         state.nextCluster.load(std::memory_order_relaxed) < state.numClusters;
}

bool Residents::begin() {
  if (!mayBegin())
    return false;
  uint64_t index = state.nextCluster++;
  if (index >= state.numClusters)
    return false;
  if (spare.empty()) {
    Mapping arenas = Mapping::getArenas(state.numBlocks);
    size_t bytes = stackBytes * state.numBlocks * state.numThreads;
    Mapping stacks = Mapping::getStacks(bytes);
    if (!arenas || !stacks) {
      error = arenas ? "the system has no memory for " + std::to_string(bytes) +
                           " bytes of stacks"
                     : "the system has no address space for shared memory "
                       "below 4 GiB";
      state.stop = true;
      return false;
    }
    all.push_back(std::make_unique<Cluster>(state, std::move(arenas),
                                            std::move(stacks), stackBytes));
    spare.push_back(all.back().get());
  }
  Cluster &cluster = *spare.back();
  spare.pop_back();
  cluster.begin(index);
  active.insert(active.begin(), &cluster);
  quietTurns = quietWeight = 0;
  return true;
}

void Residents::beginRound() {
  next = 0;
  bool isRandom = state.runsRandomly() && state.launch.kernel->communicates;
  if (active.empty() || quietTurns >= active.size() ||
      (isRandom && active.size() < kMaxInterleaved))
    begin();
  if (isRandom)
    for (size_t i = active.size(); i > 1; --i)
      std::swap(active[i - 1], active[random.below(uint32_t(i))]);
}

uint64_t Residents::run() {
  uint64_t finished = 0;
  while (!state.stop.load(std::memory_order_relaxed)) {
    if (next == active.size()) {
      beginRound();
      if (active.empty())
        break;
      continue;
    }
    Cluster &cluster = *active[next];
    Cluster::Turn turn = cluster.takeTurn();
    if (turn == Cluster::Turn::Finished || turn == Cluster::Turn::Abandoned) {
      finished += turn == Cluster::Turn::Finished;
      active.erase(active.begin() + next);
      spare.push_back(&cluster);
      quietTurns = quietWeight = 0;
      continue;
    }
    ++next;
    Cluster::Activity activity = cluster.takeActivity();
    if (activity == Cluster::Activity::Outside) {
      quietTurns = quietWeight = 0;
      continue;
    }
    ++quietTurns;
    if (turn == Cluster::Turn::Pauses)
      continue;
    quietWeight += activity == Cluster::Activity::None ? kIdleWeight : 1;
    if (quietWeight > kMaxQuietWeight * active.size() && !mayBegin())
      reportDeadlock();
  }
  for (Cluster *cluster : active)
    cluster->abandon();
  active.clear();
  return finished;
}

void Residents::reportDeadlock() {
  std::string note;
  if (active.size() == kMaxResidents)
    note = "only " + std::to_string(kMaxResidents) + " of " +
           std::to_string(state.numClusters) +
           (state.numBlocks > 1 ? " clusters" : " blocks") +
           " are resident at a time";
  for (Cluster *cluster : active)
    cluster->reportDeadlock(note);
  state.stop = true;
}

void Residents::collect(Result &result, std::vector<Report> &reports) {
  for (const std::unique_ptr<Cluster> &cluster : all) {
    result.total.add(cluster->counting.total);
    result.sites.resize(cluster->counting.sites.size());
    for (size_t i = 0; i < result.sites.size(); ++i)
      result.sites[i].add(cluster->counting.sites[i]);
    for (Report &report : cluster->reporter.reports)
      reports.push_back(std::move(report));
  }
}
