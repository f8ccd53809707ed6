//===- TileBufferization.cpp - the tile ops on memrefs --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel may read its destinations and leave parts of them as they are.
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Tile/IR/TileBufferization.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/StructuredBufferization.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tile;

void peermla::tile::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, TileDialect *) {
    LaunchOp::attachInterface<
        StructuredBufferization<LaunchOp, /*readsDestinations=*/true>>(
        *context);
  });
}
