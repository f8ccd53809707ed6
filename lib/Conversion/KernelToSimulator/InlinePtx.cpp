//===- InlinePtx.cpp - executing the statements of inline PTX -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InlinePtx.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

Type tosim::parsePtxType(Rewriter &rewriter, StringRef name) {
  MLIRContext *context = rewriter.builder.getContext();
  return llvm::StringSwitch<Type>(name)
      .Case("pred", rewriter.i1Type)
      .Cases({"b8", "u8", "s8"}, rewriter.i8Type)
      .Cases({"b16", "u16", "s16"}, rewriter.i16Type)
      .Cases({"b32", "u32", "s32", "tf32"}, rewriter.i32Type)
      .Cases({"b64", "u64", "s64"}, rewriter.i64Type)
      .Case("f32", rewriter.f32Type)
      .Case("f64", Float64Type::get(context))
      .Case("f16", Float16Type::get(context))
      .Case("bf16", BFloat16Type::get(context))
      .Case("f16x2", VectorType::get({2}, Float16Type::get(context)))
      .Case("bf16x2", VectorType::get({2}, BFloat16Type::get(context)))
      .Default(Type());
}

void PtxMachine::fail(const Twine &message) {
  if (!failed)
    rewriter.emitError() << message;
  failed = true;
}

