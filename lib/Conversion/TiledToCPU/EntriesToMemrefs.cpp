//===- EntriesToMemrefs.cpp - destinations for results --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The attributes of arguments and results that people write are checked here;
// later passes and the runtime rely on them. Memory that an argument is read
// from is written last: results of their own come first, and an updated value
// that is not the old one updated in place is computed apart and copied.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "llvm/ADT/StringMap.h"

namespace peermla {
#define GEN_PASS_DEF_ENTRIESTOMEMREFS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// The memref of a tensor argument: contiguous and row-major.
MemRefType getMemRefType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

constexpr llvm::StringLiteral storedTypes =
    "f64, f32, f16, bf16, i64, i32, i16 or i8";

/// Whether the runtime and checkpoints know the element type.
bool isStored(Type element) {
  return element.isF64() || element.isF32() || element.isF16() ||
         element.isBF16() || element.isInteger(64) || element.isInteger(32) ||
         element.isInteger(16) || element.isInteger(8);
}

/// Emits an error unless an argument or result has a type and attributes that
/// the runtime can be told.
LogicalResult verifyInterface(func::FuncOp function, Type type,
                              DictionaryAttr attributes) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return function.emitOpError()
           << "expects arguments and results to be ranked tensors, got "
           << type;
  if (!isStored(tensor.getElementType()))
    return function.emitOpError() << "expects arguments and results of "
                                  << storedTypes << ", got " << type;
  if (!attributes)
    return success();
  for (StringRef name : {"peermla.name", "peermla.inout", "peermla.check"})
    if (Attribute value = attributes.get(name);
        value && !isa<StringAttr>(value))
      return function.emitOpError()
             << "expects '" << name << "' to be a string, got " << value;
  Attribute dims = attributes.get("peermla.dims");
  if (!dims)
    return success();
  auto symbols = dyn_cast<ArrayAttr>(dims);
  if (!symbols || int64_t(symbols.size()) != tensor.getRank() ||
      !llvm::all_of(symbols, llvm::IsaPred<StringAttr>))
    return function.emitOpError()
           << "expects 'peermla.dims' to be one string per dimension, got "
           << dims << " for " << type;
  return success();
}

/// Whether `value` is `tensor` with parts of it written anew.
bool isUpdateOf(Value value, Value tensor) {
  while (value != tensor) {
    auto result = dyn_cast<OpResult>(value);
    if (!result)
      return false;
    if (auto op = dyn_cast<DestinationStyleOpInterface>(result.getOwner()))
      value = op.getTiedOpOperand(result)->get();
    else if (auto loop = dyn_cast<scf::ForallOp>(result.getOwner()))
      value = loop.getTiedOpOperand(result)->get();
    else
      return false;
  }
  return true;
}

/// The empty tensor that `value` is, with parts of it written; on both sides
/// where there is a choice. Null if there is none. `uses` are those that lead
/// from it to the value.
tensor::EmptyOp getDestination(Value value, SmallVectorImpl<OpOperand *> &uses,
                               OpOperand *use = nullptr) {
  while (auto result = dyn_cast<OpResult>(value)) {
    Operation *op = result.getOwner();
    if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
      if (use)
        uses.push_back(use);
      return empty;
    }
    if (auto choice = dyn_cast<scf::IfOp>(op)) {
      unsigned i = result.getResultNumber();
      auto ofSide = [&](scf::YieldOp yield) {
        return getDestination(yield.getOperand(i), uses,
                              &yield->getOpOperand(i));
      };
      tensor::EmptyOp then = ofSide(choice.thenYield());
      if (choice.getElseRegion().empty() || ofSide(choice.elseYield()) != then)
        return nullptr;
      return then;
    }
    if (auto update = dyn_cast<DestinationStyleOpInterface>(op))
      use = update.getTiedOpOperand(result);
    else if (auto loop = dyn_cast<scf::ForallOp>(op))
      use = loop.getTiedOpOperand(result);
    else
      return nullptr;
    value = use->get();
  }
  return nullptr;
}
tensor::EmptyOp getDestination(Value value) {
  SmallVector<OpOperand *> uses;
  return getDestination(value, uses);
}

/// Gives each result of a choice a destination of its own, which both sides
/// write to.
void partDestinations(OpBuilder &builder, Block &body) {
  for (auto choice : body.getOps<scf::IfOp>())
    for (Value result : choice.getResults()) {
      SmallVector<OpOperand *> uses;
      tensor::EmptyOp empty = getDestination(result, uses);
      if (!empty || empty->getBlock() != &body ||
          empty.getResult().hasNUses(uses.size()))
        continue;
      builder.setInsertionPoint(choice);
      Value own = builder.clone(*empty)->getResult(0);
      for (OpOperand *use : uses)
        use->set(own);
    }
}

/// Whether the choice alone writes to the empty tensor.
bool isOfChoice(tensor::EmptyOp empty, scf::IfOp choice) {
  return empty && llvm::all_of(empty->getUsers(), [&](Operation *user) {
           return choice->isProperAncestor(user);
         });
}

