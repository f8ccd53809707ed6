//===- Access.cpp - loads, stores and atomics of kernels ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bounds, alignment, initialisation and races of what a kernel accesses itself
// or has instructions access for it.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

Block *Cluster::getBlock(const void *address) {
  uint64_t offset = reinterpret_cast<uintptr_t>(address) -
                    reinterpret_cast<uintptr_t>(arenas.getData());
  return offset < arenas.getSize() ? &blocks[offset / kArenaBytes] : nullptr;
}

Block *Cluster::checkShared(const Thread &thread, const void *address,
                            uint32_t size, uint32_t alignment, const char *what,
                            uint32_t site) {
  Block *block = getBlock(address);
  if (!block) {
    report(ReportKind::OutOfBounds, &thread, site,
           std::string(what) + " of " + std::to_string(size) +
               " bytes outside shared memory");
    return nullptr;
  }
  uint32_t offset = getOffset(address);
  if (offset > state.sharedBytes || size > state.sharedBytes - offset) {
    report(ReportKind::OutOfBounds, &thread, site,
           std::string(what) + " of " + std::to_string(size) +
               " bytes at offset " + std::to_string(offset) + " of " +
               std::to_string(state.sharedBytes) + " bytes of shared memory");
    return nullptr;
  }
  if (offset % alignment) {
    report(ReportKind::Misaligned, &thread, site,
           std::string(what) + " at offset " + std::to_string(offset) +
               " of shared memory, which is not a multiple of " +
               std::to_string(alignment));
    return nullptr;
  }
  if (block != thread.block && !block->running) {
    report(ReportKind::OutOfBounds, &thread, site,
           std::string(what) + " of shared memory of block rank " +
               std::to_string(block->rank) + ", which has ended");
    return nullptr;
  }
  return block;
}

bool Cluster::checkGlobal(const Thread &thread, const void *address,
                          uint64_t size, uint32_t alignment, bool write,
                          const char *what, uint32_t site) {
  if (reinterpret_cast<uintptr_t>(address) % alignment) {
    report(ReportKind::Misaligned, &thread, site,
           std::string(what) +
               " at a global address that is not a multiple of " +
               std::to_string(alignment));
    return false;
  }
  // What is in shared memory is not in global memory, whoever checks.
  if (getBlock(address)) {
    report(ReportKind::OutOfBounds, &thread, site,
           std::string(what) +
               " of global memory at an address of shared memory");
    return false;
  }
  if (!bounds || state.launch.buffers.empty() ||
      state.regions.find(address, size, write, regionCache))
    return true;
  report(ReportKind::OutOfBounds, &thread, site,
         std::string(what) + " of " + std::to_string(size) + " bytes at " +
             state.regions.explain(address, size, write));
  return false;
}

//===----------------------------------------------------------------------===//
// Races and initialisation
//===----------------------------------------------------------------------===//

static const char *getText(Conflict::Kind kind) {
  switch (kind) {
  case Conflict::WriteAfterWrite:
    return "write after an unordered write";
  case Conflict::WriteAfterRead:
    return "write after an unordered read";
  case Conflict::ReadAfterWrite:
    return "read after an unordered write";
  case Conflict::MissingProxyFence:
    return "access by the asynchronous proxy without fence.proxy.async after a "
           "write";
  case Conflict::None:
    break;
  }
  return "";
}

void Cluster::touch(Block &block, uint32_t offset, uint32_t size, bool write,
                    Actor &actor, const Thread *thread) {
  if (init) {
    if (write) {
      block.shadow.writeInit(offset, size);
    } else if (uint32_t missing = block.shadow.readInit(offset, size);
               missing != ~0u) {
      report(ReportKind::Uninitialized, thread, actor.site,
             "read of shared memory at offset " + std::to_string(missing) +
                 ", which nothing wrote");
    }
  }
  if (!races)
    return;
  Conflict conflict = block.shadow.access(offset, size, write, actor);
  if (conflict.kind == Conflict::None)
    return;
  Report race;
  race.kind = ReportKind::Race;
  race.other = agents.getName(conflict.agent);
  race.message = std::string(getText(conflict.kind)) + " by " + race.other +
                 ", shared memory at offset " + std::to_string(conflict.offset);
  race.site = actor.site;
  race.otherSite = conflict.site;
  race.block = block.id;
  if (thread) {
    race.block = thread->block->id;
    race.thread = thread->index;
  }
  report(std::move(race));
}

