//===- AmxProduct.cpp - blocks of a contraction as AMX tiles --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AmxProduct.h"
#include "BufferViews.h"
#include "LoopUtils.h"
#include "mlir/Dialect/AMX/AMXDialect.h"

using namespace mlir;
using namespace peermla;

AmxProduct::AmxProduct(KernelBuilder &b, const Contraction &contraction,
                       MutableArrayRef<Value> counters)
    : b(b), contraction(contraction), counters(counters),
      rowsOfA(collapseInnermost(b, contraction.a)),
      columnsOfB(collapseInnermost(b, contraction.b)) {}

//===----------------------------------------------------------------------===//
// Tiles in memory
//===----------------------------------------------------------------------===//

Value AmxProduct::tileOf(Value buffer, AffineMap map, unsigned rowLoop,
                         int64_t row, int64_t column, int64_t width) {
  SmallVector<Value> at(counters);
  at[rowLoop] = b.add(at[rowLoop], row);
  SmallVector<Value> indices = getIndices(b, map, at);
  if (map.isFunctionOfDim(*contraction.pair)) {
    indices.pop_back();
    indices.back() = b.mul(indices.back(), 2);
  }
  indices.back() = b.add(indices.back(), column);

  unsigned rank = indices.size();
  unsigned rowDim =
      *map.getResultPosition(getAffineDimExpr(rowLoop, b.getContext()));
  SmallVector<OpFoldResult> sizes(rank, b.getIndexAttr(1));
  sizes[rowDim] = b.getIndexAttr(size);
  sizes[rank - 1] = b.getIndexAttr(width);
  SmallVector<unsigned> dropped;
  for (unsigned dim = 0; dim + 1 < rank; ++dim)
    if (dim != rowDim)
      dropped.push_back(dim);
  return viewOf(b, buffer, getAsOpFoldResult(indices), sizes, dropped);
}

Value AmxProduct::load(Value tile) {
  auto memory = cast<MemRefType>(tile.getType());
  auto type = amx::TileType::get(memory.getShape(), memory.getElementType());
  return amx::TileLoadOp::create(b, type, tile,
                                 ValueRange{b.index(0), b.index(0)});
}

//===----------------------------------------------------------------------===//
// Copied rows
//===----------------------------------------------------------------------===//

MemRefType AmxProduct::getFrameType(Builder &b, int64_t rows, int64_t pairs) {
  // A line of distance keeps the rows in different sets of the cache.
  int64_t line = 2 * size;
  return MemRefType::get({rows, 2 * pairs + line}, b.getBF16Type());
}

Row AmxProduct::rowAt(Value buffer, AffineMap map, Value row, unsigned inner) {
  SmallVector<Value> at(counters);
  at[*contraction.m] = b.add(at[*contraction.m], row);
  SmallVector<Value> prefix = getIndices(b, map, at);
  prefix.pop_back_n(inner);
  return {buffer, prefix};
}

void AmxProduct::copyRows(Value memory, int64_t rows, Value begin, Value end,
                          Value count) {
  frame = memory;
  firstPair = begin;
  // Rows inside: LLVM would make calls of memcpy of whole rows.
  b.loop(begin, end, size, [&](Value pair) {
    Value column = b.mul(b.sub(pair, begin), 2);
    b.loop(b.index(0), b.index(rows), 1, [&](Value row) {
      Value source = count ? b.min(row, b.sub(count, b.index(1))) : row;
      b.copy(rowAt(rowsOfA, contraction.mapA, source, /*inner=*/2),
             b.mul(pair, 2), Row{frame, {row}}, column, 2 * size);
    });
  });
}

MemRefType AmxProduct::getSumsType(Builder &b, int64_t columns) {
  // Rows apart: LLVM would copy what is contiguous by a call of memcpy.
  return MemRefType::get({size, columns + size}, b.getF32Type());
}

//===----------------------------------------------------------------------===//
// The product
//===----------------------------------------------------------------------===//

void AmxProduct::lowerBlock(int64_t rows, int64_t columns, Value begin,
                            Value end, bool fromZero, SumPlace sumAt) {
  unsigned m = *contraction.m, k = contraction.k;
  auto loadRows = [&](int64_t row) {
    if (!frame)
      return load(tileOf(rowsOfA, contraction.mapA, m, row, 0, 2 * size));
    Value column = b.mul(b.sub(counters[k], firstPair), 2);
    OpFoldResult height = b.getIndexAttr(size),
                 width = b.getIndexAttr(2 * size);
    return load(
        viewOf(b, frame, {b.getIndexAttr(row), column}, {height, width}));
  };
  auto loadColumns = [&](int64_t column) {
    return load(
        tileOf(columnsOfB, contraction.mapB, k, 0, 2 * column, 2 * size));
  };

  SmallVector<Value> sums;
  for (int64_t row = 0; row < rows; row += size)
    for (int64_t column = 0; column < columns; column += size) {
      auto type = amx::TileType::get({size, size}, b.getF32Type());
      sums.push_back(fromZero ? Value(amx::TileZeroOp::create(b, type))
                              : load(sumAt(row, column)));
    }
  sums = b.loop(begin, end, size, sums, [&](Value pair, ValueRange carried) {
    counters[k] = pair;
    SmallVector<Value> loaded, next;
    for (int64_t row = 0; row < rows; row += size) {
      Value lhs = loadRows(row);
      for (int64_t column = 0; column < columns; column += size) {
        if (row == 0)
          loaded.push_back(loadColumns(column));
        Value sum = carried[next.size()];
        next.push_back(amx::TileMulFOp::create(b, sum.getType(), lhs,
                                               loaded[column / size], sum));
      }
    }
    return next;
  });
  const Value *next = sums.begin();
  for (int64_t row = 0; row < rows; row += size)
    for (int64_t column = 0; column < columns; column += size)
      amx::TileStoreOp::create(b, sumAt(row, column),
                               ValueRange{b.index(0), b.index(0)}, *next++);
}

void AmxProduct::lower(int64_t rows, int64_t columns, Value begin, Value end,
                       bool fromZero) {
  lowerBlock(rows, columns, begin, end, fromZero,
             [&](int64_t row, int64_t column) {
               return tileOf(contraction.c, contraction.mapC, *contraction.m,
                             row, column, size);
             });
}

void AmxProduct::lowerPart(Value count, int64_t columns, Value begin, Value end,
                           Value sums, bool fromZero) {
  Value firstColumn = counters[contraction.n];
  auto copySums = [&](Value row, bool isBack) {
    Row held{sums, {row}};
    Row sum = rowAt(contraction.c, contraction.mapC, row, /*inner=*/1);
    for (int64_t column = 0; column < columns; column += size) {
      Value inSums = b.index(column), inC = b.add(firstColumn, column);
      if (isBack)
        b.copy(held, inSums, sum, inC, size);
      else
        b.copy(sum, inC, held, inSums, size);
    }
  };
  if (!fromZero)
    b.loop(b.index(0), count, 1,
           [&](Value row) { copySums(row, /*isBack=*/false); });
  lowerBlock(
      size, columns, begin, end, fromZero, [&](int64_t row, int64_t column) {
        OpFoldResult extent = b.getIndexAttr(size);
        return viewOf(b, sums, {b.getIndexAttr(row), b.getIndexAttr(column)},
                      {extent, extent});
      });
  b.loop(b.index(0), count, 1,
         [&](Value row) { copySums(row, /*isBack=*/true); });
}
