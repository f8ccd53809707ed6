/* A driver without a GPU: memory is the host's, calls are written to the file
 * named by FAKE_CUDA_LOG, and the kernels of row-sums.mlir are computed here,
 * by the parameters that they are given. FAKE_CUDA_CC: the compute capability,
 * 80 by default. FAKE_CUDA_FAIL: the function that fails. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *getLog(void) {
  static FILE *file;
  if (!file)
    file = fopen(getenv("FAKE_CUDA_LOG"), "w");
  return file;
}

static int finish(const char *name) {
  const char *failing = getenv("FAKE_CUDA_FAIL");
  return failing && strcmp(failing, name) == 0 ? 700 : 0;
}

#define LOG(...) fprintf(getLog(), __VA_ARGS__), fflush(getLog())
#define DONE() return finish(__func__)

int cuInit(unsigned flags) { DONE(); }
int cuGetErrorName(int error, const char **text) {
  *text =
      error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_ILLEGAL_ADDRESS";
  return 0;
}
int cuGetErrorString(int error, const char **text) {
  *text =
      error == 2 ? "out of memory" : "an illegal memory access was encountered";
  return 0;
}
int cuDeviceGetCount(int *count) {
  *count = 1;
  DONE();
}
int cuDeviceGet(int *device, int ordinal) {
  *device = 40 + ordinal;
  DONE();
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  const char *given = getenv("FAKE_CUDA_CC");
  int capability = given ? atoi(given) : 80;
  *value = attribute == 75 ? capability / 10 : capability % 10;
  return device == 40 ? finish(__func__) : 101;
}

static int depth;
static char context;
int cuDevicePrimaryCtxRetain(void **result, int device) {
  *result = &context;
  LOG("retain\n");
  DONE();
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  LOG("release, %d contexts current\n", depth);
  DONE();
}
int cuCtxPushCurrent_v2(void *pushed) {
  ++depth;
  return pushed == &context ? finish(__func__) : 201;
}
int cuCtxPopCurrent_v2(void **popped) {
  --depth;
  *popped = &context;
  DONE();
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned count,
                       int *options, void **values) {
  const char *kind = memcmp(image, "\177ELF", 4) == 0 ? "cubin" : "ptx";
  LOG("load %s\n", kind);
  for (unsigned i = 0; i < count; ++i)
    if (options[i] == 5 && finish(__func__))
      strcpy(values[i], "ptxas application ptx input, line 9");
  *module = malloc(1);
  DONE();
}
int cuModuleUnload(void *module) {
  LOG("unload\n");
  free(module);
  DONE();
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = strdup(name);
  DONE();
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  LOG("attribute %d of %s: %d\n", attribute, (char *)function, value);
  DONE();
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  *address = (uint64_t)aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset((void *)*address, 0xff, bytes);
  LOG("allocate %zu\n", bytes);
  return finish(__func__) ? 2 : 0;
}
int cuMemFree_v2(uint64_t address) {
  LOG("free\n");
  free((void *)address);
  DONE();
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  LOG("upload %zu\n", bytes);
  memcpy((void *)to, from, bytes);
  DONE();
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  LOG("download %zu\n", bytes);
  memcpy(to, (void *)from, bytes);
  DONE();
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes,
                         void *stream) {
  LOG("copy %zu on stream %p\n", bytes, stream);
  memcpy((void *)to, (void *)from, bytes);
  DONE();
}
int cuStreamSynchronize(void *stream) {
  LOG("synchronize\n");
  DONE();
}

/* A map here is the address, and the word that tells one from other bytes. */
int cuTensorMapEncodeTiled(void *map, int type, uint32_t rank, void *address,
                           const uint64_t *sizes, const uint64_t *strides,
                           const uint32_t *box, const uint32_t *elementStrides,
                           int interleave, int swizzle, int l2Promotion,
                           int fill) {
  LOG("map of type %d", type);
  for (uint32_t i = 0; i < rank; ++i)
    LOG(", %u of %lu by %u", box[i], (unsigned long)sizes[i],
        elementStrides[i]);
  for (uint32_t i = 0; i + 1 < rank; ++i)
    LOG(", stride %lu", (unsigned long)strides[i]);
  LOG(", modes %d %d %d %d\n", interleave, swizzle, l2Promotion, fill);
  memset(map, 0, 128);
  memcpy(map, &address, sizeof(address));
  return (uint64_t)map % 64 ? 1 : finish(__func__);
}

#define PARAMETER(Type, i) (*(Type *)parameters[i])

int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, void *stream,
                   void **parameters, void **extra) {
  const char *name = function;
  LOG("launch %s on %ux%ux%u blocks of %ux%ux%u, %u bytes\n", name, gridX,
      gridY, gridZ, blockX, blockY, blockZ, sharedBytes);
  if (strcmp(name, "scale") == 0) {
    float *x = PARAMETER(float *, 0), *w = PARAMETER(float *, 1),
          f = PARAMETER(float, 2), *t = PARAMETER(float *, 3);
    LOG("  T is %ld and %ld\n", (long)PARAMETER(int64_t, 4),
        (long)PARAMETER(int64_t, 5));
    for (unsigned i = 0; i < gridX * 64; ++i)
      t[i] = x[i] * w[i % 64] * f;
  } else if (strcmp(name, "sum") == 0) {
    float *t = PARAMETER(float *, 0), *y = PARAMETER(float *, 1);
    for (unsigned b = 0; b < gridX; ++b) {
      y[b] = 0;
      for (unsigned j = 0; j < 64; ++j)
        y[b] += t[64 * b + j];
    }
  } else if (strcmp(name, "mapped") == 0) {
    LOG("  %s map of operand 0\n",
        PARAMETER(void *, 3) == PARAMETER(void *, 0) ? "a" : "no");
  } else if (strcmp(name, "twice") == 0) {
    float *w = PARAMETER(float *, 0), *o = PARAMETER(float *, 1);
    for (unsigned j = 0; j < 32 * gridX; ++j)
      o[j] = 2 * w[j];
  }
  DONE();
}
