//===- SelectFolds.cpp - the best sums of two lists -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lists are in descending order; of their a-th and b-th entries only those with
// (a + 1) (b + 1) <= k can be among the k best sums, k (ln k + 0.15) of them.
//
// Lanes that share rows would need entries of each other: lists are in scratch,
// and the sums of one entry and those that follow in the other list are a run,
// which is in descending order as it is. With
//
//   a + 1, b + 1 <= k / (m + 1)
//
// the runs of entry m of each list with entries from m on of the other one are
// all pairs, for m with (m + 1)^2 <= k. Equal sums of a run may come in any
// order of ids if they are equal by rounding alone.
//
//===----------------------------------------------------------------------===//

#include "SelectProgram.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "peermla/Dialect/Tile/IR/SelectionKeys.h"
#include <limits>

using namespace mlir;
using namespace peermla;

SelectProgram::Place SelectProgram::makePlace() {
  // An odd number of elements keeps rows in different banks.
  return {makeScratch(size, /*gap=*/1, b.getF32Type()),
          makeScratch(size, /*gap=*/1, b.getI32Type()), 0};
}

void SelectProgram::put(const List &list, Place &place) {
  if (!place.scores)
    place = makePlace();
  place.count = list.count;
  for (auto [tile, memory] :
       {std::pair(list.scores, place.scores), std::pair(list.ids, place.ids)})
    tile::StoreOp::create(b, tile, memory, ValueRange{index(0), index(0)},
                          ValueRange{index(rows), index(size)},
                          ArrayRef<int64_t>{0, 1});
}

SelectProgram::List SelectProgram::fold(const Place &lhs, const Place &rhs,
                                        int64_t numKeys, Value &top) {
  int64_t runs = 0;
  while (runs < std::min(lhs.count, rhs.count) && (runs + 1) * (runs + 1) <= k)
    ++runs;
  auto floats = tile({rows, size}, b.getF32Type());
  auto numbers = tile({rows, size}, b.getI32Type());
  // Entry m of each row, for all columns.
  auto loadEntry = [&](Value memory, Value m, RankedTensorType type) -> Value {
    Value entry = tile::LoadOp::create(
        b, tile({rows}, type.getElementType()), memory, ValueRange{index(0), m},
        ValueRange{index(rows)}, Value(), Value(), ArrayRef<int64_t>{0});
    return tile::BroadcastOp::create(b, type, entry, 1);
  };
  // Entries from `first` on.
  auto loadList = [&](Value memory, Value first, Value count,
                      RankedTensorType type) -> Value {
    return tile::LoadOp::create(b, type, memory, ValueRange{index(0), first},
                                ValueRange{index(rows), count}, Value(),
                                Value(), ArrayRef<int64_t>{0, 1});
  };
  auto loop = scf::ForOp::create(b, index(0), index(runs), index(1),
                                 ValueRange{noKeys(), top});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value m = loop.getInductionVar();
  Value best = loop.getRegionIterArg(0), seen = loop.getRegionIterArg(1);
  Value next = arith::AddIOp::create(b, m, index(1));
  Value limit = arith::DivUIOp::create(b, index(k), next);
  // Once entry m is of `lhs`, once of `rhs`; both together are a pair once.
  for (bool ofLhs : {true, false}) {
    const Place &one = ofLhs ? lhs : rhs, &other = ofLhs ? rhs : lhs;
    Value first = ofLhs ? m : next;
    Value end = arith::MinSIOp::create(b, limit, index(other.count));
    Value count = arith::MaxSIOp::create(
        b, arith::SubIOp::create(b, end, first), index(0));
    Value scores =
        arith::AddFOp::create(b, loadEntry(one.scores, m, floats),
                              loadList(other.scores, first, count, floats));
    Value ids = loadEntry(one.ids, m, numbers);
    Value others = loadList(other.ids, first, count, numbers);
    Value upper = ofLhs ? ids : others, lower = ofLhs ? others : ids;
    upper = arith::MulIOp::create(b, upper, constant(numbers, numKeys));
    ids = arith::AddIOp::create(b, upper, lower);
    Value isPair = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                         tile::IndexOp::create(b, numbers, 1),
                                         splat(count, numbers));
    constexpr double infinity = std::numeric_limits<double>::infinity();
    scores =
        arith::SelectOp::create(b, isPair, scores, constant(floats, -infinity));
    seen = notice(seen, scores);
    Value keys = arith::SelectOp::create(
        b, isPair, tile::makeKeys(b, scores, ids),
        constant(tile({rows, size}, b.getI64Type()), int64_t(0)));
    best = tile::TopkOp::create(b, keys, best, /*sorted=*/true);
  }
  scf::YieldOp::create(b, ValueRange{best, seen});
  b.setInsertionPointAfter(loop);
  top = loop.getResult(1);
  return readKeys(loop.getResult(0), std::min(k, lhs.count * rhs.count));
}
