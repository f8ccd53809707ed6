//===- CudaDriver.h - the CUDA driver, opened at run time -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of libcuda.so.1 that the runtime uses, by their addresses: the
// same library serves machines without a GPU, and needs no CUDA to be built.
// Handles are pointers and addresses 64-bit numbers, as in the driver's ABI.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_DEVICE_CUDADRIVER_H
#define PEERMLA_LIB_RUNTIME_DEVICE_CUDADRIVER_H

#include "../Status.h"
#include <cstddef>
#include <cstdint>

namespace peermla::runtime {

/// A CUresult; 0 is success.
using CudaResult = int;

/// X(name of the symbol, parameters)
#define PEERMLA_CUDA_FUNCTIONS(X)                                              \
  X(cuInit, unsigned flags)                                                    \
  X(cuGetErrorName, CudaResult error, const char **text)                       \
  X(cuGetErrorString, CudaResult error, const char **text)                     \
  X(cuDeviceGetCount, int *count)                                              \
  X(cuDeviceGet, int *device, int ordinal)                                     \
  X(cuDeviceGetAttribute, int *value, int attribute, int device)               \
  X(cuDevicePrimaryCtxRetain, void **context, int device)                      \
  X(cuDevicePrimaryCtxRelease_v2, int device)                                  \
  X(cuCtxPushCurrent_v2, void *context)                                        \
  X(cuCtxPopCurrent_v2, void **context)                                        \
  X(cuModuleLoadDataEx, void **module, const void *image, unsigned count,      \
    int *options, void **values)                                               \
  X(cuModuleUnload, void *module)                                              \
  X(cuModuleGetFunction, void **function, void *module, const char *name)      \
  X(cuFuncSetAttribute, void *function, int attribute, int value)              \
  X(cuMemAlloc_v2, uint64_t *address, size_t bytes)                            \
  X(cuMemFree_v2, uint64_t address)                                            \
  X(cuMemcpyHtoD_v2, uint64_t to, const void *from, size_t bytes)              \
  X(cuMemcpyDtoH_v2, void *to, uint64_t from, size_t bytes)                    \
  X(cuMemcpyDtoDAsync_v2, uint64_t to, uint64_t from, size_t bytes,            \
    void *stream)                                                              \
  X(cuStreamSynchronize, void *stream)                                         \
  X(cuLaunchKernel, void *function, unsigned gridX, unsigned gridY,            \
    unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,         \
    unsigned sharedBytes, void *stream, void **parameters, void **extra)

/// The same for functions that a driver may lack.
#define PEERMLA_CUDA_NEWER_FUNCTIONS(X)                                        \
  X(cuTensorMapEncodeTiled, void *map, int type, uint32_t rank, void *address, \
    const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,       \
    const uint32_t *elementStrides, int interleave, int swizzle,               \
    int l2Promotion, int fill)

struct CudaDriver {
#define PEERMLA_CUDA_FUNCTION(Name, ...) CudaResult (*Name)(__VA_ARGS__);
  PEERMLA_CUDA_FUNCTIONS(PEERMLA_CUDA_FUNCTION)
  /// Null in drivers that do not have them.
  PEERMLA_CUDA_NEWER_FUNCTIONS(PEERMLA_CUDA_FUNCTION)
#undef PEERMLA_CUDA_FUNCTION

  /// Opens the driver once per process.
  static Status get(const CudaDriver *&driver);

  /// What `call` returned as a status: `cuMemAlloc of a workspace:
  /// CUDA_ERROR_OUT_OF_MEMORY: out of memory`. `subject` may be empty.
  Status check(CudaResult result, const char *call,
               const std::string &subject = "") const;
};

namespace cuda {
// Values of the driver's enumerations.
constexpr int computeCapabilityMajor = 75, computeCapabilityMinor = 76;
constexpr int maxDynamicSharedBytes = 8;
constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;
constexpr CudaResult errorOutOfMemory = 2;
// Of tensor maps: elements, which are only copied, by their bytes; no
// interleaving; swizzled over 128 bytes; 256 bytes into the L2 cache at once;
// zeros outside.
constexpr int mapUint8 = 0, mapUint16 = 1, mapUint32 = 2;
constexpr int mapInterleaveNone = 0, mapSwizzle128 = 3, mapPromote256 = 3;
constexpr int mapFillZero = 0;
} // namespace cuda

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_DEVICE_CUDADRIVER_H
