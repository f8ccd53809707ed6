//===- Residents.h - clusters that wait for each other --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A cluster may poll global memory until another has written it: barriers of
// the grid, locks, partial results of earlier blocks. On a GPU many clusters
// are resident; here a thread of the system runs one at a time. When all that
// run only poll, another one is started on a further thread, as long as there
// are clusters; when there are none, and nothing happens for a while, it is a
// deadlock.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_RESIDENTS_H
#define PEERMLA_LIB_SIMULATOR_RESIDENTS_H

#include <chrono>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace peermla::sim {

class Residents {
public:
  /// Starts a thread that runs further clusters, if there are any; says whether
  /// it did. To be set before anything runs.
  std::function<bool()> startWorker;

  void enter(const void *cluster);
  void leave(const void *cluster);
  /// Nothing in the cluster can run but loops that poll global memory. Waits a
  /// little; false if that is of no use. `hasProgressed`: it has done other
  /// things since it was here last.
  bool wait(const void *cluster, bool hasProgressed);

private:
  using Clock = std::chrono::steady_clock;
  std::mutex mutex;
  /// When each running cluster was last found to poll.
  std::unordered_map<const void *, Clock::time_point> polled;
  /// Since then nobody has done anything but polling.
  Clock::time_point quietSince;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_RESIDENTS_H
