//===- Print.cpp - vprintf of kernels -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arguments are packed as CUDA packs them: each at a multiple of its size, 4 or
// 8 bytes; floats are doubles. Each conversion goes to the C library alone,
// with the one argument of the type that it names.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include <cstdio>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

namespace {
/// Reads packed arguments one by one.
class Arguments {
public:
  explicit Arguments(const char *data) : data(data) {}
  template <typename T> T next() {
    offset = (offset + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    T value;
    memcpy(&value, data + offset, sizeof(T));
    offset += sizeof(T);
    return value;
  }

private:
  const char *data;
  size_t offset = 0;
};
} // namespace

/// Prints one conversion; `format` is `%` to the letter.
static void printOne(std::string &out, const std::string &format, bool isLong,
                     Arguments &arguments) {
  char text[512];
  text[0] = 0;
  switch (format.back()) {
  case 'd':
  case 'i':
  case 'u':
  case 'x':
  case 'X':
  case 'o':
    if (isLong)
      snprintf(text, sizeof(text), format.c_str(), arguments.next<long long>());
    else
      snprintf(text, sizeof(text), format.c_str(), arguments.next<int>());
    break;
  case 'c':
    snprintf(text, sizeof(text), format.c_str(), arguments.next<int>());
    break;
  case 'p':
    snprintf(text, sizeof(text), format.c_str(), arguments.next<void *>());
    break;
  case 's': {
    const char *string = arguments.next<const char *>();
    out += string ? string : "(null)";
    break;
  }
  default:
    snprintf(text, sizeof(text), format.c_str(), arguments.next<double>());
  }
  out += text;
}

I32 peermla::sim::abi::peermla_sim_print(Ptr format, Ptr packed, I32 site) {
  enter(InstructionClass::Other, site);
  Arguments arguments(static_cast<const char *>(packed));
  std::string out;
  uint32_t count = 0;
  for (const char *c = static_cast<const char *>(format); *c; ++c) {
    if (*c != '%' || c[1] == '%') {
      out += *c;
      c += *c == '%';
      continue;
    }
    std::string conversion = "%";
    bool isLong = false;
    // Flags, width and precision; `*` is not one of CUDA's.
    for (++c; *c && strchr("-+ #0123456789.", *c); ++c)
      conversion += *c;
    for (; *c && strchr("hljzt", *c); ++c)
      isLong |= *c != 'h';
    if (!*c || !strchr("diuxXocpsfFeEgGaA", *c))
      break;
    bool integer = strchr("diuxXo", *c);
    if (isLong && integer)
      conversion += "ll";
    conversion += *c;
    printOne(out, conversion, isLong, arguments);
    ++count;
  }
  fputs(out.c_str(), stdout);
  return count;
}
