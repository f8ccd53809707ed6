//===- Launches.h - work that host code asks of a device ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The host code of a GPU target calls peermla_rt_launch and peermla_rt_copy,
// which say nothing about session, context or stream. These are a property of
// the thread for the duration of a call, as the workers of parallel-for are.
// Nothing is launched after the first failure, which the call then returns.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_LAUNCHES_H
#define PEERMLA_LIB_RUNTIME_LAUNCHES_H

#include "Graph.h"

namespace peermla::runtime {

/// Makes launches of this thread those of `program` on `stream`, until its end.
class LaunchScope {
public:
  /// With a recording, launches go there rather than to the device.
  LaunchScope(Device &device, const Program &program, void *stream,
              Recording *recording = nullptr);
  ~LaunchScope();
  LaunchScope(const LaunchScope &) = delete;
  LaunchScope &operator=(const LaunchScope &) = delete;

  /// The first failure since the scope began.
  Status takeStatus() { return std::move(status); }

  void launch(int64_t kernel, const int64_t (&grid)[3], void **parameters,
              const int64_t *bytes);
  void copy(void *to, const void *from, int64_t bytes);

private:
  Device &device;
  const Program &program;
  void *stream;
  Recording *recording;
  Status status;
  LaunchScope *previous;
};

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_LAUNCHES_H
