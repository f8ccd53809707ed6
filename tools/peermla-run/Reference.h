//===- Reference.h - the MODEL stage in float64 ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle of all execution tests. Inputs and weights are widened to f64 when
// they are read; results are rounded once, to the types that the entry
// declares. Integers that say where to read or write are not checked: an op
// does with them what its description says.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TOOLS_PEERMLA_RUN_REFERENCE_H
#define PEERMLA_TOOLS_PEERMLA_RUN_REFERENCE_H

#include "RunOptions.h"

namespace peermla::run {

/// Evaluates an entry of the IR in `options.model` by plain loops. Returns the
/// exit status.
int runReference(const RunOptions &options);

} // namespace peermla::run

#endif // PEERMLA_TOOLS_PEERMLA_RUN_REFERENCE_H
