//===- PeerDialect.cpp - the peer dialect ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla::peer;

#include "peermla/Dialect/Peer/IR/PeerDialect.cpp.inc"

void PeerDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "peermla/Dialect/Peer/IR/PeerOps.cpp.inc"
      >();
}
