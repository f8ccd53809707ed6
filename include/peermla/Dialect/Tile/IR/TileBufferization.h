//===- TileBufferization.h - the tile ops on memrefs ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILEBUFFERIZATION_H
#define PEERMLA_DIALECT_TILE_IR_TILEBUFFERIZATION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace peermla::tile {

/// Attaches BufferizableOpInterface to `tile.launch`.
void registerBufferizableOpInterfaceExternalModels(
    mlir::DialectRegistry &registry);

} // namespace peermla::tile

#endif // PEERMLA_DIALECT_TILE_IR_TILEBUFFERIZATION_H
