//===- PtxParser.cpp - the text of inline PTX -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxParser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"

using namespace llvm;
using namespace peermla::tosim;

namespace {

/// A recursive-descent parser; the first error ends it.
class Parser {
public:
  explicit Parser(StringRef text) : rest(text) {}

  Expected<std::vector<PtxStatement>> parse();

private:
  void skipSpace();
  bool consume(char c);
  Error expect(char c);
  StringRef parseIdentifier();
  Error unexpected(StringRef wanted);

  Error parseStatement(PtxStatement &statement);
  Error parseDeclaration(PtxStatement &statement);
  Error parseOperand(PtxOperand &operand);
  Error parsePrimary(PtxOperand &operand);
  Error parsePlaceholder(PtxOperand &operand);
  Error parseNumber(PtxOperand &operand);
  Error parseFloatBits(PtxOperand &operand, PtxOperand::Kind kind,
                       unsigned numDigits);
  Error parseList(char close, PtxOperand &operand);

  StringRef rest;
  unsigned depth = 0;
};

} // namespace

static bool isNameStart(char c) { return isAlpha(c) || c == '_' || c == '%'; }
static bool isNamePart(char c) { return isAlnum(c) || c == '_'; }

void Parser::skipSpace() {
  while (true) {
    rest = rest.ltrim();
    if (rest.starts_with("//"))
      rest = rest.drop_until([](char c) { return c == '\n'; });
    else if (rest.starts_with("/*"))
      rest = rest.split("*/").second;
    else
      return;
  }
}

bool Parser::consume(char c) {
  skipSpace();
  if (!rest.starts_with(c))
    return false;
  rest = rest.drop_front();
  return true;
}

Error Parser::unexpected(StringRef wanted) {
  return createStringError("expected " + wanted + " at '" +
                           rest.take_front(24) + "'");
}

Error Parser::expect(char c) {
  return consume(c) ? Error::success()
                    : unexpected(("'" + Twine(c) + "'").str());
}

StringRef Parser::parseIdentifier() {
  skipSpace();
  if (rest.empty() || !isNameStart(rest.front()))
    return {};
  // A special register has a dot in its name: %tid.x.
  bool isSpecial = rest.front() == '%';
  size_t end = 1;
  while (end < rest.size() &&
         (isNamePart(rest[end]) || (isSpecial && rest[end] == '.')))
    ++end;
  StringRef name = rest.take_front(end);
  rest = rest.drop_front(end);
  return name;
}

Error Parser::parsePlaceholder(PtxOperand &operand) {
  operand.kind = PtxOperand::Placeholder;
  rest = rest.drop_front(); // $
  bool isBraced = rest.consume_front("{");
  unsigned index;
  if (rest.consumeInteger(10, index))
    return unexpected("the number of an operand after '$'");
  operand.value = index;
  if (!isBraced)
    return Error::success();
  rest = rest.drop_until([](char c) { return c == '}'; }); // ${0:modifier}
  return expect('}');
}

/// The number at the start of `text`, if it has a point or an exponent.
static StringRef takeDecimal(StringRef text) {
  auto skipDigits = [&](size_t from) {
    return std::min(text.find_first_not_of("0123456789", from), text.size());
  };
  size_t end = skipDigits(0);
  bool isDecimal = false;
  if (end < text.size() && text[end] == '.') {
    isDecimal = true;
    end = skipDigits(end + 1);
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    size_t digits = end + 1;
    if (digits < text.size() && (text[digits] == '+' || text[digits] == '-'))
      ++digits;
    if (size_t last = skipDigits(digits); last > digits) {
      isDecimal = true;
      end = last;
    }
  }
  return isDecimal ? text.take_front(end) : StringRef();
}

Error Parser::parseFloatBits(PtxOperand &operand, PtxOperand::Kind kind,
                             unsigned numDigits) {
  StringRef digits = rest.drop_front(2).take_while(llvm::isHexDigit);
  uint64_t bits;
  if (digits.size() != numDigits || digits.getAsInteger(16, bits))
    return unexpected((Twine(numDigits) + " hexadecimal digits").str());
  rest = rest.drop_front(2 + numDigits);
  operand.kind = kind;
  operand.value = static_cast<int64_t>(bits);
  return Error::success();
}

Error Parser::parseNumber(PtxOperand &operand) {
  bool isNegative = rest.consume_front("-");
  skipSpace();
  if (rest.starts_with_insensitive("0f") && !isNegative)
    return parseFloatBits(operand, PtxOperand::Single, 8);
  uint64_t sign = uint64_t(isNegative) << 63;
  if (rest.starts_with_insensitive("0d")) {
    Error error = parseFloatBits(operand, PtxOperand::Double, 16);
    operand.value ^= sign;
    return error;
  }
  if (StringRef decimal = takeDecimal(rest); !decimal.empty()) {
    double value;
    if (decimal.getAsDouble(value))
      return unexpected("a number");
    rest = rest.drop_front(decimal.size());
    operand.kind = PtxOperand::Double;
    operand.value = llvm::bit_cast<uint64_t>(value) ^ sign;
    return Error::success();
  }
  operand.kind = PtxOperand::Integer;
  uint64_t value;
  if (rest.consumeInteger(0, value))
    return unexpected("a number");
  rest.consume_front("U");
  operand.value = static_cast<int64_t>(isNegative ? -value : value);
  return Error::success();
}

