//===- Residents.cpp - clusters that wait for each other ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Residents.h"
#include <algorithm>
#include <thread>

using namespace peermla::sim;
using namespace std::chrono_literals;

/// Between two looks at the memory that is polled.
static constexpr auto kPause = 100us;
/// A cluster that was not found to poll for so long is at work.
static constexpr auto kRecent = 20ms;
/// How long all must have polled in vain; the system may not let a thread run
/// for some time.
static constexpr auto kPatience = 50ms;

void Residents::enter(const void *cluster) {
  std::lock_guard<std::mutex> guard(mutex);
  polled[cluster] = {};
  quietSince = Clock::now();
}

void Residents::leave(const void *cluster) {
  std::lock_guard<std::mutex> guard(mutex);
  polled.erase(cluster);
  quietSince = Clock::now();
}

bool Residents::wait(const void *cluster, bool hasProgressed) {
  {
    std::lock_guard<std::mutex> guard(mutex);
    Clock::time_point now = Clock::now();
    polled[cluster] = now;
    bool allPoll =
        std::all_of(polled.begin(), polled.end(), [&](const auto &entry) {
          return entry.second + kRecent > now;
        });
    if (hasProgressed || !allPoll || startWorker())
      quietSince = now;
    else if (now - quietSince > kPatience)
      return false;
  }
  std::this_thread::sleep_for(kPause);
  return true;
}
