//===- SafetensorsWriter.cpp - writing a file -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Text.h"
#include "peermla/Runtime/Safetensors.h"
#include <cerrno>
#include <cstdio>
#include <set>
#include <sys/stat.h>

using namespace peermla;

/// A string as JSON; what is not UTF-8 is replaced.
static std::string toJson(const std::string &text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

static uint64_t countBytes(const SafetensorsTensor &tensor) {
  uint64_t bytes = getSize(tensor.dtype);
  for (int64_t extent : tensor.shape)
    bytes *= static_cast<uint64_t>(extent);
  return bytes;
}

static std::string createHeader(const std::vector<SafetensorsTensor> &tensors) {
  std::string header = "{";
  uint64_t position = 0;
  for (const SafetensorsTensor &tensor : tensors) {
    uint64_t end = position + countBytes(tensor);
    header += (header.size() > 1 ? "," : "") + toJson(tensor.name) +
              ":{\"dtype\":\"" + getName(tensor.dtype) + "\",\"shape\":[";
    for (size_t i = 0; i < tensor.shape.size(); ++i)
      header += (i ? "," : "") + std::to_string(tensor.shape[i]);
    header += "],\"data_offsets\":[" + std::to_string(position) + "," +
              std::to_string(end) + "]}";
    position = end;
  }
  header += "}";
  header.resize((header.size() + 8 + 63) / 64 * 64 - 8, ' ');
  return header;
}

Failure
peermla::writeSafetensors(const std::string &path,
                          const std::vector<SafetensorsTensor> &tensors) {
  std::set<std::string> names;
  for (const SafetensorsTensor &tensor : tensors)
    if (!names.insert(tensor.name).second)
      return Failure(path + ": expected each name once, got " +
                     quote(tensor.name) + " twice");
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return Failure(path + ": cannot write: " + describeErrno(errno));
  std::string header = createHeader(tensors);
  unsigned char prefix[8];
  for (unsigned i = 0; i < 8; ++i)
    prefix[i] = static_cast<unsigned char>(uint64_t(header.size()) >> (8 * i));
  auto write = [&](const void *data, size_t size) {
    return size == 0 || std::fwrite(data, 1, size, file) == size;
  };
  bool written =
      write(prefix, sizeof(prefix)) && write(header.data(), header.size());
  for (const SafetensorsTensor &tensor : tensors)
    written = written && write(tensor.data, countBytes(tensor));
  int error = errno;
  // A device is not ours to remove.
  struct stat status;
  bool isRegular = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode);
  if (std::fclose(file) != 0 && written) {
    written = false;
    error = errno;
  }
  if (written)
    return Failure();
  if (isRegular)
    std::remove(path.c_str());
  return Failure(path + ": cannot write: " + describeErrno(error));
}
