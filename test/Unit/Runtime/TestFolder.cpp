//===- TestFolder.cpp - a folder that a test may fill ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFolder.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace peermla;
using namespace peermla::test;

TestFolder::TestFolder() {
  std::string pattern =
      std::filesystem::temp_directory_path() / "peermla-test-XXXXXX";
  const char *created = mkdtemp(pattern.data());
  EXPECT_NE(created, nullptr);
  path = pattern;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string TestFolder::write(const std::string &name,
                              const std::string &bytes) const {
  std::ofstream stream(file(name), std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(stream.good());
  return file(name);
}

std::string TestFolder::writeRaw(const std::string &name,
                                 const std::string &header,
                                 size_t dataSize) const {
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i)
    bytes += static_cast<char>(uint64_t(header.size()) >> (8 * i));
  return write(name, bytes + header + std::string(dataSize, '\0'));
}

std::string
peermla::test::writeFloats(const TestFolder &folder, const std::string &name,
                           const std::vector<FloatTensor> &tensors) {
  std::vector<SafetensorsTensor> list;
  for (const FloatTensor &tensor : tensors)
    list.push_back({tensor.name, SafetensorsDtype::F32, tensor.shape,
                    tensor.values.data()});
  Failure failure = writeSafetensors(folder.file(name), list);
  EXPECT_FALSE(failure) << failure.getMessage();
  return folder.file(name);
}
