//===- Scheduler.cpp - whose turn it is -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A queue of threads that can run, first in, first out, or in random order. If
// it is empty, something asynchronous happens: a copy in flight lands, then
// waits with a time limit end. If nothing of that helps, it is a deadlock.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>

using namespace peermla::sim;

thread_local Thread *peermla::sim::currentThread = nullptr;

/// Waits with a time limit may all end in vain so often before they count as a
/// deadlock.
static constexpr uint32_t kMaxStalls = 64;
/// In random order, one turn in so many lets a copy land.
static constexpr uint32_t kTurnsPerCopy = 64;

void Cluster::fiberMain() {
  Thread &thread = *currentThread;
  startFiber(thread.cluster->scheduler);
  thread.cluster->state.launch.kernel->entry(
      thread.cluster->state.launch.arguments);
  thread.cluster->endThread(thread);
}

void Cluster::endThread(Thread &thread) {
  thread.state = Thread::Done;
  thread.context.switchTo(scheduler, /*dies=*/true);
  __builtin_unreachable();
}

void Cluster::wait(Thread &thread, const char *what, uint32_t site,
                   bool timed) {
  thread.waitsFor = what;
  thread.waitSite = site;
  thread.timedOut = false;
  thread.polls = 0;
  thread.state = timed ? Thread::WaitingTimed : Thread::Waiting;
  thread.context.switchTo(scheduler);
}

void Cluster::wake(Thread &thread) {
  if (thread.state != Thread::Waiting && thread.state != Thread::WaitingTimed)
    return;
  thread.state = Thread::Ready;
  queue.push_back(&thread);
}

void Cluster::yield(Thread &thread) {
  thread.state = Thread::Waiting;
  wake(thread);
  thread.context.switchTo(scheduler);
}

void Cluster::loop() {
  abandoned = false;
  while (!state.stop.load(std::memory_order_relaxed)) {
    if (queueHead == queue.size()) {
      queue.clear();
      queueHead = 0;
      if (unfinished == 0)
        return;
      if (performOne() || wakeTimed() || waitForOthers())
        continue;
      reportDeadlock();
      break;
    }
    if (runsRandomly) {
      uint32_t ready = uint32_t(queue.size() - queueHead);
      std::swap(queue[queueHead], queue[queueHead + random.below(ready)]);
      if (options.async == Async::Random && random.below(kTurnsPerCopy) == 0)
        performOne();
    }
    Thread &thread = *queue[queueHead++];
    ++steps;
    // The next ones will be needed soon.
    if (queueHead + 1 < queue.size()) {
      __builtin_prefetch(queue[queueHead + 1], /*rw=*/1);
      queue[queueHead]->context.prefetch();
    }
    currentThread = &thread;
    scheduler.switchTo(thread.context);
    if (thread.state == Thread::Done)
      finish(thread);
    // The queue moves on through its vector; do not let it grow for ever.
    if (queueHead > 4096 && queueHead * 2 > queue.size()) {
      queue.erase(queue.begin(), queue.begin() + queueHead);
      queueHead = 0;
    }
  }
  abandoned = true;
}

bool Cluster::performOne() {
  if (!bulkOperations.empty()) {
    size_t i = options.async == Async::Random
                   ? random.below(uint32_t(bulkOperations.size()))
                   : 0;
    BulkOperation operation = bulkOperations[i];
    bulkOperations.erase(bulkOperations.begin() + i);
    perform(*this, operation);
    progress();
    return true;
  }
  // Arrivals that follow copies of a thread happen without it.
  for (Thread &thread : threads)
    for (const PendingCopy &copy : thread.copies.pending)
      if (copy.barrier) {
        performCopies(thread, ~0u);
        progress();
        return true;
      }
  return false;
}

bool Cluster::wakeTimed() {
  if (++stalls > kMaxStalls)
    return false;
  bool found = false;
  for (Thread &thread : threads) {
    if (thread.state != Thread::WaitingTimed)
      continue;
    wake(thread);
    thread.timedOut = true;
    found = true;
  }
  return found;
}

