//===- RunLibrary.h - an entry of a compiled model ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TOOLS_PEERMLA_RUN_RUNLIBRARY_H
#define PEERMLA_TOOLS_PEERMLA_RUN_RUNLIBRARY_H

#include "RunOptions.h"

namespace peermla::run {

/// Runs or lists entries of the library `options.model`. Returns the exit
/// status.
int runLibrary(const RunOptions &options);

} // namespace peermla::run

#endif // PEERMLA_TOOLS_PEERMLA_RUN_RUNLIBRARY_H
