//===- Cluster.cpp - the life of a cluster --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes blocks, warps and threads ready, runs them, and looks at what they
// leave behind.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;

/// A thread that has executed so many instructions lets others run: it may be
/// in a loop that looks at memory in a way that is no polling.
static constexpr uint64_t kSlice = 1 << 20;

/// The next number of instructions at which to look what the thread does.
static uint64_t getSliceEnd(const Options &options, uint64_t instructions) {
  uint64_t end = instructions + kSlice;
  return options.instructionLimit ? std::min(options.instructionLimit, end)
                                  : end;
}

void Thread::reset(uint32_t threadIndex) {
  index = threadIndex;
  lane = threadIndex % kWarpSize;
  state = Ready;
  timedOut = leads = fencedMemory = inClusterBarrier = false;
  waitsFor = nullptr;
  waitSite = kNoSite;
  instructions = 0;
  polls = vainPolls = 0;
  knowledge = Knowledge();
  numStrong = 0;
  polledAddress = nullptr;
  pollsGlobal = false;
  copies = CopyState();
  bulk = BulkState();
  wgmma.fences = 1;
  wgmma.fenced = false;
  wgmma.slots.clear();
  wgmma.free.clear();
}

Cluster::Cluster(LaunchState &state, Mapping arenas, Mapping stacks,
                 size_t stackBytes)
    : state(state), options(state.options), races(options.checkRaces),
      init(options.checkInit), bounds(options.checkBounds),
      globalRaces(options.checkRaces && state.numClusters > 1 &&
                  state.numClusters <= GlobalShadow::kMaxClusters),
      threadRaces(options.checkRaces && state.numBlocks * state.numThreads > 1),
      arenas(std::move(arenas)), stacks(std::move(stacks)),
      stackBytes(stackBytes), runsRandomly(state.runsRandomly()),
      takesTurns(state.launch.kernel->communicates), blocks(state.numBlocks),
      threads(size_t(state.numBlocks) * state.numThreads) {
  if (options.countAccesses)
    counting.sites.resize(state.launch.kernel->numSites);
  for (uint32_t rank = 0; rank < blocks.size(); ++rank) {
    Block &block = blocks[rank];
    block.cluster = this;
    block.rank = rank;
    block.shared = this->arenas.getData() + size_t(rank) * kArenaBytes;
    block.threads = &threads[size_t(rank) * state.numThreads];
    block.warps.resize((state.numThreads + kWarpSize - 1) / kWarpSize);
    block.warpgroups.resize(state.numThreads / kWarpgroupSize);
  }
}

void Cluster::prepareBlocks() {
  const Dim3 &size = state.launch.cluster;
  agents.reset(state.numBlocks, state.numThreads);
  for (Block &block : blocks) {
    uint32_t rank = block.rank;
    block.id = {id.x * size.x + rank % size.x,
                id.y * size.y + rank / size.x % size.y,
                id.z * size.z + rank / (size.x * size.y)};
    block.running = state.numThreads;
    block.freeRegisters = 0;
    block.registerWaiters.clear();
    // bf16 and f32 NaN: a read too early shows in results, too.
    memset(block.shared, 0xff, state.sharedBytes);
    block.shadow.reset(state.sharedBytes, races, init);
    for (NamedBarrier &barrier : block.barriers)
      barrier = NamedBarrier();
    for (uint32_t i = 0; i < block.warps.size(); ++i) {
      Warp &warp = block.warps[i];
      warp = Warp();
      warp.block = &block;
      warp.index = i;
      uint32_t lanes = std::min(kWarpSize, state.numThreads - i * kWarpSize);
      warp.lanes = lanes == kWarpSize ? ~0u : (1u << lanes) - 1;
      warp.registers = state.launchRegisters;
    }
    for (uint32_t i = 0; i < block.warpgroups.size(); ++i) {
      Warpgroup &group = block.warpgroups[i];
      group.block = &block;
      group.index = i;
      group.arrived = group.completed = group.uncommitted = 0;
      group.group = 1;
      for (auto &operation : group.operations)
        group.spare.push_back(std::move(operation));
      group.operations.clear();
      std::fill(group.agents, group.agents + 4, kNoAgent);
    }
    for (uint32_t i = 0; i < state.numThreads; ++i) {
      Thread &thread = block.threads[i];
      thread.reset(i);
      thread.sliceEnd = getSliceEnd(options, 0);
      thread.cluster = this;
      thread.block = &block;
      thread.warp = &block.warps[i / kWarpSize];
      uint32_t group = i / kWarpgroupSize;
      thread.warpgroup =
          group < block.warpgroups.size() ? &block.warpgroups[group] : nullptr;
      uint32_t number = rank * state.numThreads + i;
      thread.knowledge.agent = number;
      thread.stackLimit = getStack(number) + kStackReserve;
      thread.context.prepare(getStack(number), stackBytes, number,
                             &Cluster::fiberMain);
    }
  }
}

void Cluster::begin(uint64_t clusterIndex) {
  index = clusterIndex;
  const Dim3 &grid = state.launch.grid, &size = state.launch.cluster;
  uint32_t x = grid.x / size.x, y = grid.y / size.y;
  id = {uint32_t(index % x), uint32_t(index / x % y),
        uint32_t(index / (uint64_t(x) * y))};
  random = Random(options.seed * 0x9e3779b97f4a7c15 + index);
  mbarriers.clear();
  bulkOperations.clear();
  accumulators.clear();
  atomicClocks.clear();
  globalKnowledge.reset(index);
  threadShadow.reset();
  pendingAcquire = nullptr;
  clusterArrived = 0;
  clusterPhase = 0;
  clusterClock.clear();
  clusterWaiters.clear();
  stalls = 0;
  freshReads = 0;
  ending = Turn::Finished;
  isStuck = false;
  changesSeen = countChanges();
  eventsSeen = events;
  prepareBlocks();
  queue.clear();
  queueHead = 0;
  for (Thread &thread : threads)
    queue.push_back(&thread);
  unfinished = uint32_t(threads.size());
}

