//===- Weights.h - from files to prepared weights -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks a checkpoint against the weights of a model, and fills the session's
// weight memory. A weight that is used as it is stored is read straight to its
// place, as are the rows of weights that alternate in one; one that a function
// prepares has its sources in memory only while that function runs. So the peak
// is the prepared weights plus the sources and the workspace of one of them;
// files are read, never mapped.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_WEIGHTS_H
#define PEERMLA_LIB_RUNTIME_WEIGHTS_H

#include "Model.h"
#include <functional>

namespace peermla::runtime {

/// Fills `session.weights` and `session.prepared` from the checkpoint at `path`
/// (may be null); needs the session's model, program and workers.
Status loadWeights(peermla_session &session, const char *path,
                   const std::function<void(const std::string &)> &warn);

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_WEIGHTS_H
