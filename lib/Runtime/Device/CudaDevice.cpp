//===- CudaDevice.cpp - memory and kernels of an NVIDIA GPU ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Works in the device's primary context, which a host such as PyTorch uses,
// too. Every function makes it current and leaves the thread as it was.
// Launches and copies of a call go to the context's stream and wait for
// nothing, so that a stream that is being captured can record them.
//
//===----------------------------------------------------------------------===//

#include "../Memory.h"
#include "../Model.h"
#include "../Text.h"
#include "CudaDriver.h"
#include "Device.h"

using namespace peermla;
using namespace peermla::runtime;

//===----------------------------------------------------------------------===//
// Which code runs where
//===----------------------------------------------------------------------===//

namespace {
/// `sm_90a`: 9.0, for chips of exactly this kind.
struct Architecture {
  int major = 0, minor = 0;
  bool isSpecific = false;

  static bool parse(const std::string &target, Architecture &result);
  /// Whether a chip runs this architecture's machine code, or can be given
  /// machine code made of its PTX.
  bool runsCubin(int chipMajor, int chipMinor) const {
    return chipMajor == major &&
           (isSpecific ? chipMinor == minor : chipMinor >= minor);
  }
  bool runsPtx(int chipMajor, int chipMinor) const {
    return isSpecific ? chipMajor == major && chipMinor == minor
                      : chipMajor * 10 + chipMinor >= getNumber();
  }
  int getNumber() const { return major * 10 + minor; }
};
} // namespace

bool Architecture::parse(const std::string &target, Architecture &result) {
  size_t digits = target.find_first_of("0123456789");
  if (target.rfind("sm_", 0) != 0 || digits != 3)
    return false;
  int number = 0;
  size_t i = digits;
  for (; i < target.size() && target[i] >= '0' && target[i] <= '9'; ++i)
    number = std::min(number * 10 + (target[i] - '0'), 100000);
  result = {number / 10, number % 10, i != target.size()};
  return true;
}

