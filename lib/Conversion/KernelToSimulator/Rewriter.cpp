//===- Rewriter.cpp - what all parts of the rewrite share -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriter.h"

using namespace mlir;
using namespace peermla::tosim;

namespace {

enum AbiType { Void, I32, I64, F32, Ptr };

struct Signature {
  const char *name;
  bool isPure;
  AbiType result;
  SmallVector<AbiType, 12> parameters;
};

} // namespace

static const Signature &getSignature(Runtime function) {
  static const std::vector<Signature> signatures = {
#define PEERMLA_SIM_FUNCTION(Name, Effect, Result, ...)                        \
  {"peermla_sim_" #Name, StringRef(#Effect) == "Pure", Result, {__VA_ARGS__}},
#include "peermla/Simulator/Abi.def"
  };
  return signatures[static_cast<unsigned>(function)];
}

Rewriter::Rewriter(ModuleOp module)
    : module(module), builder(module.getContext()) {
  i1Type = builder.getI1Type();
  i8Type = builder.getI8Type();
  i16Type = builder.getI16Type();
  i32Type = builder.getI32Type();
  i64Type = builder.getI64Type();
  f32Type = builder.getF32Type();
  pointerType = LLVM::LLVMPointerType::get(module.getContext());
  voidType = LLVM::LLVMVoidType::get(module.getContext());
}

void Rewriter::visit(Operation *visited) {
  op = visited;
  siteName = op->getName().getStringRef().str();
  builder.setInsertionPoint(op);
}

InFlightDiagnostic Rewriter::emitError() const {
  return op->emitError() << "'" << siteName << "' ";
}

LogicalResult Rewriter::reject(const Twine &what) const {
  return emitError() << "is not modelled by the simulator"
                     << (what.isTriviallyEmpty() ? "" : ": ") << what;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value Rewriter::constant(int64_t value, Type type) {
  return LLVM::ConstantOp::create(builder, getLoc(), type,
                                  builder.getIntegerAttr(type, value));
}

Value Rewriter::null() {
  return LLVM::ZeroOp::create(builder, getLoc(), pointerType);
}

/// `file:line:column` where a location has one.
static std::string printLocation(Location loc) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto file = loc->findInstanceOf<FileLineColLoc>())
    os << file.getFilename().getValue() << ":" << file.getLine() << ":"
       << file.getColumn();
  else if (auto name = loc->findInstanceOf<NameLoc>())
    os << name.getName().getValue();
  else
    os << "unknown";
  return text;
}

Value Rewriter::site() {
  std::string location = printLocation(getLoc());
  auto [entry, isNew] =
      siteIds.try_emplace(siteName + "@" + location, sites.size());
  if (isNew)
    sites.emplace_back(siteName, location);
  return i32(entry->second);
}

static unsigned getBits(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * vector.getElementTypeBitWidth();
  return type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
}

Value Rewriter::cast(Value value, Type type) {
  Location loc = getLoc();
  bool isPointer = isa<LLVM::LLVMPointerType>(value.getType());
  bool toPointer = isa<LLVM::LLVMPointerType>(type);
  if (value.getType() == type || (isPointer && toPointer))
    return value;
  if (isPointer) {
    value = LLVM::PtrToIntOp::create(builder, loc, i64Type, value);
  } else if (!isa<IntegerType>(value.getType())) {
    Type integer = builder.getIntegerType(getBits(value.getType()));
    value = LLVM::BitcastOp::create(builder, loc, integer, value);
  }
  unsigned from = getBits(value.getType());
  unsigned to = toPointer ? 64 : getBits(type);
  Type integer = builder.getIntegerType(to);
  if (from < to)
    value = LLVM::ZExtOp::create(builder, loc, integer, value);
  else if (from > to)
    value = LLVM::TruncOp::create(builder, loc, integer, value);
  if (toPointer)
    return LLVM::IntToPtrOp::create(builder, loc, pointerType, value);
  if (type != integer)
    value = LLVM::BitcastOp::create(builder, loc, type, value);
  return value;
}

Value Rewriter::isNonzero(Value value) {
  if (value.getType() == i1Type)
    return value;
  return LLVM::ICmpOp::create(builder, getLoc(), LLVM::ICmpPredicate::ne, value,
                              constant(0, value.getType()));
}

Value Rewriter::select(Value condition, Value yes, Value no) {
  return LLVM::SelectOp::create(builder, getLoc(), condition, yes, no);
}

