//===- SimulatorDevice.cpp - kernels in the simulator ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A launch is a run of the simulator over the operands of the kernel: what it
// touches beside them, or writes though it is only to read it, is a report. The
// first launch with reports ends the call with their text.
//
//     PEERMLA_SIM_ASYNC    eager (default), lazy or random
//     PEERMLA_SIM_CHECKS   all (default), none, or some of race,init,bounds
//     PEERMLA_SIM_SEED     a number, for random
//     PEERMLA_SIM_COUNTERS a file to which each launch appends what it did, as
//                          Result::getJson says
//
//===----------------------------------------------------------------------===//

#include "../Model.h"
#include "../Text.h"
#include "Device.h"
#include "peermla/Simulator/Simulator.h"
#include <cstdlib>
#include <cstring>
#include <fstream>

using namespace peermla;
using namespace peermla::runtime;

namespace {
class SimulatorDevice final : public Device {
public:
  SimulatorDevice(const std::string &target, const sim::Options &options,
                  const std::string &counters)
      : Device("sim:" + target), options(options), counters(counters) {}

  size_t getTensorAlignment() const override { return gpuTensorAlignment; }

  Status allocate(size_t bytes, const std::string &what,
                  std::unique_ptr<DeviceMemory> &memory) override {
    return allocateHostMemory(bytes, what, memory);
  }

  Status load(const peermla_model &model, const Program &program) override;
  Status launch(void *stream, const Launch &launch) override;

  /// What a kernel reads before another wrote it is then no number.
  void prepareWorkspace(char *data, size_t bytes) override {
    if (options.checkInit && bytes)
      std::memset(data, 0xff, bytes);
  }

private:
  /// Appends what a launch did to the file of counters.
  Status count(const sim::Result &result, const sim::Launch &launch) const;

  sim::Options options;
  /// The file of counters, or nothing.
  std::string counters;
  /// In the order of the program's kernels.
  std::vector<const sim::KernelDescriptor *> kernels;
};
} // namespace

Status SimulatorDevice::load(const peermla_model &model,
                             const Program &program) {
  for (const Kernel &kernel : program.kernels) {
    if (kernel.simulated < 0)
      return Status(PEERMLA_INVALID_LIBRARY,
                    "kernel " + quote(kernel.name) + " of " +
                        quote(program.target) + " is not simulated");
    kernels.push_back(static_cast<const sim::KernelDescriptor *>(
        model.functions[kernel.simulated]));
  }
  return Status();
}

Status SimulatorDevice::count(const sim::Result &result,
                              const sim::Launch &launch) const {
  std::ofstream file(counters, std::ios::app);
  file << result.getJson(launch);
  if (file.flush())
    return Status();
  return Status(PEERMLA_INVALID_ARGUMENT,
                "PEERMLA_SIM_COUNTERS: cannot write " + quote(counters));
}

/// A map as kernels in the simulator take it.
static Status encode(const peermla_rt_tensor_map &given, sim::TensorMap &map) {
  sim::TensorMapDesc description;
  description.type = given.elementBytes == 4   ? sim::ElementType::U32
                     : given.elementBytes == 2 ? sim::ElementType::U16
                                               : sim::ElementType::U8;
  description.rank = static_cast<uint32_t>(given.rank);
  description.base = given.address;
  description.swizzle = sim::Swizzle::Bytes128;
  for (int32_t i = 0; i < given.rank; ++i) {
    description.sizes[i] = static_cast<uint64_t>(given.sizes[i]);
    description.box[i] = static_cast<uint32_t>(given.box[i]);
    if (i + 1 < given.rank)
      description.strides[i] = static_cast<uint64_t>(given.strides[i]);
  }
  std::string failure = sim::encodeTensorMap(map, description);
  if (failure.empty())
    return Status();
  return Status(PEERMLA_DEVICE_ERROR, "a tensor map: " + failure);
}

