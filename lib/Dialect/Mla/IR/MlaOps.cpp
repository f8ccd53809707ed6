//===- MlaOps.cpp - verifiers and effects of the mla ops ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constraint numbers are those of the op descriptions in MlaOps.td.
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Support/Diagnostics.h"
#include "peermla/Support/StructuredOps.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::mla;

#include "peermla/Dialect/Mla/IR/MlaEnums.cpp.inc"

#define GET_OP_CLASSES
#include "peermla/Dialect/Mla/IR/MlaOps.cpp.inc"

//===----------------------------------------------------------------------===//
// PositionsOp
//===----------------------------------------------------------------------===//

void PositionsOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability PositionsOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult PositionsOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult PositionsOp::verify() { return verifyDestinationStyle(*this); }

//===----------------------------------------------------------------------===//
// RopeTableOp
//===----------------------------------------------------------------------===//

void RopeTableOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability RopeTableOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult RopeTableOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult RopeTableOp::verify() { return verifyDestinationStyle(*this); }

//===----------------------------------------------------------------------===//
// RopeOp
//===----------------------------------------------------------------------===//

void RopeOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability RopeOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult RopeOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult RopeOp::verify() { return verifyDestinationStyle(*this); }

//===----------------------------------------------------------------------===//
// CacheAppendOp
//===----------------------------------------------------------------------===//

void CacheAppendOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability CacheAppendOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult CacheAppendOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult CacheAppendOp::verify() { return verifyDestinationStyle(*this); }

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

void AttentionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability AttentionOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult AttentionOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult AttentionOp::verify() { return verifyDestinationStyle(*this); }

//===----------------------------------------------------------------------===//
// OnlineAttentionOp
//===----------------------------------------------------------------------===//

void OnlineAttentionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getStructuredOpEffects(*this, effects);
}

Speculation::Speculatability OnlineAttentionOp::getSpeculatability() {
  return getStructuredOpSpeculatability(*this);
}

LogicalResult OnlineAttentionOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyStructuredOpShapes(*this, builder, shapes);
}

LogicalResult OnlineAttentionOp::verify() { return verifyDestinationStyle(*this); }
