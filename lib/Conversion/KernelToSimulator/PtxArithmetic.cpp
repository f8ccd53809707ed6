//===- PtxArithmetic.cpp - arithmetic and conversions in PTX --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What glues instructions together in inline assembly, and the functions that
// kernels write as PTX because MLIR has no op for them.
//
//===----------------------------------------------------------------------===//

#include "InlinePtx.h"
#include "InstructionNames.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

namespace {

/// One instruction with its last modifier, the type, read.
struct Arithmetic {
  PtxMachine &machine;
  const PtxStatement &statement;
  Rewriter &rewriter;
  OpBuilder &builder;
  Location loc;
  StringRef typeName;
  Type type;
  bool isSigned, isFloat;

  Arithmetic(PtxMachine &machine, const PtxStatement &statement)
      : machine(machine), statement(statement), rewriter(machine.rewriter),
        builder(rewriter.builder), loc(rewriter.getLoc()),
        typeName(statement.opcode.back()),
        type(parsePtxType(rewriter, typeName)),
        isSigned(typeName.starts_with("s")),
        isFloat(type && isa<FloatType>(getElementTypeOrSelf(type))) {}

  Value in(unsigned index) {
    return machine.read(statement.operands[index], type);
  }
  LogicalResult out(Value value) {
    machine.write(statement.operands[0], value);
    return success();
  }
  bool hasOperands(size_t count) const {
    return type && statement.operands.size() == count;
  }
  LogicalResult reject() { return machine.reject(statement); }
};

} // namespace

//===----------------------------------------------------------------------===//
// Integers, floats and predicates
//===----------------------------------------------------------------------===//

static LogicalResult executeBinary(Arithmetic a) {
  if (!a.hasOperands(3) || has(a.statement, "cc") || has(a.statement, "sat"))
    return a.reject();
  OpBuilder &b = a.builder;
  Value x = a.in(1), y = a.in(2);
  StringRef name = a.statement.opcode.front();
  if (a.type.isInteger(1) && name != "and" && name != "or" && name != "xor")
    return a.reject();
  if (a.isFloat) {
    if (name == "add")
      return a.out(LLVM::FAddOp::create(b, a.loc, x, y));
    if (name == "sub")
      return a.out(LLVM::FSubOp::create(b, a.loc, x, y));
    if (name == "mul")
      return a.out(LLVM::FMulOp::create(b, a.loc, x, y));
    if (name == "min")
      return a.out(LLVM::MinNumOp::create(b, a.loc, x, y));
    if (name == "max")
      return a.out(LLVM::MaxNumOp::create(b, a.loc, x, y));
    return a.reject();
  }
  if (name == "mul" && (has(a.statement, "hi") || has(a.statement, "wide")))
    return a.reject();
  if (name == "add")
    return a.out(LLVM::AddOp::create(b, a.loc, x, y));
  if (name == "sub")
    return a.out(LLVM::SubOp::create(b, a.loc, x, y));
  if (name == "mul")
    return a.out(LLVM::MulOp::create(b, a.loc, x, y));
  if (name == "and")
    return a.out(LLVM::AndOp::create(b, a.loc, x, y));
  if (name == "or")
    return a.out(LLVM::OrOp::create(b, a.loc, x, y));
  if (name == "xor")
    return a.out(LLVM::XOrOp::create(b, a.loc, x, y));
  if (name == "min")
    return a.out(a.isSigned ? Value(LLVM::SMinOp::create(b, a.loc, x, y))
                            : Value(LLVM::UMinOp::create(b, a.loc, x, y)));
  if (name == "max")
    return a.out(a.isSigned ? Value(LLVM::SMaxOp::create(b, a.loc, x, y))
                            : Value(LLVM::UMaxOp::create(b, a.loc, x, y)));
  return a.reject();
}

