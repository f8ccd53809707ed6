//===- Safetensors.h - reading and writing safetensors files --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A safetensors file is an 8-byte little-endian length n, a JSON header of n
// bytes, and data:
//
//     {"__metadata__": {"key": "text"},
//      "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//
// Offsets count from the end of the header. A checkpoint is one such file, a
// `model.safetensors.index.json` that maps names to files beside it, or a
// folder with either. Reading checks all of it (lengths, JSON, types, shapes
// against offsets, overlaps, gaps, duplicate names, missing files) before
// anything is handed out; data is never touched except by `read`. Failures are
// sentences that begin with the file's name; nothing throws. No LLVM here: this
// is linked into compiled models.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_RUNTIME_SAFETENSORS_H
#define PEERMLA_RUNTIME_SAFETENSORS_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peermla {

/// A sentence that says what went wrong; empty if nothing did.
class [[nodiscard]] Failure {
public:
  Failure() = default;
  explicit Failure(std::string message) : message(std::move(message)) {}
  /// True if something went wrong.
  explicit operator bool() const { return !message.empty(); }
  const std::string &getMessage() const { return message; }

private:
  std::string message;
};

/// The element types of the format.
enum class SafetensorsDtype : uint8_t {
  Bool,
  U8,
  I8,
  F8E5M2,
  F8E4M3,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  F64,
  I64,
  U64
};

/// `F32`, `BF16`, ...
const char *getName(SafetensorsDtype dtype);
/// Bytes of one element.
size_t getSize(SafetensorsDtype dtype);
/// Returns whether `name` is that of a type.
bool parseSafetensorsDtype(const std::string &name, SafetensorsDtype &dtype);

/// `[2, 3]`
std::string formatShape(const std::vector<int64_t> &shape);

/// What a header says about one tensor.
struct SafetensorsEntry {
  std::string name;
  SafetensorsDtype dtype = SafetensorsDtype::F32;
  std::vector<int64_t> shape;
  /// Relative to the end of the header.
  uint64_t begin = 0, end = 0;

  uint64_t getSizeInBytes() const { return end - begin; }
};

/// The header of one file.
struct SafetensorsHeader {
  /// By position in the data.
  std::vector<SafetensorsEntry> entries;
  /// The texts under `__metadata__`, in their order.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Parses and checks `size` bytes of JSON for a file with `dataSize` bytes of
/// data. `source` begins the messages.
Failure parseSafetensorsHeader(const std::string &source, const char *text,
                               size_t size, uint64_t dataSize,
                               SafetensorsHeader &header);

/// One open file.
class SafetensorsFile {
public:
  SafetensorsFile() = default;
  SafetensorsFile(const SafetensorsFile &) = delete;
  SafetensorsFile &operator=(const SafetensorsFile &) = delete;
  ~SafetensorsFile();

  /// Opens `path` and reads its header.
  Failure open(const std::string &path);

  const std::string &getPath() const { return path; }
  const SafetensorsHeader &getHeader() const { return header; }

  /// Copies `size` bytes of `entry`, from its byte `offset` on, to
  /// `destination`. Several threads may read at the same time.
  Failure read(const SafetensorsEntry &entry, uint64_t offset, uint64_t size,
               void *destination) const;

private:
  std::string path;
  int descriptor = -1;
  uint64_t dataOffset = 0;
  SafetensorsHeader header;
};

/// The files of a checkpoint, open, and their tensors by name.
class SafetensorsCheckpoint {
public:
  struct Tensor {
    const SafetensorsFile *file;
    const SafetensorsEntry *entry;
  };

  /// Opens a safetensors file, an index or a folder with either.
  Failure open(const std::string &path);

  /// What was opened.
  const std::string &getPath() const { return path; }
  /// The tensor `name`, or null.
  const Tensor *find(const std::string &name) const;
  /// All tensors, by file and by position in it.
  const std::vector<Tensor> &getTensors() const { return tensors; }

private:
  Failure openFile(const std::string &path);
  Failure openIndex(const std::string &path);

  std::string path;
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  std::vector<Tensor> tensors;
  std::unordered_map<std::string, size_t> byName;
};

/// A tensor to be written.
struct SafetensorsTensor {
  std::string name;
  SafetensorsDtype dtype = SafetensorsDtype::F32;
  std::vector<int64_t> shape;
  /// Row-major, contiguous.
  const void *data = nullptr;
};

/// Writes a file, its data aligned to 64 bytes. The tensors are stored in their
/// order; a file that could not be written whole is removed.
Failure writeSafetensors(const std::string &path,
                         const std::vector<SafetensorsTensor> &tensors);

} // namespace peermla

#endif // PEERMLA_RUNTIME_SAFETENSORS_H
