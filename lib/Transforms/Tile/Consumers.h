//===- Consumers.h - loops that use what others fill ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared by the passes that work on the roles of `tile.specialize`.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TRANSFORMS_TILE_CONSUMERS_H
#define PEERMLA_TRANSFORMS_TILE_CONSUMERS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "peermla/Dialect/Tile/IR/Tile.h"

namespace peermla {

/// Bytes of an mbarrier, whose place is a multiple of it.
inline constexpr int64_t barrierBytes = 8;

/// Bytes of the barriers of a ring: one per slot for its fills, and one for
/// releases where roles part.
inline int64_t getBytesOfBarriers(tile::RingOp ring, bool hasRoles) {
  return barrierBytes * ring.getType().getSlots() * (hasRoles ? 2 : 1);
}

/// Whether the type is that of a tile in shared memory.
inline bool isSharedTile(mlir::Type type) {
  auto tile = mlir::dyn_cast<mlir::RankedTensorType>(type);
  return tile &&
         mlir::isa_and_nonnull<tile::SharedLayoutAttr>(tile.getEncoding());
}

/// What the loop itself consumes and has to release, in order.
inline llvm::SmallVector<tile::ConsumeOp> getConsumes(mlir::scf::ForOp loop) {
  llvm::SmallVector<tile::ConsumeOp> consumes;
  for (auto consume : loop.getOps<tile::ConsumeOp>())
    if (auto ring = consume.getRing().getDefiningOp<tile::RingOp>();
        ring && ring.getConsumers())
      consumes.push_back(consume);
  return consumes;
}

/// The loops of consumers that have to release slots, inner ones first.
inline llvm::SmallVector<mlir::scf::ForOp>
getConsumingLoops(mlir::func::FuncOp program) {
  llvm::SmallVector<mlir::scf::ForOp> loops;
  program.walk([&](tile::SpecializeOp roles) {
    roles.getConsumer().walk([&](mlir::scf::ForOp loop) {
      if (!getConsumes(loop).empty())
        loops.push_back(loop);
    });
  });
  return loops;
}

} // namespace peermla

#endif // PEERMLA_TRANSFORMS_TILE_CONSUMERS_H
