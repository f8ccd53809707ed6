//===- MlaBufferization.h - the mla ops on memrefs ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_MLA_IR_MLABUFFERIZATION_H
#define PEERMLA_DIALECT_MLA_IR_MLABUFFERIZATION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace peermla::mla {

/// Attaches BufferizableOpInterface to the ops of the dialect.
void registerBufferizableOpInterfaceExternalModels(
    mlir::DialectRegistry &registry);

} // namespace peermla::mla

#endif // PEERMLA_DIALECT_MLA_IR_MLABUFFERIZATION_H
