//===- Reporter.h - reports of one cluster --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same finding at the same two ops is one report with a count. Also here:
// the names of agents, which reports of races need.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_REPORTER_H
#define PEERMLA_LIB_SIMULATOR_REPORTER_H

#include "Clock.h"
#include "peermla/Simulator/Simulator.h"
#include <map>
#include <tuple>

namespace peermla::sim {

class Reporter {
public:
  /// True if it is new.
  bool add(Report report);
  std::vector<Report> reports;

private:
  // Without an op the message tells findings apart.
  using Key = std::tuple<ReportKind, uint32_t, uint32_t, std::string>;
  std::map<Key, size_t> seen;
};

/// Merges `reports` of several clusters, in this order, under the same rule.
std::vector<Report> mergeReports(std::vector<Report> reports, uint32_t limit);

/// Agents are numbered: first the threads of all blocks, then asynchronous ones
/// as they appear.
class AgentNames {
public:
  enum Kind : uint8_t { Copies, MBarrier, Wgmma, WgmmaWarp, Bulk };

  void reset(uint32_t numBlocks, uint32_t numThreads);
  /// `index` is a thread, an offset in shared memory, a warpgroup or a warp.
  Agent add(Kind kind, uint32_t rank, uint32_t index);
  /// `thread 5`, `TMA load with the mbarrier at offset 64`, ...; with the block
  /// if the cluster has several.
  std::string getName(Agent agent) const;

private:
  struct Name {
    Kind kind;
    uint32_t rank, index;
  };
  uint32_t numBlocks = 0, numThreads = 1;
  std::vector<Name> names;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_REPORTER_H