/// Shifts by the width and more are those by the width.
static LogicalResult executeShift(Arithmetic a) {
  if (!a.hasOperands(3) || !isa<IntegerType>(a.type))
    return a.reject();
  OpBuilder &b = a.builder;
  int64_t width = a.type.getIntOrFloatBitWidth();
  Value x = a.in(1);
  Value amount = a.machine.read(a.statement.operands[2], a.rewriter.i32Type);
  Value isInside = LLVM::ICmpOp::create(b, a.loc, LLVM::ICmpPredicate::ult,
                                        amount, a.rewriter.i32(width));
  bool isLeft = a.statement.opcode.front() == "shl";
  if (!isLeft && a.isSigned) {
    amount = a.rewriter.select(isInside, amount, a.rewriter.i32(width - 1));
    return a.out(
        LLVM::AShrOp::create(b, a.loc, x, a.rewriter.cast(amount, a.type)));
  }
  Value safe = a.rewriter.cast(
      a.rewriter.select(isInside, amount, a.rewriter.i32(0)), a.type);
  Value shifted = isLeft ? Value(LLVM::ShlOp::create(b, a.loc, x, safe))
                         : Value(LLVM::LShrOp::create(b, a.loc, x, safe));
  return a.out(
      a.rewriter.select(isInside, shifted, a.rewriter.constant(0, a.type)));
}

static LogicalResult executeUnary(Arithmetic a) {
  if (!a.hasOperands(2))
    return a.reject();
  OpBuilder &b = a.builder;
  Value x = a.in(1);
  StringRef name = a.statement.opcode.front();
  if (name == "mov")
    return a.out(x);
  if (a.isFloat && name == "neg")
    return a.out(LLVM::FNegOp::create(b, a.loc, x));
  if (a.isFloat && name == "abs")
    return a.out(LLVM::FAbsOp::create(b, a.loc, x));
  if (!isa<IntegerType>(a.type))
    return a.reject();
  if (name == "not")
    return a.out(
        LLVM::XOrOp::create(b, a.loc, x, a.rewriter.constant(-1, a.type)));
  if (name == "neg")
    return a.out(
        LLVM::SubOp::create(b, a.loc, a.rewriter.constant(0, a.type), x));
  if (name == "popc")
    return a.out(LLVM::CtPopOp::create(b, a.loc, a.type, x));
  if (name == "clz")
    return a.out(LLVM::CountLeadingZerosOp::create(b, a.loc, a.type, x,
                                                   /*is_zero_poison=*/false));
  if (name == "brev")
    return a.out(LLVM::BitReverseOp::create(b, a.loc, x));
  return a.reject();
}

static LogicalResult executeMultiplyAdd(Arithmetic a) {
  if (!a.hasOperands(4))
    return a.reject();
  OpBuilder &b = a.builder;
  Value x = a.in(1), y = a.in(2), z = a.in(3);
  if (a.isFloat && a.statement.opcode.front() == "fma") {
    if (!has(a.statement, "rn") || has(a.statement, "relu") ||
        has(a.statement, "sat"))
      return a.reject();
    return a.out(LLVM::FMAOp::create(b, a.loc, x, y, z));
  }
  if (a.isFloat || !has(a.statement, "lo"))
    return a.reject();
  return a.out(
      LLVM::AddOp::create(b, a.loc, LLVM::MulOp::create(b, a.loc, x, y), z));
}

