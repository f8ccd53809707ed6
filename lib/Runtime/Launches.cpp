//===- Launches.cpp - work that host code asks of a device ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launches.h"
#include "Text.h"
#include "peermla/Runtime/ModelABI.h"

using namespace peermla;
using namespace peermla::runtime;

static thread_local LaunchScope *currentScope = nullptr;

LaunchScope::LaunchScope(Device &device, const Program &program, void *stream,
                         Recording *recording)
    : device(device), program(program), stream(stream), recording(recording),
      previous(currentScope) {
  currentScope = this;
}

LaunchScope::~LaunchScope() { currentScope = previous; }

void LaunchScope::launch(int64_t kernel, const int64_t (&grid)[3],
                         void **parameters, const int64_t *bytes) {
  if (status)
    return;
  if (kernel < 0 || static_cast<size_t>(kernel) >= program.kernels.size()) {
    status = Status(PEERMLA_INVALID_LIBRARY,
                    "expected a kernel below " +
                        std::to_string(program.kernels.size()) + ", got " +
                        std::to_string(kernel));
    return;
  }
  const Kernel &info = program.kernels[kernel];
  // What CUDA allows.
  constexpr int64_t limits[3] = {INT32_MAX, 65535, 65535};
  for (int d = 0; d < 3; ++d) {
    if (grid[d] == 0)
      return;
    if (grid[d] > 0 && grid[d] <= limits[d])
      continue;
    status = Status(PEERMLA_INVALID_ARGUMENT,
                    "kernel " + quote(info.name) + " expects a grid of up to " +
                        std::to_string(limits[d]) + " blocks in dimension " +
                        std::to_string(d) + ", got " + std::to_string(grid[d]));
    return;
  }
  Launch launch = {info,
                   static_cast<size_t>(kernel),
                   {grid[0], grid[1], grid[2]},
                   parameters,
                   bytes};
  if (recording)
    recording->addLaunch(launch);
  else
    status = device.launch(stream, launch);
}

void LaunchScope::copy(void *to, const void *from, int64_t bytes) {
  if (status || bytes <= 0 || to == from)
    return;
  if (recording)
    recording->addCopy(to, from, static_cast<size_t>(bytes));
  else
    status = device.copy(stream, to, from, static_cast<size_t>(bytes));
}

void peermla_rt_launch(int64_t kernel, int64_t x, int64_t y, int64_t z,
                       void **parameters, const int64_t *bytes) {
  if (currentScope)
    currentScope->launch(kernel, {x, y, z}, parameters, bytes);
}

void peermla_rt_copy(void *to, const void *from, int64_t bytes) {
  if (currentScope)
    currentScope->copy(to, from, bytes);
}
