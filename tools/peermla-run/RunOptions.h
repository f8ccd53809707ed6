//===- RunOptions.h - what peermla-run was asked to do --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TOOLS_PEERMLA_RUN_RUNOPTIONS_H
#define PEERMLA_TOOLS_PEERMLA_RUN_RUNOPTIONS_H

#include <string>

namespace peermla::run {

struct RunOptions {
  /// A library, or IR for the reference.
  std::string model;
  std::string entry;
  /// Safetensors files; empty if not given.
  std::string inputs, weights, outputs;
  /// Inputs of the same shapes; the call is recorded on them. Empty: no record.
  std::string recordInputs;
  std::string device = "cpu";
  /// 0: as many as OpenMP would use.
  int threads = 0;
  int repeat = 1;
  bool printTime = false;
  bool list = false;
};

/// Prints `peermla-run: error: message`; returns the exit status.
int fail(const std::string &message);
void warn(const std::string &message);

} // namespace peermla::run

#endif // PEERMLA_TOOLS_PEERMLA_RUN_RUNOPTIONS_H