Cluster::Turn Cluster::takeTurn() {
  Turn turn = loop();
  currentThread = nullptr;
  finishAccess();
  if (turn == Turn::Finished)
    reportLeftovers();
  if (turn == Turn::Finished || turn == Turn::Abandoned)
    counting.flush();
  return turn;
}

void Cluster::abandon() {
  finishAccess();
  counting.flush();
}

void Cluster::reportLeftovers() {
  for (const BulkOperation &operation : bulkOperations)
    if (operation.barrier)
      report(ReportKind::Exit, *operation.block, operation.site,
             "the block ends with a copy into its shared memory in flight");
  // Stores complete after the end of a kernel; that their source was still
  // there is what finishBlock checks.
  while (!bulkOperations.empty()) {
    BulkOperation operation = bulkOperations.front();
    bulkOperations.pop_front();
    if (!operation.barrier)
      perform(*this, operation);
  }
  for (Block &block : blocks)
    finishBlock(block);
  std::vector<const MBarrier *> open;
  for (const auto &[address, barrier] : mbarriers.getAll())
    if (barrier.live && (barrier.getPending() != barrier.getExpected() ||
                         barrier.getTransactions()))
      open.push_back(&barrier);
  std::sort(open.begin(), open.end(), [](const auto *a, const auto *b) {
    return a->block->rank != b->block->rank ? a->block->rank < b->block->rank
                                            : a->offset < b->offset;
  });
  for (const MBarrier *barrier : open)
    report(ReportKind::Exit, *barrier->block, barrier->initSite,
           "the block ends in the middle of a phase of the " +
               describe(*barrier));
}

void Cluster::finishBlock(Block &block) {
  for (uint32_t i = 0; i < Block::kNumBarriers; ++i) {
    const NamedBarrier &barrier = block.barriers[i];
    if (barrier.arrived)
      report(ReportKind::Exit, block, barrier.site,
             "the block ends with " + std::to_string(barrier.arrived) + " of " +
                 std::to_string(barrier.expected) +
                 " threads arrived at barrier " + std::to_string(i));
  }
  for (const Warpgroup &group : block.warpgroups)
    if (!group.operations.empty())
      report(ReportKind::Exit, block, group.operations.front()->site,
             "the block ends with wgmma operations of warpgroup " +
                 std::to_string(group.index) + " that nothing waited for");
  for (uint32_t i = 0; i < state.numThreads; ++i) {
    const Thread &thread = block.threads[i];
    const CopyState &copies = thread.copies;
    if (copies.lastEpoch > copies.covered)
      report(
          ReportKind::Exit, &thread, copies.lastSite,
          "the thread ends with copies by cp.async that it did not wait for");
    const BulkState &bulk = thread.bulk;
    if (bulk.uncommitted || bulk.group - 1 > bulk.waited)
      report(ReportKind::Exit, &thread, bulk.lastSite,
             "the thread ends while its bulk stores may still read shared "
             "memory: nothing waited for their group");
    if (thread.inClusterBarrier)
      report(ReportKind::Exit, &thread, kNoSite,
             "the thread ends between cluster.arrive and cluster.wait");
  }
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

void Cluster::report(Report report) {
  if (!reporter.add(std::move(report)))
    return;
  if (state.numReports.fetch_add(1) + 1 >= options.errorLimit)
    state.stop = true;
}

void Cluster::report(ReportKind kind, const Thread *thread, uint32_t site,
                     std::string message, uint32_t otherSite) {
  Report report;
  report.kind = kind;
  report.site = site;
  report.otherSite = otherSite;
  report.message = std::move(message);
  if (thread) {
    report.block = thread->block->id;
    report.thread = thread->index;
  }
  this->report(std::move(report));
}

void Cluster::report(ReportKind kind, const Block &block, uint32_t site,
                     std::string message) {
  Report report;
  report.kind = kind;
  report.site = site;
  report.message = std::move(message);
  report.block = block.id;
  this->report(std::move(report));
}

void peermla::sim::reportStackOverflow(Thread &thread, uint32_t site) {
  Cluster &cluster = *thread.cluster;
  cluster.report(ReportKind::Trap, &thread, site,
                 "the thread needs more stack than its " +
                     std::to_string(cluster.stackBytes) + " bytes");
  cluster.state.stop = true;
  cluster.endThread(thread);
}

void peermla::sim::endSlice(Thread &thread, uint32_t site) {
  Cluster &cluster = *thread.cluster;
  uint64_t limit = cluster.options.instructionLimit;
  if (!limit || thread.instructions < limit) {
    thread.sliceEnd = getSliceEnd(cluster.options, thread.instructions);
    return cluster.yield(thread, Cluster::Turn::Pauses);
  }
  cluster.report(ReportKind::Trap, &thread, site,
                 "the thread has executed " +
                     std::to_string(thread.instructions) +
                     " instructions, the limit");
  cluster.state.stop = true;
  cluster.endThread(thread);
}
