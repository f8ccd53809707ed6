//===- BulkCopies.cpp - the instructions of bulk and tensor copies --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks at issue, when it is known who asks; Tma.cpp does the work then or
// later. A load writes as the agent of its mbarrier and is over when the phase
// is; a store reads as the agent of the thread's bulk groups.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <algorithm>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

static constexpr uint32_t kTensorAlignment = 128;
static constexpr uint32_t kBulkAlignment = 16;

//===----------------------------------------------------------------------===//
// What loads and stores have in common
//===----------------------------------------------------------------------===//

static void report(Thread &thread, ReportKind kind, uint32_t site,
                   std::string message) {
  thread.cluster->report(kind, &thread, site, std::move(message));
}

/// Decodes the map and takes over the coordinates; false after a report.
static bool readMap(Thread &thread, void *map, void *coordinates, uint32_t rank,
                    BulkOperation &operation) {
  uint32_t site = operation.site;
  TensorGeometry &geometry = operation.geometry;
  // A map in global memory must be one that the kernel may read.
  if (!thread.cluster->checkGlobal(thread, map, sizeof(TensorMap), 1, false,
                                   "read of a tensor map", site))
    return false;
  if (!decodeTensorMap(map, geometry)) {
    report(thread, ReportKind::Descriptor, site,
           "the 128 bytes are no tensor map");
    return false;
  }
  if (geometry.rank != rank) {
    report(thread, ReportKind::Descriptor, site,
           "the copy has " + std::to_string(rank) +
               " coordinates, the tensor map has rank " +
               std::to_string(geometry.rank));
    return false;
  }
  memcpy(operation.coordinates, coordinates, rank * sizeof(int32_t));
  operation.bytes = geometry.getBoxBytes();
  return true;
}

/// Counts what a copy moves in global memory: its box has rows along the first
/// dimension, and moves nothing outside the tensor.
static void countTensor(Cluster &cluster, const BulkOperation &operation) {
  const TensorGeometry &geometry = operation.geometry;
  char *first = geometry.base;
  int64_t counts[5] = {};
  for (uint32_t i = 0; i < geometry.rank; ++i) {
    // Coordinates c + n step, for n below the box, that the dimension has.
    int64_t step = geometry.steps[i], c = operation.coordinates[i];
    int64_t begin = c < 0 ? (step - 1 - c) / step : 0;
    int64_t size = static_cast<int64_t>(geometry.sizes[i]);
    int64_t end = std::min<int64_t>(
        geometry.box[i], c < size ? (size - c + step - 1) / step : 0);
    if (begin >= end)
      return;
    counts[i] = end - begin;
    first += (c + begin * step) * static_cast<int64_t>(geometry.strides[i]);
  }
  uint64_t bytes = counts[0] * geometry.elementBytes;
  int64_t index[5] = {};
  for (;;) {
    const char *row = first;
    for (uint32_t i = 1; i < geometry.rank; ++i)
      row += index[i] * geometry.steps[i] *
             static_cast<int64_t>(geometry.strides[i]);
    cluster.counting.addGlobalBytes(operation.site,
                                    reinterpret_cast<uintptr_t>(row), bytes);
    uint32_t dim = 1;
    while (dim < geometry.rank && ++index[dim] == counts[dim])
      index[dim++] = 0;
    if (dim >= geometry.rank)
      return;
  }
}

/// Whether all of the tensor is memory that may be accessed so.
static bool checkTensor(Thread &thread, const BulkOperation &operation,
                        bool write) {
  const TensorGeometry &geometry = operation.geometry;
  uint64_t bytes = geometry.elementBytes;
  for (uint32_t i = 0; i < geometry.rank; ++i)
    bytes += (geometry.sizes[i] - 1) * geometry.strides[i];
  return thread.cluster->checkGlobal(
      thread, geometry.base, bytes, 1, write,
      write ? "tensor map of a store" : "tensor map of a load", operation.site);
}

/// Bytes in shared memory, from the start, that the operation touches: with a
/// swizzle always whole lines of 128 bytes.
static uint32_t getSharedBytes(const BulkOperation &operation) {
  bool tensor = operation.kind == BulkOperation::TensorLoad ||
                operation.kind == BulkOperation::TensorStore;
  return tensor && operation.geometry.swizzleMask
             ? (operation.bytes + 127) / 128 * 128
             : operation.bytes;
}