static const KernelImage *chooseImage(const Kernel &kernel,
                                      const Architecture &architecture,
                                      int major, int minor) {
  for (KernelImage::Kind kind :
       {KernelImage::Kind::Cubin, KernelImage::Kind::Ptx}) {
    bool runs = kind == KernelImage::Kind::Cubin
                    ? architecture.runsCubin(major, minor)
                    : architecture.runsPtx(major, minor);
    for (const KernelImage &image : kernel.images)
      if (runs && image.kind == kind)
        return &image;
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// The device
//===----------------------------------------------------------------------===//

namespace {
/// Makes a context current until its end.
class ContextScope {
public:
  ContextScope(const CudaDriver &driver, void *context) : driver(driver) {
    status =
        driver.check(driver.cuCtxPushCurrent_v2(context), "cuCtxPushCurrent");
  }
  ~ContextScope() {
    void *popped = nullptr;
    if (!status)
      (void)driver.cuCtxPopCurrent_v2(&popped);
  }
  ContextScope(const ContextScope &) = delete;
  ContextScope &operator=(const ContextScope &) = delete;

  Status status;

private:
  const CudaDriver &driver;
};

/// A CUtensorMap.
struct alignas(64) CudaTensorMap {
  char bytes[128];
};

class CudaDevice final : public Device {
public:
  CudaDevice(const CudaDriver &driver, int ordinal)
      : Device("cuda:" + std::to_string(ordinal)), driver(driver),
        ordinal(ordinal) {}
  ~CudaDevice() override;

  Status open();
  Status selectProgram(const std::vector<Program> &programs, size_t &selected);

  DLDevice getTensorDevice() const override { return {kDLCUDA, ordinal}; }
  size_t getTensorAlignment() const override { return gpuTensorAlignment; }
  bool isHostVisible() const override { return false; }
  Status allocate(size_t bytes, const std::string &what,
                  std::unique_ptr<DeviceMemory> &memory) override;
  Status upload(void *to, const void *from, size_t bytes) override;
  Status download(void *to, const void *from, size_t bytes) override;
  Status load(const peermla_model &model, const Program &program) override;
  Status launch(void *stream, const Launch &launch) override;
  Status copy(void *stream, void *to, const void *from, size_t bytes) override;
  Status synchronize(void *stream) override;

private:
  Status loadKernel(const peermla_model &model, const Kernel &kernel,
                    const Architecture &architecture);

  Status encode(const peermla_rt_tensor_map &given, CudaTensorMap &map) const;

  const CudaDriver &driver;
  int ordinal, handle = 0, major = 0, minor = 0;
  void *context = nullptr;
  std::vector<void *> modules, functions;

  friend class CudaMemory;
};

class CudaMemory final : public DeviceMemory {
public:
  CudaMemory(const CudaDevice &device, uint64_t address, size_t size)
      : device(device) {
    begin = reinterpret_cast<char *>(address);
    bytes = size;
  }
  ~CudaMemory() override {
    ContextScope scope(device.driver, device.context);
    if (begin && !scope.status)
      (void)device.driver.cuMemFree_v2(reinterpret_cast<uintptr_t>(begin));
  }

private:
  const CudaDevice &device;
};
} // namespace

static uint64_t toAddress(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

Status CudaDevice::open() {
  int count = 0;
  if (Status status =
          driver.check(driver.cuDeviceGetCount(&count), "cuDeviceGetCount"))
    return status;
  if (ordinal >= count)
    return Status(PEERMLA_UNSUPPORTED,
                  "device '" + getName() + "': this machine has " +
                      std::to_string(count) + " CUDA devices");
  if (Status status =
          driver.check(driver.cuDeviceGet(&handle, ordinal), "cuDeviceGet"))
    return status;
  for (auto [value, attribute] :
       {std::pair(&major, cuda::computeCapabilityMajor),
        std::pair(&minor, cuda::computeCapabilityMinor)})
    if (Status status =
            driver.check(driver.cuDeviceGetAttribute(value, attribute, handle),
                         "cuDeviceGetAttribute"))
      return status;
  return driver.check(driver.cuDevicePrimaryCtxRetain(&context, handle),
                      "cuDevicePrimaryCtxRetain");
}

CudaDevice::~CudaDevice() {
  if (!context)
    return;
  {
    ContextScope scope(driver, context);
    if (!scope.status)
      for (void *module : modules)
        (void)driver.cuModuleUnload(module);
  }
  (void)driver.cuDevicePrimaryCtxRelease_v2(handle);
}

Status CudaDevice::selectProgram(const std::vector<Program> &programs,
                                 size_t &selected) {
  std::vector<std::string> names;
  int best = -1;
  for (size_t i = 0; i < programs.size(); ++i) {
    names.push_back(programs[i].target);
    Architecture architecture;
    if (!Architecture::parse(programs[i].target, architecture))
      continue;
    bool runs = true;
    for (const Kernel &kernel : programs[i].kernels)
      runs &= chooseImage(kernel, architecture, major, minor) != nullptr;
    if (!runs || architecture.getNumber() <= best)
      continue;
    best = architecture.getNumber();
    selected = i;
  }
  if (best >= 0)
    return Status();
  return Status(PEERMLA_UNSUPPORTED,
                "device '" + getName() + "' has compute capability " +
                    std::to_string(major) + "." + std::to_string(minor) +
                    ", this library has kernels of " + joinWithAnd(names) +
                    " only");
}

Status CudaDevice::allocate(size_t bytes, const std::string &what,
                            std::unique_ptr<DeviceMemory> &memory) {
  uint64_t address = 0;
  if (bytes) {
    ContextScope scope(driver, context);
    if (scope.status)
      return scope.status;
    CudaResult result = driver.cuMemAlloc_v2(&address, bytes);
    if (result)
      return driver.check(result, "cuMemAlloc",
                          what + " (" + std::to_string(bytes) + " bytes)");
  }
  memory = std::make_unique<CudaMemory>(*this, address, bytes);
  return Status();
}

Status CudaDevice::upload(void *to, const void *from, size_t bytes) {
  ContextScope scope(driver, context);
  if (scope.status || !bytes)
    return scope.status;
  return driver.check(driver.cuMemcpyHtoD_v2(toAddress(to), from, bytes),
                      "cuMemcpyHtoD");
}

Status CudaDevice::download(void *to, const void *from, size_t bytes) {
  ContextScope scope(driver, context);
  if (scope.status || !bytes)
    return scope.status;
  return driver.check(driver.cuMemcpyDtoH_v2(to, toAddress(from), bytes),
                      "cuMemcpyDtoH");
}

Status CudaDevice::copy(void *stream, void *to, const void *from,
                        size_t bytes) {
  ContextScope scope(driver, context);
  if (scope.status)
    return scope.status;
  return driver.check(driver.cuMemcpyDtoDAsync_v2(
                          toAddress(to), toAddress(from), bytes, stream),
                      "cuMemcpyDtoDAsync");
}

Status CudaDevice::synchronize(void *stream) {
  ContextScope scope(driver, context);
  if (scope.status)
    return scope.status;
  return driver.check(driver.cuStreamSynchronize(stream),
                      "cuStreamSynchronize");
}

Status CudaDevice::loadKernel(const peermla_model &model, const Kernel &kernel,
                              const Architecture &architecture) {
  std::string subject = "kernel " + quote(kernel.name);
  const KernelImage &image = *chooseImage(kernel, architecture, major, minor);
  char log[2048] = {};
  int options[] = {cuda::jitErrorLog, cuda::jitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  void *module = nullptr, *function = nullptr;
  CudaResult result = driver.cuModuleLoadDataEx(
      &module, model.functions[image.data], 2, options, values);
  if (Status status = driver.check(result, "cuModuleLoadDataEx", subject))
    return Status(status.getCode(),
                  status.getMessage() + (*log ? ": " : "") + log);
  modules.push_back(module);
  if (Status status = driver.check(
          driver.cuModuleGetFunction(&function, module, kernel.name.c_str()),
          "cuModuleGetFunction", subject))
    return status;
  functions.push_back(function);
  if (kernel.sharedBytes == 0)
    return Status();
  return driver.check(
      driver.cuFuncSetAttribute(function, cuda::maxDynamicSharedBytes,
                                static_cast<int>(kernel.sharedBytes)),
      "cuFuncSetAttribute",
      subject + " (" + std::to_string(kernel.sharedBytes) +
          " bytes of shared memory)");
}

Status CudaDevice::load(const peermla_model &model, const Program &program) {
  ContextScope scope(driver, context);
  if (scope.status)
    return scope.status;
  Architecture architecture;
  (void)Architecture::parse(program.target, architecture);
  for (const Kernel &kernel : program.kernels)
    if (Status status = loadKernel(model, kernel, architecture))
      return status;
  return Status();
}

Status CudaDevice::encode(const peermla_rt_tensor_map &given,
                          CudaTensorMap &map) const {
  if (!driver.cuTensorMapEncodeTiled)
    return Status(PEERMLA_UNSUPPORTED,
                  "the CUDA driver lacks the function cuTensorMapEncodeTiled");
  uint64_t sizes[5], strides[4];
  uint32_t box[5], elementStrides[5] = {1, 1, 1, 1, 1};
  for (int32_t i = 0; i < given.rank; ++i) {
    sizes[i] = static_cast<uint64_t>(given.sizes[i]);
    box[i] = static_cast<uint32_t>(given.box[i]);
    if (i + 1 < given.rank)
      strides[i] = static_cast<uint64_t>(given.strides[i]);
  }
  int type = given.elementBytes == 4   ? cuda::mapUint32
             : given.elementBytes == 2 ? cuda::mapUint16
                                       : cuda::mapUint8;
  return driver.check(driver.cuTensorMapEncodeTiled(
                          &map, type, static_cast<uint32_t>(given.rank),
                          given.address, sizes, strides, box, elementStrides,
                          cuda::mapInterleaveNone, cuda::mapSwizzle128,
                          cuda::mapPromote256, cuda::mapFillZero),
                      "cuTensorMapEncodeTiled");
}

Status CudaDevice::launch(void *stream, const Launch &launch) {
  ContextScope scope(driver, context);
  if (scope.status)
    return scope.status;
  const Kernel &kernel = launch.kernel;
  // The driver copies parameters before it returns, also while it captures.
  std::vector<CudaTensorMap> maps(kernel.numTensorMaps);
  for (size_t i = 0; i < maps.size(); ++i)
    if (!isEmpty(launch.getTensorMap(i)))
      if (Status status = encode(launch.getTensorMap(i), maps[i]))
        return Status(status.getCode(), "kernel " + quote(kernel.name) +
                                            " on " + getName() + ": " +
                                            status.getMessage());
  std::vector<void *> parameters = launch.getParameters(maps);
  CudaResult result = driver.cuLaunchKernel(
      functions[launch.position], static_cast<unsigned>(launch.grid[0]),
      static_cast<unsigned>(launch.grid[1]),
      static_cast<unsigned>(launch.grid[2]), kernel.threads[0],
      kernel.threads[1], kernel.threads[2], kernel.sharedBytes, stream,
      parameters.data(), nullptr);
  if (result == 0)
    return Status();
  return driver.check(result, "cuLaunchKernel",
                      "kernel " + quote(kernel.name) + " on " + getName());
}

Status runtime::createCudaDevice(int32_t ordinal,
                                 const std::vector<Program> &programs,
                                 std::unique_ptr<Device> &device,
                                 size_t &selected) {
  const CudaDriver *driver = nullptr;
  if (Status status = CudaDriver::get(driver))
    return Status(status.getCode(), "device 'cuda:" + std::to_string(ordinal) +
                                        "': " + status.getMessage());
  auto created = std::make_unique<CudaDevice>(*driver, ordinal);
  if (Status status = created->open())
    return status;
  if (Status status = created->selectProgram(programs, selected))
    return status;
  device = std::move(created);
  return Status();
}
