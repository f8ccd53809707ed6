//===- ModelABI.h - what generated code and the runtime agree on ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The object of a model defines three hidden symbols and one exported function
//
//     extern "C" const char peermla_model_metadata[];         // JSON, ends in
//     0 extern "C" const uint64_t peermla_model_metadata_size;  // without the
//     0 extern "C" void *const peermla_model_functions[]; extern "C" const void
//     *peermla_<model>_api(uint32_t version) {
//       return peermla_rt_api(version, peermla_model_metadata,
//                             peermla_model_metadata_size,
//                             peermla_model_functions);
//     }
//
// The metadata (schema in Metadata.h of the runtime) names functions by their
// index in the table. All of them take the address of 64-bit words: memref
// descriptors of 3 + 2 rank words each (allocated pointer, aligned pointer,
// offset 0, sizes, row-major strides), one after the other, and last one plain
// word, the number of workers.
//
//     entry      arguments, prepared weights of the entry, workspace, workers
//     prepare    sources, the prepared weight, workspace, workers
//     workspace  the words of the function it belongs to, with null pointers;
//                returns bytes
//
// `in`, `inout` and `out` arguments come in the order of the metadata; the
// workspace is a memref<?xi8>.
//
// The program of a GPU target has the same functions. Their tensors are memory
// of the device, which they do not touch: they call peermla_rt_launch and
// peermla_rt_copy.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_RUNTIME_MODELABI_H
#define PEERMLA_RUNTIME_MODELABI_H

#include <cstdint>

extern "C" {

/// An entry or prepare function.
using peermla_rt_function = void (*)(const int64_t *words);
/// A workspace function.
using peermla_rt_workspace_function = int64_t (*)(const int64_t *words);

/// The table of functions (`peermla_api`) of the model that `metadata`
/// describes, or null if this runtime does not know `version`. The three last
/// arguments must stay valid.
const void *peermla_rt_api(uint32_t version, const char *metadata,
                           uint64_t size, void *const *functions);

/// Calls `body` on ranges that cover [0, n) once, on several threads at a time;
/// returns when all are done. `worker` is below the number of workers in the
/// words, and no two calls run under the same number at the same time. Inside a
/// body, a parallel-for is serial and keeps the worker.
void peermla_rt_parallel_for(int64_t n,
                             void (*body)(int64_t begin, int64_t end,
                                          int64_t worker, void *ctx),
                             void *ctx);

/// Memory as tensor copies of a kernel see it: the value of a parameter that is
/// a tensor map, until the device makes one of it. Dimensions are those of the
/// memory, the innermost first, whose elements are contiguous. Boxes go to rows
/// of 128 bytes of shared memory, swizzled over these.
struct peermla_rt_tensor_map {
  void *address;
  /// Elements; 1 beyond `rank`. Memory without elements gets no map.
  int64_t sizes[5];
  /// Bytes from an element to the next of dimension i + 1.
  int64_t strides[4];
  /// Elements that one copy brings; 1 beyond `rank`.
  int64_t box[5];
  int32_t rank, elementBytes;
};

/// Launches kernel number `kernel` of the program whose function runs, on a
/// grid of x * y * z blocks; nothing if one of them is 0. `parameters[i]`
/// points to the value of the kernel's parameter i. The first parameters are
/// its operands (`operands` in the metadata); where operand i is a pointer,
/// `bytes[i]` says how many bytes from there on the kernel may use. The last
/// parameters (`tensor_maps` in the metadata) are peermla_rt_tensor_maps.
void peermla_rt_launch(int64_t kernel, int64_t x, int64_t y, int64_t z,
                       void **parameters, const int64_t *bytes);

/// Copies memory of the device, after all that was launched before.
void peermla_rt_copy(void *to, const void *from, int64_t bytes);
}

#endif // PEERMLA_RUNTIME_MODELABI_H
