//===- Pieces.cpp - fragments as runs of neighbours in memory -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pieces.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace peermla;

/// The divisors of a thread's first row and first column in #tile.rows.
static std::pair<int64_t, int64_t> getDivisors(tile::RowsLayoutAttr layout,
                                               int64_t columns) {
  int64_t lanes = layout.getLanes();
  int64_t ofWarp = lanes > 32 ? columns * 32 / lanes : 0;
  int64_t ofLane = lanes > 1 ? layout.getVector() : 0;
  return {lanes == layout.getThreads() ? 0 : 1, std::gcd(ofWarp, ofLane)};
}

SmallVector<int64_t> peermla::getBaseDivisors(RankedTensorType type) {
  if (auto rows = dyn_cast<tile::RowsLayoutAttr>(type.getEncoding())) {
    auto [row, column] = getDivisors(rows, type.getDimSize(1));
    return {row, column};
  }
  auto slice = dyn_cast<tile::SliceLayoutAttr>(type.getEncoding());
  if (slice && slice.getRowsParent()) {
    auto [row, column] = getDivisors(slice.getRowsParent(), type.getDimSize(0));
    return {slice.getDim() == 1 ? row : column};
  }
  if (isa<tile::MmaLayoutAttr>(type.getEncoding()))
    return {1, 2}; // Pairs of columns.
  return SmallVector<int64_t>(type.getRank(), 1);
}

int64_t peermla::getRunLength(RankedTensorType type) {
  auto layout = cast<tile::FragmentLayout>(type.getEncoding());
  int64_t size = layout.getFragmentSize(type.getShape());
  auto follows = [&](int64_t element, int64_t distance) {
    SmallVector<int64_t> first =
        layout.getCoordinates(type.getShape(), /*thread=*/0, element);
    SmallVector<int64_t> other = layout.getCoordinates(
        type.getShape(), /*thread=*/0, element + distance);
    first.back() += distance;
    return first == other;
  };
  int64_t length = 1;
  for (int64_t next = 2; size % next == 0; next *= 2) {
    for (int64_t element = 0; element < size; element += next)
      for (int64_t i = 1; i < next; ++i)
        if (!follows(element, i))
          return length;
    length = next;
  }
  return length;
}

Value peermla::isFirstReplica(FragmentBuilder &b, RankedTensorType type) {
  Value place;
  if (isa<tile::PartsLayoutAttr>(type.getEncoding())) {
    place = b.rem(b.thread(), 32 / type.getDimSize(0));
  } else if (auto slice = dyn_cast<tile::SliceLayoutAttr>(type.getEncoding());
             slice && slice.getRowsParent()) {
    int64_t lanes = slice.getRowsParent().getLanes();
    place = slice.getDim() == 1 ? b.rem(b.thread(), lanes)
                                : b.div(b.thread(), lanes);
    bool isAlone = slice.getDim() == 1
                       ? lanes == 1
                       : lanes == slice.getRowsParent().getThreads();
    if (isAlone)
      return nullptr;
  }
  return place ? b.isEqual(place, b.i32(0)) : nullptr;
}

Type peermla::getPieceType(Type element, int64_t elements) {
  int64_t bits = element.getIntOrFloatBitWidth() * elements;
  if (element.getIntOrFloatBitWidth() < 32 && bits % 32 == 0) {
    element = IntegerType::get(element.getContext(), 32);
    elements = bits / 32;
  }
  return elements == 1 ? element : VectorType::get({elements}, element);
}

Value peermla::joinPieces(FragmentBuilder &b, VectorType type,
                          ArrayRef<Value> pieces) {
  if (pieces.size() == 1 && pieces[0].getType() == type)
    return pieces[0];
  SmallVector<Value> elements;
  for (Value piece : pieces) {
    if (!isa<VectorType>(piece.getType())) {
      elements.push_back(piece);
      continue;
    }
    auto all = vector::ToElementsOp::create(b, piece);
    elements.append(all.result_begin(), all.result_end());
  }
  Type element = elements[0].getType();
  Value joined = vector::FromElementsOp::create(
      b, VectorType::get({int64_t(elements.size())}, element), elements);
  if (joined.getType() == type)
    return joined;
  return vector::BitCastOp::create(b, type, joined);
}

Value peermla::getZeros(FragmentBuilder &b) {
  return LLVM::AddressOfOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), 1), zerosName);
}
