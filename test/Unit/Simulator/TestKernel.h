//===- TestKernel.h - kernels written in C++ ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A test writes a kernel as a lambda that calls functions of Abi.def, as a
// rewritten kernel would; each call names its op by a number.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TEST_UNIT_SIMULATOR_TESTKERNEL_H
#define PEERMLA_TEST_UNIT_SIMULATOR_TESTKERNEL_H

#include "peermla/Simulator/Simulator.h"
#include <gtest/gtest.h>

namespace peermla::sim {
using namespace abi;

constexpr uint32_t kNumTestSites = 32;

/// A launch, and how to run it. `at<N>` in reports is the op of site N.
struct TestKernel {
  Launch launch;
  Options options;
  KernelDescriptor descriptor = {};

  explicit TestKernel(uint32_t threads, uint32_t sharedBytes = 0,
                      uint32_t blocks = 1);

  /// Runs `body` in every thread.
  template <typename Body> Result run(Body body) {
    void *argument = &body;
    uint64_t size = sizeof(Body);
    descriptor.entry = [](void **arguments) {
      (*static_cast<Body *>(arguments[0]))();
    };
    descriptor.numParameters = 1;
    descriptor.parameterSizes = &size;
    launch.kernel = &descriptor;
    launch.arguments = &argument;
    Result result = sim::run(launch, options);
    launch.arguments = nullptr;
    return result;
  }
};

/// Of the calling thread.
uint32_t getTid();
uint32_t getBlock();
/// The address of byte `offset` of the block's shared memory.
char *shared(uint32_t offset);

/// Loads and stores with the checks of a rewritten kernel.
template <typename T>
T load(const void *address, uint32_t site, uint32_t flags = 0) {
  return *static_cast<T *>(peermla_sim_access(
      const_cast<void *>(address), sizeof(T), alignof(T), flags, site));
}
template <typename T>
void store(void *address, T value, uint32_t site, uint32_t flags = 0) {
  *static_cast<T *>(peermla_sim_access(address, sizeof(T), alignof(T),
                                       flags | AccessFlags::Write, site)) =
      value;
}

/// All reports as text: `race 5 3; deadlock 2`, each with its sites (`-` for
/// none), in their order.
std::string summarize(const Result &result);

/// Whether `part` is in `text`; says what the text is if not.
testing::AssertionResult contains(const std::string &text,
                                  const std::string &part);

/// All modes in which an intact kernel must be clean and right: each policy
/// with all checks, and without.
std::vector<Options> getAllModes();

} // namespace peermla::sim

#endif // PEERMLA_TEST_UNIT_SIMULATOR_TESTKERNEL_H
