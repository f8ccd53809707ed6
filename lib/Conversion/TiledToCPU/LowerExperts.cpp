//===- LowerExperts.cpp - peer.expert_mlp to loops over table rows --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One tile: a token, or part of the retrievals of one. The layer is bound by
// reading rows of the expert tables, so that the loop order serves the memory
// system: R experts of one token are read together, as R streams, the input row
// stays in the nearest cache, and each row is read once:
//
//   for parts of the retrievals of a token            `inner` of the schedule
//     for groups of R retrievals of the part          `registers[0]`
//       prefetch the starts of the down rows of the next group, `registers[1]`
//       lines for each neuron
//         for columns of x: R dot products (down, and gate if there is one),
//         and
//                           prefetch of the same column of R up rows, unless
//                           these follow the down rows in memory
//         R activations and gates
//         for columns of y: part += R up rows (f32, one row of scratch)
//     sum += part
//
// A group with an index outside the table is taken one expert at a time and
// leaves that one out. The sum begins with zero and takes the parts in order:
// the same additions whether the tile is a token or the parts are tiles.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace peermla {
#define GEN_PASS_DEF_LOWEREXPERTS
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

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
  LogicalResult verifySchedule();
  void sumToken(Value token, Row x, Row sum, Row part);
  void sumPart(Value token, Row x, Value begin, Value end, Row sum);
  void addRetrievals(Value token, Row x, ArrayRef<Retrieval> retrievals,
                     Row sum);
  SmallVector<Value> dots(Row x, ArrayRef<Row> rows, ArrayRef<Row> later);
  void addUpRows(Row sum, ArrayRef<Row> rows, ValueRange factors);
  void addUpColumns(Row sum, ArrayRef<Retrieval> retrievals, Value factors);
  void prefetchGroup(Value token, Value first);
  Retrieval retrievalAt(Value token, Value j);
  Value isInTable(Value j, Value end, Retrieval retrieval);
  Row rowOf(Value table, Value expert, Value neuron) {
    return Row{table, {expert, neuron}};
  }
  bool isF32(Value buffer) {
    return cast<MemRefType>(buffer.getType()).getElementType().isF32();
  }

  peer::ExpertMlpOp op;
  KernelBuilder b;
  int64_t e, d, dOut;
  /// Heads and ranks of a part, rows read together, lines asked for ahead.
  int64_t partHeads, partRanks, rows, lines;
  /// Whether a part has all ranks of its heads, whether the tile is one part,
  /// and whether all parts are groups of as many rows.
  bool hasAllRanks, isOnePart, groupsAreWhole;
  bool neuronMajor, sideBySide;
  Value h, k, J, numExperts;
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
    // The last part of a token may be smaller than the others.
    if (name == "indices" || name == "gates")
      continue;
    auto type = cast<MemRefType>(operand.getType());
    for (int64_t size : type.getShape().drop_front())
      if (ShapedType::isDynamic(size))
        return op->emitOpError() << "expects '" << name
                                 << "' to be dynamic in T only, got " << type;
  }
  if (!isF32(op.getGates()))
    return op->emitOpError()
           << "expects 'gates' to be f32, got " << op.getGates().getType();
  setSizes();
  return verifySchedule();
}

/// Without a schedule all retrievals are one part, read one by one.
void ExpertKernel::setSizes() {
  auto indices = cast<MemRefType>(op.getIndices().getType());
  int64_t heads = indices.getDimSize(1), ranks = indices.getDimSize(2);
  bool isStatic = ShapedType::isStatic(heads) && ShapedType::isStatic(ranks);
  e = op.getExpertHiddenSize();
  d = cast<MemRefType>(op.getX().getType()).getDimSize(1);
  dOut = cast<MemRefType>(op.getYInit().getType()).getDimSize(1);
  neuronMajor = op.getUpLayout() == peer::UpLayout::neuron_major;
  sideBySide = isInterleaved(op.getDown());

  partHeads = partRanks = 0;
  rows = 1;
  lines = 0;
  if (auto schedule =
          op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule")) {
    ArrayRef<int64_t> inner = schedule.getInner();
    ArrayRef<int64_t> registers = schedule.getRegisters();
    if (inner.size() == 3) {
      partHeads = inner[1];
      partRanks = inner[2];
    }
    if (registers.size() == 2) {
      rows = registers[0];
      lines = registers[1];
    }
  }
  // A tile may be smaller than a part.
  bool hasAllHeads =
      partHeads == 0 || (ShapedType::isStatic(heads) && heads <= partHeads);
  hasAllRanks =
      partRanks == 0 || (ShapedType::isStatic(ranks) && ranks <= partRanks);
  isOnePart = hasAllHeads && hasAllRanks;
  groupsAreWhole = false;
  if (isStatic && heads * ranks > 0) {
    int64_t partOfHeads = hasAllHeads ? heads : partHeads;
    int64_t partOfRanks = hasAllRanks ? ranks : partRanks;
    int64_t size = partOfHeads * partOfRanks;
    rows = std::min(rows, size);
    groupsAreWhole = heads % partOfHeads == 0 && ranks % partOfRanks == 0 &&
                     size % rows == 0;
  }
  rows = std::max<int64_t>(rows, 1);
}

