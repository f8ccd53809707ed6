//===- CopyAsync.h - copies in flight -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies of Ampere (cp.async) belong to a thread and are done in order, by
// groups. Bulk and tensor copies of Hopper belong to the block; those that load
// report to an mbarrier, those that store to groups of the thread that issued
// them.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_COPYASYNC_H
#define PEERMLA_LIB_SIMULATOR_COPYASYNC_H

#include "Clock.h"
#include "peermla/Simulator/Simulator.h"
#include <vector>

namespace peermla::sim {

struct Block;
struct Cluster;
struct MBarrier;
struct Thread;

/// cp.async, or the arrival that follows all before it.
struct PendingCopy {
  char *destination;
  const void *source;
  uint32_t size, sourceSize, site;
  /// Of the thread's agent.
  Epoch epoch;
  /// If not null this is an arrival of one.
  MBarrier *barrier;
};

struct CopyState {
  std::vector<PendingCopy> pending;
  /// A new one begins with each commit and each arrival at an mbarrier.
  Epoch epoch = 1;
  /// The last epoch of each group.
  std::vector<Epoch> groups;
  /// All copies up to this epoch have been waited for, or an mbarrier tells.
  Epoch covered = 0;
  /// Of the last copy.
  Epoch lastEpoch = 0;
  uint32_t lastSite = kNoSite;
  Agent agent = kNoAgent;
};

/// Groups of bulk stores of a thread.
struct BulkState {
  uint32_t group = 1, waited = 0;
  uint32_t uncommitted = 0, lastSite = kNoSite;
  Agent agent = kNoAgent;
};

/// A decoded tensor map.
struct TensorGeometry {
  ElementType type;
  uint32_t rank, elementBytes;
  char *base;
  uint64_t sizes[5];
  /// Bytes, of all dimensions.
  uint64_t strides[5];
  /// Elements in shared memory, and the step between them in global memory.
  uint32_t box[5], steps[5];
  /// Mask of address bits 7.. that change bits 4..: 0, 1, 3, 7.
  uint32_t swizzleMask;
  bool fillNaN;

  uint32_t getBoxBytes() const {
    uint32_t bytes = elementBytes;
    for (uint32_t i = 0; i < rank; ++i)
      bytes *= box[i];
    return bytes;
  }
};

/// Null if the 128 bytes are none.
bool decodeTensorMap(const void *map, TensorGeometry &geometry);

struct BulkOperation {
  enum Kind : uint8_t {
    TensorLoad,
    TensorStore,
    Load,
    Store,
    CopyShared,
    Reduce,
  };
  Kind kind;
  Thread *thread = nullptr;
  uint32_t site = kNoSite;
  /// The block with the destination of loads, the source of stores.
  Block *block = nullptr;
  char *shared = nullptr;
  /// The global side; of CopyShared the source, of Reduce the destination.
  char *global = nullptr;
  uint32_t bytes = 0;
  MBarrier *barrier = nullptr;
  /// Of stores: the issuing thread's group.
  uint32_t group = 0;
  TensorGeometry geometry = {};
  int32_t coordinates[5] = {};
  TmaReduction reduction = TmaReduction::None;
  AtomicOp atomicOp = AtomicOp::Add;
  ElementType type = ElementType::B32;
};

/// Does what it says and tells its mbarrier.
void perform(Cluster &cluster, const BulkOperation &operation);
/// At issue: performs it now or later, as the options say.
void issue(Cluster &cluster, const BulkOperation &operation);
/// Performs the copies of `thread` up to `epoch`, and arrivals among them.
void performCopies(Thread &thread, Epoch epoch);
/// One elementary read-modify-write of a reduction on `type`; false if the
/// combination does not exist.
bool applyAtomic(void *address, AtomicOp op, ElementType type, uint64_t operand,
                 uint64_t comparand, uint64_t *old);
/// Bytes of an element in memory, 0 for types that have none.
uint32_t getBytes(ElementType type);

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_COPYASYNC_H
