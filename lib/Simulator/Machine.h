//===- Machine.h - the state of a running cluster -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//     Cluster   what one operating-system thread runs, in turns with others
//       Block     a shared-memory arena, named barriers, threads
//         Warpgroup  wgmma operations in flight
//         Warp       lanes that meet in collective instructions
//         Thread     a fiber, its clocks, its own asynchronous copies
//
// An instruction is a function of Abi.def. It begins with `enter`, which finds
// the calling thread and counts, and may call `Cluster::wait`, which suspends
// the thread until `Cluster::wake`. A thread may be abandoned while it waits
// (deadlock, error limit): nothing on its stack may own memory then.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_MACHINE_H
#define PEERMLA_LIB_SIMULATOR_MACHINE_H

#include "Clock.h"
#include "CopyAsync.h"
#include "Counting.h"
#include "Fiber.h"
#include "GlobalShadow.h"
#include "MBarrier.h"
#include "Mappings.h"
#include "Random.h"
#include "Regions.h"
#include "Reporter.h"
#include "Shadow.h"
#include "ThreadShadow.h"
#include "Wgmma.h"
#include <atomic>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace peermla::sim {

struct Block;
struct Cluster;
struct Warp;
struct Warpgroup;

constexpr uint32_t kWarpSize = 32;
constexpr uint32_t kWarpgroupSize = 128;

/// What a switch needs comes first: with a thousand threads each switch finds
/// its lines in no cache.
struct alignas(64) Thread {
  enum State : uint8_t {
    Ready,
    /// Until somebody calls `wake`.
    Waiting,
    /// Until somebody calls `wake`, or nothing else can run.
    WaitingTimed,
    Done
  };

  Context context;
  /// Where its stack leaves too little for the runtime.
  char *stackLimit = nullptr;
  Cluster *cluster = nullptr;
  Block *block = nullptr;
  /// What it waits for, for deadlock reports: a literal and the op.
  const char *waitsFor = nullptr;
  uint32_t waitSite = kNoSite;
  State state = Ready;
  /// The last wait ended because nothing else could run.
  bool timedOut = false;
  /// It leads the meeting that it waits in: the last of the others has ended.
  bool leads = false;
  /// A fence.acq_rel has been executed: relaxed atomics order memory.
  bool fencedMemory = false;
  /// Executed ones, and at how many others must have a turn.
  uint64_t instructions = 0, sliceEnd = 0;
  /// Atomic and volatile accesses since it last waited; those of them that
  /// found global memory as it was, since it last waited for nobody else.
  uint32_t polls = 0, vainPolls = 0;
  /// In the block, and in the warp.
  uint32_t index = 0, lane = 0;
  Warp *warp = nullptr;
  /// Null for threads beyond the last whole warpgroup.
  Warpgroup *warpgroup = nullptr;
  Knowledge knowledge;

  /// Operands of the collective instruction that it is in.
  void *pointers[4] = {};
  uint64_t words[4] = {};

  /// Addresses of strong accesses since the last fence, which acquires what
  /// they saw.
  static constexpr uint32_t kMaxStrong = 4;
  const void *strongAccesses[kMaxStrong] = {};
  uint32_t numStrong = 0;
  /// What it polled last, and the bits that were there.
  const void *polledAddress = nullptr;
  uint64_t polledBits = 0;
  bool pollsGlobal = false;

  CopyState copies;
  BulkState bulk;
  WgmmaThread wgmma;
  /// cluster_arrive without its wait.
  bool inClusterBarrier = false;
  uint64_t clusterPhase = 0;

  void reset(uint32_t index);
};

/// Lanes of a warp that meet in one instruction.
struct Meeting {
  uint32_t mask = 0, arrived = 0;
  uint32_t kind = 0, site = 0;
};

struct Warp {
  /// A lane waits in one at a time.
  static constexpr uint32_t kMaxMeetings = 32;
  Block *block = nullptr;
  uint32_t index = 0;
  /// Lanes that exist, and those of them that have ended.
  uint32_t lanes = 0, exited = 0;
  /// One per mask. Masks may overlap: a lane that others wait for is in another
  /// one first.
  Meeting meetings[kMaxMeetings];
  uint32_t numMeetings = 0;
  SyncClock clock;