LogicalResult PtxMachine::reject(const PtxStatement &statement) {
  if (!failed)
    rewriter.emitError() << "contains PTX that is not modelled by the "
                            "simulator: '"
                         << statement.text << "'";
  failed = true;
  return failure();
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

PtxMachine::Variable PtxMachine::addVariable(Type type) {
  OpBuilder::InsertionGuard guard(rewriter.builder);
  auto function = op->getParentOfType<LLVM::LLVMFuncOp>();
  rewriter.builder.setInsertionPointToStart(&function.getBody().front());
  Value slot =
      LLVM::AllocaOp::create(rewriter.builder, op.getLoc(),
                             rewriter.pointerType, type, rewriter.i32(1));
  return {slot, type};
}

PtxMachine::Variable *PtxMachine::find(const PtxOperand &operand) {
  if (operand.kind == PtxOperand::Placeholder)
    return static_cast<size_t>(operand.value) < results.size()
               ? &results[operand.value]
               : nullptr;
  if (operand.kind != PtxOperand::Name)
    return nullptr;
  auto found = registers.find(operand.name);
  return found == registers.end() ? nullptr : &found->second;
}

Value PtxMachine::readLiteral(const PtxOperand &operand, Type type) {
  OpBuilder &builder = rewriter.builder;
  auto makeFloat = [&](Type floatType, double value) -> Value {
    return LLVM::ConstantOp::create(builder, op.getLoc(), floatType,
                                    builder.getFloatAttr(floatType, value));
  };
  bool isFloat = type && isa<FloatType>(type);
  if (operand.kind == PtxOperand::Integer) {
    if (isFloat)
      fail("contains PTX with an integer where a float is expected: " +
           Twine(operand.value));
    return rewriter.i64(operand.value);
  }
  bool isSingle = operand.kind == PtxOperand::Single;
  unsigned width = isSingle ? 32 : 64;
  // Bits, which numbers might not keep if they are NaN.
  if (!isFloat || type.getIntOrFloatBitWidth() == width) {
    if (type && !isFloat && !type.isInteger(width))
      fail("contains PTX with a float of " + Twine(width) +
           " bits for what is none");
    return rewriter.constant(operand.value, builder.getIntegerType(width));
  }
  if (type.getIntOrFloatBitWidth() < 32)
    fail("contains PTX with a float of " + Twine(width) + " bits for one of " +
         Twine(type.getIntOrFloatBitWidth()));
  return makeFloat(type, isSingle
                             ? llvm::bit_cast<float>(uint32_t(operand.value))
                             : llvm::bit_cast<double>(operand.value));
}

Value PtxMachine::read(const PtxOperand &operand, Type type) {
  OpBuilder &builder = rewriter.builder;
  Value value;
  if (Variable *variable = find(operand)) {
    value = LLVM::LoadOp::create(builder, op.getLoc(), variable->type,
                                 variable->slot);
  } else if (operand.kind == PtxOperand::Placeholder) {
    size_t index = operand.value - results.size();
    if (index < op.getNumOperands())
      value = op.getOperand(index);
  } else if (operand.kind == PtxOperand::Integer ||
             operand.kind == PtxOperand::Single ||
             operand.kind == PtxOperand::Double) {
    value = readLiteral(operand, type);
  } else if (operand.kind == PtxOperand::Name) {
    StringRef name = operand.name;
    name.consume_front("%");
    value = readSpecialRegister(rewriter, name);
  }
  if (!value) {
    fail("contains PTX with an operand that is unknown: '" +
         (operand.kind == PtxOperand::Placeholder
              ? "$" + std::to_string(operand.value)
              : operand.name.str()) +
         "'");
    return LLVM::UndefOp::create(builder, op.getLoc(),
                                 type ? type : Type(rewriter.i32Type));
  }
  if (type == rewriter.i1Type && value.getType() != type)
    value = rewriter.isNonzero(rewriter.cast(value, rewriter.i32Type));
  if (operand.isNegated)
    value = LLVM::XOrOp::create(builder, op.getLoc(), value,
                                rewriter.constant(1, value.getType()));
  return type ? rewriter.cast(value, type) : value;
}

SmallVector<Value> PtxMachine::readAll(const PtxOperand &operand, Type type) {
  if (operand.kind != PtxOperand::Vector)
    return {read(operand, type)};
  SmallVector<Value> values;
  for (const PtxOperand &element : operand.elements)
    values.push_back(read(element, type));
  return values;
}

Value PtxMachine::readAddress(const PtxOperand &operand) {
  if (operand.kind != PtxOperand::Address)
    return read(operand, rewriter.pointerType);
  return rewriter.offset(read(operand.elements.front(), rewriter.pointerType),
                         operand.value);
}

std::optional<int64_t> PtxMachine::readConstant(const PtxOperand &operand) {
  if (operand.kind == PtxOperand::Integer)
    return operand.value;
  if (operand.kind != PtxOperand::Placeholder)
    return std::nullopt;
  size_t index = operand.value - results.size();
  APInt constant;
  if (index < op.getNumOperands() &&
      matchPattern(op.getOperand(index), m_ConstantInt(&constant)))
    return constant.getSExtValue();
  return std::nullopt;
}

void PtxMachine::write(const PtxOperand &operand, Value value) {
  if (operand.isSink())
    return;
  Variable *variable = find(operand);
  if (!variable)
    return fail("contains PTX that writes what is no result and no register");
  LLVM::StoreOp::create(rewriter.builder, op.getLoc(),
                        rewriter.cast(value, variable->type), variable->slot);
}

void PtxMachine::writeAll(const PtxOperand &operand, ValueRange values) {
  if (operand.kind != PtxOperand::Vector)
    return write(operand, values.front());
  if (operand.elements.size() != values.size())
    return fail("contains PTX with " + Twine(operand.elements.size()) +
                " registers where " + Twine(values.size()) + " are written");
  for (auto [element, value] : llvm::zip_equal(operand.elements, values))
    write(element, value);
}

SmallVector<PtxOperand> PtxMachine::getTiedResults() const {
  SmallVector<PtxOperand> tied;
  for (auto [index, isOne] : llvm::enumerate(isTied)) {
    if (!isOne)
      continue;
    PtxOperand operand;
    operand.kind = PtxOperand::Placeholder;
    operand.value = index;
    tied.push_back(operand);
  }
  return tied;
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

/// A type that a register may hold.
static bool isRegisterType(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getRank() == 1 && vector.getElementType().isIntOrFloat() &&
           vector.getNumElements() * vector.getElementTypeBitWidth() <= 128;
  if (type.isIntOrFloat())
    return type.getIntOrFloatBitWidth() <= 128;
  return isa<LLVM::LLVMPointerType>(type);
}

LogicalResult PtxMachine::parseConstraints() {
  SmallVector<Type> types;
  // LLVM IR that is read back has results of the type void.
  if (op.getNumResults() && !isa<LLVM::LLVMVoidType>(op.getResult(0).getType()))
    types = Rewriter::getRegisterTypes(op.getResult(0).getType());
  SmallVector<StringRef> constraints;
  StringRef(op.getConstraints()).split(constraints, ',', -1, false);
  unsigned numResults = 0, numOperands = 0;
  SmallVector<std::pair<unsigned, unsigned>> ties;
  for (StringRef constraint : constraints) {
    if (constraint.starts_with("~"))
      continue;
    if (constraint.starts_with("=") || constraint.starts_with("+")) {
      if (constraint.starts_with("+") || numOperands)
        return rewriter.reject("constraint '" + constraint + "'");
      ++numResults;
      continue;
    }
    unsigned result;
    if (!constraint.getAsInteger(10, result))
      ties.emplace_back(result, numOperands);
    ++numOperands;
  }
  if (numResults != types.size() || numOperands != op.getNumOperands())
    return rewriter.emitError()
           << "has constraints for " << numResults << " results and "
           << numOperands << " operands, got " << types.size() << " and "
           << op.getNumOperands();
  for (Type type : types)
    if (!isRegisterType(type))
      return rewriter.reject("a result that is no register");
  for (Type type : op.getOperandTypes())
    if (!isRegisterType(type))
      return rewriter.reject("an operand that is no register");
  for (Type type : types)
    results.push_back(addVariable(type));
  isTied.assign(numResults, false);
  for (auto [result, operand] : ties) {
    if (result >= numResults)
      return rewriter.emitError()
             << "ties an operand to result " << result << " of " << numResults;
    isTied[result] = true;
    LLVM::StoreOp::create(
        rewriter.builder, op.getLoc(),
        rewriter.cast(op.getOperand(operand), results[result].type),
        results[result].slot);
  }
  return success();
}

LogicalResult PtxMachine::declare(const std::vector<PtxStatement> &statements) {
  for (const PtxStatement &statement : statements) {
    if (!statement.label.empty()) {
      if (labels.contains(statement.label)) {
        fail("contains PTX with label '" + statement.label + "' twice");
        return failure();
      }
      Block *block = new Block();
      rewriter.builder.getBlock()->getParent()->getBlocks().insertAfter(
          rewriter.builder.getBlock()->getIterator(), block);
      labels[statement.label] = block;
    }
    for (StringRef name : statement.declaredNames) {
      Type type = parsePtxType(rewriter, statement.declaredType);
      if (!type)
        return reject(statement);
      registers[name] = addVariable(type);
    }
  }
  return success();
}

LogicalResult PtxMachine::branch(const PtxStatement &statement) {
  if (statement.operands.size() != 1)
    return reject(statement);
  auto target = labels.find(statement.operands.front().name);
  if (target == labels.end())
    return reject(statement);
  OpBuilder &builder = rewriter.builder;
  Block *next = builder.getBlock()->splitBlock(builder.getInsertionPoint());
  builder.setInsertionPointToEnd(next->getPrevNode());
  if (statement.guard)
    LLVM::CondBrOp::create(builder, op.getLoc(),
                           readPredicate(*statement.guard), target->second,
                           next);
  else
    LLVM::BrOp::create(builder, op.getLoc(), ValueRange(), target->second);
  builder.setInsertionPointToStart(next);
  return success();
}

LogicalResult PtxMachine::execute(const PtxStatement &statement) {
  OpBuilder &builder = rewriter.builder;
  if (!statement.label.empty()) {
    // What follows moves into the label's block, which is entered from above.
    Block *label = labels[statement.label];
    Block *above = builder.getBlock();
    label->getOperations().splice(label->end(), above->getOperations(),
                                  builder.getInsertionPoint(), above->end());
    builder.setInsertionPointToEnd(above);
    LLVM::BrOp::create(builder, op.getLoc(), ValueRange(), label);
    builder.setInsertionPointToStart(label);
    // The order of blocks is that of the text.
    label->moveBefore(above->getParent(), std::next(above->getIterator()));
    return success();
  }
  if (!statement.declaredNames.empty())
    return success();
  if (statement.opcode.front() == "bra")
    return branch(statement);
  rewriter.setSiteName(llvm::join(statement.opcode, "."));
  LogicalResult result = success();
  rewriter.when(statement.guard ? readPredicate(*statement.guard) : Value(),
                [&] {
                  for (auto group : {executeArithmetic, executeCollective,
                                     executeMemory, executeAsync}) {
                    if (Outcome outcome = group(*this, statement)) {
                      result = *outcome;
                      return;
                    }
                  }
                  result = reject(statement);
                });
  return result;
}

LogicalResult PtxMachine::run() {
  llvm::Expected<std::vector<PtxStatement>> statements =
      parsePtx(op.getAsmString());
  if (!statements)
    return rewriter.emitError() << "contains PTX that cannot be read: "
                                << llvm::toString(statements.takeError());
  if (mlir::failed(parseConstraints()) || mlir::failed(declare(*statements)))
    return failure();
  for (const PtxStatement &statement : *statements)
    if (mlir::failed(execute(statement)) || failed)
      return failure();
  SmallVector<Value> values;
  for (Variable &result : results)
    values.push_back(LLVM::LoadOp::create(rewriter.builder, op.getLoc(),
                                          result.type, result.slot));
  if (values.empty())
    rewriter.erase();
  else
    rewriter.replaceByFragment(values);
  return success();
}

Outcome tosim::rewriteInlinePtx(Rewriter &rewriter, Operation *op) {
  auto assembly = dyn_cast<LLVM::InlineAsmOp>(op);
  if (!assembly)
    return std::nullopt;
  return PtxMachine(rewriter, assembly).run();
}
