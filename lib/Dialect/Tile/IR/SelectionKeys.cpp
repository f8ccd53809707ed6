//===- SelectionKeys.cpp - scores and numbers as keys ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Dialect/Tile/IR/SelectionKeys.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include <limits>

using namespace mlir;
using namespace peermla;

/// The type of `value` with other elements.
static Type like(Value value, Type element) {
  if (auto type = dyn_cast<ShapedType>(value.getType()))
    return type.clone(element);
  return element;
}

/// All elements of `type` are `element`.
static Value constant(ImplicitLocOpBuilder &b, Type type, TypedAttr element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    element = DenseElementsAttr::get(shaped, Attribute(element));
  return arith::ConstantOp::create(b, element);
}

static Value constant(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  return constant(b, type, b.getIntegerAttr(getElementTypeOrSelf(type), value));
}

static Value constant(ImplicitLocOpBuilder &b, Type type, double value) {
  return constant(b, type, b.getFloatAttr(getElementTypeOrSelf(type), value));
}

/// What turns the bits of a number into ordered ones and back: all bits where
/// `bits` have a sign, which alone is turned elsewhere.
static Value getFlips(ImplicitLocOpBuilder &b, Value bits) {
  Type type = bits.getType();
  Value sign = arith::ShRSIOp::create(b, bits, constant(b, type, int64_t(31)));
  return arith::OrIOp::create(
      b, sign, constant(b, type, int64_t(std::numeric_limits<int32_t>::min())));
}

static Value complement(ImplicitLocOpBuilder &b, Value bits) {
  return arith::XOrIOp::create(b, bits,
                               constant(b, bits.getType(), int64_t(-1)));
}

Value tile::orderScores(ImplicitLocOpBuilder &b, Value scores) {
  Value bits =
      arith::BitcastOp::create(b, like(scores, b.getI32Type()), scores);
  return arith::XOrIOp::create(b, bits, getFlips(b, bits));
}

Value tile::getOrderedScores(ImplicitLocOpBuilder &b, Value ordered) {
  Value flips = getFlips(b, complement(b, ordered));
  return arith::BitcastOp::create(b, like(ordered, b.getF32Type()),
                                  arith::XOrIOp::create(b, ordered, flips));
}

Value tile::makeKeys(ImplicitLocOpBuilder &b, Value scores, Value numbers) {
  Type floats = scores.getType(), keys = like(scores, b.getI64Type());
  Value score = arith::MaxNumFOp::create(
      b, scores, constant(b, floats, -std::numeric_limits<double>::infinity()));
  score = arith::AddFOp::create(b, score, constant(b, floats, 0.0));
  Value high = arith::ExtUIOp::create(b, keys, orderScores(b, score));
  Value low = arith::ExtUIOp::create(b, keys, complement(b, numbers));
  high = arith::ShLIOp::create(b, high, constant(b, keys, int64_t(32)));
  return arith::OrIOp::create(b, high, low);
}

Value tile::getScoresOfKeys(ImplicitLocOpBuilder &b, Value keys) {
  Value high = arith::TruncIOp::create(
      b, like(keys, b.getI32Type()),
      arith::ShRUIOp::create(b, keys,
                             constant(b, keys.getType(), int64_t(32))));
  return getOrderedScores(b, high);
}

Value tile::getNumbersOfKeys(ImplicitLocOpBuilder &b, Value keys) {
  return complement(
      b, arith::TruncIOp::create(b, like(keys, b.getI32Type()), keys));
}
