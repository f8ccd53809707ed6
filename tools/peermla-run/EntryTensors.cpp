//===- EntryTensors.cpp - the arguments of one entry ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryTensors.h"
#include <cstring>

using namespace peermla;
using namespace peermla::run;

static std::string quote(const std::string &name) { return "'" + name + "'"; }

EntryTensors::EntryTensors(const peermla_entry &entry)
    : entry(entry), binding(entry), buffers(entry.num_arguments) {
  for (int32_t i = 0; i < entry.num_arguments; ++i) {
    buffers[i].dtype = Dtype::get(entry.arguments[i].dtype);
    pointers.push_back(&buffers[i].tensor);
  }
}

Failure EntryTensors::checkInput(int32_t argument) {
  const peermla_argument &info = entry.arguments[argument];
  Buffer &buffer = buffers[argument];
  for (const SafetensorsEntry &candidate : file.getHeader().entries)
    if (candidate.name == info.name)
      buffer.source = &candidate;
  std::string subject = "input " + quote(info.name) + ": expected ";
  std::string expected = std::string(getName(buffer.dtype->safetensors)) + " " +
                         binding.formatShape(info);
  if (!buffer.source)
    return Failure(subject + expected + ", got no such tensor");
  const SafetensorsEntry &source = *buffer.source;
  std::string got =
      std::string(getName(source.dtype)) + " " + formatShape(source.shape);
  if (source.dtype != buffer.dtype->safetensors) {
    bool isWide = source.dtype == SafetensorsDtype::I64 &&
                  buffer.dtype->safetensors == SafetensorsDtype::I32;
    return Failure(
        subject + expected + ", got " + got +
        (isWide ? ": integers of 64 bits must be converted before" : ""));
  }
  if (Failure failure =
          binding.bind(argument, static_cast<int32_t>(source.shape.size()),
                       source.shape.data()))
    return failure;
  return Failure();
}

Failure EntryTensors::allocate(int32_t argument) {
  const peermla_argument &info = entry.arguments[argument];
  Buffer &buffer = buffers[argument];
  buffer.bytes = buffer.dtype->size;
  bool overflow = false;
  for (int32_t d = 0; d < info.ndim; ++d) {
    int64_t extent = binding.getExtent(info.shape[d]);
    if (extent == SymbolBinding::unknown)
      return Failure(
          "output " + quote(info.name) + ": shape " +
          binding.formatShape(info) + " expects symbols of the inputs, got " +
          quote(binding.format(info.shape[d])) + ", which no input has");
    buffer.shape.push_back(extent);
    overflow |= __builtin_mul_overflow(
        buffer.bytes, static_cast<size_t>(extent), &buffer.bytes);
  }
  // An empty tensor has a valid address, too.
  constexpr size_t alignment = 64;
  size_t rounded = (buffer.bytes / alignment + 1) * alignment;
  if (!overflow)
    buffer.memory.reset(
        static_cast<char *>(std::aligned_alloc(alignment, rounded)));
  if (!buffer.memory)
    return Failure("out of memory for argument " + quote(info.name) +
                   " of shape " + formatShape(buffer.shape));
  buffer.tensor.data = buffer.memory.get();
  buffer.tensor.device = {kDLCPU, 0};
  buffer.tensor.ndim = info.ndim;
  buffer.tensor.dtype = info.dtype;
  buffer.tensor.shape = buffer.shape.data();
  return fill(argument);
}

Failure EntryTensors::fill(int32_t argument) {
  Buffer &buffer = buffers[argument];
  if (buffer.source)
    return file.read(*buffer.source, 0, buffer.bytes, buffer.memory.get());
  std::memset(buffer.memory.get(), 0xff, buffer.bytes);
  return Failure();
}

std::vector<std::string> EntryTensors::load(const std::string &path) {
  std::vector<std::string> messages;
  auto note = [&](Failure failure) {
    if (failure)
      messages.push_back(failure.getMessage());
    return static_cast<bool>(failure);
  };
  for (int32_t i = 0; i < entry.num_arguments; ++i)
    if (!buffers[i].dtype)
      messages.push_back("argument " + quote(entry.arguments[i].name) +
                         " has a type that files cannot hold");
  if (!messages.empty() || (!path.empty() && note(file.open(path))))
    return messages;

  for (int32_t i = 0; i < entry.num_arguments; ++i)
    if (entry.arguments[i].kind != PEERMLA_OUT)
      note(checkInput(i));
  for (const SafetensorsEntry &candidate : file.getHeader().entries) {
    bool isUsed = false;
    for (const Buffer &buffer : buffers)
      isUsed |= buffer.source == &candidate;
    if (!isUsed)
      messages.push_back("input " + quote(candidate.name) + ": entry " +
                         quote(entry.name) + " has no such input");
  }
  if (!path.empty())
    for (std::string &message : messages)
      message = path + ": " + message;
  for (int32_t i = 0; i < entry.num_arguments && messages.empty(); ++i)
    note(allocate(i));
  return messages;
}

Failure EntryTensors::reset() {
  for (int32_t i = 0; i < entry.num_arguments; ++i)
    if (entry.arguments[i].kind != PEERMLA_IN)
      if (Failure failure = fill(i))
        return failure;
  return Failure();
}

Failure EntryTensors::assign(const EntryTensors &other) {
  for (int32_t i = 0; i < entry.num_arguments; ++i)
    if (buffers[i].shape != other.buffers[i].shape)
      return Failure("argument " + quote(entry.arguments[i].name) +
                     ": expected inputs of the recorded shape " +
                     formatShape(buffers[i].shape) + ", got " +
                     formatShape(other.buffers[i].shape));
  for (int32_t i = 0; i < entry.num_arguments; ++i)
    std::memcpy(buffers[i].memory.get(), other.buffers[i].memory.get(),
                buffers[i].bytes);
  return Failure();
}

std::vector<size_t> EntryTensors::getSizes() const {
  std::vector<size_t> sizes;
  for (const Buffer &buffer : buffers)
    sizes.push_back(buffer.bytes);
  return sizes;
}

Failure EntryTensors::write(const std::string &path) const {
  std::vector<SafetensorsTensor> tensors;
  for (int32_t i = 0; i < entry.num_arguments; ++i)
    if (entry.arguments[i].kind != PEERMLA_IN)
      tensors.push_back({entry.arguments[i].name, buffers[i].dtype->safetensors,
                         buffers[i].shape, buffers[i].memory.get()});
  return writeSafetensors(path, tensors);
}