void Cluster::touch(Thread &thread, Block &block, uint32_t offset,
                    uint32_t size, bool write, uint32_t site, bool atomic) {
  if (!checksShared())
    return;
  ThreadActor actor(thread, site, atomic);
  touch(block, offset, size, write, actor, &thread);
}

//===----------------------------------------------------------------------===//
// The instruction
//===----------------------------------------------------------------------===//

/// Memory for accesses that must not happen; reads of it are NaN.
static void *getScratch(uint32_t size) {
  alignas(128) static thread_local char scratch[1024];
  memset(scratch, 0xff, std::min<size_t>(size, sizeof(scratch)));
  return scratch;
}

static InstructionClass classify(bool shared, bool write, bool atomic) {
  if (atomic)
    return InstructionClass::Atomic;
  if (shared)
    return write ? InstructionClass::StoreShared : InstructionClass::LoadShared;
  return write ? InstructionClass::StoreGlobal : InstructionClass::LoadGlobal;
}

/// What a strong access of `address` has seen becomes known to the thread.
static void acquireShared(Thread &thread, const void *address) {
  Cluster &cluster = *thread.cluster;
  auto clock = cluster.atomicClocks.find(reinterpret_cast<uintptr_t>(address));
  if (clock != cluster.atomicClocks.end())
    clock->second.acquire(thread.knowledge);
}

/// The same for its cluster, of the others.
static void acquireGlobal(Cluster &cluster, const void *address) {
  if (cluster.globalRaces)
    cluster.state.globalShadow.acquire(address, cluster.globalKnowledge);
}

/// Before a strong access: it acquires now, or at the next fence.
static void beginStrong(Thread &thread, const void *address, uint32_t flags) {
  if ((flags & AccessFlags::Acquire) || thread.fencedMemory)
    acquireShared(thread, address);
  // No fence extends its scope.
  if (flags & AccessFlags::ClusterScope)
    return;
  // What it sees may be younger than this: other clusters run at the same time.
  if (flags & AccessFlags::Acquire)
    thread.cluster->pendingAcquire = address;
  const void **end = thread.strongAccesses + thread.numStrong;
  if (std::find(thread.strongAccesses, end, address) != end)
    return;
  if (thread.numStrong == Thread::kMaxStrong)
    thread.numStrong = 0;
  thread.strongAccesses[thread.numStrong++] = address;
}

/// After it has been recorded: what the thread knows becomes known to those who
/// acquire.
static void endStrong(Thread &thread, const void *address, uint32_t flags) {
  if (!(flags & AccessFlags::Write) ||
      !((flags & AccessFlags::Release) || thread.fencedMemory))
    return;
  Cluster &cluster = *thread.cluster;
  SyncClock &clock = cluster.atomicClocks[reinterpret_cast<uintptr_t>(address)];
  clock.release(thread.knowledge);
  clock.seal();
  if (cluster.globalRaces && !(flags & AccessFlags::ClusterScope))
    cluster.state.globalShadow.release(address, cluster.globalKnowledge,
                                       !(flags & AccessFlags::Release));
}

