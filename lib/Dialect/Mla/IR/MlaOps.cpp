//===- MlaOps.cpp - verifiers and effects of the mla ops ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constraint numbers are those of the op descriptions in MlaOps.td and
// MlaInternal.td.
//
//===----------------------------------------------------------------------===//

#include "MlaTiling.h"
#include "mlir/IR/DialectImplementation.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Support/Diagnostics.h"
#include "peermla/Support/StructuredOps.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::mla;

#include "peermla/Dialect/Mla/IR/MlaEnums.cpp.inc"

#define GET_OP_CLASSES
#include "peermla/Dialect/Mla/IR/MlaOps.cpp.inc"

static ShapedType typeOf(Value value) {
  return cast<ShapedType>(value.getType());
}

/// Emits an error if there is no end of sequence `B - 1`, or the beginning.
static LogicalResult verifyEnds(Operation *op, Value cuSeqlens) {
  ShapedType type = typeOf(cuSeqlens);
  if (type.getDimSize(0) != 0)
    return success();
  return op->emitOpError()
         << "expects 'cu_seqlens' to have at least one element, got " << type;
}

/// Emits an error unless `past_lens` and `block_table` are given if and only if
/// `keys` (called `name`) are a paged cache, and have one row per sequence.
static LogicalResult verifyBatch(Operation *op, StringRef name, bool isPaged,
                                 Value keys, Value cuSeqlens, Value pastLens,
                                 Value blockTable) {
  if (isPaged != static_cast<bool>(pastLens) ||
      isPaged != static_cast<bool>(blockTable))
    return op->emitOpError()
           << "expects 'past_lens' and 'block_table' if and only if '" << name
           << "' is paged, got "
           << (pastLens     ? blockTable ? "both" : "'past_lens'"
               : blockTable ? "'block_table'"
                            : "neither")
           << " with " << keys.getType();
  if (failed(verifyEnds(op, cuSeqlens)))
    return failure();
  if (!isPaged)
    return success();
  NamedDim sequences{"past_lens", typeOf(pastLens), 0};
  if (failed(verifySameExtent(op, "B", sequences,
                              {"block_table", typeOf(blockTable), 0})))
    return failure();
  NamedDim ends{"cu_seqlens", typeOf(cuSeqlens), 0};
  if (failed(verifyOneMore(op, ends, sequences)))
    return failure();
  return verifyOneMore(op, ends, {"block_table", typeOf(blockTable), 0});
}

/// Emits an error unless the destinations are `o` and, if asked for, `lse`.
static LogicalResult verifyAttentionDestinations(Operation *op) {
  return verifyDestinations(
      op, {{"o", 3, Destination::Float}, {"lse", 2, Destination::Wide}},
      /*minimum=*/1);
}