Status SimulatorDevice::launch(void *, const Launch &given) {
  const Kernel &kernel = given.kernel;
  std::vector<sim::TensorMap> maps(kernel.numTensorMaps);
  for (size_t i = 0; i < maps.size(); ++i) {
    maps[i] = {};
    if (!isEmpty(given.getTensorMap(i)))
      if (Status status = encode(given.getTensorMap(i), maps[i]))
        return Status(status.getCode(), "kernel " + quote(kernel.name) +
                                            " on " + getName() + ": " +
                                            status.getMessage());
  }
  std::vector<void *> parameters = given.getParameters(maps);
  sim::Launch launch;
  launch.kernel = kernels[given.position];
  launch.arguments = parameters.data();
  launch.grid = {static_cast<uint32_t>(given.grid[0]),
                 static_cast<uint32_t>(given.grid[1]),
                 static_cast<uint32_t>(given.grid[2])};
  launch.block = {kernel.threads[0], kernel.threads[1], kernel.threads[2]};
  launch.dynamicShared = kernel.sharedBytes;
  for (size_t i = 0; i < kernel.operands.size(); ++i)
    if (kernel.operands[i] != 's')
      launch.buffers.push_back({*static_cast<void **>(given.parameters[i]),
                                static_cast<size_t>(given.bytes[i]),
                                "operand " + std::to_string(i),
                                kernel.operands[i] == 'r'});
  sim::Result result = sim::run(launch, options);
  if (!counters.empty())
    if (Status status = count(result, launch))
      return status;
  if (result.reports.empty() && result.completed)
    return Status();
  std::string text = result.getText(launch);
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return Status(PEERMLA_DEVICE_ERROR,
                "kernel " + quote(kernel.name) + " on " + getName() + ": " +
                    (text.empty() ? "the launch did not end" : text));
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static Status failOption(const char *name, const std::string &expected,
                         const std::string &value) {
  return Status(PEERMLA_INVALID_ARGUMENT, std::string(name) + ": expected " +
                                              expected + ", got " +
                                              quote(value));
}

static Status readAsync(sim::Options &options) {
  const char *value = std::getenv("PEERMLA_SIM_ASYNC");
  std::string text = value ? value : "eager";
  if (text == "eager")
    options.async = sim::Async::Eager;
  else if (text == "lazy")
    options.async = sim::Async::Lazy;
  else if (text == "random")
    options.async = sim::Async::Random;
  else
    return failOption("PEERMLA_SIM_ASYNC", "eager, lazy or random", text);
  return Status();
}

static Status readChecks(sim::Options &options) {
  const char *value = std::getenv("PEERMLA_SIM_CHECKS");
  std::string text = value ? value : "all";
  bool all = text == "all";
  options.checkRaces = options.checkInit = options.checkBounds = all;
  if (all || text == "none")
    return Status();
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string check = text.substr(begin, end - begin);
    if (check == "race")
      options.checkRaces = true;
    else if (check == "init")
      options.checkInit = true;
    else if (check == "bounds")
      options.checkBounds = true;
    else
      return failOption("PEERMLA_SIM_CHECKS",
                        "all, none, or a list of race, init and bounds", text);
    begin = end + 1;
  }
  return Status();
}

static Status readSeed(sim::Options &options) {
  const char *value = std::getenv("PEERMLA_SIM_SEED");
  std::string text = value ? value : "0";
  uint64_t seed = 0;
  bool isNumber = !text.empty();
  for (char c : text)
    isNumber = isNumber && c >= '0' && c <= '9' &&
               !__builtin_mul_overflow(seed, 10, &seed) &&
               !__builtin_add_overflow(seed, uint64_t(c - '0'), &seed);
  if (!isNumber)
    return failOption("PEERMLA_SIM_SEED", "a number below 2^64", text);
  options.seed = seed;
  return Status();
}

Status runtime::createSimulatorDevice(const std::string &target,
                                      int32_t threads,
                                      std::unique_ptr<Device> &device) {
  sim::Options options;
  options.threads = static_cast<uint32_t>(threads);
  options.errorLimit = 4;
  options.catchFaults = true;
  for (auto read : {readAsync, readChecks, readSeed})
    if (Status status = read(options))
      return status;
  const char *counters = std::getenv("PEERMLA_SIM_COUNTERS");
  options.countAccesses = counters && *counters;
  device = std::make_unique<SimulatorDevice>(target, options,
                                             counters ? counters : "");
  return Status();
}

void peermla_rt_create_simulator(const void *target, int32_t threads,
                                 void *device, void *status) {
  *static_cast<Status *>(status) =
      createSimulatorDevice(*static_cast<const std::string *>(target), threads,
                            *static_cast<std::unique_ptr<Device> *>(device));
}
