//===- Session.h - creating sessions --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_SESSION_H
#define PEERMLA_LIB_RUNTIME_SESSION_H

#include "Model.h"
#include <memory>

namespace peermla::runtime {

/// Chooses the code for this machine and loads the weights.
Status createSession(const peermla_model &model,
                     const peermla_session_options &options,
                     std::unique_ptr<peermla_session> &session);

/// Bytes of workspace for the symbols.
Status getWorkspaceSize(const peermla_session &session, int32_t entry,
                        const int64_t *symbols, int32_t numSymbols,
                        size_t &size);

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_SESSION_H
