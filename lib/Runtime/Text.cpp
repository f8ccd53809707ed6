//===- Text.cpp - pieces of messages --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Text.h"
#include "peermla/Runtime/Safetensors.h"
#include <cstring>

using namespace peermla;

std::string peermla::quote(const std::string &name) {
  constexpr size_t maxLength = 160;
  std::string result = "'";
  for (char c : name.substr(0, maxLength))
    result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (name.size() > maxLength)
    result += "...";
  return result + "'";
}

std::string peermla::joinWithAnd(const std::vector<std::string> &parts) {
  std::string result;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i != 0)
      result += i + 1 == parts.size() ? " and " : ", ";
    result += parts[i];
  }
  return result;
}

std::string peermla::describeErrno(int number) {
  char buffer[256];
  // The GNU variant: returns the text, which may or may not be in the buffer.
  return strerror_r(number, buffer, sizeof(buffer));
}

std::string peermla::formatShape(const std::vector<int64_t> &shape) {
  constexpr size_t maxRank = 16;
  std::string result = "[";
  for (size_t i = 0; i < shape.size() && i < maxRank; ++i)
    result += (i ? ", " : "") + std::to_string(shape[i]);
  if (shape.size() > maxRank)
    result += ", ... (rank " + std::to_string(shape.size()) + ")";
  return result + "]";
}
