//===- Context.h - contexts and calls -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_CONTEXT_H
#define PEERMLA_LIB_RUNTIME_CONTEXT_H

#include "Model.h"
#include <memory>

namespace peermla::runtime {

Status createContext(peermla_session &session,
                     const peermla_context_options &options,
                     std::unique_ptr<peermla_context> &context);

/// Makes the context's workspace `size` bytes or more.
Status reserveWorkspace(peermla_context &context, const std::string &entry,
                        size_t size);

/// Checks the tensors and runs an entry, or records what it launches.
Status call(peermla_context &context, int32_t entry, DLTensor *const *tensors,
            int32_t numTensors, Recording *recording = nullptr);

/// Runs what a call has launched.
Status launchGraph(peermla_graph &graph);

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_CONTEXT_H
