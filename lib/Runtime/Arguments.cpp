//===- Arguments.cpp - tensors of a call against the metadata -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Text.h"
#include "Words.h"
#include <algorithm>

using namespace peermla;
using namespace peermla::runtime;

static Status fail(const std::string &text) {
  return Status(PEERMLA_INVALID_ARGUMENT, text);
}

static Status fail(const peermla_argument &argument, const std::string &text) {
  return fail("argument " + quote(argument.name) + " expects " + text);
}

static std::string formatType(DLDataType type) {
  if (const Dtype *dtype = Dtype::get(type))
    return dtype->name;
  return "a DLPack type with code " + std::to_string(type.code) + ", " +
         std::to_string(type.bits) + " bits, " + std::to_string(type.lanes) +
         " lanes";
}

static Status checkPlace(const peermla_argument &argument, DLDevice expected,
                         DLDevice given) {
  if (given.device_type != expected.device_type) {
    std::string place = expected.device_type == kDLCPU
                            ? "the CPU (DLPack device type 1)"
                            : "a CUDA device (DLPack device type 2)";
    return fail(argument, "a tensor on " + place + ", got device type " +
                              std::to_string(given.device_type));
  }
  if (expected.device_type != kDLCPU && given.device_id != expected.device_id)
    return fail(argument, "a tensor on CUDA device " +
                              std::to_string(expected.device_id) +
                              ", got one on device " +
                              std::to_string(given.device_id));
  return Status();
}

/// Checks type and rank of a tensor.
static Status checkTensor(const peermla_argument &argument, const Dtype &dtype,
                          const DLTensor &tensor) {
  if (tensor.dtype.code != dtype.dlpack.code ||
      tensor.dtype.bits != dtype.dlpack.bits || tensor.dtype.lanes != 1)
    return fail(argument, std::string("type ") + dtype.name + ", got " +
                              formatType(tensor.dtype));
  if (tensor.ndim < 0 || (tensor.ndim > 0 && !tensor.shape))
    return fail(argument, "a shape, got rank " + std::to_string(tensor.ndim) +
                              " and no extents");
  return Status();
}

/// Checks layout and data of a tensor whose extents are right.
static Status checkLayout(const peermla_argument &argument, const Dtype &dtype,
                          size_t alignment, const DLTensor &tensor) {
  bool isEmpty = false;
  for (int32_t i = 0; i < tensor.ndim; ++i)
    isEmpty |= tensor.shape[i] == 0;
  if (isEmpty)
    return Status();
  int64_t stride = 1;
  for (int32_t i = tensor.ndim; i-- > 0;) {
    // Of a single row nobody needs the distance to the next.
    if (tensor.strides && tensor.shape[i] != 1 && tensor.strides[i] != stride)
      return fail(argument, "a contiguous row-major tensor with stride " +
                                std::to_string(stride) + " for dimension " +
                                std::to_string(i) + ", got " +
                                std::to_string(tensor.strides[i]));
    if (__builtin_mul_overflow(stride, tensor.shape[i], &stride) ||
        stride > INT64_MAX / static_cast<int64_t>(dtype.size))
      return fail(argument, "fewer than 2^63 bytes, got shape " +
                                formatShape(std::vector<int64_t>(
                                    tensor.shape, tensor.shape + tensor.ndim)));
  }
  if (!tensor.data)
    return fail(argument, "data, got a null pointer");
  uintptr_t address = reinterpret_cast<uintptr_t>(getData(tensor));
  alignment = std::max<size_t>(alignment, dtype.size);
  if (address % alignment != 0)
    return fail(argument, "data aligned to " + std::to_string(alignment) +
                              " bytes, got an address " +
                              std::to_string(address % alignment) +
                              " beyond that");
  return Status();
}

Status runtime::checkArguments(const Entry &entry, const Device &device,
                               DLTensor *const *tensors, int32_t numTensors,
                               SymbolBinding &binding) {
  if (numTensors != entry.description.num_arguments)
    return fail("entry " + quote(entry.name) + " expects " +
                std::to_string(entry.description.num_arguments) +
                " arguments, got " + std::to_string(numTensors));
  if (numTensors > 0 && !tensors)
    return fail("entry " + quote(entry.name) +
                " expects arguments, got a null pointer");
  binding.reset();
  for (int32_t i = 0; i < numTensors; ++i) {
    const peermla_argument &argument = entry.arguments[i];
    if (!tensors[i])
      return fail(argument, "a tensor, got a null pointer");
    const DLTensor &tensor = *tensors[i];
    if (Status status =
            checkPlace(argument, device.getTensorDevice(), tensor.device))
      return status;
    if (Status status = checkTensor(argument, *entry.dtypes[i], tensor))
      return status;
    Failure failure = binding.bind(i, tensor.ndim, tensor.shape);
    if (failure)
      return Status(PEERMLA_INVALID_ARGUMENT, failure);
    if (Status status = checkLayout(argument, *entry.dtypes[i],
                                    device.getTensorAlignment(), tensor))
      return status;
  }
  return Status();
}

Status runtime::bindSymbols(const Entry &entry, const int64_t *symbols,
                            int32_t numSymbols, SymbolBinding &binding) {
  const peermla_entry &description = entry.description;
  if (numSymbols != description.num_symbols || (numSymbols > 0 && !symbols)) {
    std::string names;
    for (const char *symbol : entry.symbols)
      names += (names.empty() ? " (" : ", ") + std::string(symbol);
    return fail("entry " + quote(entry.name) + " expects values of " +
                std::to_string(description.num_symbols) + " symbols" + names +
                (names.empty() ? "" : ")") + ", got " +
                std::to_string(symbols ? numSymbols : 0));
  }
  for (int32_t i = 0; i < numSymbols; ++i)
    if (symbols[i] < 0)
      return fail("entry " + quote(entry.name) + " expects " +
                  entry.symbols[i] + " of 0 or more, got " +
                  std::to_string(symbols[i]));
  binding.assign(symbols);
  // The same limits as for tensors.
  for (int32_t i = 0; i < description.num_arguments; ++i) {
    const peermla_argument &argument = entry.arguments[i];
    int64_t bytes = static_cast<int64_t>(entry.dtypes[i]->size);
    bool overflow = false, isEmpty = false;
    for (int32_t d = 0; d < argument.ndim; ++d) {
      int64_t extent = binding.getExtent(argument.shape[d]);
      isEmpty |= extent == 0;
      overflow |= extent == SymbolBinding::unknown ||
                  __builtin_mul_overflow(bytes, extent, &bytes);
    }
    if (overflow && !isEmpty)
      return fail(argument, "fewer than 2^63 bytes, got more with shape " +
                                binding.formatShape(argument));
  }
  return Status();
}