Ptr peermla::sim::abi::peermla_sim_access(Ptr address, I32 size, I32 alignment,
                                          I32 flags, I32 site) {
  Thread &thread = *currentThread;
  Cluster &cluster = *thread.cluster;
  bool write = flags & AccessFlags::Write;
  bool atomic = flags & AccessFlags::Atomic;
  const char *what = atomic ? "atomic access" : write ? "write" : "read";
  alignment = std::max(alignment, 1u);
  Block *block = cluster.getBlock(address);
  bool shared = block || (flags & AccessFlags::Shared);

  if (!shared && !(flags & AccessFlags::Global)) {
    // A generic pointer may also be to a local variable.
    uint64_t offset =
        static_cast<char *>(address) - cluster.getStack(thread.knowledge.agent);
    if (offset < cluster.stackBytes) {
      cluster.counting.addInstructions(InstructionClass::Local, site, 1);
      return address;
    }
  }
  enter(classify(shared, write, atomic), site);
  cluster.finishAccess();
  if (shared) {
    if (flags & AccessFlags::Global) {
      cluster.report(ReportKind::OutOfBounds, &thread, site,
                     std::string(what) +
                         " of global memory at an address of shared memory");
      return getScratch(size);
    }
    block = cluster.checkShared(thread, address, size, alignment, what, site);
    if (!block)
      return getScratch(size);
    if (cluster.counting.countsAccesses())
      cluster.counting.addAccess(thread, site, /*shared=*/true, address, size);
    uint32_t offset = cluster.getOffset(address);
    if (atomic || (flags & AccessFlags::Volatile))
      cluster.poll(thread, address, size, write, shared, site);
    // Bytes of a live mbarrier are written by its instructions alone; that is
    // found out when the barrier is used.
    if (atomic && cluster.races)
      beginStrong(thread, address, flags);
    cluster.touch(thread, *block, offset, size, write, site, atomic);
    if (atomic && cluster.races)
      endStrong(thread, address, flags);
    return address;
  }
  if (!cluster.checkGlobal(thread, address, size, alignment, write, what, site))
    return getScratch(size);
  if (cluster.counting.countsAccesses())
    cluster.counting.addAccess(thread, site, /*shared=*/false, address, size);
  bool strong = atomic || (flags & AccessFlags::Volatile);
  if (strong) {
    cluster.poll(thread, address, size, write, shared, site);
    cluster.finishAccess();
  }
  if (!cluster.races)
    return address;
  if (strong)
    beginStrong(thread, address, flags);
  cluster.touchGlobal(thread, address, size, write, strong,
                      strong && !(flags & AccessFlags::ClusterScope), site);
  if (strong)
    endStrong(thread, address, flags);
  return address;
}

Void peermla::sim::abi::peermla_sim_count(I32 kind, I32 number, I32 site) {
  Thread &thread = *currentThread;
  if (kind >= kNumInstructionClasses)
    return;
  Counting &counting = thread.cluster->counting;
  counting.addInstructions(InstructionClass(kind), site, number);
  thread.instructions += number;
  if (thread.instructions >= thread.sliceEnd)
    endSlice(thread, site);
}

Void peermla::sim::abi::peermla_sim_fence(I32 kind, I32 site) {
  Thread &thread = enter(InstructionClass::Fence, site);
  switch (FenceKind(kind)) {
  case FenceKind::Memory:
    thread.fencedMemory = true;
    if (!thread.cluster->races)
      break;
    thread.cluster->globalKnowledge.fence();
    while (thread.numStrong > 0) {
      const void *address = thread.strongAccesses[--thread.numStrong];
      acquireShared(thread, address);
      acquireGlobal(*thread.cluster, address);
    }
    break;
  case FenceKind::Cluster:
    thread.fencedMemory = true;
    // Seen, but not yet by a fence for other clusters.
    if (thread.cluster->races)
      for (uint32_t i = 0; i < thread.numStrong; ++i)
        acquireShared(thread, thread.strongAccesses[i]);
    break;
  case FenceKind::ProxyAsync:
    if (thread.cluster->races)
      thread.knowledge.fenceProxy();
    break;
  case FenceKind::MbarrierInit:
    fenceInitializations(thread);
    break;
  case FenceKind::ProxyTensormap:
  case FenceKind::ProxyAlias:
    break;
  }
}

Void peermla::sim::abi::peermla_sim_prefetch(Ptr, I32, I32 site) {
  enter(InstructionClass::Other, site);
}