/// Emits an error unless `o` and `lse` agree with `rows` in `T` and `H`, which
/// are its dimensions from `first` on and theirs from `firstOfInits` on.
static LogicalResult verifyRowsAndHeads(Operation *op, StringRef name,
                                        ShapedType rows, ValueRange inits,
                                        unsigned first = 0,
                                        unsigned firstOfInits = 0) {
  static constexpr StringRef names[] = {"o", "lse"};
  static constexpr StringRef symbols[] = {"T", "H"};
  for (auto [initName, init] : llvm::zip(names, inits))
    for (auto [i, symbol] : llvm::enumerate(symbols))
      if (failed(verifySameExtent(
              op, symbol, {name, rows, unsigned(first + i)},
              {initName, typeOf(init), unsigned(firstOfInits + i)})))
        return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// PositionsOp
//===----------------------------------------------------------------------===//

LogicalResult PositionsOp::verify() {
  // (C1)
  if (failed(verifyEnds(*this, getCuSeqlens())))
    return failure();
  if (getPastLens() &&
      failed(verifyOneMore(*this, {"cu_seqlens", typeOf(getCuSeqlens()), 0},
                           {"past_lens", typeOf(getPastLens()), 0})))
    return failure();
  // (C2)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// RopeTableOp
//===----------------------------------------------------------------------===//

LogicalResult RopeTableOp::verify() {
  ShapedType table = typeOf(getInit());
  // (C1)
  if (failed(verifySameExtent(*this, "T",
                              {"positions", typeOf(getPositions()), 0},
                              {"table", table, 0})))
    return failure();
  // (C2)
  int64_t count = getInvFreq().size();
  if (failed(verifyExtent(*this, "dr", {"table", table, 1}, 2 * count,
                          "from " + Twine(count) + " elements of 'inv_freq'")))
    return failure();
  // (C3)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// RopeOp
//===----------------------------------------------------------------------===//

LogicalResult RopeOp::verify() {
  ShapedType x = typeOf(getX()), table = typeOf(getTable());
  ShapedType y = typeOf(getInit());
  // (C1)
  if (failed(verifySameExtent(*this, "T", {"x", x, 0}, {"table", table, 0})))
    return failure();
  // (C2)
  if (failed(verifySameShape(*this, "x", x, "y", y)) ||
      failed(verifySameElementType(*this, "x", x, "y", y)))
    return failure();
  // (C3)
  int64_t dr = table.getDimSize(1), columns = x.getShape().back();
  if (ShapedType::isStatic(dr) && dr % 2 != 0)
    return emitOpError() << "expects dr to be even, got " << dr << " in "
                         << table;
  if (ShapedType::isStatic(dr) && ShapedType::isStatic(columns) && dr > columns)
    return emitOpError() << "expects dr to be at most D, got " << dr << " in "
                         << table << " and " << columns << " in " << x;
  // (C4)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// CacheAppendOp
//===----------------------------------------------------------------------===//

LogicalResult CacheAppendOp::verify() {
  ShapedType rows = typeOf(getRows()), cache = typeOf(getInit());
  // (C1)
  if (failed(verifySameExtent(*this, "dc + dr", {"rows", rows, 1},
                              {"cache", cache, 2})) ||
      failed(verifySameElementType(*this, "rows", rows, "cache", cache)))
    return failure();
  // (C2)
  if (failed(verifyBatch(*this, "cache", /*isPaged=*/true, getInit(),
                         getCuSeqlens(), getPastLens(), getBlockTable())))
    return failure();
  // (C3)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

/// (C2): `q` and `kv` have equally many columns beyond `dn` and `dc`.
static LogicalResult verifyRopeColumns(AttentionOp op, ShapedType q,
                                       ShapedType kv) {
  int64_t columns = q.getDimSize(2), row = kv.getShape().back();
  int64_t dn = op.getNopeDim(), dc = op.getLatentDim();
  bool knowsQ = ShapedType::isStatic(columns) && ShapedType::isStatic(dn);
  bool knowsKv = ShapedType::isStatic(row) && ShapedType::isStatic(dc);
  if (knowsQ && knowsKv && columns - dn != row - dc)
    return op.emitOpError()
           << "expects 'q' and 'kv' to agree in dr, got " << columns - dn
           << " in " << q << " with dn = " << dn << " and " << row - dc
           << " in " << kv << " with dc = " << dc;
  for (auto [knows, name, type, dr] : {std::tuple(knowsQ, "q", q, columns - dn),
                                       std::tuple(knowsKv, "kv", kv, row - dc)})
    if (knows && (dr < 0 || dr % 2 != 0))
      return op.emitOpError() << "expects dr to be even and at least 0, got "
                              << dr << " from '" << name << "' in " << type;
  return success();
}

LogicalResult AttentionOp::verify() {
  ShapedType q = typeOf(getQ()), kv = typeOf(getKv());
  ShapedType wUk = typeOf(getWUk()), wUv = typeOf(getWUv());
  // (C4)
  if (failed(verifyAttentionDestinations(*this)))
    return failure();
  ShapedType o = typeOf(getInits()[0]);
  // (C1)
  if (failed(verifySameExtent(*this, "H", {"q", q, 1}, {"w_uk", wUk, 0})) ||
      failed(verifySameExtent(*this, "H", {"q", q, 1}, {"w_uv", wUv, 0})) ||
      failed(verifySameExtent(*this, "H", {"q", q, 1}, {"o", o, 1})) ||
      failed(verifySameExtent(*this, "dv", {"w_uv", wUv, 1}, {"o", o, 2})))
    return failure();
  // (C2)
  if (failed(
          verifySameExtent(*this, "dc", {"w_uk", wUk, 2}, {"w_uv", wUv, 2})) ||
      failed(verifyRopeColumns(*this, q, kv)) ||
      failed(verifySameElementType(*this, "q", q, "kv", kv)) ||
      failed(verifySameElementType(*this, "q", q, "w_uk", wUk)) ||
      failed(verifySameElementType(*this, "q", q, "w_uv", wUv)))
    return failure();
  // (C3)
  if (failed(verifyBatch(*this, "kv", kv.getRank() == 3, getKv(),
                         getCuSeqlens(), getPastLens(), getBlockTable())))
    return failure();
  if (!isPaged() &&
      failed(verifySameExtent(*this, "T", {"q", q, 0}, {"kv", kv, 0})))
    return failure();
  // (C4)
  if (failed(verifySameElementType(*this, "q", q, "o", o)) ||
      failed(verifyRowsAndHeads(*this, "q", q, getInits())))
    return failure();
  // (C5)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// OnlineAttentionOp
//===----------------------------------------------------------------------===//

/// (C4): the destinations of partial results.
static LogicalResult verifyPartialDestinations(OnlineAttentionOp op) {
  if (failed(verifyDestinations(
          op, {{"o", 4, Destination::Wide}, {"lse", 3, Destination::Wide}},
          /*minimum=*/2)))
    return failure();
  return verifySameExtent(op, "P", {"o", typeOf(op.getInits()[0]), 0},
                          {"lse", typeOf(op.getInits()[1]), 0});
}

/// (C7): the numbers in `parts`.
static LogicalResult verifyParts(OnlineAttentionOp op) {
  if (op.isPartial() != op.getPartStep().has_value())
    return op.emitOpError("expects 'parts' and 'part_step' together");
  if (!op.isPartial())
    return success();
  int64_t parts = *op.getParts(), step = *op.getPartStep();
  if (parts < 1 || step < 1)
    return op.emitOpError() << "expects positive numbers in 'parts', got "
                            << parts << " by " << step;
  if (!op.getItem().empty())
    return success();
  return verifyExtent(op, "P", {"o", typeOf(op.getInits()[0]), 0}, parts,
                      "the number in 'parts'");
}

LogicalResult OnlineAttentionOp::verify() {
  ShapedType q = typeOf(getQ()), k = typeOf(getK());
  // (C4)
  if (failed(isPartial() ? verifyPartialDestinations(*this)
                         : verifyAttentionDestinations(*this)))
    return failure();
  ShapedType o = typeOf(getInits()[0]);
  unsigned headOfO = isPartial() ? 2 : 1, lastOfO = headOfO + 1;
  unsigned lastOfK = k.getRank() - 1;
  // (C1)
  if (failed(verifySameExtent(*this, "H", {"q", q, 1}, {"o", o, headOfO})) ||
      failed(verifySameExtent(*this, "D", {"q", q, 2}, {"k", k, lastOfK})) ||
      failed(verifySameElementType(*this, "q", q, "k", k)))
    return failure();
  if (getV()) {
    ShapedType v = typeOf(getV());
    // (C1)
    if (k.getRank() != 3)
      return emitOpError() << "expects 'k' to be S x H x D with 'v', got " << k;
    if (failed(verifySameExtent(*this, "H", {"q", q, 1}, {"k", k, 1})) ||
        failed(verifySameExtent(*this, "H", {"q", q, 1}, {"v", v, 1})) ||
        failed(verifySameElementType(*this, "q", q, "v", v)))
      return failure();
    // (C2)
    if (failed(verifySameExtent(*this, "S", {"k", k, 0}, {"v", v, 0})) ||
        failed(verifySameExtent(*this, "dv", {"v", v, 2}, {"o", o, lastOfO})))
      return failure();
  } else if (int64_t dv = o.getDimSize(lastOfO),
             columns = k.getDimSize(lastOfK);
             ShapedType::isStatic(dv) && ShapedType::isStatic(columns) &&
             dv > columns) {
    // (C2)
    return emitOpError() << "expects dv to be at most D without 'v', got " << dv
                         << " in " << o << " and " << columns << " in " << k;
  }
  // (C3)
  if (failed(verifyBatch(*this, "k", !getV() && k.getRank() == 3, getK(),
                         getCuSeqlens(), getPastLens(), getBlockTable())))
    return failure();
  // (C4)
  if (!isPartial() && failed(verifySameElementType(*this, "q", q, "o", o)))
    return failure();
  if (failed(verifyRowsAndHeads(*this, "q", q, getInits(), /*first=*/0,
                                headOfO - 1)))
    return failure();
  // (C5)
  size_t count = isPartial() ? 3 : 2;
  if (!getItem().empty() && getItem().size() != count)
    return emitOpError() << "expects no value or " << count
                         << " in 'item', got " << getItem().size();
  // (C7)
  if (failed(verifyParts(*this)))
    return failure();
  // (C6)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// MergeOp
//===----------------------------------------------------------------------===//

LogicalResult MergeOp::verify() {
  ShapedType oParts = typeOf(getOParts()), lseParts = typeOf(getLseParts());
  // (C1)
  for (auto [dim, symbol] : llvm::enumerate(ArrayRef{"P", "T", "H"}))
    if (failed(verifySameExtent(*this, symbol, {"o_i", oParts, unsigned(dim)},
                                {"lse_i", lseParts, unsigned(dim)})))
      return failure();
  // (C2)
  if (failed(verifyAttentionDestinations(*this)) ||
      failed(verifyRowsAndHeads(*this, "o_i", oParts, getInits(),
                                /*first=*/1)) ||
      failed(verifySameExtent(*this, "dv", {"o_i", oParts, 3},
                              {"o", typeOf(getInits()[0]), 2})))
    return failure();
  // (C3)
  return verifyDestinationStyle(*this);
}

//===----------------------------------------------------------------------===//
// WorkItemsOp
//===----------------------------------------------------------------------===//

LogicalResult WorkItemsOp::verify() {
  // (C1)
  if (failed(verifyExtent(*this, "columns", {"items", typeOf(getInit()), 1}, 3,
                          "sequence, first token and number of tokens")) ||
      failed(verifyEnds(*this, getCuSeqlens())))
    return failure();
  // (C2)
  if (getTokens() < 1)
    return emitOpError() << "expects runs of at least 1 token, got "
                         << getTokens();
  // (C3)
  return verifyDestinationStyle(*this);
}
