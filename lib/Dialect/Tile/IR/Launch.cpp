//===- Launch.cpp - tile.launch -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/Diagnostics.h"
#include "peermla/Support/StructuredOps.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tile;

Attribute TensorMap::toAttribute(MLIRContext *context) const {
  Builder b(context);
  return b.getDictionaryAttr(
      {b.getNamedAttr("operand", b.getI64IntegerAttr(operand)),
       b.getNamedAttr("box", b.getDenseI64ArrayAttr(box))});
}

SmallVector<TensorMap> tile::getTensorMaps(Operation *kernel) {
  SmallVector<TensorMap> maps;
  auto entries = kernel->getAttrOfType<ArrayAttr>(tensorMapsName);
  if (!entries)
    return maps;
  for (auto entry : entries.getAsRange<DictionaryAttr>()) {
    auto operand = entry.getAs<IntegerAttr>("operand");
    auto box = entry.getAs<DenseI64ArrayAttr>("box");
    if (operand && box)
      maps.push_back({operand.getInt(), llvm::to_vector(box.asArrayRef())});
  }
  return maps;
}

LogicalResult LaunchOp::verify() {
  // (C1)
  if (getBlocks().empty() || getBlocks().size() > 3)
    return emitOpError() << "expects 'blocks' to have 1 to 3 extents, got "
                         << getBlocks().size();
  // (C2)
  for (Type type : getInputs().getTypes())
    if (!isa<RankedTensorType, MemRefType>(type) && !type.isIntOrIndexOrFloat())
      return emitOpError() << "expects 'inputs' to be ranked tensors, memrefs, "
                              "integers or floats, got "
                           << type;
  for (Type type : getOutputs().getTypes())
    if (!isa<RankedTensorType, MemRefType>(type))
      return emitOpError()
             << "expects 'outputs' to be ranked tensors or memrefs, got "
             << type;
  // (C5)
  if (llvm::none_of(getOperandTypes(), llvm::IsaPred<ShapedType>))
    return success();
  return verifyDestinationStyle(*this);
}

/// Parameters of the kernel as an llvm.func. Tensors count as the contiguous
/// memrefs they are parameters as.
static unsigned getNumLoweredParameters(LaunchOp op) {
  unsigned count = op.getInputs().size() + op.getOutputs().size();
  for (ValueRange operands :
       {ValueRange(op.getInputs()), ValueRange(op.getOutputs())})
    for (Type type : operands.getTypes()) {
      auto memref = dyn_cast<MemRefType>(type);
      if (auto tensor = dyn_cast<RankedTensorType>(type))
        memref = MemRefType::get(tensor.getShape(), tensor.getElementType());
      if (memref) {
        count += memref.getNumDynamicDims();
        auto [strides, offset] = memref.getStridesAndOffset();
        count += llvm::count_if(strides, ShapedType::isDynamic);
      }
    }
  return count;
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // (C3)
  Operation *kernel = symbols.lookupNearestSymbolFrom(*this, getKernelAttr());
  auto function = dyn_cast_or_null<FunctionOpInterface>(kernel);
  if (!function || !isa<gpu::GPUModuleOp>(function->getParentOp()))
    return emitOpError() << "expects 'kernel' to name a function in a "
                            "gpu.module, got "
                         << getKernelAttr();
  // (C4)
  bool isLowered = function->getName().getDialectNamespace() == "llvm";
  unsigned expected = isLowered ? getNumLoweredParameters(*this)
                                : getInputs().size() + getOutputs().size();
  if (auto maps = function->getAttrOfType<ArrayAttr>(tensorMapsName))
    expected += maps.size();
  if (function.getNumArguments() != expected)
    return emitOpError() << "expects the kernel " << getKernelAttr()
                         << " to have " << expected << " parameters, got "
                         << function.getNumArguments();
  return success();
}