  Thread &getLane(uint32_t lane) const;
  /// The lanes of `mask` that exist and have not ended.
  uint32_t getLive(uint32_t mask) const { return mask & lanes & ~exited; }
  /// setmaxnreg of its lanes, 0 before the first.
  uint32_t registers = 0;
};

/// A named barrier of a block.
struct NamedBarrier {
  uint32_t arrived = 0, expected = 0, site = kNoSite;
  /// For barrier.red.
  uint32_t numTrue = 0, result[3] = {};
  /// Of those that wait for the phase.
  std::vector<Thread *> waiters;
  SyncClock clock;
};

struct Block {
  static constexpr uint32_t kNumBarriers = 16;
  Cluster *cluster = nullptr;
  Dim3 id;
  uint32_t rank = 0;
  char *shared = nullptr;
  /// Threads that have not ended.
  uint32_t running = 0;
  /// numThreads of them.
  Thread *threads = nullptr;
  std::vector<Warp> warps;
  std::vector<Warpgroup> warpgroups;
  NamedBarrier barriers[kNumBarriers];
  Shadow shadow;
  /// Registers of the pool that no warp holds.
  uint32_t freeRegisters = 0;
  /// Warps that wait for registers of the pool.
  std::vector<Thread *> registerWaiters;
};

/// A thread that makes an access itself. It points into itself: not to be
/// copied.
struct ThreadActor : Actor {
  ThreadActor(const Thread &thread, uint32_t site, bool atomic)
      : party(&thread.knowledge) {
    agent = thread.knowledge.agent;
    epoch = thread.knowledge.own;
    this->site = site;
    this->atomic = atomic;
    parties = &party;
    numParties = 1;
  }
  ThreadActor(const ThreadActor &) = delete;
  ThreadActor &operator=(const ThreadActor &) = delete;

private:
  const Knowledge *party;
};

/// What all clusters of a launch share.
struct LaunchState {
  LaunchState(const Launch &launch, const Options &options)
      : launch(launch), options(options) {}
  const Launch &launch;
  const Options &options;
  bool runsRandomly() const {
    return options.shuffle || options.async == Async::Random;
  }
  /// Threads of a block, blocks of a cluster, bytes of a block.
  uint32_t numThreads = 0, numBlocks = 0, sharedBytes = 0;
  /// Registers of each thread at the start.
  uint32_t launchRegisters = 0;
  Regions regions;
  /// Clusters race if there are several.
  uint64_t numClusters = 0;
  GlobalShadow globalShadow;
  std::atomic<uint64_t> nextCluster{0};
  std::atomic<uint32_t> numReports{0};
  std::atomic<bool> stop{false};
};

/// A write that races with another cluster's, unless it changes nothing.
struct PendingWrite {
  static constexpr uint32_t kMaxSize = 64;
  const void *address = nullptr;
  uint32_t size = 0;
  char old[kMaxSize];
  Report report;
};

struct Cluster {
  LaunchState &state;
  const Options &options;
  /// What checks need, in one place.
  bool races, init, bounds;
  /// Races between clusters, and between threads of one, in global memory.
  bool globalRaces, threadRaces;
  Mapping arenas, stacks;
  size_t stackBytes;
  bool runsRandomly;
  /// It lets other clusters run while it polls.
  bool takesTurns;
  std::vector<Block> blocks;
  std::vector<Thread> threads;
  Dim3 id;
  uint64_t index = 0;
  Random random;
  Reporter reporter;
  Counting counting;
  AgentNames agents;
  MBarrierTable mbarriers;
  std::deque<BulkOperation> bulkOperations;
  AccumulatorPool accumulators;
  RegionCache regionCache = nullptr;
  ClusterKnowledge globalKnowledge;
  GlobalShadow::Cache globalCache;
  ThreadShadow threadShadow;
  PendingWrite pendingWrite;
  const void *pendingAcquire = nullptr;
  /// By address: what atomics with release semantics carry.
  std::unordered_map<uint64_t, SyncClock> atomicClocks;

