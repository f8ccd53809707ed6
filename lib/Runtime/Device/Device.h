//===- Device.h - where a session's memory is and its kernels run ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Host code is the same for all devices: it computes sizes, grids and
// addresses, and asks the device for memory, copies and launches. There are
//
//     cpu            host memory; work of a call is done by host code itself
//     sim[:TARGET]   host memory; kernels run in the simulator
//     cuda[:N]       memory and kernels of an NVIDIA GPU, by its driver
//
// A device belongs to one session; calls of several contexts use it at a time.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_DEVICE_DEVICE_H
#define PEERMLA_LIB_RUNTIME_DEVICE_DEVICE_H

#include "../Metadata.h"
#include "../Status.h"
#include "peermla/Runtime/ModelABI.h"
#include <memory>

struct peermla_model;

namespace peermla::runtime {

/// A piece of a device's memory; the object owns it.
class DeviceMemory {
public:
  virtual ~DeviceMemory();
  char *data() const { return begin; }
  size_t size() const { return bytes; }

protected:
  DeviceMemory() = default;

  char *begin = nullptr;
  size_t bytes = 0;
};

/// A kernel on a grid of blocks; see peermla_rt_launch.
struct Launch {
  const Kernel &kernel;
  /// The kernel's position in the program.
  size_t position;
  int64_t grid[3];
  void **parameters;
  const int64_t *bytes;

  /// The tensor map number `i` of the kernel.
  const peermla_rt_tensor_map &getTensorMap(size_t i) const;
  /// The parameters, with maps that the device made in place of those that it
  /// was given, one behind the other.
  template <typename Map>
  std::vector<void *> getParameters(std::vector<Map> &maps) const {
    std::vector<void *> result(parameters,
                               parameters + kernel.parameters.size());
    for (size_t i = 0; i < maps.size(); ++i)
      result[result.size() - maps.size() + i] = &maps[i];
    return result;
  }
};

/// Whether memory has no elements, and so no map.
bool isEmpty(const peermla_rt_tensor_map &map);

class Device {
public:
  virtual ~Device();

  /// As users write it: `cpu`, `sim:sm_80`, `cuda:0`.
  const std::string &getName() const { return name; }
  /// What the tensors of a call must say of their place.
  virtual DLDevice getTensorDevice() const { return {kDLCPU, 0}; }
  /// Bytes to which tensors are aligned, beside their element's size.
  virtual size_t getTensorAlignment() const { return 1; }
  /// Whether host code may read and write the device's memory.
  virtual bool isHostVisible() const { return true; }

  /// `what` is what messages call the memory: `a workspace`.
  virtual Status allocate(size_t bytes, const std::string &what,
                          std::unique_ptr<DeviceMemory> &memory) = 0;

  /// Copies between host and device; done when they return.
  virtual Status upload(void *to, const void *from, size_t bytes);
  virtual Status download(void *to, const void *from, size_t bytes);

  /// Makes the kernels of a program ready; before the first launch.
  virtual Status load(const peermla_model &model, const Program &program);
  /// Work in the order of `stream`, of the kind that the device has.
  virtual Status launch(void *stream, const Launch &launch);
  virtual Status copy(void *stream, void *to, const void *from, size_t bytes);
  virtual Status synchronize(void *stream);
  /// What a call does to a workspace before it uses it.
  virtual void prepareWorkspace(char *data, size_t bytes);

protected:
  explicit Device(std::string name) : name(std::move(name)) {}

private:
  std::string name;
};

/// `out of memory for WHAT of N bytes`
Status makeOutOfMemory(const std::string &what, size_t bytes);

/// Pages of the host, see Memory.h.
Status allocateHostMemory(size_t bytes, const std::string &what,
                          std::unique_ptr<DeviceMemory> &memory);

std::unique_ptr<Device> createCpuDevice();

/// The simulator for the kernels of `target`; `threads` of the host run its
/// blocks. Reads PEERMLA_SIM_ASYNC, PEERMLA_SIM_CHECKS, PEERMLA_SIM_SEED and
/// PEERMLA_SIM_COUNTERS.
/// Only libraries with simulated kernels contain it: their table of functions
/// names peermla_rt_create_simulator, which calls this.
Status createSimulatorDevice(const std::string &target, int32_t threads,
                             std::unique_ptr<Device> &device);

/// The GPU number `ordinal` by the CUDA driver, with the code among `programs`
/// that fits it best: `selected` is its position.
Status createCudaDevice(int32_t ordinal, const std::vector<Program> &programs,
                        std::unique_ptr<Device> &device, size_t &selected);

} // namespace peermla::runtime

extern "C" {
/// createSimulatorDevice, with the types of pointers erased: the table of a
/// model's functions has but addresses. The arguments are a std::string, an
/// std::unique_ptr<Device> and a Status.
void peermla_rt_create_simulator(const void *target, int32_t threads,
                                 void *device, void *status);
}

#endif // PEERMLA_LIB_RUNTIME_DEVICE_DEVICE_H
