//===- Peer.h - the peer dialect -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_PEER_IR_PEER_H
#define PEERMLA_DIALECT_PEER_IR_PEER_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "peermla/Dialect/Peer/IR/PeerDialect.h.inc"

#include "peermla/Dialect/Peer/IR/PeerEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "peermla/Dialect/Peer/IR/PeerAttrs.h.inc"

#define GET_OP_CLASSES
#include "peermla/Dialect/Peer/IR/PeerOps.h.inc"

#endif // PEERMLA_DIALECT_PEER_IR_PEER_H