  /// The cluster barrier.
  uint32_t clusterArrived = 0;
  /// Of arrivals in this phase, and of the last one that is complete.
  SyncClock clusterClock, clusterCompleted;
  std::vector<Thread *> clusterWaiters;
  uint64_t clusterPhase = 0;

  Cluster(LaunchState &state, Mapping arenas, Mapping stacks,
          size_t stackBytes);

  //===-- Its life ----------------------------------------------------------===

  enum class Turn : uint8_t {
    /// All its threads have ended.
    Finished,
    /// It can do nothing, or nothing but polling, until others have run.
    Waits,
    /// It could go on, but has had its share.
    Pauses,
    /// It never ends: a deadlock of its own, or the launch stops.
    Abandoned
  };
  /// What has happened in it.
  enum class Activity : uint8_t { None, Inside, Outside };

  /// Makes all blocks of cluster `index` ready to run.
  void begin(uint64_t index);
  Turn takeTurn();
  /// Since this was last asked; `Outside`: something that other clusters may
  /// wait for.
  Activity takeActivity();
  /// It is given up between two turns.
  void abandon();
  /// Says who waits where, and `note` unless it is empty.
  void reportDeadlock(const std::string &note = "");

  //===-- Scheduling --------------------------------------------------------===

  /// Suspends the calling thread; it must be `thread`. A timed wait also ends
  /// when nothing else can run (Thread::timedOut).
  void wait(Thread &thread, const char *what, uint32_t site,
            bool timed = false);
  void wake(Thread &thread);
  /// Lets all other ready threads run.
  void yield(Thread &thread);
  /// Lets all others run, and other clusters, too.
  void yield(Thread &thread, Turn turn) {
    ending = turn;
    yield(thread);
  }
  /// Something happened that may end a wait: a deadlock is when nothing does.
  void progress() {
    stalls = freshReads = 0;
    ++events;
  }
  /// A strong access of `thread` to `address` is about to happen: loops that
  /// only look at memory let others run.
  void poll(Thread &thread, const void *address, uint32_t size, bool write,
            bool shared, uint32_t site);
  /// Ends the calling thread.
  [[noreturn]] void endThread(Thread &thread);
  uint64_t getSteps() const { return steps; }
  /// Threads that have not ended.
  uint32_t getUnfinished() const { return unfinished; }

  //===-- Stacks ------------------------------------------------------------===

  /// The lowest address of the stack of a thread; `agent` is its number.
  char *getStack(Agent agent) const {
    return stacks.getData() + kStackGuard + size_t(agent) * stackBytes;
  }
  char *getStackTop(const Thread &thread) const {
    return getStack(thread.knowledge.agent) + stackBytes;
  }
  /// Whether `address` is on the stack of one of the threads, or in the guard
  /// below all of them.
  bool isOnStacks(const void *address) const {
    return size_t(address) - size_t(stacks.getData()) < stacks.getSize();
  }

  //===-- Reports -----------------------------------------------------------===

  /// `thread` null: nobody in particular, `block` says where.
  void report(ReportKind kind, const Thread *thread, uint32_t site,
              std::string message, uint32_t otherSite = kNoSite);
  void report(ReportKind kind, const Block &block, uint32_t site,
              std::string message);
  void report(Report report);

  //===-- Shared memory -----------------------------------------------------===

