//===- SafetensorsFile.cpp - files, indices and folders -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Text.h"
#include "peermla/Runtime/Safetensors.h"
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <unistd.h>

using namespace peermla;

/// The format's own limit; a longer header is not one.
static constexpr uint64_t maxHeaderSize = 100 << 20;
static constexpr uint64_t maxIndexSize = 1 << 30;

//===----------------------------------------------------------------------===//
// Bytes of files
//===----------------------------------------------------------------------===//

/// Opens a regular file.
static Failure openRegularFile(const std::string &path, int &descriptor,
                               uint64_t &size) {
  descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return Failure(path + ": cannot open: " + describeErrno(errno));
  struct stat status;
  if (fstat(descriptor, &status) != 0)
    return Failure(path + ": cannot open: " + describeErrno(errno));
  if (!S_ISREG(status.st_mode))
    return Failure(path + ": expected a regular file");
  size = static_cast<uint64_t>(status.st_size);
  return Failure();
}

static Failure readAt(const std::string &path, int descriptor, uint64_t offset,
                      uint64_t size, char *destination) {
  while (size > 0) {
    // Larger requests are cut by the kernel anyway.
    size_t request = size < (1u << 30) ? size : (1u << 30);
    ssize_t got =
        pread(descriptor, destination, request, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return Failure(path + ": cannot read: " + describeErrno(errno));
    if (got == 0)
      return Failure(path + ": expected " + std::to_string(size) +
                     " more bytes at " + std::to_string(offset) +
                     ", got the end of the file");
    destination += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<uint64_t>(got);
  }
  return Failure();
}

/// A buffer whose failure to exist can be reported.
static std::unique_ptr<char[]> allocate(uint64_t size) {
  return std::unique_ptr<char[]>(new (std::nothrow) char[size]);
}

//===----------------------------------------------------------------------===//
// SafetensorsFile
//===----------------------------------------------------------------------===//

SafetensorsFile::~SafetensorsFile() {
  if (descriptor >= 0)
    close(descriptor);
}

Failure SafetensorsFile::open(const std::string &file) {
  path = file;
  uint64_t fileSize = 0;
  if (Failure failure = openRegularFile(path, descriptor, fileSize))
    return failure;
  if (fileSize < 8)
    return Failure(path +
                   ": expected a safetensors file of 8 bytes or more, "
                   "got " +
                   std::to_string(fileSize));
  unsigned char prefix[8];
  if (Failure failure = readAt(path, descriptor, 0, sizeof(prefix),
                               reinterpret_cast<char *>(prefix)))
    return failure;
  uint64_t headerSize = 0;
  for (int i = 7; i >= 0; --i)
    headerSize = headerSize << 8 | prefix[i];
  uint64_t limit = fileSize - 8 < maxHeaderSize ? fileSize - 8 : maxHeaderSize;
  if (headerSize == 0 || headerSize > limit)
    return Failure(path + ": expected a header of 1 to " +
                   std::to_string(limit) + " bytes, got " +
                   std::to_string(headerSize));
  std::unique_ptr<char[]> text = allocate(headerSize);
  if (!text)
    return Failure(path + ": out of memory for a header of " +
                   std::to_string(headerSize) + " bytes");
  if (Failure failure = readAt(path, descriptor, 8, headerSize, text.get()))
    return failure;
  dataOffset = 8 + headerSize;
  return parseSafetensorsHeader(path, text.get(), headerSize,
                                fileSize - dataOffset, header);
}

Failure SafetensorsFile::read(const SafetensorsEntry &entry, uint64_t offset,
                              uint64_t size, void *destination) const {
  if (offset > entry.getSizeInBytes() || size > entry.getSizeInBytes() - offset)
    return Failure(path + ": tensor " + quote(entry.name) + ": expected " +
                   std::to_string(offset) + " + " + std::to_string(size) +
                   " bytes, got " + std::to_string(entry.getSizeInBytes()));
  return readAt(path, descriptor, dataOffset + entry.begin + offset, size,
                static_cast<char *>(destination));
}

//===----------------------------------------------------------------------===//
// SafetensorsCheckpoint
//===----------------------------------------------------------------------===//

static bool endsWith(const std::string &text, const std::string &suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

static bool exists(const std::string &path) {
  return access(path.c_str(), F_OK) == 0;
}

Failure SafetensorsCheckpoint::open(const std::string &location) {
  path = location;
  files.clear();
  tensors.clear();
  byName.clear();
  struct stat status;
  if (stat(location.c_str(), &status) != 0)
    return Failure(location + ": cannot open: " + describeErrno(errno));
  if (!S_ISDIR(status.st_mode))
    return endsWith(location, ".json") ? openIndex(location)
                                       : openFile(location);
  std::string index = location + "/model.safetensors.index.json";
  std::string single = location + "/model.safetensors";
  if (exists(index))
    return openIndex(index);
  if (exists(single))
    return openFile(single);
  return Failure(location + ": expected model.safetensors or "
                            "model.safetensors.index.json in this folder");
}

Failure SafetensorsCheckpoint::openFile(const std::string &file) {
  files.push_back(std::make_unique<SafetensorsFile>());
  if (Failure failure = files.back()->open(file))
    return failure;
  for (const SafetensorsEntry &entry : files.back()->getHeader().entries) {
    auto inserted = byName.emplace(entry.name, tensors.size());
    if (!inserted.second)
      return Failure(file + ": tensor " + quote(entry.name) +
                     ": expected it in one file, got it also in " +
                     tensors[inserted.first->second].file->getPath());
    tensors.push_back({files.back().get(), &entry});
  }
  return Failure();
}

const SafetensorsCheckpoint::Tensor *
SafetensorsCheckpoint::find(const std::string &name) const {
  auto found = byName.find(name);
  return found == byName.end() ? nullptr : &tensors[found->second];
}

namespace {
/// Collects `weight_map` from the events of an index; the rest is skipped.
class IndexHandler {
public:
  using Json = nlohmann::json;

  std::string message;
  /// Names with their files, in the order of the text.
  std::vector<std::pair<std::string, std::string>> weightMap;
  bool hasWeightMap = false;

  bool start_object(size_t) {
    if (atWeightMap && depth == 1) {
      atWeightMap = false;
      inWeightMap = true;
    } else if (inWeightMap) {
      return fail("expected the name of a file for " + quote(name) +
                  ", got an object");
    }
    ++depth;
    return true;
  }
  bool end_object() {
    --depth;
    if (depth == 1)
      inWeightMap = false;
    return true;
  }
  bool start_array(size_t) {
    if (depth == 0)
      return fail("expected an object, got an array");
    if (!scalar("an array"))
      return false;
    ++depth;
    return true;
  }
  bool end_array() {
    --depth;
    return true;
  }
  bool key(std::string &key) {
    if (inWeightMap) {
      name = std::move(key);
      if (!names.emplace(name, true).second)
        return fail("expected each name once, got " + quote(name) + " twice");
    } else if (depth == 1 && key == "weight_map") {
      if (hasWeightMap)
        return fail("expected 'weight_map' once, got it twice");
      hasWeightMap = atWeightMap = true;
    }
    return true;
  }
  bool string(std::string &value) {
    if (!inWeightMap)
      return scalar("a string");
    // A path out of the folder is not the index's to choose.
    if (value.empty() || value.find('/') != std::string::npos ||
        value.find('\0') != std::string::npos || value == "..")
      return fail("expected the name of a file in the same folder for " +
                  quote(name) + ", got " + quote(value));
    weightMap.emplace_back(name, std::move(value));
    return true;
  }
  bool null() { return scalar("null"); }
  bool boolean(bool) { return scalar("a boolean"); }
  bool number_integer(int64_t) { return scalar("a number"); }
  bool number_unsigned(uint64_t) { return scalar("a number"); }
  bool number_float(double, const std::string &) { return scalar("a number"); }
  bool binary(Json::binary_t &) { return scalar("binary data"); }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &) {
    return fail("invalid JSON at byte " + std::to_string(position));
  }

private:
  bool fail(std::string text) {
    message = std::move(text);
    return false;
  }
  bool scalar(const char *what) {
    if (atWeightMap)
      return fail(std::string("expected an object as 'weight_map', got ") +
                  what);
    if (inWeightMap)
      return fail("expected the name of a file for " + quote(name) + ", got " +
                  what);
    return true;
  }

  unsigned depth = 0;
  bool atWeightMap = false, inWeightMap = false;
  std::string name;
  std::map<std::string, bool> names;
};
} // namespace

Failure SafetensorsCheckpoint::openIndex(const std::string &index) {
  int descriptor = -1;
  uint64_t size = 0;
  Failure failure = openRegularFile(index, descriptor, size);
  std::unique_ptr<char[]> text;
  if (!failure && size > maxIndexSize)
    failure = Failure(index + ": expected an index of at most " +
                      std::to_string(maxIndexSize) + " bytes, got " +
                      std::to_string(size));
  if (!failure) {
    text = allocate(size);
    failure = text ? readAt(index, descriptor, 0, size, text.get())
                   : Failure(index + ": out of memory for " +
                             std::to_string(size) + " bytes");
  }
  if (descriptor >= 0)
    close(descriptor);
  if (failure)
    return failure;

  IndexHandler handler;
  if (!nlohmann::json::sax_parse(text.get(), text.get() + size, &handler))
    return Failure(index + ": " + handler.message);
  if (!handler.hasWeightMap)
    return Failure(index + ": expected an object with 'weight_map'");

  size_t slash = index.rfind('/');
  std::string folder =
      slash == std::string::npos ? std::string() : index.substr(0, slash + 1);
  std::map<std::string, std::string> missing;
  std::map<std::string, bool> shards;
  for (const auto &[name, file] : handler.weightMap) {
    if (shards.emplace(file, true).second && !exists(folder + file))
      missing.emplace(file, name);
  }
  if (!missing.empty()) {
    std::vector<std::string> names;
    for (const auto &shard : missing)
      names.push_back(quote(shard.first));
    return Failure(index +
                   ": expected the files it lists beside it, found no " +
                   joinWithAnd(names));
  }
  for (const auto &shard : shards)
    if (Failure failure = openFile(folder + shard.first))
      return failure;
  for (const auto &[name, file] : handler.weightMap) {
    const Tensor *tensor = find(name);
    if (!tensor || tensor->file->getPath() != folder + file)
      return Failure(index + ": tensor " + quote(name) + ": expected it in " +
                     quote(file) +
                     (tensor ? ", got it in " + tensor->file->getPath()
                             : ", which has no such tensor"));
  }
  return Failure();
}