/// setp.ne.b32 p, x, y
static LogicalResult executeCompare(Arithmetic a) {
  if (!a.hasOperands(3) || a.statement.opcode.size() != 3)
    return a.reject();
  StringRef name = a.statement.opcode[1];
  Value x = a.in(1), y = a.in(2);
  if (a.isFloat) {
    using P = LLVM::FCmpPredicate;
    auto predicate = llvm::StringSwitch<std::optional<P>>(name)
                         .Case("eq", P::oeq)
                         .Case("ne", P::one)
                         .Case("lt", P::olt)
                         .Case("le", P::ole)
                         .Case("gt", P::ogt)
                         .Case("ge", P::oge)
                         .Case("equ", P::ueq)
                         .Case("neu", P::une)
                         .Case("ltu", P::ult)
                         .Case("leu", P::ule)
                         .Case("gtu", P::ugt)
                         .Case("geu", P::uge)
                         .Case("num", P::ord)
                         .Case("nan", P::uno)
                         .Default(std::nullopt);
    return predicate
               ? a.out(LLVM::FCmpOp::create(a.builder, a.loc, *predicate, x, y))
               : a.reject();
  }
  using P = LLVM::ICmpPredicate;
  auto predicate = llvm::StringSwitch<std::optional<P>>(name)
                       .Case("eq", P::eq)
                       .Case("ne", P::ne)
                       .Case("lt", a.isSigned ? P::slt : P::ult)
                       .Case("le", a.isSigned ? P::sle : P::ule)
                       .Case("gt", a.isSigned ? P::sgt : P::ugt)
                       .Case("ge", a.isSigned ? P::sge : P::uge)
                       .Case("lo", P::ult)
                       .Case("ls", P::ule)
                       .Case("hi", P::ugt)
                       .Case("hs", P::uge)
                       .Default(std::nullopt);
  return predicate
             ? a.out(LLVM::ICmpOp::create(a.builder, a.loc, *predicate, x, y))
             : a.reject();
}

//===----------------------------------------------------------------------===//
// Conversions and approximations
//===----------------------------------------------------------------------===//

static unsigned getRounding(const PtxStatement &statement) {
  namespace F = sim::RoundingFlags;
  unsigned flags = F::Nearest;
  if (has(statement, "rz") || has(statement, "rzi"))
    flags = F::Zero;
  else if (has(statement, "rna"))
    flags = F::NearestAway;
  else if (has(statement, "rm") || has(statement, "rmi"))
    flags = F::Down;
  else if (has(statement, "rp") || has(statement, "rpi"))
    flags = F::Up;
  if (has(statement, "relu"))
    flags |= F::Relu;
  if (has(statement, "satfinite"))
    flags |= F::Saturate;
  if (has(statement, "ftz"))
    flags |= F::FlushSubnormal;
  return flags;
}

/// The element of `f16x2`, or the type itself.
static std::optional<sim::ElementType> parsePairElement(StringRef name,
                                                        bool &isPair) {
  isPair = name.consume_back("x2");
  return parseElementType(name);
}

/// cvt.rz.f32.s32 y, x: from an integer to a float.
static LogicalResult executeFromInteger(PtxMachine &machine,
                                        const PtxStatement &statement,
                                        sim::ElementType to) {
  Rewriter &rewriter = machine.rewriter;
  size_t size = statement.opcode.size();
  bool hasRounding =
      llvm::any_of(ArrayRef<StringRef>{"rn", "rz", "rm", "rp"},
                   [&](StringRef mode) { return has(statement, mode); });
  StringRef fromName = statement.opcode[size - 1];
  bool isSigned = fromName.starts_with("s");
  if (!hasRounding || statement.operands.size() != 2 ||
      !(isSigned || fromName.starts_with("u")) || has(statement, "sat"))
    return machine.reject(statement);
  Value value =
      machine.read(statement.operands[1], parsePtxType(rewriter, fromName));
  if (isSigned && !value.getType().isInteger(64))
    value = LLVM::SExtOp::create(rewriter.builder, rewriter.getLoc(),
                                 rewriter.i64Type, value);
  Value bits = rewriter.call(Runtime::convert_from_integer,
                             {value, rewriter.i32(isSigned), rewriter.i32(to),
                              rewriter.i32(getRounding(statement))});
  Type type = parsePtxType(rewriter, statement.opcode[size - 2]);
  machine.write(statement.operands[0], rewriter.cast(bits, type));
  return success();
}