  /// The block whose arena holds `address`, or null.
  Block *getBlock(const void *address);
  uint32_t getOffset(const void *address) const {
    return uint32_t(reinterpret_cast<uintptr_t>(address) % kArenaBytes);
  }
  /// Whether [address, address + size) is shared memory that exists; reports
  /// what else it is. `what` begins the sentence: `write`.
  Block *checkShared(const Thread &thread, const void *address, uint32_t size,
                     uint32_t alignment, const char *what, uint32_t site);
  /// Whether it is global memory that may be accessed so.
  bool checkGlobal(const Thread &thread, const void *address, uint64_t size,
                   uint32_t alignment, bool write, const char *what,
                   uint32_t site);
  /// Records an access of shared memory that exists, with all checks.
  void touch(Block &block, uint32_t offset, uint32_t size, bool write,
             Actor &actor, const Thread *thread);
  /// The same by a thread itself.
  void touch(Thread &thread, Block &block, uint32_t offset, uint32_t size,
             bool write, uint32_t site, bool atomic = false);
  bool checksShared() const { return races || init; }

  //===-- Global memory -----------------------------------------------------===

  /// Records an access of global memory that may be made, for races with other
  /// clusters. `values` are what is written, if they are known: a write that
  /// changes nothing is no race.
  void touchGlobal(const Thread *thread, const void *address, uint32_t size,
                   bool write, bool strong, uint32_t site,
                   const void *values = nullptr);
  /// The same by a thread itself, for races with others of its cluster, too.
  /// `strongOutside`: to other clusters, which a narrow scope does not reach.
  void touchGlobal(Thread &thread, const void *address, uint32_t size,
                   bool write, bool strong, bool strongOutside, uint32_t site);
  /// Reports a race now, or when the write has turned out to change something.
  void reportRace(Report race, const void *address, uint32_t size,
                  bool mayBeVain);
  /// What is left to do of the last access of a thread, now that it has
  /// happened: to acquire what it saw, to report a write that raced.
  void finishAccess();

private:
  void prepareBlocks();
  Turn loop();
  bool performOne();
  bool wakeTimed();
  /// Whether other clusters may end a wait of this one.
  bool mayWaitForOthers() const;
  /// What others may have waited for.
  uint64_t countChanges() const;
  void reportLeftovers();
  void finish(Thread &thread);
  void finishBlock(Block &block);
  static void fiberMain();

  Context scheduler;
  std::vector<Thread *> queue;
  size_t queueHead = 0;
  uint64_t steps = 0;
  uint32_t unfinished = 0, stalls = 0;
  /// Strong reads that were no polls, since anything else happened.
  uint32_t freshReads = 0;
  /// Other than Finished: the running thread ends the turn.
  Turn ending = Turn::Finished;
  /// No thread can run, and nothing but others can end a wait.
  bool isStuck = false;
  /// What `progress` was called for; strong accesses that were no polls;
  /// threads that have ended.
  uint64_t events = 0, strongAccesses = 0, numEnded = 0;
  uint64_t eventsSeen = 0, changesSeen = 0;
};

/// The thread that runs now, in this thread of the system.
extern thread_local Thread *currentThread;

/// The start of every instruction.
inline Thread &enter(InstructionClass kind, uint32_t site) {
  Thread &thread = *currentThread;
  thread.cluster->counting.addInstructions(kind, site, 1);
  if (++thread.instructions >= thread.sliceEnd)
    endSlice(thread, site);
  if (static_cast<char *>(__builtin_frame_address(0)) < thread.stackLimit)
    reportStackOverflow(thread, site);
  return thread;
}

//===-- Meetings of a warp --------------------------------------------------===

/// The lanes of `mask` meet in instructions of one `kind`. The last one returns
/// true: it does the work for all and calls `dismiss`. The others return false
/// after that. `aligned`: all must be at the same op.
bool meet(Thread &thread, uint32_t kind, uint32_t mask, bool aligned,
          const char *what, uint32_t site);
void dismiss(Thread &leader, uint32_t mask);
/// A lane has ended: a meeting may go on without it.
void leaveMeetings(Thread &thread);

//===-- Named barriers ------------------------------------------------------===

/// A thread has ended: barriers of all threads may go on without it.
void leaveBarriers(Block &block);
void leaveClusterBarrier(Cluster &cluster, uint32_t unfinished);

inline Thread &Warp::getLane(uint32_t lane) const {
  return block->threads[index * kWarpSize + lane];
}

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_MACHINE_H
