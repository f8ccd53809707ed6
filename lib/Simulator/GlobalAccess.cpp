//===- GlobalAccess.cpp - races in global memory --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is recorded of accesses of global memory, and the reports. Clusters and
// threads may write the same value without order: a store happens right behind
// its check, so that the next access of the cluster can tell whether it changed
// anything.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <cstring>

using namespace peermla::sim;

static std::string printBlock(const Cluster &cluster, uint32_t index) {
  const Dim3 &grid = cluster.state.launch.grid,
             &size = cluster.state.launch.cluster;
  uint32_t x = grid.x / size.x, y = grid.y / size.y;
  std::string text = "block (" + std::to_string(index % x * size.x) + "," +
                     std::to_string(index / x % y * size.y) + "," +
                     std::to_string(index / (x * y) * size.z) + ")";
  return cluster.blocks.size() > 1 ? "the cluster of " + text : text;
}

static const char *getText(Conflict::Kind kind) {
  switch (kind) {
  case Conflict::WriteAfterWrite:
    return "write beside an unordered write";
  case Conflict::WriteAfterRead:
    return "write beside an unordered read";
  default:
    return "read beside an unordered write";
  }
}

void Cluster::touchGlobal(const Thread *thread, const void *address,
                          uint32_t size, bool write, bool strong, uint32_t site,
                          const void *values) {
  if (!globalRaces)
    return;
  const Region *region = state.regions.find(address, size, write, regionCache);
  if (!region || region->readOnly)
    return;
  GlobalConflict conflict = state.globalShadow.access(
      address, size, write, strong, site, globalKnowledge, globalCache);
  if (conflict.kind == Conflict::None ||
      (values && memcmp(address, values, size) == 0))
    return;
  Report race;
  race.kind = ReportKind::Race;
  race.other = printBlock(*this, conflict.cluster);
  race.message = std::string(getText(conflict.kind)) + " by " + race.other +
                 ", global memory at offset " +
                 std::to_string(conflict.address - region->begin) + " of '" +
                 region->name + "'";
  race.site = site;
  race.otherSite = conflict.site;
  if (thread) {
    race.block = thread->block->id;
    race.thread = thread->index;
  }
  reportRace(std::move(race), address, size, write && !strong && !values);
}

void Cluster::touchGlobal(Thread &thread, const void *address, uint32_t size,
                          bool write, bool strong, bool strongOutside,
                          uint32_t site) {
  touchGlobal(&thread, address, size, write, strongOutside, site);
  if (!threadRaces || pendingWrite.address)
    return;
  const Region *region = state.regions.find(address, size, write, regionCache);
  if (!region || region->readOnly)
    return;
  ThreadActor actor(thread, site, strong);
  Conflict conflict = threadShadow.access(address, size, write, actor);
  if (conflict.kind == Conflict::None)
    return;
  uint64_t offset = reinterpret_cast<uintptr_t>(address) - region->begin;
  Report race;
  race.kind = ReportKind::Race;
  race.other = agents.getName(conflict.agent);
  race.message = std::string(getText(conflict.kind)) + " by " + race.other +
                 ", global memory at offset " +
                 std::to_string(offset + conflict.offset) + " of '" +
                 region->name + "'";
  race.site = site;
  race.otherSite = conflict.site;
  race.block = thread.block->id;
  race.thread = thread.index;
  reportRace(std::move(race), address, size, write && !strong);
}

void Cluster::reportRace(Report race, const void *address, uint32_t size,
                         bool mayBeVain) {
  if (!mayBeVain || size > PendingWrite::kMaxSize)
    return report(std::move(race));
  pendingWrite.address = address;
  pendingWrite.size = size;
  memcpy(pendingWrite.old, address, size);
  pendingWrite.report = std::move(race);
}

void Cluster::finishAccess() {
  if (const void *acquired = std::exchange(pendingAcquire, nullptr))
    if (globalRaces)
      state.globalShadow.acquire(acquired, globalKnowledge);
  const void *address = std::exchange(pendingWrite.address, nullptr);
  if (address && memcmp(address, pendingWrite.old, pendingWrite.size) != 0)
    report(std::move(pendingWrite.report));
}