static LogicalResult executeConvert(PtxMachine &machine,
                                    const PtxStatement &statement) {
  Rewriter &rewriter = machine.rewriter;
  size_t size = statement.opcode.size();
  if (size < 3 || statement.operands.size() < 2 ||
      statement.operands.size() > 3)
    return machine.reject(statement);
  StringRef toName = statement.opcode[size - 2];
  StringRef fromName = statement.opcode[size - 1];
  bool isPairTo, isPairFrom;
  auto to = parsePairElement(toName, isPairTo);
  auto from = parsePairElement(fromName, isPairFrom);
  Type toType = parsePtxType(rewriter, toName);
  Type fromType = parsePtxType(rewriter, fromName);
  if (to && toType && fromType && isa<IntegerType>(fromType) &&
      isa<FloatType>(toType))
    return executeFromInteger(machine, statement, *to);
  if (!to || !from)
    return machine.reject(statement);
  Value flags = rewriter.i32(getRounding(statement));
  const PtxOperand &result = statement.operands[0];
  auto done = [&](Value value) {
    machine.write(result, value);
    return success();
  };
  auto in = [&](unsigned index, StringRef type) {
    return machine.read(statement.operands[index],
                        parsePtxType(rewriter, type));
  };
  using E = sim::ElementType;
  if (isPairTo && *from == E::F32 && statement.operands.size() == 3)
    return done(
        rewriter.call(Runtime::convert_pair_from_f32,
                      {in(1, "f32"), in(2, "f32"), rewriter.i32(*to), flags}));
  if (statement.operands.size() != 2)
    return machine.reject(statement);
  if (isPairTo && isPairFrom)
    return done(
        rewriter.call(Runtime::convert_pair,
                      {machine.read(statement.operands[1], rewriter.i32Type),
                       rewriter.i32(*from), rewriter.i32(*to), flags}));
  if (isPairTo || isPairFrom)
    return machine.reject(statement);
  bool isNarrow = *to == E::F16 || *to == E::BF16 || *to == E::TF32;
  if (*from == E::F32 && isNarrow)
    return done(rewriter.call(Runtime::convert_from_f32,
                              {in(1, "f32"), rewriter.i32(*to), flags}));
  if (*to == E::F32 && (*from == E::F16 || *from == E::BF16))
    return done(rewriter.call(Runtime::convert_to_f32,
                              {rewriter.cast(in(1, fromName), rewriter.i32Type),
                               rewriter.i32(*from)}));
  if (!toType || !fromType)
    return machine.reject(statement);
  OpBuilder &builder = rewriter.builder;
  Location loc = rewriter.getLoc();
  Value value = in(1, fromName);
  bool isSigned = fromName.starts_with("s");
  if (*from == E::F32 && isa<IntegerType>(toType))
    return done(rewriter.call(Runtime::convert_to_integer,
                              {value, rewriter.i32(*to), flags}));
  if (isa<IntegerType>(fromType) && isa<IntegerType>(toType) &&
      !has(statement, "sat")) {
    if (isSigned &&
        fromType.getIntOrFloatBitWidth() < toType.getIntOrFloatBitWidth())
      return done(LLVM::SExtOp::create(builder, loc, toType, value));
    return done(rewriter.cast(value, toType));
  }
  return machine.reject(statement);
}

