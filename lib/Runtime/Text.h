//===- Text.h - pieces of messages ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Messages are made here and nowhere on the path of a call that succeeds.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_TEXT_H
#define PEERMLA_LIB_RUNTIME_TEXT_H

#include <cstdint>
#include <string>
#include <vector>

namespace peermla {

/// `'name'`, shortened and without control characters: names come from files.
std::string quote(const std::string &name);

/// `a, b and c`
std::string joinWithAnd(const std::vector<std::string> &parts);

/// The text of the C library for an error number.
std::string describeErrno(int number);

} // namespace peermla

#endif // PEERMLA_LIB_RUNTIME_TEXT_H