/// Where the result of a choice is inserted into another tensor, both sides
/// write there, if that is known in front of the choice or can be.
void placeChoices(OpBuilder &builder, Block &body) {
  for (auto insert : body.getOps<tensor::InsertSliceOp>()) {
    auto choice = insert.getSource().getDefiningOp<scf::IfOp>();
    tensor::EmptyOp empty =
        choice ? getDestination(insert.getSource()) : tensor::EmptyOp();
    if (!choice || !isOfChoice(empty, choice))
      continue;
    auto isKnown = [&](Value value) {
      Operation *op = value.getDefiningOp();
      return !op || op->isBeforeInBlock(choice);
    };
    auto target = insert.getDest().getDefiningOp<tensor::EmptyOp>();
    if (target && llvm::all_of(target->getOperands(), isKnown) &&
        !isKnown(target))
      target->moveBefore(choice);
    SmallVector<Value> needed(insert->getOperands().drop_front());
    if (!llvm::all_of(needed, isKnown))
      continue;
    builder.setInsertionPoint(choice);
    empty.replaceAllUsesWith(tensor::ExtractSliceOp::create(
                                 builder, insert.getLoc(), empty.getType(),
                                 insert.getDest(), insert.getMixedOffsets(),
                                 insert.getMixedSizes(),
                                 insert.getMixedStrides())
                                 .getResult());
    empty.erase();
  }
}

