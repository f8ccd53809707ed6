//===- ParallelFor.h - who does the work of a call ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated code calls peermla_rt_parallel_for, which says nothing about the
// session. The session's workers are therefore a property of the thread for the
// duration of a call: see WorkersScope.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_PARALLELFOR_H
#define PEERMLA_LIB_RUNTIME_PARALLELFOR_H

#include "peermla/Runtime/ModelABI.h"
#include "peermla/Runtime/Peermla.h"

namespace peermla::runtime {

struct Workers {
  int32_t count = 1;
  /// Runs them if `pool.run` is not null, else OpenMP does.
  peermla_pool pool = {};

  /// As many threads as OpenMP would use.
  static int32_t getDefaultCount();
};

/// Makes `workers` those of parallel-for in this thread until its end.
class WorkersScope {
public:
  explicit WorkersScope(const Workers &workers);
  ~WorkersScope();
  WorkersScope(const WorkersScope &) = delete;
  WorkersScope &operator=(const WorkersScope &) = delete;

private:
  const Workers *previous;
  int64_t previousWorker;
  bool wasInBody;
};

/// peermla_rt_parallel_for of the workers with a callable
/// `body(begin, end, worker)`.
template <typename Body>
void parallelFor(const Workers &workers, int64_t n, Body &&body) {
  WorkersScope scope(workers);
  peermla_rt_parallel_for(
      n,
      [](int64_t begin, int64_t end, int64_t worker, void *ctx) {
        (*static_cast<Body *>(ctx))(begin, end, worker);
      },
      &body);
}

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_PARALLELFOR_H
