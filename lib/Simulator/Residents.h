//===- Residents.h - clusters that take turns -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A cluster may poll global memory until another has written it: barriers of
// the grid, locks, partial results of earlier blocks. On a GPU many clusters
// are resident. Here the clusters that one thread of the system has begun take
// turns: a turn ends with the cluster, when all its threads wait or poll, and
// after many instructions; in random order also at accesses through which
// clusters learn of each other. When none of them has done anything for others
// in a round, one more is begun. When there is none left, all wait, and many
// rounds go by, it is a deadlock.
//
// No clock decides anything: the order is that of the seed.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_RESIDENTS_H
#define PEERMLA_LIB_SIMULATOR_RESIDENTS_H

#include "Random.h"
#include "peermla/Simulator/Simulator.h"
#include <memory>
#include <vector>

namespace peermla::sim {

struct Cluster;
struct LaunchState;

class Residents {
public:
  /// `stackBytes`: of one thread.
  Residents(LaunchState &state, size_t stackBytes);
  ~Residents();

  /// Runs clusters until the launch has no more of them, or stops. The number
  /// of those that came to their end.
  uint64_t run();
  /// Why a cluster could not be begun; empty if nothing was in the way.
  const std::string &getError() const { return error; }
  /// Adds what the clusters have counted and reported.
  void collect(Result &result, std::vector<Report> &reports);

private:
  /// Begins the launch's next cluster; false if there is none.
  bool begin();
  bool mayBegin() const;
  /// All have had a turn: the order of the next round.
  void beginRound();
  void reportDeadlock();

  LaunchState &state;
  size_t stackBytes;
  Random random;
  std::vector<std::unique_ptr<Cluster>> all;
  /// Of `all`: those that are in the middle of their cluster, and the others.
  std::vector<Cluster *> active, spare;
  /// In `active`: whose turn it is.
  size_t next = 0;
  /// Turns since anything happened that others may wait for; and the weight of
  /// those that ended in a wait.
  uint64_t quietTurns = 0, quietWeight = 0;
  std::string error;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_RESIDENTS_H
