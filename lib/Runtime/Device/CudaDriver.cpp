//===- CudaDriver.cpp - the CUDA driver, opened at run time ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"
#include <dlfcn.h>
#include <mutex>

using namespace peermla;
using namespace peermla::runtime;

static const char libraryName[] = "libcuda.so.1";

/// Fills in all functions.
static Status open(CudaDriver &driver) {
  // Stays open: handles of the driver live until the process ends.
  void *library = dlopen(libraryName, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Status(PEERMLA_UNSUPPORTED,
                  std::string("cannot load the CUDA driver: ") + dlerror());
#define PEERMLA_CUDA_FUNCTION(Name, ...)                                       \
  driver.Name =                                                                \
      reinterpret_cast<CudaResult (*)(__VA_ARGS__)>(dlsym(library, #Name));    \
  if (!driver.Name)                                                            \
    return Status(PEERMLA_UNSUPPORTED, std::string("the CUDA driver '") +      \
                                           libraryName +                       \
                                           "' lacks the function " #Name);
  PEERMLA_CUDA_FUNCTIONS(PEERMLA_CUDA_FUNCTION)
#undef PEERMLA_CUDA_FUNCTION
#define PEERMLA_CUDA_FUNCTION(Name, ...)                                       \
  driver.Name =                                                                \
      reinterpret_cast<CudaResult (*)(__VA_ARGS__)>(dlsym(library, #Name));
  PEERMLA_CUDA_NEWER_FUNCTIONS(PEERMLA_CUDA_FUNCTION)
#undef PEERMLA_CUDA_FUNCTION
  return driver.check(driver.cuInit(0), "cuInit");
}

Status CudaDriver::get(const CudaDriver *&driver) {
  static std::mutex mutex;
  static CudaDriver opened;
  static bool isOpen = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (!isOpen)
    if (Status status = open(opened))
      return status;
  isOpen = true;
  driver = &opened;
  return Status();
}

Status CudaDriver::check(CudaResult result, const char *call,
                         const std::string &subject) const {
  if (result == 0)
    return Status();
  std::string text(call);
  if (!subject.empty())
    text += " of " + subject;
  const char *name = nullptr, *meaning = nullptr;
  (void)cuGetErrorName(result, &name);
  (void)cuGetErrorString(result, &meaning);
  text += ": " + (name ? std::string(name) : "error " + std::to_string(result));
  if (meaning)
    text += std::string(": ") + meaning;
  return Status(result == cuda::errorOutOfMemory ? PEERMLA_OUT_OF_MEMORY
                                                 : PEERMLA_DEVICE_ERROR,
                text);
}
