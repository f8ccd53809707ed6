//===- Device.cpp - what devices with host memory have in common ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "../Memory.h"
#include <cstring>

using namespace peermla;
using namespace peermla::runtime;

DeviceMemory::~DeviceMemory() = default;
Device::~Device() = default;

const peermla_rt_tensor_map &Launch::getTensorMap(size_t i) const {
  size_t first = kernel.parameters.size() - kernel.numTensorMaps;
  return *static_cast<const peermla_rt_tensor_map *>(parameters[first + i]);
}

bool runtime::isEmpty(const peermla_rt_tensor_map &map) {
  for (int32_t i = 0; i < map.rank; ++i)
    if (map.sizes[i] == 0)
      return true;
  return false;
}

Status Device::upload(void *to, const void *from, size_t bytes) {
  if (bytes)
    std::memcpy(to, from, bytes);
  return Status();
}

Status Device::download(void *to, const void *from, size_t bytes) {
  return upload(to, from, bytes);
}

Status Device::load(const peermla_model &, const Program &) { return Status(); }

Status Device::launch(void *, const Launch &launch) {
  return Status(PEERMLA_INVALID_LIBRARY, "device " + name +
                                             " cannot launch kernel '" +
                                             launch.kernel.name + "'");
}

Status Device::copy(void *, void *to, const void *from, size_t bytes) {
  return upload(to, from, bytes);
}

Status Device::synchronize(void *) { return Status(); }

void Device::prepareWorkspace(char *, size_t) {}

Status runtime::makeOutOfMemory(const std::string &what, size_t bytes) {
  return Status(PEERMLA_OUT_OF_MEMORY, "out of memory for " + what + " of " +
                                           std::to_string(bytes) + " bytes");
}

namespace {
class HostMemory final : public DeviceMemory {
public:
  bool allocate(size_t size) {
    if (!pages.allocate(size))
      return false;
    begin = pages.data();
    bytes = size;
    return true;
  }

private:
  Pages pages;
};

class CpuDevice final : public Device {
public:
  CpuDevice() : Device("cpu") {}
  Status allocate(size_t bytes, const std::string &what,
                  std::unique_ptr<DeviceMemory> &memory) override {
    return allocateHostMemory(bytes, what, memory);
  }
};
} // namespace

Status runtime::allocateHostMemory(size_t bytes, const std::string &what,
                                   std::unique_ptr<DeviceMemory> &memory) {
  auto allocated = std::make_unique<HostMemory>();
  if (!allocated->allocate(bytes))
    return makeOutOfMemory(what, bytes);
  memory = std::move(allocated);
  return Status();
}

std::unique_ptr<Device> runtime::createCpuDevice() {
  return std::make_unique<CpuDevice>();
}
