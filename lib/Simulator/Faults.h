//===- Faults.h - signals of a kernel's own code --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel's arithmetic and its accesses of memory that no check sees run as
// host code: an integer division by zero or an address that does not exist
// would end the process. While a FaultGuard lives, such a signal ends the
// launch with a report instead. Signals outside kernels go where they went
// before.
//
// The handler saves the facts and lets the fiber go on in `land`, which is
// ordinary code: it reports and ends the thread. Frames of the kernel are
// abandoned, as in a deadlock.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_SIMULATOR_FAULTS_H
#define PEERMLA_LIB_SIMULATOR_FAULTS_H

#include <cstddef>
#include <memory>

namespace peermla::sim {

/// Catches signals of kernels that this thread of the system runs.
class FaultGuard {
public:
  FaultGuard();
  ~FaultGuard();
  FaultGuard(const FaultGuard &) = delete;
  FaultGuard &operator=(const FaultGuard &) = delete;

private:
  // Handlers need a stack of their own: that of a fiber may be used up.
  static constexpr size_t kStackBytes = 64 << 10;
  std::unique_ptr<char[]> stack;
};

} // namespace peermla::sim

#endif // PEERMLA_LIB_SIMULATOR_FAULTS_H
