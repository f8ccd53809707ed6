//===- LowerExperts.cpp - peer.expert_mlp to loops over table rows --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layer is bound by reading rows of the expert tables, so that the loop
// order serves the memory system: R experts of one token are read together, as
// R streams, the input row stays in the nearest cache, and each row is read
// once:
//
//   for groups of R retrievals of a token
//     prefetch the starts of the down rows of the next group
//     for each neuron
//       for columns of x: R dot products (down, and gate if there is one), and
//                         prefetch of the same column of R up rows
//       R activations and gates
//       for columns of y: sum += R up rows (f32, one row of scratch)
//
// A group with an index outside the table is taken one expert at a time and
// leaves that one out. The retrievals of a token are cut into `chunks` whose
// sums are added in order. When there are few tokens the chunks are work items
// of their own; the order of additions, and so each bit of the result, is the
// same.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/Passes.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace peermla {
#define GEN_PASS_DEF_LOWEREXPERTS
#include "peermla/Conversion/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Experts handled together, where no schedule says it: fewer where their rows
/// lie side by side and a stream goes on from one to the next.
static constexpr int64_t defaultRows = 16, defaultRowsSideBySide = 8;
/// Parts of a token's retrievals that can be work items.
static constexpr int64_t maxChunks = 8;
/// With up to so many tokens, chunks are work items.
static constexpr int64_t fewTokens = 8;
/// How many lines of a row of `down` are asked for a group ahead: the hardware
/// follows the stream from there, and more would only wait in line.
static constexpr int64_t prefetchLines = 1, prefetchLinesSideBySide = 4;
/// Where rows of `up` go that are asked for while those of `down` are read:
/// into the second cache, as the first one has no room for two sets of streams.
static constexpr int32_t secondCache = 2;

/// The activation of SPEC-named function `kind` on an f32 vector.
static Value activate(KernelBuilder &b, peer::Activation kind, Value x) {
  int64_t width = cast<VectorType>(x.getType()).getNumElements();
  auto splat = [&](double value) { return b.splat(b.f32(value), width); };
  switch (kind) {
  case peer::Activation::relu:
    return arith::MaximumFOp::create(b, x, splat(0.0));
  case peer::Activation::silu: {
    Value power = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(b, x,
                                 arith::AddFOp::create(b, power, splat(1.0)));
  }
  case peer::Activation::gelu: {
    Value scaled = arith::MulFOp::create(b, x, splat(1.0 / std::sqrt(2.0)));
    Value erf = math::ErfOp::create(b, scaled);
    Value half = arith::MulFOp::create(b, x, splat(0.5));
    return arith::MulFOp::create(b, half,
                                 arith::AddFOp::create(b, erf, splat(1.0)));
  }
  }
  llvm_unreachable("all activations are listed");
}

/// Whether something lies between one row of `table` and the next: rows of the
/// other tables.
static bool isInterleaved(Value table) {
  auto type = cast<MemRefType>(table.getType());
  int64_t offset;
  SmallVector<int64_t> strides;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         (strides[1] > type.getDimSize(2) ||
          strides[0] > type.getDimSize(1) * type.getDimSize(2));
}

namespace {

/// Lowers one op. `J` counts the retrievals of a token, over all heads.
class ExpertKernel {
public:
  explicit ExpertKernel(peer::ExpertMlpOp op) : op(op), b(op) {}
  LogicalResult verify();
  void lower();

private:
  /// A retrieval: its head, its rank, the row of the tables.
  struct Retrieval {
    Value head, rank, expert;
  };

  void setSizes();
  void lowerAtOnce();
  void lowerInChunks(Value parts);
  Row widen(Value token);
  void sumChunk(Value token, Row x, Value chunk, Row sum);
  void addRetrievals(Value token, Row x, ArrayRef<Retrieval> retrievals,
                     Row sum);
  SmallVector<Value> dots(Row x, ArrayRef<Row> rows, ArrayRef<Row> later);
  void addUpRows(Row sum, ArrayRef<Row> rows, ValueRange factors);
  void addUpColumns(Row sum, ArrayRef<Retrieval> retrievals, Value factors);
  void prefetchGroup(Value token, Value first);
  Retrieval retrievalAt(Value token, Value j);
  Value isInTable(Value j, Retrieval retrieval);
  void writeRow(Row sum, Value token);
  Row rowOf(Value table, Value expert, Value neuron) {
    return Row{table, {expert, neuron}};
  }

  peer::ExpertMlpOp op;
  KernelBuilder b;
  int64_t k, J, e, d, dOut, rows, chunkSize, chunks;
  bool neuronMajor, sideBySide;
  Value numExperts;
};

} // namespace

