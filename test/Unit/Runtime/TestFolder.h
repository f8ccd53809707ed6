//===- TestFolder.h - a folder that a test may fill -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TEST_UNIT_RUNTIME_TESTFOLDER_H
#define PEERMLA_TEST_UNIT_RUNTIME_TESTFOLDER_H

#include "peermla/Runtime/Safetensors.h"
#include <string>
#include <vector>

namespace peermla::test {

/// Removed with all files in it.
class TestFolder {
public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder &) = delete;
  TestFolder &operator=(const TestFolder &) = delete;

  const std::string &getPath() const { return path; }
  std::string file(const std::string &name) const { return path + "/" + name; }

  /// Writes bytes; returns the path.
  std::string write(const std::string &name, const std::string &bytes) const;
  /// Writes a safetensors file with any header and `dataSize` zeros.
  std::string writeRaw(const std::string &name, const std::string &header,
                       size_t dataSize) const;

private:
  std::string path;
};

/// A tensor of f32 with its values.
struct FloatTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Writes f32 tensors; returns the path.
std::string writeFloats(const TestFolder &folder, const std::string &name,
                        const std::vector<FloatTensor> &tensors);

} // namespace peermla::test

#endif // PEERMLA_TEST_UNIT_RUNTIME_TESTFOLDER_H