Value Rewriter::offset(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  return LLVM::GEPOp::create(
      builder, getLoc(), pointer.getType(), i8Type, pointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Value Rewriter::call(Runtime function, ArrayRef<Value> arguments) {
  const Signature &signature = getSignature(function);
  auto getType = [&](AbiType type) {
    return type == I32   ? i32Type
           : type == I64 ? i64Type
           : type == F32 ? f32Type
           : type == Ptr ? pointerType
                         : voidType;
  };
  SmallVector<Type> parameters;
  for (AbiType type : signature.parameters)
    if (type != Void)
      parameters.push_back(getType(type));
  assert(parameters.size() == arguments.size() && "a call that Abi.def denies");

  LLVM::LLVMFuncOp &declaration = declarations[static_cast<unsigned>(function)];
  if (!declaration) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    declaration = LLVM::LLVMFuncOp::create(
        builder, module.getLoc(), signature.name,
        LLVM::LLVMFunctionType::get(getType(signature.result), parameters));
    if (signature.isPure) {
      auto none = LLVM::ModRefInfo::NoModRef;
      declaration.setMemoryEffectsAttr(LLVM::MemoryEffectsAttr::get(
          module.getContext(), {none, none, none, none, none, none}));
      declaration.setNoUnwind(true);
      declaration.setWillReturn(true);
    }
  }
  SmallVector<Value> operands;
  for (auto [argument, type] : llvm::zip_equal(arguments, parameters))
    operands.push_back(cast(argument, type));
  auto made = LLVM::CallOp::create(builder, getLoc(), declaration, operands);
  return signature.result == Void ? Value() : made.getResult();
}

Value Rewriter::slot(Slot purpose, int64_t words) {
  auto function = op->getParentOfType<LLVM::LLVMFuncOp>();
  LLVM::AllocaOp &array =
      slots[{function.getOperation(), static_cast<unsigned>(purpose)}];
  if (!array) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&function.getBody().front());
    array = LLVM::AllocaOp::create(builder, function.getLoc(), pointerType,
                                   i32Type, i64(words), /*alignment=*/16);
  }
  auto size = array.getArraySize().getDefiningOp<LLVM::ConstantOp>();
  int64_t old = mlir::cast<IntegerAttr>(size.getValue()).getInt();
  size.setValueAttr(builder.getI64IntegerAttr(std::max(old, words)));
  return array;
}

/// Registers take whole words; a vector is its registers.
static int64_t getWords(Type type) {
  return std::max<int64_t>(1, llvm::divideCeil(getBits(type), 32));
}

int64_t Rewriter::countWords(TypeRange types) {
  int64_t words = 0;
  for (Type type : types)
    words += getWords(type);
  return words;
}

Value Rewriter::pack(Slot purpose, ValueRange values) {
  Value array = slot(purpose, countWords(values.getTypes()));
  int64_t words = 0;
  for (Value value : values) {
    if (getBits(value.getType()) < 32)
      value = cast(value, i32Type);
    LLVM::StoreOp::create(builder, getLoc(), value, offset(array, 4 * words),
                          /*alignment=*/4);
    words += getWords(value.getType());
  }
  return array;
}

SmallVector<Value> Rewriter::unpack(Slot purpose, TypeRange types) {
  SmallVector<Value> values;
  int64_t words = 0;
  for (Type type : types) {
    Type loaded = getBits(type) < 32 ? i32Type : type;
    Value array = slot(purpose, words + getWords(type));
    Value value = LLVM::LoadOp::create(builder, getLoc(), loaded,
                                       offset(array, 4 * words),
                                       /*alignment=*/4);
    values.push_back(cast(value, type));
    words += getWords(type);
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Replacing
//===----------------------------------------------------------------------===//

void Rewriter::when(Value predicate, function_ref<void()> body) {
  if (!predicate)
    return body();
  Block *before = builder.getBlock();
  Block *after = before->splitBlock(builder.getInsertionPoint());
  Block *then = builder.createBlock(after);
  builder.setInsertionPointToEnd(before);
  LLVM::CondBrOp::create(builder, getLoc(), isNonzero(predicate), then, after);
  builder.setInsertionPointToStart(then);
  body();
  LLVM::BrOp::create(builder, getLoc(), ValueRange(), after);
  builder.setInsertionPointToStart(after);
}

void Rewriter::erase() {
  for (Value result : op->getResults())
    if (!result.use_empty())
      result.replaceAllUsesWith(
          LLVM::UndefOp::create(builder, getLoc(), result.getType()));
  op->erase();
}

void Rewriter::replace(Value value) {
  if (op->getNumResults())
    op->getResult(0).replaceAllUsesWith(
        cast(value, op->getResult(0).getType()));
  op->erase();
}

void Rewriter::replaceByFragment(ValueRange values) {
  Type type = op->getResult(0).getType();
  if (!isa<LLVM::LLVMStructType>(type))
    return replace(values.front());
  Value result = LLVM::UndefOp::create(builder, getLoc(), type);
  for (auto [index, value] : llvm::enumerate(values))
    result = LLVM::InsertValueOp::create(
        builder, getLoc(), result, value,
        ArrayRef<int64_t>{static_cast<int64_t>(index)});
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
}

SmallVector<Type> Rewriter::getRegisterTypes(Type type) {
  if (auto members = dyn_cast<LLVM::LLVMStructType>(type))
    return llvm::to_vector(members.getBody());
  return {type};
}
