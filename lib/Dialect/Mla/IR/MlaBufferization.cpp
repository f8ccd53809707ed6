//===- MlaBufferization.cpp - the mla ops on memrefs ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All destinations are overwritten as a whole but for the cache, whose other
// rows survive an append.
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Mla/IR/MlaBufferization.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Support/StructuredBufferization.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::mla;

void peermla::mla::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MlaDialect *) {
    AttentionOp::attachInterface<StructuredBufferization<AttentionOp>>(
        *context);
    CacheAppendOp::attachInterface<
        StructuredBufferization<CacheAppendOp, /*readsDestinations=*/true>>(
        *context);
    MergeOp::attachInterface<StructuredBufferization<MergeOp>>(*context);
    OnlineAttentionOp::attachInterface<
        StructuredBufferization<OnlineAttentionOp>>(*context);
    PositionsOp::attachInterface<StructuredBufferization<PositionsOp>>(
        *context);
    RopeOp::attachInterface<StructuredBufferization<RopeOp>>(*context);
    RopeTableOp::attachInterface<StructuredBufferization<RopeTableOp>>(
        *context);
    WorkItemsOp::attachInterface<StructuredBufferization<WorkItemsOp>>(
        *context);
  });
}
