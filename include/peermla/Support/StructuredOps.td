//===- StructuredOps.td - what all tensor-level model ops share -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Model ops are in destination style and live on tensors before bufferization
// and on memrefs after it. On tensors there is one result per destination, of
// its type; on memrefs there are none.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_STRUCTUREDOPS_TD
#define PEERMLA_SUPPORT_STRUCTUREDOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

/// A tensor or a strided memref of the given ranks.
class Peermla_ShapedOf<list<Type> elements, list<int> ranks>
    : AnyTypeOf<[TensorRankOf<elements, ranks>,
                 StridedMemRefRankOf<elements, ranks>]>;

/// Storage types of weights and activations. F64 is what the reference
/// evaluates in.
defvar Peermla_Storage = [F16, BF16, F32, F64];
/// Types that are never rounded below f32.
defvar Peermla_Wide = [F32, F64];

class Peermla_FloatOf<list<int> ranks> : Peermla_ShapedOf<Peermla_Storage, ranks>;
class Peermla_WideOf<list<int> ranks> : Peermla_ShapedOf<Peermla_Wide, ranks>;
class Peermla_IndexOf<list<int> ranks> : Peermla_ShapedOf<[I32], ranks>;

/// Effects, speculation and result shapes, which are those of the destinations.
defvar Peermla_StructuredDefinition = [{
  void $cppClass::getEffects(
      ::llvm::SmallVectorImpl<::mlir::SideEffects::EffectInstance<
          ::mlir::MemoryEffects::Effect>> &effects) {
    ::peermla::getStructuredOpEffects(*this, effects);
  }
  ::mlir::Speculation::Speculatability $cppClass::getSpeculatability() {
    return ::peermla::getStructuredOpSpeculatability(*this);
  }
  ::mlir::LogicalResult $cppClass::reifyResultShapes(
      ::mlir::OpBuilder &builder, ::mlir::ReifiedRankedShapedTypeDims &shapes) {
    return ::peermla::reifyStructuredOpShapes(*this, builder, shapes);
  }
}];

/// TilingInterface from the table that `getOperandLoops(op)` returns, and
/// `placeTile` where it is overloaded (RowTiling.h).
defvar Peermla_TileableDefinition = Peermla_StructuredDefinition # [{
  ::mlir::SmallVector<::mlir::utils::IteratorType>
  $cppClass::getLoopIteratorTypes() {
    return ::peermla::getRowIteratorTypes(*this, getOperandLoops(*this));
  }
  ::mlir::SmallVector<::mlir::Range>
  $cppClass::getIterationDomain(::mlir::OpBuilder &builder) {
    return ::peermla::getRowIterationDomain(*this, builder,
                                            getOperandLoops(*this));
  }
  ::mlir::FailureOr<::mlir::TilingResult> $cppClass::getTiledImplementation(
      ::mlir::OpBuilder &builder,
      ::mlir::ArrayRef<::mlir::OpFoldResult> offsets,
      ::mlir::ArrayRef<::mlir::OpFoldResult> sizes) {
    return ::peermla::tileRows(*this, builder, getOperandLoops(*this), offsets,
                               sizes,
                               [&](::mlir::Operation *tile, auto offsets) {
          using ::peermla::placeTile;
          placeTile(::mlir::cast<$cppClass>(tile), builder, offsets);
        });
  }
  ::mlir::LogicalResult $cppClass::getResultTilePosition(
      ::mlir::OpBuilder &builder, unsigned result,
      ::mlir::ArrayRef<::mlir::OpFoldResult> offsets,
      ::mlir::ArrayRef<::mlir::OpFoldResult> sizes,
      ::mlir::SmallVector<::mlir::OpFoldResult> &resultOffsets,
      ::mlir::SmallVector<::mlir::OpFoldResult> &resultSizes) {
    return ::peermla::getRowResultTile(*this, builder, getOperandLoops(*this),
                                       result, offsets, sizes, resultOffsets,
                                       resultSizes);
  }
  ::mlir::FailureOr<::mlir::TilingResult> $cppClass::generateResultTileValue(
      ::mlir::OpBuilder &builder, unsigned result,
      ::mlir::ArrayRef<::mlir::OpFoldResult> offsets,
      ::mlir::ArrayRef<::mlir::OpFoldResult> sizes) {
    return ::peermla::tileRowsOfResult(*this, builder, getOperandLoops(*this),
                                       result, offsets, sizes,
                                       [&](::mlir::Operation *tile, auto offsets) {
          using ::peermla::placeTile;
          placeTile(::mlir::cast<$cppClass>(tile), builder, offsets);
        });
  }
}];

#endif // PEERMLA_SUPPORT_STRUCTUREDOPS_TD
