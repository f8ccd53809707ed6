//===- Tile.h - the tile dialect -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_TILE_IR_TILE_H
#define PEERMLA_DIALECT_TILE_IR_TILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "peermla/Dialect/Tile/IR/TileDialect.h.inc"

#include "peermla/Dialect/Tile/IR/TileEnums.h.inc"

#include "peermla/Dialect/Tile/IR/TileInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "peermla/Dialect/Tile/IR/TileAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "peermla/Dialect/Tile/IR/TileTypes.h.inc"

namespace peermla::tile {

/// Slots of shared memory and the copies on their way to them.
struct RingResource : mlir::SideEffects::Resource::Base<RingResource> {
  llvm::StringRef getName() final { return "tile.ring"; }
};

/// What the threads of a block hand to each other.
struct ScratchResource : mlir::SideEffects::Resource::Base<ScratchResource> {
  llvm::StringRef getName() final { return "tile.scratch"; }
};

/// The function attribute with the schedule that a tile program follows, and
/// the one with the bytes of shared memory that a launch provides.
inline constexpr llvm::StringLiteral programScheduleName = "tile.schedule";
inline constexpr llvm::StringLiteral sharedBytesName = "tile.shared_bytes";

/// Bytes of shared memory that are left for barriers of slots, behind all else,
/// where tensor copies or threads of a role of their own may fill them.
inline constexpr int64_t bytesForBarriers = 512;

/// Registers that a thread needs at least that copies rows for others; a role
/// with fewer, but some, brings boxes by tensor copies alone.
inline constexpr int64_t registersOfCopies = 64;
/// That of a kernel with the bytes that a loop of a block brings while it works
/// on others.
inline constexpr llvm::StringLiteral bytesAheadName = "tile.bytes_ahead";
/// The tensor maps that a kernel takes behind its other parameters; see
/// `tile.launch`.
inline constexpr llvm::StringLiteral tensorMapsName = "tile.tensor_maps";

/// An entry of that array.
struct TensorMap {
  int64_t operand;
  llvm::SmallVector<int64_t> box;

  mlir::Attribute toAttribute(mlir::MLIRContext *context) const;
};

/// The entries of a kernel; those that say something else are left out.
llvm::SmallVector<TensorMap> getTensorMaps(mlir::Operation *kernel);

} // namespace peermla::tile

#define GET_OP_CLASSES
#include "peermla/Dialect/Tile/IR/TileOps.h.inc"

#endif // PEERMLA_DIALECT_TILE_IR_TILE_H
