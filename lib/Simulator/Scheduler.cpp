//===- Scheduler.cpp - whose turn it is -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A queue of threads that can run, first in, first out, or in random order. If
// it is empty, something asynchronous happens: a copy in flight lands; other
// clusters have a turn, if a thread polls global memory; waits with a time
// limit end. If nothing of that helps, it is a deadlock.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstring>
#include <utility>

using namespace peermla::sim;

thread_local Thread *peermla::sim::currentThread = nullptr;

/// Waits with a time limit may all end in vain so often before they count as a
/// deadlock.
static constexpr uint32_t kMaxStalls = 512;
/// In random order, one turn in so many lets a copy land.
static constexpr uint32_t kTurnsPerCopy = 64;
/// In random order, one strong access of global memory in so many lets another
/// cluster run.
static constexpr uint32_t kAccessesPerTurn = 8;
/// Accesses that find memory unchanged, before a thread lets others run; and
/// when none could.
static constexpr uint32_t kMaxPolls = 64, kPollsPerStall = 8;
/// Strong reads, each of something else than the one before, that count as
/// progress: loops may also poll several addresses.
static constexpr uint32_t kMaxFreshReads = 1 << 20;

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

Cluster::Turn Cluster::loop() {
  if (std::exchange(isStuck, false)) {
    stalls = 0;
    wakeTimed();
  }
  while (!state.stop.load(std::memory_order_relaxed)) {
    if (queueHead == queue.size()) {
      queue.clear();
      queueHead = 0;
      if (unfinished == 0)
        return Turn::Finished;
      if (performOne())
        continue;
      isStuck = mayWaitForOthers();
      if (isStuck)
        return Turn::Waits;
      if (wakeTimed())
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
    if (ending != Turn::Finished)
      return std::exchange(ending, Turn::Finished);
  }
  return Turn::Abandoned;
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

bool Cluster::mayWaitForOthers() const {
  return takesTurns &&
         std::any_of(threads.begin(), threads.end(), [](const Thread &thread) {
           return thread.state == Thread::WaitingTimed && thread.pollsGlobal;
         });
}

uint64_t Cluster::countChanges() const {
  using I = InstructionClass;
  const auto &counts = counting.total.instructions;
  return strongAccesses + numEnded + counts[uint32_t(I::StoreGlobal)] +
         counts[uint32_t(I::Tma)];
}

Cluster::Activity Cluster::takeActivity() {
  uint64_t changes = countChanges();
  bool outside = std::exchange(changesSeen, changes) != changes;
  bool inside = std::exchange(eventsSeen, events) != events;
  return outside  ? Activity::Outside
         : inside ? Activity::Inside
                  : Activity::None;
}

void Cluster::poll(Thread &thread, const void *address, uint32_t size,
                   bool write, bool shared, uint32_t site) {
  uint64_t bits = 0;
  memcpy(&bits, address, std::min<size_t>(size, sizeof(bits)));
  // A write that finds what was there last time is a failed exchange or the
  // addition of zero.
  bool isVain = std::exchange(thread.polledAddress, address) == address &&
                bits == thread.polledBits;
  thread.polledBits = bits;
  if (write && !isVain)
    progress();
  else if (!write && !isVain && freshReads < kMaxFreshReads) {
    ++freshReads;
    stalls = 0;
  } else {
    isVain = true;
  }
  bool asksOthers = takesTurns && !shared;
  ++thread.polls;
  if (!isVain) {
    thread.vainPolls = 0;
    strongAccesses += !shared;
    bool pauses = thread.polls > kMaxPolls;
    if (pauses)
      thread.polls = 0;
    if (asksOthers && runsRandomly)
      pauses = random.below(kAccessesPerTurn) == 0;
    if (pauses)
      yield(thread, asksOthers ? Turn::Pauses : Turn::Finished);
    return;
  }
  ++thread.vainPolls;
  if (thread.polls > kMaxPolls) {
    thread.pollsGlobal = !shared;
    wait(thread, "a loop of atomic accesses", site, /*timed=*/true);
    thread.pollsGlobal = false;
    thread.vainPolls = 0;
    if (thread.timedOut)
      thread.polls = kMaxPolls - kPollsPerStall;
  } else if (asksOthers && thread.vainPolls > kMaxPolls) {
    // The threads of the block meet at a barrier between two polls.
    thread.vainPolls = 0;
    yield(thread, Turn::Waits);
  }
}

void Cluster::finish(Thread &thread) {
  progress();
  ++numEnded;
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

void Cluster::reportDeadlock(const std::string &note) {
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
  if (!note.empty())
    deadlock.notes.push_back(note);
  report(std::move(deadlock));
}
