//===- PeerTiling.h - loops of the peer ops -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which loop indexes which dimension of which operand: all that tiling needs.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_DIALECT_PEER_IR_PEERTILING_H
#define PEERMLA_LIB_DIALECT_PEER_IR_PEERTILING_H

#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/RowTiling.h"

namespace peermla::peer {

/// Loops: token, head.
OperandLoops getOperandLoops(RetrieveOp op);
/// Loops: token, head.
OperandLoops getOperandLoops(SelectOp op);
/// Loops: token; head and rank of a retrieval, over which `y` is a sum.
OperandLoops getOperandLoops(ExpertMlpOp op);

} // namespace peermla::peer

#endif // PEERMLA_LIB_DIALECT_PEER_IR_PEERTILING_H
