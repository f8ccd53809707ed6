//===- Graph.cpp - the launches of a call, to run again -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Graph.h"
#include "Memory.h"
#include <cstring>

using namespace peermla;
using namespace peermla::runtime;

void Recording::addLaunch(const Launch &launch) {
  constexpr size_t alignment = 16;
  const std::vector<uint32_t> &sizes = launch.kernel.parameters;
  Step &step = steps.emplace_back();
  step.kernel = static_cast<int64_t>(launch.position);
  std::memcpy(step.grid, launch.grid, sizeof(step.grid));
  size_t size = 0;
  for (uint32_t bytes : sizes) {
    step.offsets.push_back(size);
    size = alignTo(size + bytes, alignment);
  }
  step.values.resize(size);
  for (size_t i = 0; i < sizes.size(); ++i)
    std::memcpy(step.values.data() + step.offsets[i], launch.parameters[i],
                sizes[i]);
  step.bytes.assign(launch.bytes, launch.bytes + launch.kernel.operands.size());
}

void Recording::addCopy(void *to, const void *from, size_t bytes) {
  Step &step = steps.emplace_back();
  step.to = to;
  step.from = from;
  step.size = bytes;
}

Status Recording::replay(Device &device, const Program &program,
                         void *stream) const {
  std::vector<void *> parameters;
  for (const Step &step : steps) {
    if (step.kernel < 0) {
      if (Status status = device.copy(stream, step.to, step.from, step.size))
        return status;
      continue;
    }
    size_t position = static_cast<size_t>(step.kernel);
    // Nobody writes to the values of parameters.
    char *values = const_cast<char *>(step.values.data());
    parameters.clear();
    for (size_t offset : step.offsets)
      parameters.push_back(values + offset);
    if (Status status =
            device.launch(stream, {program.kernels[position],
                                   position,
                                   {step.grid[0], step.grid[1], step.grid[2]},
                                   parameters.data(),
                                   step.bytes.data()}))
      return status;
  }
  return Status();
}