LogicalResult ExpertKernel::verifySchedule() {
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  if (!schedule)
    return success();
  ArrayRef<int64_t> inner = schedule.getInner();
  ArrayRef<int64_t> registers = schedule.getRegisters();
  if (!inner.empty() && inner.size() != 3)
    return op->emitOpError()
           << "expects 'inner' to have one extent per loop, got "
           << inner.size() << " extents and 3 loops";
  if (!registers.empty() && registers.size() != 2)
    return op->emitOpError() << "expects 'registers' to be rows read together "
                                "and lines asked for ahead, got "
                             << registers.size() << " numbers";
  if (partHeads != 1 && !hasAllRanks)
    return op->emitOpError()
           << "expects parts of whole heads or of ranks of one head, got "
           << schedule << " for " << op.getIndices().getType();
  return success();
}

void ExpertKernel::lower() {
  h = b.extent(op.getIndices(), 1);
  k = b.extent(op.getIndices(), 2);
  J = b.mul(h, k);
  numExperts = b.extent(op.getDown(), 0);
  Row x{op.getX(), {}}, sum{op.getYInit(), {}}, part;
  if (!isF32(op.getX()))
    x.buffer = b.scratch({d}, b.getF32Type());
  if (!isF32(op.getYInit()))
    sum.buffer = b.scratch({dOut}, b.getF32Type());
  if (!isOnePart)
    part.buffer = b.scratch({dOut}, b.getF32Type());
  b.loop(b.index(0), b.extent(op.getX(), 0), 1, [&](Value token) {
    // Rows of scratch, or of the operands where these are f32.
    Row input{op.getX(), {token}}, output{op.getYInit(), {token}};
    Row wide = isF32(op.getX()) ? input : x;
    Row total = isF32(op.getYInit()) ? output : sum;
    if (!isF32(op.getX()))
      b.columns(d, [&](Value column, int64_t width) {
        b.store(b.load(input, column, width), wide, column);
      });
    sumToken(token, wide, total, part);
    if (!isF32(op.getYInit()))
      b.columns(dOut, [&](Value column, int64_t width) {
        b.store(b.load(total, column, width), output, column);
      });
  });
}

/// sum = contributions of all retrievals. `part` is scratch, if there are
/// several parts.
void ExpertKernel::sumToken(Value token, Row x, Row sum, Row part) {
  if (!part.buffer)
    return sumPart(token, x, b.index(0), J, sum);
  b.fill(sum, dOut, b.f32(0.0));
  auto addPart = [&](Value begin, Value end) {
    sumPart(token, x, begin, end, part);
    b.columns(dOut, [&](Value column, int64_t width) {
      Value total = arith::AddFOp::create(b, b.load(sum, column, width),
                                          b.load(part, column, width));
      b.store(total, sum, column);
    });
  };
  b.loop(b.index(0), h, hasAllRanks ? partHeads : 1, [&](Value head) {
    Value begin = b.mul(head, k);
    if (hasAllRanks)
      return addPart(begin, b.mul(b.min(b.add(head, partHeads), h), k));
    b.loop(b.index(0), k, partRanks, [&](Value rank) {
      Value end = b.min(b.add(rank, partRanks), k);
      addPart(b.add(begin, rank), b.add(begin, end));
    });
  });
}

ExpertKernel::Retrieval ExpertKernel::retrievalAt(Value token, Value j) {
  Value head = b.div(j, k), rank = b.rem(j, k);
  return {head, rank, b.loadIndex(op.getIndices(), {token, head, rank})};
}

/// Whether `j` counts a retrieval before `end` and its index lies in the table.
/// A negative index is a large unsigned one.
Value ExpertKernel::isInTable(Value j, Value end, Retrieval retrieval) {
  Value valid =
      b.compare(arith::CmpIPredicate::ult, retrieval.expert, numExperts);
  if (groupsAreWhole)
    return valid;
  Value counts = b.compare(arith::CmpIPredicate::ult, j, end);
  return arith::AndIOp::create(b, counts, valid);
}

/// Asks for the rows that are read after those of the group at `first`.
void ExpertKernel::prefetchGroup(Value token, Value first) {
  if (lines == 0)
    return;
  for (int64_t r = 0; r < rows; ++r) {
    Value j = b.min(b.add(first, rows + r), b.sub(J, b.index(1)));
    Value expert = arith::MinUIOp::create(b, retrievalAt(token, j).expert,
                                          b.sub(numExperts, b.index(1)));
    b.prefetch(rowOf(op.getDown(), expert, b.index(0)), e * d, lines);
    if (op.getGate() && !sideBySide)
      b.prefetch(rowOf(op.getGate(), expert, b.index(0)), e * d, lines);
  }
}

/// sum = contributions of the retrievals `begin` .. `end` - 1.
void ExpertKernel::sumPart(Value token, Row x, Value begin, Value end,
                           Row sum) {
  b.fill(sum, dOut, b.f32(0.0));
  b.loop(begin, end, rows, [&](Value first) {
    prefetchGroup(token, first);
    SmallVector<Retrieval> group;
    Value allValid;
    for (int64_t r = 0; r < rows; ++r) {
      Value j = b.add(first, r);
      // Past the last retrieval the last one is looked at, but not counted.
      group.push_back(retrievalAt(
          token, groupsAreWhole ? j : b.min(j, b.sub(J, b.index(1)))));
      Value valid = isInTable(j, end, group.back());
      allValid = allValid ? arith::AndIOp::create(b, allValid, valid) : valid;
    }
    b.when(
        allValid, [&] { addRetrievals(token, x, group, sum); },
        [&] {
          Value groupEnd = b.min(b.add(first, rows), end);
          b.loop(first, groupEnd, 1, [&](Value j) {
            Retrieval retrieval = retrievalAt(token, j);
            b.when(
                isInTable(j, end, retrieval),
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
