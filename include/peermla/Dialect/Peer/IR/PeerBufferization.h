//===- PeerBufferization.h - the peer ops on memrefs ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_PEER_IR_PEERBUFFERIZATION_H
#define PEERMLA_DIALECT_PEER_IR_PEERBUFFERIZATION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace peermla::peer {

/// Attaches BufferizableOpInterface to the ops of the dialect.
void registerBufferizableOpInterfaceExternalModels(
    mlir::DialectRegistry &registry);

} // namespace peermla::peer

#endif // PEERMLA_DIALECT_PEER_IR_PEERBUFFERIZATION_H
