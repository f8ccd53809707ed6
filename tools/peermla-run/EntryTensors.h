//===- EntryTensors.h - the arguments of one entry ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a file with inputs by name to the tensors of a call, and from these to a
// file with outputs:
//
//     in     read                      not written
//     inout  read                      written, under the same name
//     out    shape from the inputs'    written
//            symbols, all bits set
//
// All bits set is a NaN in every float type and -1 in every integer type: an
// element that nobody writes shows.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TOOLS_PEERMLA_RUN_ENTRYTENSORS_H
#define PEERMLA_TOOLS_PEERMLA_RUN_ENTRYTENSORS_H

#include "peermla/Runtime/Dtype.h"
#include "peermla/Runtime/Shapes.h"
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace peermla::run {

class EntryTensors {
public:
  /// `entry` must outlive the tensors.
  explicit EntryTensors(const peermla_entry &entry);

  /// Reads the inputs from `path`, which may be empty if there are none, and
  /// makes the outputs. Returns messages, none on success.
  std::vector<std::string> load(const std::string &path);

  /// Undoes what a call has written.
  Failure reset();

  /// Copies the values of `other`, which must have the same shapes, to where
  /// those of this are.
  Failure assign(const EntryTensors &other);

  Failure write(const std::string &path) const;

  /// By position; valid as long as this.
  DLTensor *const *getTensors() const { return pointers.data(); }
  const peermla_entry &getEntry() const { return entry; }
  /// Bytes of each.
  std::vector<size_t> getSizes() const;

private:
  struct FreeDeleter {
    void operator()(void *memory) const { std::free(memory); }
  };
  struct Buffer {
    const Dtype *dtype = nullptr;
    /// Where an input comes from.
    const SafetensorsEntry *source = nullptr;
    std::vector<int64_t> shape;
    size_t bytes = 0;
    std::unique_ptr<char, FreeDeleter> memory;
    DLTensor tensor = {};
  };

  Failure checkInput(int32_t argument);
  Failure allocate(int32_t argument);
  Failure fill(int32_t argument);

  const peermla_entry &entry;
  SymbolBinding binding;
  SafetensorsFile file;
  std::vector<Buffer> buffers;
  std::vector<DLTensor *> pointers;
};

} // namespace peermla::run

#endif // PEERMLA_TOOLS_PEERMLA_RUN_ENTRYTENSORS_H
