//===- RunKernel.h - one module: from its text to reports -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SIM_RUNKERNEL_H
#define PEERMLA_SIM_RUNKERNEL_H

#include "Request.h"
#include "llvm/Support/MemoryBuffer.h"

namespace peermla::simulate {

/// What came of a module, in the order of severity.
enum class Outcome { Clean, Reported, Failed };

/// Parses, compiles and launches the kernel, and prints what was found: text to
/// standard error, JSON to standard output, one line for each launch. `part` is
/// the number of the module in its file; `%d` in the name of the outputs is
/// replaced by it, `%l` by the number of the launch.
Outcome runKernel(std::unique_ptr<llvm::MemoryBuffer> text, unsigned part,
                  const Request &request);

/// `peermla-sim: error: <message>`
void printError(const llvm::Twine &message);

} // namespace peermla::simulate

#endif // PEERMLA_SIM_RUNKERNEL_H