Error Parser::parseList(char close, PtxOperand &operand) {
  if (++depth > 8)
    return createStringError("operands are nested too deep");
  do {
    PtxOperand element;
    if (Error error = parseOperand(element))
      return error;
    operand.elements.push_back(std::move(element));
    if (operand.kind != PtxOperand::Address)
      continue;
    skipSpace();
    if (rest.starts_with("+") || rest.starts_with("-")) {
      rest.consume_front("+");
      skipSpace();
      PtxOperand offset;
      if (Error error = parseNumber(offset))
        return error;
      if (offset.kind != PtxOperand::Integer)
        return createStringError("an address has an offset that is no integer");
      operand.value = offset.value;
    }
  } while (consume(','));
  --depth;
  return expect(close);
}

Error Parser::parsePrimary(PtxOperand &operand) {
  skipSpace();
  if (consume('!')) {
    if (Error error = parsePrimary(operand))
      return error;
    operand.isNegated = true;
    return Error::success();
  }
  if (rest.starts_with("$"))
    return parsePlaceholder(operand);
  if (consume('[')) {
    operand.kind = PtxOperand::Address;
    return parseList(']', operand);
  }
  if (consume('{')) {
    operand.kind = PtxOperand::Vector;
    return parseList('}', operand);
  }
  if (!rest.empty() &&
      (isDigit(rest.front()) || rest.front() == '-' || rest.front() == '.'))
    return parseNumber(operand);
  operand.name = parseIdentifier();
  return operand.name.empty() ? unexpected("an operand") : Error::success();
}

Error Parser::parseOperand(PtxOperand &operand) {
  if (Error error = parsePrimary(operand))
    return error;
  if (!consume('|'))
    return Error::success();
  PtxOperand predicate;
  if (Error error = parsePrimary(predicate))
    return error;
  PtxOperand pair;
  pair.kind = PtxOperand::Pair;
  pair.elements = {std::move(operand), std::move(predicate)};
  operand = std::move(pair);
  return Error::success();
}

Error Parser::parseDeclaration(PtxStatement &statement) {
  // .reg .b64 a, b<4>;
  skipSpace();
  if (!rest.consume_front("."))
    return unexpected("the type of a register");
  statement.declaredType = parseIdentifier();
  if (statement.declaredType.empty())
    return unexpected("the type of a register");
  do {
    StringRef name = parseIdentifier();
    if (name.empty())
      return unexpected("the name of a register");
    if (consume('<'))
      return createStringError("register arrays such as '" + name +
                               "<n>' are not modelled");
    statement.declaredNames.push_back(name);
  } while (consume(','));
  return expect(';');
}

Error Parser::parseStatement(PtxStatement &statement) {
  const char *start = rest.begin();
  auto finish = [&](Error error) {
    statement.text = StringRef(start, rest.begin() - start).trim();
    return error;
  };
  if (rest.consume_front(".reg"))
    return finish(parseDeclaration(statement));
  if (consume('@')) {
    PtxOperand guard;
    if (Error error = parsePrimary(guard))
      return finish(std::move(error));
    statement.guard = std::move(guard);
  }
  StringRef name = parseIdentifier();
  if (name.empty())
    return finish(unexpected("an instruction"));
  if (!statement.guard && consume(':')) {
    statement.label = name;
    return finish(Error::success());
  }
  statement.opcode.push_back(name);
  while (rest.consume_front(".")) {
    size_t end = 0;
    while (end < rest.size() && (isNamePart(rest[end]) || rest[end] == ':'))
      ++end;
    statement.opcode.push_back(rest.take_front(end));
    rest = rest.drop_front(end);
  }
  skipSpace();
  if (!rest.empty() && !rest.starts_with(";")) {
    do {
      PtxOperand operand;
      if (Error error = parseOperand(operand))
        return finish(std::move(error));
      statement.operands.push_back(std::move(operand));
    } while (consume(','));
  }
  skipSpace();
  return finish(rest.empty() ? Error::success() : expect(';'));
}

Expected<std::vector<PtxStatement>> Parser::parse() {
  std::vector<PtxStatement> statements;
  unsigned braces = 0;
  while (true) {
    skipSpace();
    if (rest.empty())
      break;
    if (consume(';'))
      continue;
    if (consume('{')) {
      ++braces;
      continue;
    }
    if (braces && consume('}')) {
      --braces;
      continue;
    }
    PtxStatement statement;
    if (Error error = parseStatement(statement))
      return std::move(error);
    statements.push_back(std::move(statement));
  }
  if (braces)
    return createStringError("expected '}' at the end");
  return statements;
}

Expected<std::vector<PtxStatement>> peermla::tosim::parsePtx(StringRef text) {
  return Parser(text).parse();
}