/// ex2.approx.ftz.f32 y, x
static LogicalResult executeApproximate(Arithmetic a) {
  using F = sim::ApproxFunction;
  F function = *parseApproximate(a.statement.opcode.front());
  unsigned numOperands = function == F::Divide ? 3 : 2;
  bool isApproximate = has(a.statement, "approx") || has(a.statement, "full");
  if (!a.hasOperands(numOperands))
    return a.reject();
  Value x = a.in(1);
  Value y = function == F::Divide ? a.in(2) : x;
  if (isApproximate && a.typeName == "f32")
    return a.out(a.rewriter.call(Runtime::approx,
                                 {a.rewriter.i32(function), x, y,
                                  a.rewriter.i32(has(a.statement, "ftz"))}));
  bool isPair;
  auto element = parsePairElement(a.typeName, isPair);
  if (isApproximate && function != F::Divide && element &&
      (*element == sim::ElementType::F16 || *element == sim::ElementType::BF16))
    return a.out(
        a.rewriter.call(Runtime::approx_pair, {a.rewriter.i32(function),
                                               a.rewriter.i32(*element), x}));
  if (!a.isFloat || isa<VectorType>(a.type) || !has(a.statement, "rn"))
    return a.reject();
  if (function == F::Divide)
    return a.out(LLVM::FDivOp::create(a.builder, a.loc, x, y));
  if (function == F::Sqrt)
    return a.out(LLVM::SqrtOp::create(a.builder, a.loc, x));
  if (function != F::Reciprocal)
    return a.reject();
  Value one = LLVM::ConstantOp::create(a.builder, a.loc, a.type,
                                       a.builder.getFloatAttr(a.type, 1.0));
  return a.out(LLVM::FDivOp::create(a.builder, a.loc, one, x));
}

/// selp.b32 d, x, y, p
static LogicalResult executeSelect(Arithmetic a) {
  if (!a.hasOperands(4))
    return a.reject();
  return a.out(a.rewriter.select(
      a.machine.readPredicate(a.statement.operands[3]), a.in(1), a.in(2)));
}

static LogicalResult executePermute(Arithmetic a) {
  if (a.statement.operands.size() != 4)
    return a.reject();
  using M = sim::PermuteMode;
  auto mode = llvm::StringSwitch<M>(a.statement.opcode.back())
                  .Case("f4e", M::F4E)
                  .Case("b4e", M::B4E)
                  .Case("rc8", M::Rc8)
                  .Case("ecl", M::Ecl)
                  .Case("ecr", M::Ecr)
                  .Case("rc16", M::Rc16)
                  .Default(M::Default);
  auto in = [&](unsigned index) {
    return a.machine.read(a.statement.operands[index], a.rewriter.i32Type);
  };
  return a.out(a.rewriter.call(Runtime::permute,
                               {a.rewriter.i32(mode), in(1), in(2), in(3)}));
}

static LogicalResult executeLogic3(Arithmetic a) {
  if (!a.hasOperands(5) || a.typeName != "b32")
    return a.reject();
  return a.out(
      a.rewriter.call(Runtime::logic3, {a.in(1), a.in(2), a.in(3), a.in(4)}));
}

Outcome tosim::executeArithmetic(PtxMachine &machine,
                                 const PtxStatement &statement) {
  using Execute = LogicalResult (*)(Arithmetic);
  auto execute =
      llvm::StringSwitch<Execute>(statement.opcode.front())
          .Cases({"add", "sub", "mul", "and", "or", "xor", "min", "max"},
                 executeBinary)
          .Cases({"shl", "shr"}, executeShift)
          .Cases({"mov", "neg", "abs", "not", "popc", "clz", "brev"},
                 executeUnary)
          .Cases({"fma", "mad"}, executeMultiplyAdd)
          .Case("setp", executeCompare)
          .Case("selp", executeSelect)
          .Case("prmt", executePermute)
          .Case("lop3", executeLogic3)
          .Cases({"ex2", "lg2", "rcp", "rsqrt", "sqrt", "sin", "cos", "tanh",
                  "div"},
                 executeApproximate)
          .Default(nullptr);
  if (execute)
    return execute(Arithmetic(machine, statement));
  if (statement.opcode.front() == "cvt")
    return executeConvert(machine, statement);
  if (statement.opcode.front() == "cvta") {
    // Addresses are those of the host in every space.
    if (statement.operands.size() != 2)
      return machine.reject(statement);
    machine.write(statement.operands[0],
                  machine.read(statement.operands[1], Type()));
    return success();
  }
  return std::nullopt;
}
