//===- InitAll.h - everything a tool registers ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_INITALL_H
#define PEERMLA_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace peermla {

/// Registers the project's dialects, the upstream ones the stages use, and the
/// external models (bufferization, tiling) of both.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers the project's passes and stage pipelines by name, and the upstream
/// passes that people use beside them in `peermla-opt`.
void registerAllPasses();

} // namespace peermla

#endif // PEERMLA_INITALL_H
