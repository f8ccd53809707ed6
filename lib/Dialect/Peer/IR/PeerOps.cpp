//===- PeerOps.cpp - verifiers and effects of the peer ops ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constraint numbers are those of the op descriptions in PeerOps.td.
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/Diagnostics.h"
#include "peermla/Support/StructuredOps.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::peer;

#include "peermla/Dialect/Peer/IR/PeerEnums.cpp.inc"

#define GET_OP_CLASSES
#include "peermla/Dialect/Peer/IR/PeerOps.cpp.inc"

//===----------------------------------------------------------------------===//
// RetrieveOp
//===----------------------------------------------------------------------===//

void RetrieveOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability RetrieveOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult RetrieveOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult RetrieveOp::verify() { return verifyDestinationStyle(*this); }

//===----------------------------------------------------------------------===//
// SelectOp
//===----------------------------------------------------------------------===//

void SelectOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability SelectOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult SelectOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult SelectOp::verify() { return verifyDestinationStyle(*this); }

//===----------------------------------------------------------------------===//
// ExpertMlpOp
//===----------------------------------------------------------------------===//

void ExpertMlpOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability ExpertMlpOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult ExpertMlpOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult ExpertMlpOp::verify() { return verifyDestinationStyle(*this); }
