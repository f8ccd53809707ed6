//===- ReferenceTensor.cpp - tensors of the reference in memory -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTensor.h"
#include "llvm/ADT/APFloat.h"
#include <cstring>
#include <functional>

using namespace peermla;
using namespace peermla::run;
using llvm::APFloat;
using llvm::APInt;

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

static const llvm::fltSemantics &getSemantics(SafetensorsDtype dtype) {
  switch (dtype) {
  case SafetensorsDtype::BF16:
    return APFloat::BFloat();
  case SafetensorsDtype::F16:
    return APFloat::IEEEhalf();
  case SafetensorsDtype::F32:
    return APFloat::IEEEsingle();
  default:
    return APFloat::IEEEdouble();
  }
}

/// The values of all bit patterns of a 16-bit type.
static std::vector<double> tabulate(SafetensorsDtype dtype) {
  std::vector<double> values;
  values.reserve(1 << 16);
  for (unsigned bits = 0; bits < 1 << 16; ++bits)
    values.push_back(
        APFloat(getSemantics(dtype), APInt(16, bits)).convertToDouble());
  return values;
}

template <typename T>
static void convert(const std::vector<char> &from, std::vector<char> &to,
                    llvm::function_ref<double(T)> widen) {
  size_t count = from.size() / sizeof(T);
  to.resize(count * sizeof(double));
  for (size_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, &from[i * sizeof(T)], sizeof(T));
    double value = widen(element);
    std::memcpy(&to[i * sizeof(double)], &value, sizeof(double));
  }
}

/// Widens floats to f64; i32 stays.
static void widenElements(std::vector<char> &bytes, SafetensorsDtype dtype) {
  std::vector<char> from;
  from.swap(bytes);
  switch (dtype) {
  case SafetensorsDtype::F16:
  case SafetensorsDtype::BF16: {
    std::vector<double> values = tabulate(dtype);
    return convert<uint16_t>(from, bytes,
                             [&](uint16_t bits) { return values[bits]; });
  }
  case SafetensorsDtype::F32:
    return convert<float>(from, bytes, [](float value) { return value; });
  default:
    bytes.swap(from);
  }
}

bool run::getDtype(mlir::Type type, SafetensorsDtype &dtype) {
  if (type.isF32())
    dtype = SafetensorsDtype::F32;
  else if (type.isF16())
    dtype = SafetensorsDtype::F16;
  else if (type.isBF16())
    dtype = SafetensorsDtype::BF16;
  else if (type.isF64())
    dtype = SafetensorsDtype::F64;
  else if (type.isInteger(32))
    dtype = SafetensorsDtype::I32;
  else
    return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Failure ReferenceTensor::read(const SafetensorsCheckpoint::Tensor &source,
                              bool widen, ReferenceTensor &tensor) {
  tensor.shape = source.entry->shape;
  uint64_t size = source.entry->getSizeInBytes();
  tensor.bytes.resize(size);
  if (Failure failure =
          source.file->read(*source.entry, 0, size, tensor.bytes.data()))
    return failure;
  if (widen)
    widenElements(tensor.bytes, source.entry->dtype);
  return {};
}

std::vector<int64_t> ReferenceTensor::getDescriptor() {
  auto address = reinterpret_cast<intptr_t>(bytes.data());
  std::vector<int64_t> words{address, address, 0};
  words.insert(words.end(), shape.begin(), shape.end());
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  words.insert(words.end(), strides.begin(), strides.end());
  return words;
}

/// Appends the bytes of a value, rounded once.
static void appendRounded(std::vector<char> &bytes, double value,
                          SafetensorsDtype dtype) {
  APFloat rounded(value);
  bool losesInfo;
  rounded.convert(getSemantics(dtype), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  uint64_t bits = rounded.bitcastToAPInt().getZExtValue();
  // The host is little-endian, like the format.
  const char *data = reinterpret_cast<const char *>(&bits);
  bytes.insert(bytes.end(), data, data + getSize(dtype));
}

std::vector<char> run::roundElements(llvm::ArrayRef<int64_t> descriptor,
                                     unsigned rank, SafetensorsDtype dtype) {
  llvm::ArrayRef<int64_t> sizes = descriptor.slice(3, rank);
  llvm::ArrayRef<int64_t> strides = descriptor.slice(3 + rank, rank);
  bool isInteger = dtype == SafetensorsDtype::I32;
  std::vector<char> bytes;
  std::function<void(unsigned, int64_t)> visit = [&](unsigned d, int64_t at) {
    if (d < rank) {
      for (int64_t i = 0; i < sizes[d]; ++i)
        visit(d + 1, at + i * strides[d]);
      return;
    }
    if (isInteger) {
      const char *data = reinterpret_cast<const char *>(descriptor[1]) + at * 4;
      bytes.insert(bytes.end(), data, data + 4);
      return;
    }
    appendRounded(bytes, reinterpret_cast<const double *>(descriptor[1])[at],
                  dtype);
  };
  visit(0, descriptor[2]);
  return bytes;
}