LogicalResult ExpertKernel::verify() {
  SmallVector<std::pair<StringRef, Value>> operands = {
      {"x", op.getX()},         {"indices", op.getIndices()},
      {"gates", op.getGates()}, {"down", op.getDown()},
      {"up", op.getUp()},       {"y", op.getYInit()}};
  if (op.getGate())
    operands.push_back({"gate", op.getGate()});
  for (auto [name, operand] : operands) {
    if (failed(verifyRows(op, name, operand)))
      return failure();
    if (name != "indices" && failed(verifyStorage(op, name, operand)))
      return failure();
    auto type = cast<MemRefType>(operand.getType());
    for (int64_t size : type.getShape().drop_front())
      if (ShapedType::isDynamic(size))
        return op->emitOpError() << "expects '" << name
                                 << "' to be dynamic in T only, got " << type;
  }
  if (!cast<MemRefType>(op.getGates().getType()).getElementType().isF32())
    return op->emitOpError()
           << "expects 'gates' to be f32, got " << op.getGates().getType();
  return success();
}

void ExpertKernel::setSizes() {
  auto indices = cast<MemRefType>(op.getIndices().getType());
  k = indices.getDimSize(2);
  J = indices.getDimSize(1) * k;
  e = op.getExpertHiddenSize();
  d = cast<MemRefType>(op.getX().getType()).getDimSize(1);
  dOut = cast<MemRefType>(op.getYInit().getType()).getDimSize(1);
  sideBySide = isInterleaved(op.getDown());
  rows = sideBySide ? defaultRowsSideBySide : defaultRows;
  if (auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule"))
    if (!schedule.getInner().empty() && schedule.getInner().back() > 0)
      rows = schedule.getInner().back();
  rows = std::min(rows, J);
  chunkSize = llvm::alignTo(llvm::divideCeil(J, maxChunks), rows);
  chunks = llvm::divideCeil(J, chunkSize);
  neuronMajor = op.getUpLayout() == peer::UpLayout::neuron_major;
}

void ExpertKernel::lower() {
  setSizes();
  numExperts = b.extent(op.getDown(), 0);
  if (b.isInWorkItem() || chunks == 1)
    return lowerAtOnce();
  Value parts = b.scratch({fewTokens, chunks, dOut}, b.getF32Type());
  Value few = b.compare(arith::CmpIPredicate::ule, b.extent(op.getX(), 0),
                        b.index(fewTokens));
  b.when(few, [&] { lowerInChunks(parts); }, [&] { lowerAtOnce(); });
}

/// One work item per token.
void ExpertKernel::lowerAtOnce() {
  b.parallel({b.extent(op.getX(), 0)}, [&](ValueRange item) {
    Value token = item[0];
    Row x = widen(token);
    Row part{b.scratch({dOut}, b.getF32Type()), {}};
    Row sum = part;
    if (chunks > 1) {
      sum.buffer = b.scratch({dOut}, b.getF32Type());
      b.fill(sum, dOut, b.f32(0.0));
    }
    b.loop(b.index(0), b.index(chunks), 1, [&](Value chunk) {
      sumChunk(token, x, chunk, part);
      if (chunks > 1)
        b.columns(dOut, [&](Value column, int64_t width) {
          Value total = arith::AddFOp::create(b, b.load(sum, column, width),
                                              b.load(part, column, width));
          b.store(total, sum, column);
        });
    });
    writeRow(sum, token);
  });
}

/// One work item per token and chunk, then one per token. `parts` holds the
/// sums of the chunks.
void ExpertKernel::lowerInChunks(Value parts) {
  Value T = b.extent(op.getX(), 0);
  b.parallel({T, b.index(chunks)}, [&](ValueRange item) {
    sumChunk(item[0], widen(item[0]), item[1], Row{parts, {item[0], item[1]}});
  });
  b.parallel({T}, [&](ValueRange item) {
    Row sum{b.scratch({dOut}, b.getF32Type()), {}};
    b.columns(dOut, [&](Value column, int64_t width) {
      Value total = b.zero(width);
      for (int64_t chunk = 0; chunk < chunks; ++chunk)
        total = arith::AddFOp::create(
            b, total,
            b.load(Row{parts, {item[0], b.index(chunk)}}, column, width));
      b.store(total, sum, column);
    });
    writeRow(sum, item[0]);
  });
}

/// The token's input row in f32: itself or a copy.
Row ExpertKernel::widen(Value token) {
  Row row{op.getX(), {token}};
  if (cast<MemRefType>(op.getX().getType()).getElementType().isF32())
    return row;
  Row wide{b.scratch({d}, b.getF32Type()), {}};
  b.columns(d, [&](Value column, int64_t width) {
    b.store(b.load(row, column, width), wide, column);
  });
  return wide;
}

void ExpertKernel::writeRow(Row sum, Value token) {
  b.columns(dOut, [&](Value column, int64_t width) {
    b.store(b.load(sum, column, width), Row{op.getYInit(), {token}}, column);
  });
}

ExpertKernel::Retrieval ExpertKernel::retrievalAt(Value token, Value j) {
  Value head = b.div(j, b.index(k)), rank = b.rem(j, b.index(k));
  return {head, rank, b.loadIndex(op.getIndices(), {token, head, rank})};
}

/// Whether `j` counts a retrieval and its index lies in the table. A negative
/// index is a large unsigned one.
Value ExpertKernel::isInTable(Value j, Retrieval retrieval) {
  Value valid =
      b.compare(arith::CmpIPredicate::ult, retrieval.expert, numExperts);
  if (J % rows == 0)
    return valid;
  Value counts = b.compare(arith::CmpIPredicate::ult, j, b.index(J));
  return arith::AndIOp::create(b, counts, valid);
}

void ExpertKernel::prefetchGroup(Value token, Value first) {
  for (int64_t r = 0; r < rows; ++r) {
    Value j = b.min(b.add(first, rows + r), b.index(J - 1));
    Value expert = arith::MinUIOp::create(b, retrievalAt(token, j).expert,
                                          b.sub(numExperts, b.index(1)));
    int64_t lines = sideBySide ? prefetchLinesSideBySide : prefetchLines;
    b.prefetch(rowOf(op.getDown(), expert, b.index(0)), e * d, lines);
    if (op.getGate() && !sideBySide)
      b.prefetch(rowOf(op.getGate(), expert, b.index(0)), e * d, lines);
  }
}

/// sum = contributions of the chunk's retrievals.
void ExpertKernel::sumChunk(Value token, Row x, Value chunk, Row sum) {
  b.fill(sum, dOut, b.f32(0.0));
  Value begin = b.mul(chunk, chunkSize);
  Value end = b.min(b.add(begin, chunkSize), b.index(J));
  b.loop(begin, end, rows, [&](Value first) {
    prefetchGroup(token, first);
    SmallVector<Retrieval> group;
    Value allValid;
    for (int64_t r = 0; r < rows; ++r) {
      Value j = b.add(first, r);
      // Past the last retrieval the last one is looked at, but not counted.
      group.push_back(
          retrievalAt(token, J % rows == 0 ? j : b.min(j, b.index(J - 1))));
      Value valid = isInTable(j, group.back());
      allValid = allValid ? arith::AndIOp::create(b, allValid, valid) : valid;
    }
    b.when(
        allValid, [&] { addRetrievals(token, x, group, sum); },
        [&] {
          Value groupEnd = b.min(b.add(first, rows), b.index(J));
          b.loop(first, groupEnd, 1, [&](Value j) {
            Retrieval retrieval = retrievalAt(token, j);
            b.when(
                isInTable(j, retrieval),
                [&] { addRetrievals(token, x, {retrieval}, sum); },
                [&] {
                  if (Value neurons = op.getNeuronsInit())
                    b.fill(
                        Row{neurons, {token, retrieval.head, retrieval.rank}},
                        e, b.f32(0.0));
                });
          });
        });
  });
}

/// sum += contributions of experts that are in the table, together.
void ExpertKernel::addRetrievals(Value token, Row x,
                                 ArrayRef<Retrieval> retrievals, Row sum) {
  int64_t count = retrievals.size();
  SmallVector<Value> gates;
  for (const Retrieval &retrieval : retrievals)
    gates.push_back(memref::LoadOp::create(
        b, op.getGates(), ValueRange{token, retrieval.head, retrieval.rank}));
  Value gateVector = vector::FromElementsOp::create(
      b, b.vectorOf(count, b.getF32Type()), gates);
  // Rows stored per neuron are added as soon as the neurons are known.
  bool perNeuron = neuronMajor || e == 1;
  Value allFactors =
      perNeuron ? Value() : b.scratch({count, e}, b.getF32Type());
  Value up = op.getUp();
  // One expert with one neuron has its row in both layouts.
  if (perNeuron && !neuronMajor)
    up = memref::CollapseShapeOp::create(
        b, up, SmallVector<ReassociationIndices>{{0}, {1, 2}});

  b.loop(b.index(0), b.index(e), 1, [&](Value neuron) {
    SmallVector<Row> upRows;
    if (perNeuron)
      for (const Retrieval &retrieval : retrievals)
        upRows.push_back(neuronMajor ? rowOf(up, retrieval.expert, neuron)
                                     : Row{up, {retrieval.expert}});
    auto project = [&](Value table, ArrayRef<Row> later) -> Value {
      SmallVector<Row> tableRows;
      for (const Retrieval &retrieval : retrievals)
        tableRows.push_back(rowOf(table, retrieval.expert, neuron));
      return vector::FromElementsOp::create(
          b, b.vectorOf(count, b.getF32Type()), dots(x, tableRows, later));
    };
    Value value = project(op.getDown(), upRows);
    value = op.getGate() ? arith::MulFOp::create(
                               b,
                               activate(b, op.getActivation(),
                                        project(op.getGate(), /*later=*/{})),
                               value)
                         : activate(b, op.getActivation(), value);
    if (Value neurons = op.getNeuronsInit())
      for (auto [r, retrieval] : llvm::enumerate(retrievals))
        memref::StoreOp::create(
            b, vector::ExtractOp::create(b, value, int64_t(r)), neurons,
            ValueRange{token, retrieval.head, retrieval.rank, neuron});
    Value factors = arith::MulFOp::create(b, gateVector, value);
    SmallVector<Value> scalars;
    for (int64_t r = 0; r < count; ++r) {
      scalars.push_back(vector::ExtractOp::create(b, factors, r));
      if (allFactors)
        memref::StoreOp::create(b, scalars.back(), allFactors,
                                ValueRange{b.index(r), neuron});
    }
    if (perNeuron)
      addUpRows(sum, upRows, scalars);
  });
  if (!perNeuron)
    addUpColumns(sum, retrievals, allFactors);
}

/// The products <row, x>, read together. Rows that are read next, if they are
/// not shorter, are asked for at the same pace: a burst would fill all the
/// places for lines under way.
SmallVector<Value> ExpertKernel::dots(Row x, ArrayRef<Row> tableRows,
                                      ArrayRef<Row> later) {
  if (dOut < d || sideBySide)
    later = {};
  return b.sumColumns(
      d, tableRows.size(), [&](Value column, int64_t width, ValueRange sums) {
        Value input = b.load(x, column, width);
        SmallVector<Value> next;
        for (auto [row, sum] : llvm::zip_equal(tableRows, sums))
          next.push_back(b.fma(b.load(row, column, width), input, sum));
        for (const Row &row : later)
          memref::PrefetchOp::create(b, row.buffer, row.at(column),
                                     /*isWrite=*/false, secondCache,
                                     /*isDataCache=*/true);
        return next;
      });
}

/// sum += factors * rows.
void ExpertKernel::addUpRows(Row sum, ArrayRef<Row> upRows,
                             ValueRange factors) {
  b.columns(dOut, [&](Value column, int64_t width) {
    Value total = b.load(sum, column, width);
    for (auto [row, factor] : llvm::zip_equal(upRows, factors))
      total = b.fma(b.load(row, column, width), b.splat(factor, width), total);
    b.store(total, sum, column);
  });
}

/// The same where an expert's row of `up` holds its neurons per output.
void ExpertKernel::addUpColumns(Row sum, ArrayRef<Retrieval> retrievals,
                                Value factors) {
  b.loop(b.index(0), b.index(dOut), 1, [&](Value output) {
    Value total = b.load(sum, output, 1);
    for (auto [r, retrieval] : llvm::enumerate(retrievals)) {
      Row up = rowOf(op.getUp(), retrieval.expert, output);
      Row factor{factors, {b.index(r)}};
      total = b.loop(
          b.index(0), b.index(e), 1, total, [&](Value neuron, ValueRange sums) {
            return SmallVector<Value>{b.fma(
                b.load(up, neuron, 1), b.load(factor, neuron, 1), sums[0])};
          })[0];
    }
    b.store(total, sum, output);
  });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct LowerExperts : peermla::impl::LowerExpertsBase<LowerExperts> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<peer::ExpertMlpOp> ops;
    getOperation()->walk([&](peer::ExpertMlpOp op) { ops.push_back(op); });
    for (peer::ExpertMlpOp op : ops) {
      if (!op.hasPureBufferSemantics())
        continue;
      ExpertKernel kernel(op);
      if (failed(kernel.verify()))
        return signalPassFailure();
      kernel.lower();
      op.erase();
    }
  }
};

} // namespace
