//===- Counting.h - what instructions cost --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions by class and FLOP are counted always. With
// Options::countAccesses also what loads and stores cost in memory: the k-th
// execution of a site by each lane of a warp since all of them met is taken as
// one request of the warp, which is so where lanes do not diverge in between.
//
//   global   32-byte sectors touched, against distinct bytes / 32
//   shared   wavefronts: at most one 4-byte word per bank and pass (lanes that
//            read the same word share it; 8-byte accesses go by half-warps,
//            16-byte ones by quarters), against distinct words / 32
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_COUNTING_H
#define PEERMLA_LIB_SIMULATOR_COUNTING_H

#include "peermla/Simulator/Simulator.h"
#include <deque>
#include <unordered_map>
#include <vector>

namespace peermla::sim {

struct Thread;

/// `thread` has executed Thread::sliceEnd instructions: lets others run, or
/// reports that it has reached Options::instructionLimit and ends it.
void endSlice(Thread &thread, uint32_t site);
void reportStackOverflow(Thread &thread, uint32_t site);

class Counting {
public:
  Counters total;
  /// By site; empty if accesses are not counted.
  std::vector<Counters> sites;

  bool countsAccesses() const { return !sites.empty(); }

  void addInstructions(InstructionClass kind, uint32_t site, uint64_t count) {
    total.instructions[uint32_t(kind)] += count;
    if (site < sites.size())
      sites[site].instructions[uint32_t(kind)] += count;
  }
  void addMatrixFlop(uint32_t site, uint64_t flop) {
    add(site, &Counters::matrixFlop, flop);
  }
  void add(uint32_t site, uint64_t Counters::*counter, uint64_t count) {
    total.*counter += count;
    if (site < sites.size())
      sites[site].*counter += count;
  }

  /// One lane's access by a load or store.
  void addAccess(const Thread &thread, uint32_t site, bool shared,
                 const void *address, uint32_t size);
  /// Rows of 16 bytes that one instruction touches at once, eight at a time:
  /// ldmatrix, stmatrix, core matrices.
  void addSharedRows(uint32_t site, const uint32_t *offsets, uint32_t count);
  /// Consecutive bytes.
  void addSharedBytes(uint32_t site, uint64_t bytes);
  void addGlobalBytes(uint32_t site, uint64_t address, uint64_t bytes);

  /// All lanes of the thread's warp are at the same place.
  void converge(const Thread &thread);
  /// Accounts for all requests; between blocks.
  void flush();

private:
  struct Request {
    uint32_t site, mask = 0, size = 0;
    bool shared = false;
    uint64_t addresses[32];
  };
  void accountGlobal(const Request &request);
  void accountShared(const Request &request);
  void account(Request &request);

  /// Executions of a site by each lane of a warp since these met, and requests
  /// from number `first` on.
  struct Stream {
    uint64_t executions[32] = {};
    uint64_t first = 0;
    std::deque<Request> requests;
    bool isUsed = false;
  };
  /// Those of a warp, and which of them lanes have executed since they met.
  struct WarpStreams {
    std::unordered_map<uint64_t, Stream> streams;
    std::vector<Stream *> used;
  };
  void settle(WarpStreams &warp);
  std::unordered_map<uint64_t, WarpStreams> warps;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_COUNTING_H
