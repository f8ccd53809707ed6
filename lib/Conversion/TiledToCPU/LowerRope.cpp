//===- LowerRope.cpp - positions, rotations and cache rows to loops -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `mla.positions`, `mla.rope_table`, `mla.rope` and `mla.cache_append` on
// memrefs, token by token, rows as vectors. Inside a work item these are loops;
// outside of one, each token is a work item.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "Ragged.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "llvm/ADT/TypeSwitch.h"

namespace peermla {
#define GEN_PASS_DEF_LOWERROPE
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static MemRefType typeOf(Value buffer) {
  return cast<MemRefType>(buffer.getType());
}

/// Emits an error unless the rows of `buffer` have a static length.
static LogicalResult verifyRowLength(Operation *op, StringRef name,
                                     Value buffer) {
  if (failed(verifyRows(op, name, buffer)))
    return failure();
  if (!ShapedType::isDynamic(typeOf(buffer).getShape().back()))
    return success();
  return op->emitOpError() << "expects '" << name
                           << "' to have rows of static length, got "
                           << typeOf(buffer);
}

//===----------------------------------------------------------------------===//
// mla.positions
//===----------------------------------------------------------------------===//

/// The token of the batch that row `row` of a tile is.
static Value tokenOf(KernelBuilder &b, Value first, Value row) {
  return first ? b.add(first, row) : row;
}

static LogicalResult lower(mla::PositionsOp op) {
  KernelBuilder b(op);
  b.parallel({b.extent(op.getInit(), 0)}, [&](ValueRange item) {
    Value token = tokenOf(b, op.getFirst(), item[0]);
    auto [sequence, holds] = findSequence(b, op.getCuSeqlens(), token);
    Value number = sequence.number, begin = sequence.begin;
    auto store = [&](Value position) {
      memref::StoreOp::create(b, b.toI32(position), op.getInit(), item[0]);
    };
    b.when(
        holds,
        [&] {
          Value position = b.sub(token, begin);
          if (op.getPastLens())
            position = b.add(b.loadIndex(op.getPastLens(), number), position);
          store(position);
        },
        [&] { store(b.index(0)); });
  });
  return success();
}

//===----------------------------------------------------------------------===//
// mla.rope_table
//===----------------------------------------------------------------------===//

static LogicalResult lower(mla::RopeTableOp op) {
  if (failed(verifyRowLength(op, "init", op.getInit())) ||
      failed(verifyStorage(op, "init", op.getInit())))
    return failure();
  KernelBuilder b(op);
  ArrayRef<double> frequencies = op.getInvFreq();
  int64_t pairs = frequencies.size();
  b.parallel({b.extent(op.getInit(), 0)}, [&](ValueRange item) {
    Value integer =
        memref::LoadOp::create(b, op.getPositions(), ValueRange{item[0]});
    Value position = arith::SIToFPOp::create(b, b.getF64Type(), integer);
    Row row{op.getInit(), {item[0]}};
    for (int64_t first = 0; first < pairs; first += b.getLanes()) {
      int64_t width = std::min(b.getLanes(), pairs - first);
      auto constant = [&](ArrayRef<double> values) -> Value {
        return arith::ConstantOp::create(
            b, DenseElementsAttr::get(b.vectorOf(values.size(), b.getF64Type()),
                                      values));
      };
      SmallVector<double> factors(width, op.getMultiplier().convertToDouble());
      Value angle =
          arith::MulFOp::create(b, b.splat(position, width),
                                constant(frequencies.slice(first, width)));
      auto write = [&](Value value, int64_t column) {
        Value scaled = arith::MulFOp::create(b, value, constant(factors));
        b.store(scaled, row, b.index(column));
      };
      write(math::CosOp::create(b, angle), first);
      write(math::SinOp::create(b, angle), pairs + first);
    }
  });
  return success();
}

//===----------------------------------------------------------------------===//
// mla.rope
//===----------------------------------------------------------------------===//

/// row[D - dr ..] rotated by the token's row of the table; `from` may be `to`.
static void rotate(KernelBuilder &b, Row from, Row to, Row table, int64_t D,
                   int64_t dr) {
  b.columns(dr / 2, [&](Value pair, int64_t width) {
    Value column = b.add(b.mul(pair, 2), D - dr);
    Value both = b.load(from, column, 2 * width);
    auto parts = vector::DeinterleaveOp::create(b, both);
    Value even = parts.getRes1(), odd = parts.getRes2();
    Value cos = b.load(table, pair, width);
    Value sin = b.load(table, b.add(pair, dr / 2), width);
    Value negated = arith::NegFOp::create(b, odd);
    Value first = b.fma(negated, sin, arith::MulFOp::create(b, even, cos));
    Value second = b.fma(odd, cos, arith::MulFOp::create(b, even, sin));
    b.store(vector::InterleaveOp::create(b, first, second), to, column);
  });
}

static LogicalResult lower(mla::RopeOp op) {
  Value x = op.getX(), y = op.getInit();
  if (failed(verifyRowLength(op, "x", x)) ||
      failed(verifyRowLength(op, "init", y)) ||
      failed(verifyRowLength(op, "table", op.getTable())) ||
      failed(verifyStorage(op, "x", x)) ||
      failed(verifyStorage(op, "table", op.getTable())))
    return failure();
  KernelBuilder b(op);
  int64_t rank = typeOf(x).getRank(), D = typeOf(x).getShape().back();
  int64_t dr = typeOf(op.getTable()).getShape().back();
  b.parallel({b.extent(x, 0)}, [&](ValueRange item) {
    Row table{op.getTable(), {item[0]}};
    auto visitRow = [&](SmallVector<Value> place) {
      Row from{x, place}, to{y, place};
      if (x != y)
        b.columns(D - dr, [&](Value column, int64_t width) {
          b.copy(from, column, to, column, width);
        });
      rotate(b, from, to, table, D, dr);
    };
    if (rank == 2)
      return visitRow({item[0]});
    b.loop(b.index(0), b.extent(x, 1), 1,
           [&](Value head) { visitRow({item[0], head}); });
  });
  return success();
}

//===----------------------------------------------------------------------===//
// mla.cache_append
//===----------------------------------------------------------------------===//

static LogicalResult lower(mla::CacheAppendOp op) {
  if (failed(verifyRowLength(op, "rows", op.getRows())) ||
      failed(verifyRowLength(op, "init", op.getInit())))
    return failure();
  KernelBuilder b(op);
  b.parallel({b.extent(op.getRows(), 0)}, [&](ValueRange item) {
    Value token = tokenOf(b, op.getFirst(), item[0]);
    auto [sequence, holds] = findSequence(b, op.getCuSeqlens(), token);
    Value number = sequence.number, begin = sequence.begin;
    b.when(holds, [&] {
      Value past = b.loadIndex(op.getPastLens(), number);
      Value position = b.sub(b.add(past, token), begin);
      whenPaged(b, op.getInit(), op.getBlockTable(), number, position,
                [&](Value block, Value row) {
                  b.columns(typeOf(op.getRows()).getDimSize(1),
                            [&](Value column, int64_t width) {
                              b.copy(Row{op.getRows(), {item[0]}}, column,
                                     Row{op.getInit(), {block, row}}, column,
                                     width);
                            });
                });
    });
  });
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct LowerRope : peermla::impl::LowerRopeBase<LowerRope> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<DestinationStyleOpInterface> ops;
    getOperation()->walk([&](DestinationStyleOpInterface op) {
      if (isa<mla::PositionsOp, mla::RopeTableOp, mla::RopeOp,
              mla::CacheAppendOp>(op) &&
          op.hasPureBufferSemantics())
        ops.push_back(op);
    });
    for (DestinationStyleOpInterface op : ops) {
      LogicalResult lowered =
          TypeSwitch<Operation *, LogicalResult>(op)
              .Case<mla::PositionsOp, mla::RopeTableOp, mla::RopeOp,
                    mla::CacheAppendOp>([](auto op) { return lower(op); });
      if (failed(lowered))
        return signalPassFailure();
      op->erase();
    }
  }
};

} // namespace
