//===- EntriesToMemrefs.cpp - destinations for results --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Conversion/Passes.h"
#include "llvm/ADT/StringMap.h"

namespace peermla {
#define GEN_PASS_DEF_ENTRIESTOMEMREFS
#include "peermla/Conversion/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// The memref of a tensor argument: contiguous and row-major.
MemRefType getMemRefType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

/// `buffer` with the shape that `reshape` collapses, made at the start of
/// `body` so that it can replace any tensor.empty.
Value expandLike(OpBuilder &builder, tensor::CollapseShapeOp reshape,
                 Value buffer, Block *body) {
  OpBuilder::InsertionGuard guard(builder);
  if (Operation *op = buffer.getDefiningOp())
    builder.setInsertionPointAfter(op);
  else
    builder.setInsertionPointToStart(body);
  Location loc = reshape.getLoc();
  ArrayRef<int64_t> shape = reshape.getSrcType().getShape();
  SmallVector<OpFoldResult> extents(shape.size());
  for (auto [dim, group] : llvm::enumerate(reshape.getReassociationIndices()))
    for (int64_t inner : group)
      extents[inner] =
          ShapedType::isDynamic(shape[inner])
              ? OpFoldResult(memref::DimOp::create(builder, loc, buffer, dim)
                                 .getResult())
              : builder.getIndexAttr(shape[inner]);
  return memref::ExpandShapeOp::create(
      builder, loc, shape, buffer, reshape.getReassociationIndices(), extents);
}

struct EntriesToMemrefs
    : peermla::impl::EntriesToMemrefsBase<EntriesToMemrefs> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if ((function->hasAttr("peermla.entry") ||
           function->hasAttr("peermla.prepare")) &&
          failed(convert(function)))
        return signalPassFailure();
    // What is left of globals: which function prepares which weight.
    for (auto global : llvm::make_early_inc_range(
             getOperation().getOps<ml_program::GlobalOp>())) {
      if (auto by =
              global->getAttrOfType<FlatSymbolRefAttr>("peermla.prepared_by"))
        if (auto function =
                getOperation().lookupSymbol<func::FuncOp>(by.getValue()))
          function->setAttr("peermla.prepares", global.getSymNameAttr());
      global.erase();
    }
  }

  LogicalResult convert(func::FuncOp function) {
    for (Type type : llvm::concat<const Type>(function.getArgumentTypes(),
                                              function.getResultTypes()))
      if (!isa<RankedTensorType>(type))
        return function.emitOpError()
               << "expects arguments and results to be ranked tensors, got "
               << type;
    if (!function.getBody().hasOneBlock())
      return function.emitOpError("expects one block");
    Block &body = function.getBody().front();
    OpBuilder builder = OpBuilder::atBlockBegin(&body);
    Location loc = function.getLoc();
    bool isPrepare = function->hasAttr("peermla.prepare");

    llvm::StringMap<unsigned> argumentOf;
    SmallVector<bool> isUpdated(function.getNumArguments(), false);
    for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
      if (auto name = function.getArgAttrOfType<StringAttr>(i, "peermla.name"))
        argumentOf[name] = i;
    SmallVector<std::optional<unsigned>> destination(function.getNumResults());
    for (unsigned i = 0, e = function.getNumResults(); i < e; ++i) {
      auto name = function.getResultAttrOfType<StringAttr>(i, "peermla.inout");
      if (!name)
        continue;
      auto found = argumentOf.find(name);
      if (found == argumentOf.end())
        return function.emitOpError()
               << "expects 'peermla.inout' to name an argument, got '"
               << name.getValue() << "'";
      destination[i] = found->second;
      isUpdated[found->second] = true;
    }

    // Inputs.
    SmallVector<Value> buffers;
    for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
      MemRefType type = getMemRefType(argument.getType());
      auto tensor = bufferization::ToTensorOp::create(
          builder, loc, argument.getType(), argument, /*restrict=*/true,
          /*writable=*/isUpdated[i]);
      argument.replaceAllUsesExcept(tensor, tensor);
      argument.setType(type);
      function.setArgAttr(i, "peermla.kind",
                          builder.getStringAttr(isPrepare      ? "weight"
                                                : isUpdated[i] ? "inout"
                                                               : "in"));
      buffers.push_back(argument);
    }
    SmallVector<DictionaryAttr> attributes;
    function.getAllArgAttrs(attributes);

    // A destination of its own for each op, so that each can be placed where
    // its result goes.
    for (auto empty :
         llvm::make_early_inc_range(body.getOps<tensor::EmptyOp>())) {
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : empty->getUses())
        uses.push_back(&use);
      for (OpOperand *use : ArrayRef(uses).drop_front(!uses.empty())) {
        builder.setInsertionPoint(body.findAncestorOpInBlock(*use->getOwner()));
        use->set(builder.clone(*empty)->getResult(0));
      }
    }

    // Results.
    Operation *terminator = body.getTerminator();
    builder.setInsertionPoint(terminator);
    for (auto [i, operand] : llvm::enumerate(terminator->getOperands())) {
      Value buffer;
      if (destination[i]) {
        buffer = buffers[*destination[i]];
      } else {
        MemRefType type = getMemRefType(operand.getType());
        buffer = body.addArgument(type, loc);
        NamedAttrList list(function.getResultAttrDict(i));
        list.set("peermla.kind", builder.getStringAttr("out"));
        attributes.push_back(list.getDictionary(&getContext()));
      }
      // A reshaped result is written through a reshaped destination.
      Value result = operand;
      while (auto reshape = result.getDefiningOp<tensor::CollapseShapeOp>()) {
        buffer = expandLike(builder, reshape, buffer, &body);
        result = reshape.getSrc();
      }
      bufferization::MaterializeInDestinationOp::create(
          builder, loc, TypeRange(), result, buffer, /*restrict=*/true,
          /*writable=*/true);
    }
    terminator->setOperands({});

    // Weights.
    llvm::StringMap<Value> weights;
    builder.setInsertionPointToStart(&body);
    for (auto load : llvm::make_early_inc_range(
             body.getOps<ml_program::GlobalLoadConstOp>())) {
      StringAttr name = load.getGlobal().getLeafReference();
      Value &weight = weights[name];
      if (!weight) {
        BlockArgument argument =
            body.addArgument(getMemRefType(load.getType()), load.getLoc());
        weight = bufferization::ToTensorOp::create(
            builder, load.getLoc(), load.getType(), argument,
            /*restrict=*/true, /*writable=*/false);
        attributes.push_back(builder.getDictionaryAttr(
            {builder.getNamedAttr("peermla.kind",
                                  builder.getStringAttr("weight")),
             builder.getNamedAttr("peermla.weight", name)}));
      }
      load.replaceAllUsesWith(weight);
      load.erase();
    }

    function.setType(
        builder.getFunctionType(body.getArgumentTypes(), TypeRange()));
    function->removeAttr(function.getResAttrsAttrName());
    function.setAllArgAttrs(attributes);
    return success();
  }
};

} // namespace