/// Whether the extents of the source follow from those of the result one by
/// one.
bool canExpand(tensor::CollapseShapeOp reshape) {
  ArrayRef<int64_t> shape = reshape.getSrcType().getShape();
  return llvm::all_of(reshape.getReassociationIndices(), [&](auto &group) {
    return llvm::none_of(group,
                         [&](int64_t dim) {
                           return ShapedType::isDynamic(shape[dim]);
                         }) ||
           llvm::count_if(group,
                          [&](int64_t dim) { return shape[dim] != 1; }) == 1;
  });
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
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
      if (failed(verifyInterface(function, type, function.getArgAttrDict(i))))
        return failure();
    for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
      if (failed(
              verifyInterface(function, type, function.getResultAttrDict(i))))
        return failure();
    if (!function.getBody().hasOneBlock() ||
        !isa<func::ReturnOp>(function.getBody().front().back()))
      return function.emitOpError("expects one block that returns");
    if (failed(verifyWeights(function)))
      return failure();
    Block &body = function.getBody().front();
    OpBuilder builder = OpBuilder::atBlockBegin(&body);
    Location loc = function.getLoc();
    bool isPrepare = function->hasAttr("peermla.prepare");

    llvm::StringMap<unsigned> argumentOf;
    SmallVector<bool> isUpdated(function.getNumArguments(), false);
    for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
      if (auto name = function.getArgAttrOfType<StringAttr>(i, "peermla.name"))
        if (!argumentOf.try_emplace(name, i).second)
          return function.emitOpError()
                 << "expects each argument name once, got '" << name.getValue()
                 << "' twice";
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
      if (isUpdated[found->second])
        return function.emitOpError() << "expects one updated value of '"
                                      << name.getValue() << "', got two";
      Type type = function.getResultTypes()[i];
      if (type != function.getArgumentTypes()[found->second])
        return function.emitOpError()
               << "expects the updated value of '" << name.getValue()
               << "' to have its type "
               << function.getArgumentTypes()[found->second] << ", got "
               << type;
      destination[i] = found->second;
      isUpdated[found->second] = true;
    }

    // Inputs.
    SmallVector<Value> buffers, tensors;
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
      tensors.push_back(tensor);
    }
    SmallVector<DictionaryAttr> attributes;
    function.getAllArgAttrs(attributes);

    // A destination of its own for each op, so that each can be placed where
    // its result goes. Both sides of a choice have the same results.
    partDestinations(builder, body);
    for (auto empty :
         llvm::make_early_inc_range(body.getOps<tensor::EmptyOp>())) {
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : empty->getUses())
        uses.push_back(&use);
      llvm::DenseMap<Operation *, Value> ofChoice;
      for (auto [i, use] : llvm::enumerate(uses)) {
        Operation *user = body.findAncestorOpInBlock(*use->getOwner());
        Value &known = ofChoice[user];
        bool isInChoice = isa<scf::IfOp>(user) && user != use->getOwner();
        if (!isInChoice || !known) {
          builder.setInsertionPoint(user);
          known = i == 0 ? Value(empty) : builder.clone(*empty)->getResult(0);
        }
        use->set(known);
      }
    }
    placeChoices(builder, body);

    // Results.
    Operation *terminator = body.getTerminator();
    builder.setInsertionPoint(terminator);
    SmallVector<std::pair<Value, Value>> written;
    for (auto [i, result] : llvm::enumerate(terminator->getOperands())) {
      if (destination[i])
        continue;
      Value buffer = body.addArgument(getMemRefType(result.getType()), loc);
      NamedAttrList list(function.getResultAttrDict(i));
      list.set("peermla.kind", builder.getStringAttr("out"));
      attributes.push_back(list.getDictionary(&getContext()));
      written.push_back({result, buffer});
    }
    for (auto [i, operand] : llvm::enumerate(terminator->getOperands())) {
      if (!destination[i])
        continue;
      Value result = operand;
      if (!isUpdateOf(result, tensors[*destination[i]]))
        result = bufferization::AllocTensorOp::create(
            builder, loc, cast<RankedTensorType>(result.getType()),
            ValueRange(), /*copy=*/result);
      written.push_back({result, buffers[*destination[i]]});
    }
    for (auto [result, buffer] : written) {
      // A reshaped result is written through a reshaped destination.
      while (auto reshape = result.getDefiningOp<tensor::CollapseShapeOp>()) {
        if (!canExpand(reshape))
          break;
        buffer = expandLike(builder, reshape, buffer, &body);
        result = reshape.getSrc();
      }
      // Upstream places what one op writes; both sides of a choice write here.
      if (auto choice = result.getDefiningOp<scf::IfOp>())
        if (tensor::EmptyOp empty = getDestination(result);
            isOfChoice(empty, choice)) {
          OpBuilder::InsertionGuard guard(builder);
          builder.setInsertionPoint(choice);
          empty.replaceAllUsesWith(
              bufferization::ToTensorOp::create(builder, loc, empty.getType(),
                                                buffer, /*restrict=*/true,
                                                /*writable=*/true)
                  .getResult());
          empty.erase();
        }
      bufferization::MaterializeInDestinationOp::create(
          builder, loc, TypeRange(), result, buffer, /*restrict=*/true,
          /*writable=*/true);
    }
    terminator->setOperands({});

    // Weights.
    llvm::StringMap<Value> weights;
    SymbolTableCollection symbols;
    builder.setInsertionPointToStart(&body);
    SmallVector<ml_program::GlobalLoadConstOp> loads;
    function.walk(
        [&](ml_program::GlobalLoadConstOp load) { loads.push_back(load); });
    for (ml_program::GlobalLoadConstOp load : loads) {
      StringAttr name = load.getGlobal().getLeafReference();
      Value &weight = weights[name];
      if (!weight) {
        BlockArgument argument =
            body.addArgument(getMemRefType(load.getType()), load.getLoc());
        weight = bufferization::ToTensorOp::create(
            builder, load.getLoc(), load.getType(), argument,
            /*restrict=*/true, /*writable=*/false);
        FailureOr<DictionaryAttr> description =
            describeWeight(load.getGlobalOp(symbols));
        if (failed(description))
          return failure();
        attributes.push_back(*description);
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

  /// What an argument that holds a global says.
  static FailureOr<DictionaryAttr> describeWeight(ml_program::GlobalOp global) {
    OpBuilder builder(global.getContext());
    NamedAttrList list;
    list.set("peermla.kind", builder.getStringAttr("weight"));
    list.set("peermla.weight", global.getSymNameAttr());
    Attribute rows = global->getAttr("peermla.rows_of");
    if (!rows)
      return list.getDictionary(global.getContext());
    // The sources are gone when the model is described.
    auto names = dyn_cast<ArrayAttr>(rows);
    SmallVector<Attribute> sources;
    for (Attribute name : names ? names.getValue() : ArrayRef<Attribute>()) {
      auto symbol = dyn_cast<FlatSymbolRefAttr>(name);
      auto source =
          symbol ? SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(
                       global, symbol)
                 : ml_program::GlobalOp();
      if (!source)
        break;
      sources.push_back(builder.getDictionaryAttr(
          {builder.getNamedAttr("name", source.getSymNameAttr()),
           builder.getNamedAttr("type", source.getTypeAttr())}));
    }
    if (!names || sources.empty() || sources.size() != names.size())
      return global.emitOpError()
             << "expects 'peermla.rows_of' to name globals, got " << rows;
    list.set("peermla.rows_of", builder.getArrayAttr(sources));
    return list.getDictionary(global.getContext());
  }

  /// Emits an error unless all globals are tensors of a checkpoint.
  static LogicalResult verifyWeights(func::FuncOp function) {
    SymbolTableCollection symbols;
    WalkResult result =
        function.walk([&](ml_program::GlobalLoadConstOp load) -> WalkResult {
          auto type = dyn_cast<RankedTensorType>(load.getType());
          if (!type || !type.hasStaticShape() ||
              !isStored(type.getElementType()))
            return load.emitOpError()
                   << "expects a tensor of static shape and of " << storedTypes
                   << ", got " << load.getType();
          ml_program::GlobalOp global = load.getGlobalOp(symbols);
          if (!isa_and_nonnull<ml_program::ExternAttr>(global.getValueAttr()))
            return load.emitOpError() << "expects the value of "
                                      << load.getGlobal() << " to be extern";
          return WalkResult::advance();
        });
    return failure(result.wasInterrupted());
  }
};

} // namespace
