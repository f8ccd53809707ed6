//===- PeerBufferization.cpp - the peer ops on memrefs --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All destinations are overwritten as a whole.
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Peer/IR/PeerBufferization.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/StructuredBufferization.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::peer;

void peermla::peer::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, PeerDialect *) {
    ExpertMlpOp::attachInterface<StructuredBufferization<ExpertMlpOp>>(
        *context);
    RetrieveOp::attachInterface<StructuredBufferization<RetrieveOp>>(*context);
    SelectOp::attachInterface<StructuredBufferization<SelectOp>>(*context);
  });
}
