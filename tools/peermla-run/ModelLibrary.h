//===- ModelLibrary.h - a compiled model in a shared library --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TOOLS_PEERMLA_RUN_MODELLIBRARY_H
#define PEERMLA_TOOLS_PEERMLA_RUN_MODELLIBRARY_H

#include "peermla/Runtime/Peermla.h"
#include "llvm/Support/Error.h"

namespace peermla::run {

/// Loads the library at `path`, whose one export tells the model's name; it
/// stays loaded. A file that is not such a library is an error that says what
/// it is.
llvm::Expected<const peermla_api *> loadModelLibrary(const std::string &path);

} // namespace peermla::run

#endif // PEERMLA_TOOLS_PEERMLA_RUN_MODELLIBRARY_H