bool Cluster::waitForOthers() {
  bool polls =
      std::any_of(threads.begin(), threads.end(), [](const Thread &thread) {
        return thread.state == Thread::WaitingTimed && thread.pollsGlobal;
      });
  if (!polls || state.numClusters == 1)
    return false;
  using I = InstructionClass;
  uint64_t work = 0;
  for (I kind : {I::StoreGlobal, I::LoadShared, I::StoreShared, I::Barrier,
                 I::Collective, I::Mma, I::Wgmma, I::CopyAsync, I::Tma})
    work += counting.total.instructions[uint32_t(kind)];
  bool hasProgressed = std::exchange(workAtStall, work) != work;
  if (!state.residents.wait(this, hasProgressed))
    return false;
  progress();
  return wakeTimed();
}

void Cluster::finish(Thread &thread) {
  progress();
  --unfinished;
  Block &block = *thread.block;
  --block.running;
  thread.warp->exited |= 1u << thread.lane;
  leaveMeetings(thread);
  leaveBarriers(block);
  leaveClusterBarrier(*this, unfinished);
}

//===----------------------------------------------------------------------===//
// Deadlocks
//===----------------------------------------------------------------------===//

/// `0-31, 64`
static std::string printRanges(const std::vector<uint32_t> &numbers) {
  std::string out;
  for (size_t i = 0; i < numbers.size();) {
    size_t j = i;
    while (j + 1 < numbers.size() && numbers[j + 1] == numbers[j] + 1)
      ++j;
    if (i)
      out += ", ";
    out += std::to_string(numbers[i]);
    if (j > i)
      out += "-" + std::to_string(numbers[j]);
    i = j + 1;
  }
  return out;
}

static std::string printBarrier(const NamedBarrier &barrier, uint32_t id,
                                const Block &block) {
  return "barrier " + std::to_string(id) + ": " +
         std::to_string(barrier.arrived) + " of " +
         std::to_string(barrier.expected ? barrier.expected : block.running) +
         " threads";
}

void Cluster::reportDeadlock() {
  Report deadlock;
  deadlock.kind = ReportKind::Deadlock;
  deadlock.message = "no thread can run, " + std::to_string(unfinished) +
                     (unfinished == 1 ? " waits" : " wait");
  const KernelDescriptor &kernel = *state.launch.kernel;
  for (Block &block : blocks) {
    std::string where =
        blocks.size() > 1 ? " of block rank " + std::to_string(block.rank) : "";
    struct Group {
      const char *what;
      uint32_t site;
      std::vector<uint32_t> threads;
    };
    std::vector<Group> groups;
    for (uint32_t i = 0; i < state.numThreads; ++i) {
      const Thread &thread = block.threads[i];
      if (thread.state == Thread::Done)
        continue;
      auto it = std::find_if(groups.begin(), groups.end(), [&](const Group &g) {
        return g.what == thread.waitsFor && g.site == thread.waitSite;
      });
      if (it == groups.end())
        it = groups.insert(it, {thread.waitsFor, thread.waitSite, {}});
      it->threads.push_back(i);
    }
    for (const Group &group : groups) {
      if (deadlock.site == kNoSite) {
        deadlock.site = group.site;
        deadlock.block = block.id;
      }
      std::string note =
          std::to_string(group.threads.size()) +
          (group.threads.size() == 1 ? " thread (" : " threads (") +
          printRanges(group.threads) + ")" + where + " in " +
          (group.what ? group.what : "nothing");
      if (group.site < kernel.numSites)
        note += std::string(" at ") + kernel.sites[group.site].op + " " +
                kernel.sites[group.site].location;
      deadlock.notes.push_back(note);
    }
    for (uint32_t id = 0; id < Block::kNumBarriers; ++id)
      if (block.barriers[id].arrived)
        deadlock.notes.push_back(printBarrier(block.barriers[id], id, block) +
                                 where);
  }
  std::vector<std::string> notes;
  for (const auto &[address, barrier] : mbarriers.getAll())
    if (barrier.live && !barrier.waiters.empty())
      notes.push_back(describe(barrier));
  std::sort(notes.begin(), notes.end());
  deadlock.notes.insert(deadlock.notes.end(), notes.begin(), notes.end());
  report(std::move(deadlock));
}