static void touchShared(Thread &thread, const BulkOperation &operation,
                        const char *shared, Block &block, bool write,
                        Agent agent, Epoch epoch) {
  Cluster &cluster = *thread.cluster;
  cluster.counting.add(operation.site,
                       write ? &Counters::tmaLoadBytes
                             : &Counters::tmaStoreBytes,
                       operation.bytes);
  if (cluster.counting.countsAccesses())
    cluster.counting.addSharedBytes(operation.site, operation.bytes);
  if (!cluster.checksShared())
    return;
  const Knowledge *party = &thread.knowledge;
  Actor actor;
  actor.agent = agent;
  actor.epoch = epoch;
  actor.site = operation.site;
  actor.asyncProxy = true;
  actor.parties = &party;
  actor.numParties = 1;
  cluster.touch(block, cluster.getOffset(shared), getSharedBytes(operation),
                write, actor, &thread);
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Issues a load into one block.
static void loadInto(Thread &thread, BulkOperation operation, char *shared,
                     void *address, uint32_t alignment) {
  Cluster &cluster = *thread.cluster;
  Block *block =
      cluster.checkShared(thread, shared, getSharedBytes(operation), alignment,
                          "write by a bulk copy", operation.site);
  MBarrier *barrier =
      getMBarrier(thread, address, /*asyncProxy=*/true, operation.site);
  if (!block || !barrier)
    return;
  if (barrier->block != block) {
    report(thread, ReportKind::Barrier, operation.site,
           "a copy into block rank " + std::to_string(block->rank) +
               " cannot report to an mbarrier of block rank " +
               std::to_string(barrier->block->rank));
    return;
  }
  operation.thread = &thread;
  operation.block = block;
  operation.shared = shared;
  operation.barrier = barrier;
  touchShared(thread, operation, shared, *block, /*write=*/true,
              getAgent(cluster, *barrier), barrier->epoch);
  issue(cluster, operation);
}

/// Issues a load into the block of `shared`, or into all that `mask` names.
static void load(Thread &thread, const BulkOperation &operation, char *shared,
                 char *barrier, uint32_t mask, uint32_t alignment) {
  Cluster &cluster = *thread.cluster;
  if (mask == 0) {
    loadInto(thread, operation, shared, barrier, alignment);
    return;
  }
  if (mask >> cluster.blocks.size()) {
    report(thread, ReportKind::OutOfBounds, operation.site,
           "the multicast mask names blocks that the cluster of " +
               std::to_string(cluster.blocks.size()) + " does not have");
    return;
  }
  for (Block &block : cluster.blocks)
    if (mask >> block.rank & 1)
      loadInto(thread, operation, block.shared + cluster.getOffset(shared),
               block.shared + cluster.getOffset(barrier), alignment);
}

Void peermla::sim::abi::peermla_sim_tma_load(Ptr shared, Ptr map, Ptr barrier,
                                             Ptr coordinates, I32 rank,
                                             I32 mask, I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  BulkOperation operation;
  operation.kind = BulkOperation::TensorLoad;
  operation.site = site;
  if (!readMap(thread, map, coordinates, rank, operation) ||
      !checkTensor(thread, operation, /*write=*/false))
    return;
  if (thread.cluster->counting.countsAccesses())
    countTensor(*thread.cluster, operation);
  load(thread, operation, static_cast<char *>(shared),
       static_cast<char *>(barrier), mask, kTensorAlignment);
}

/// A number of bytes of a 1-D copy; false after a report.
static bool checkBytes(Thread &thread, uint32_t bytes, uint32_t site) {
  if (bytes % kBulkAlignment == 0)
    return true;
  report(thread, ReportKind::Misaligned, site,
         "a bulk copy has a multiple of 16 bytes, got " +
             std::to_string(bytes));
  return false;
}

Void peermla::sim::abi::peermla_sim_bulk_load(Ptr shared, Ptr source,
                                              Ptr barrier, I32 bytes, I32 mask,
                                              I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  if (!checkBytes(thread, bytes, site) ||
      !thread.cluster->checkGlobal(thread, source, bytes, kBulkAlignment, false,
                                   "read by a bulk copy", site))
    return;
  if (thread.cluster->counting.countsAccesses())
    thread.cluster->counting.addGlobalBytes(
        site, reinterpret_cast<uintptr_t>(source), bytes);
  BulkOperation operation;
  operation.kind = BulkOperation::Load;
  operation.site = site;
  operation.global = static_cast<char *>(source);
  operation.bytes = bytes;
  load(thread, operation, static_cast<char *>(shared),
       static_cast<char *>(barrier), mask, kBulkAlignment);
}

static Agent getBulkAgent(Thread &thread) {
  if (thread.bulk.agent == kNoAgent)
    thread.bulk.agent = thread.cluster->agents.add(
        AgentNames::Bulk, thread.block->rank, thread.index);
  return thread.bulk.agent;
}

Void peermla::sim::abi::peermla_sim_bulk_copy_shared(Ptr destination,
                                                     Ptr source, Ptr address,
                                                     I32 bytes, I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  Cluster &cluster = *thread.cluster;
  Block *from = cluster.checkShared(thread, source, bytes, kBulkAlignment,
                                    "read by a bulk copy", site);
  if (!from || !checkBytes(thread, bytes, site))
    return;
  BulkOperation operation;
  operation.kind = BulkOperation::CopyShared;
  operation.site = site;
  operation.global = static_cast<char *>(source);
  operation.bytes = bytes;
  // The source is free when the barrier's phase is over, as the destination is
  // written.
  if (MBarrier *barrier = getMBarrier(thread, address, true, site))
    touchShared(thread, operation, operation.global, *from, /*write=*/false,
                getAgent(cluster, *barrier), barrier->epoch);
  load(thread, operation, static_cast<char *>(destination),
       static_cast<char *>(address), 0, kBulkAlignment);
}

Void peermla::sim::abi::peermla_sim_store_async(Ptr destination, Ptr address,
                                                Ptr values, I32 bytes,
                                                I32 site) {
  Thread &thread = enter(InstructionClass::StoreShared, site);
  if (bytes != 4 && bytes != 8 && bytes != 16) {
    report(thread, ReportKind::Async, site,
           "st.async stores 4, 8 or 16 bytes, got " + std::to_string(bytes));
    return;
  }
  Cluster &cluster = *thread.cluster;
  Block *block =
      cluster.checkShared(thread, destination, bytes, std::min(bytes, 8u),
                          "write by st.async", site);
  MBarrier *barrier = getMBarrier(thread, address, false, site);
  if (!block || !barrier)
    return;
  // The values are registers: they cannot wait. What is late is the barrier.
  memcpy(destination, values, bytes);
  BulkOperation operation;
  operation.kind = BulkOperation::Load;
  operation.site = site;
  operation.thread = &thread;
  operation.block = block;
  operation.shared = operation.global = static_cast<char *>(destination);
  operation.bytes = bytes;
  operation.barrier = barrier;
  if (cluster.checksShared()) {
    const Knowledge *party = &thread.knowledge;
    Actor actor;
    actor.agent = getAgent(cluster, *barrier);
    actor.epoch = barrier->epoch;
    actor.site = site;
    actor.parties = &party;
    actor.numParties = 1;
    cluster.touch(*block, cluster.getOffset(destination), bytes, /*write=*/true,
                  actor, &thread);
  }
  issue(cluster, operation);
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

/// Issues a store from the thread's own block.
static void storeFrom(Thread &thread, BulkOperation operation, void *shared,
                      uint32_t alignment) {
  Cluster &cluster = *thread.cluster;
  Block *block =
      cluster.checkShared(thread, shared, getSharedBytes(operation), alignment,
                          "read by a bulk copy", operation.site);
  if (!block)
    return;
  if (block != thread.block) {
    report(thread, ReportKind::OutOfBounds, operation.site,
           "a bulk store reads shared memory of its own block only");
    return;
  }
  operation.thread = &thread;
  operation.block = block;
  operation.shared = static_cast<char *>(shared);
  operation.group = thread.bulk.group;
  ++thread.bulk.uncommitted;
  thread.bulk.lastSite = operation.site;
  touchShared(thread, operation, operation.shared, *block, /*write=*/false,
              getBulkAgent(thread), thread.bulk.group);
  issue(cluster, operation);
}

Void peermla::sim::abi::peermla_sim_tma_store(Ptr map, Ptr shared,
                                              Ptr coordinates, I32 rank,
                                              I32 reduction, I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  BulkOperation operation;
  operation.kind = BulkOperation::TensorStore;
  operation.site = site;
  operation.reduction = TmaReduction(reduction);
  if (!readMap(thread, map, coordinates, rank, operation) ||
      !checkTensor(thread, operation, /*write=*/true))
    return;
  if (thread.cluster->counting.countsAccesses())
    countTensor(*thread.cluster, operation);
  storeFrom(thread, operation, shared, kTensorAlignment);
}

/// 1-D stores and reductions.
static void storeBulk(Thread &thread, BulkOperation operation, void *shared) {
  if (!checkBytes(thread, operation.bytes, operation.site) ||
      !thread.cluster->checkGlobal(thread, operation.global, operation.bytes,
                                   kBulkAlignment, true, "write by a bulk copy",
                                   operation.site))
    return;
  if (thread.cluster->counting.countsAccesses())
    thread.cluster->counting.addGlobalBytes(
        operation.site, reinterpret_cast<uintptr_t>(operation.global),
        operation.bytes);
  storeFrom(thread, operation, shared, kBulkAlignment);
}

Void peermla::sim::abi::peermla_sim_bulk_store(Ptr destination, Ptr shared,
                                               I32 bytes, I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  BulkOperation operation;
  operation.kind = BulkOperation::Store;
  operation.site = site;
  operation.global = static_cast<char *>(destination);
  operation.bytes = bytes;
  storeBulk(thread, operation, shared);
}

Void peermla::sim::abi::peermla_sim_bulk_reduce(Ptr destination, Ptr shared,
                                                I32 bytes, I32 op, I32 type,
                                                I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  BulkOperation operation;
  operation.kind = BulkOperation::Reduce;
  operation.site = site;
  operation.global = static_cast<char *>(destination);
  operation.bytes = bytes;
  operation.atomicOp = AtomicOp(op);
  operation.type = ElementType(type);
  storeBulk(thread, operation, shared);
}

Void peermla::sim::abi::peermla_sim_bulk_commit(I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  ++thread.bulk.group;
  thread.bulk.uncommitted = 0;
}

Void peermla::sim::abi::peermla_sim_bulk_wait(I32 count, I32 read, I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  Cluster &cluster = *thread.cluster;
  BulkState &bulk = thread.bulk;
  uint32_t committed = bulk.group - 1;
  uint32_t upTo = committed > count ? committed - count : 0;
  for (size_t i = 0; i < cluster.bulkOperations.size();) {
    BulkOperation operation = cluster.bulkOperations[i];
    if (operation.thread != &thread || operation.barrier ||
        operation.group > upTo) {
      ++i;
      continue;
    }
    // With .read the writes may come later than this; nothing that the thread
    // may rely on tells the difference.
    cluster.bulkOperations.erase(cluster.bulkOperations.begin() + i);
    perform(cluster, operation);
  }
  bulk.waited = std::max(bulk.waited, upTo);
  if (cluster.races && bulk.agent != kNoAgent) {
    thread.knowledge.generic.raise(bulk.agent, upTo);
    thread.knowledge.fenced.raise(bulk.agent, upTo);
  }
}

//===----------------------------------------------------------------------===//
// Prefetches: they change nothing, but may be wrong.
//===----------------------------------------------------------------------===//

Void peermla::sim::abi::peermla_sim_tma_prefetch(Ptr map, Ptr coordinates,
                                                 I32 rank, I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  BulkOperation operation;
  operation.kind = BulkOperation::TensorLoad;
  operation.site = site;
  if (readMap(thread, map, coordinates, rank, operation))
    checkTensor(thread, operation, /*write=*/false);
}

Void peermla::sim::abi::peermla_sim_bulk_prefetch(Ptr source, I32 bytes,
                                                  I32 site) {
  Thread &thread = enter(InstructionClass::Tma, site);
  if (checkBytes(thread, bytes, site))
    thread.cluster->checkGlobal(thread, source, bytes, kBulkAlignment, false,
                                "read by a prefetch", site);
}
