//===- Wgmma.h - warpgroup matrix operations in flight --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An accumulator is a handle: the registers that one thread gives to wgmma. It
// is pending from the issue of an operation to the wait that covers its group.
// On registers (after the lowering of the NVVM dialect) the handle hides in
// tokens, quiet NaNs that carry its slot in the thread, the version and the
// number of the register:
//
//     0x7fc00000 | (slot + 1) << 16 | (version & 511) << 7 | register
//
// so that a premature read shows as NaN and a permuted one as a report.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_WGMMA_H
#define PEERMLA_LIB_SIMULATOR_WGMMA_H

#include "Clock.h"
#include "peermla/Simulator/Simulator.h"
#include <memory>
#include <vector>

namespace peermla::sim {

struct Block;
struct Cluster;
struct Thread;

struct Accumulator {
  uint32_t count;
  /// Operations in flight that write it.
  uint32_t pending;
  /// Operand of more than one use: operations must not write in place.
  bool frozen;
  /// WgmmaThread::fences when its registers were last touched.
  uint32_t touched;
  /// Of the last operation that writes it.
  uint32_t group;
  uint32_t version;
  uint32_t values[1];
};

/// Accumulators live as long as their cluster runs.
class AccumulatorPool {
public:
  Accumulator *get(uint32_t count);
  void clear();

private:
  static constexpr size_t kChunk = 1 << 20;
  std::vector<std::unique_ptr<char[]>> chunks;
  size_t usedChunks = 0, offset = kChunk;
};

struct WgmmaThread {
  static constexpr uint32_t kMaxSlots = 62;
  /// Number of wgmma.fence so far, from 1 on.
  uint32_t fences = 1;
  /// A fence since the last commit or wait.
  bool fenced = false;
  /// Accumulators that are tokens now; kMaxSlots or none.
  std::vector<Accumulator *> slots;
  /// Of those no longer in flight, by number of registers.
  std::vector<Accumulator *> free;
};

struct WgmmaOperation {
  uint64_t descriptorA, descriptorB;
  uint32_t n;
  ElementType typeA, typeB, typeD;
  uint32_t flags, group, site;
  bool aInRegisters, done;
  Accumulator *sources[128], *destinations[128];
  uint32_t a[128][4];
};

struct Warpgroup {
  Block *block = nullptr;
  uint32_t index = 0;
  /// Of the instruction that its threads are meeting in.
  uint32_t arrived = 0, site = kNoSite, kind = 0;
  std::vector<std::unique_ptr<WgmmaOperation>> operations;
  std::vector<std::unique_ptr<WgmmaOperation>> spare;
  /// The group that operations now join; all up to `completed` are.
  uint32_t group = 1, completed = 0;
  /// Operations since the last commit.
  uint32_t uncommitted = 0;
  Agent agents[4] = {kNoAgent, kNoAgent, kNoAgent, kNoAgent};
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_WGMMA_H
