//===- ProgramExperts.cpp - the experts of one token by gathers -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block has one token. All of its threads read a row of a table together, in
// pieces, a few rows at a time. Slot s = (h ranks + k) e + n is a neuron of a
// retrieval, where `ranks` is the most that a head may have:
//
//   expert[s] = indices[t, h, k], or -1 where there is no such retrieval
//   u[s]      = <down[expert[s], n, :], x>          sums of parts of a row
//   first w[s]      = gates[t, h, k] act(u[s]), or 0 where there is no such
//   expert y         = sum over s of w[s] up[expert[s], n, :]
//
// `expert`, the gates, the parts of `u` and `w` pass through scratch. Rows of
// experts that do not exist are not read. Sums over slots are in their order,
// whatever the number of tokens.
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include <cmath>

using namespace mlir;
using namespace peermla;

namespace {

/// Writes the program of one `peer.expert_mlp`.
struct ExpertsProgram {
  ImplicitLocOpBuilder &b;
  peer::ExpertMlpOp op;
  /// Retrievals per head at most, slots, the same in whole threads, and slots
  /// of a step.
  int64_t numRanks, numSlots, allSlots, step;
  int64_t warps;
  const View &x, &indices, &gates, &down, &up;
  const View *gate;

  Value write();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  RankedTensorType tile(ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  }
  RankedTensorType slots(Type element) { return tile({allSlots}, element); }
  Value constant(RankedTensorType type, double value) {
    Type element = type.getElementType();
    Attribute scalar = isa<FloatType>(element)
                           ? Attribute(b.getFloatAttr(element, value))
                           : b.getIntegerAttr(element, int64_t(value));
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, scalar));
  }
  /// Threads times elements of 16 bytes: columns that rows are read in units
  /// of.
  int64_t align(int64_t columns) {
    int64_t unit = 32 * warps * 128 / getStorage().getIntOrFloatBitWidth();
    return llvm::alignTo(columns, unit);
  }
  Type getStorage() { return getElementTypeOrSelf(op.getX().getType()); }
  Value scratch(ArrayRef<int64_t> shape, Type element) {
    auto space = gpu::AddressSpaceAttr::get(
        b.getContext(), gpu::GPUDialect::getWorkgroupAddressSpace());
    return tile::ScratchOp::create(
        b, MemRefType::get(shape, element, MemRefLayoutAttrInterface(), space),
        IntegerAttr());
  }
  void store(Value value, Value scratch, ArrayRef<Value> offsets) {
    SmallVector<Value> sizes;
    SmallVector<int64_t> dims;
    auto shape = cast<RankedTensorType>(value.getType()).getShape();
    for (auto [dim, extent] : llvm::enumerate(shape)) {
      sizes.push_back(index(extent));
      dims.push_back(dim);
    }
    tile::StoreOp::create(b, value, scratch, offsets, sizes, dims);
  }
  Value load(RankedTensorType type, Value scratch, ArrayRef<Value> offsets,
             ArrayRef<int64_t> extents) {
    SmallVector<Value> sizes;
    SmallVector<int64_t> dims;
    for (auto [dim, extent] : llvm::enumerate(extents)) {
      sizes.push_back(index(extent));
      dims.push_back(dim);
    }
    return tile::LoadOp::create(b, type, scratch, offsets, sizes, Value(),
                                Value(), dims);
  }
  Value extend(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getElementType().isF32())
      return value;
    return arith::ExtFOp::create(b, tile(type.getShape(), b.getF32Type()),
                                 value);
  }
  Value multiply(Value lhs, Value rhs) {
    return arith::MulFOp::create(b, lhs, rhs, arith::FastMathFlags::contract);
  }

  /// indices or gates of all slots.
  Value gatherSlots(const View &view, Value h, Value k, Type element);
  /// Rows of a table at the slots from `first` on.
  Value gatherRows(const View &table, Value experts, Value first,
                   int64_t neuronDim, int64_t columnDim);
  Value dot(const View &table, Value experts, Value x);
  /// Sums of such parts.
  Value sumParts(Value parts);
  Value activate(Value x);
  Value sumRows(Value experts, Value weights);
  /// A loop over steps of slots.
  scf::ForOp loop(ValueRange inits,
                  function_ref<Value(Value first, ValueRange)> body);
};

} // namespace

scf::ForOp ExpertsProgram::loop(ValueRange inits,
                                function_ref<Value(Value, ValueRange)> body) {
  auto loop =
      scf::ForOp::create(b, index(0), index(numSlots), index(step), inits);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (next)
    scf::YieldOp::create(b, next);
  return loop;
}

Value ExpertsProgram::gatherSlots(const View &view, Value h, Value k,
                                  Type element) {
  SmallVector<int64_t> dims{view.dims[1], view.dims[2]};
  SmallVector<Value> sizes{view.sizes[dims[0]], view.sizes[dims[1]]};
  return tile::GatherOp::create(b, slots(element), view.memory, view.offsets,
                                ValueRange{h, k}, sizes, dims);
}

Value ExpertsProgram::gatherRows(const View &table, Value experts, Value first,
                                 int64_t neuronDim, int64_t columnDim) {
  int64_t e = op.getExpertHiddenSize();
  auto numbers = tile({step}, b.getI32Type());
  SmallVector<Value> coordinates{load(numbers, experts, first, {step})};
  SmallVector<int64_t> dims{table.dims[0]};
  if (e > 1) {
    // Neuron n of slot s: s mod e.
    Value base = tensor::SplatOp::create(
        b, arith::IndexCastOp::create(b, b.getI32Type(), first), numbers);
    Value slot =
        arith::AddIOp::create(b, tile::IndexOp::create(b, numbers, 0), base);
    coordinates.push_back(
        arith::RemUIOp::create(b, slot, constant(numbers, e)));
    dims.push_back(table.dims[neuronDim]);
  }
  dims.push_back(table.dims[columnDim]);
  SmallVector<Value> sizes;
  for (int64_t dim : dims)
    sizes.push_back(table.sizes[dim]);
  int64_t columns =
      cast<MemRefType>(table.memory.getType()).getDimSize(dims.back());
  return tile::GatherOp::create(b, tile({step, align(columns)}, getStorage()),
                                table.memory, table.offsets, coordinates, sizes,
                                dims);
}

/// Scratch with the parts of <table[expert[s], n, :], x> of all slots.
Value ExpertsProgram::dot(const View &table, Value experts, Value x) {
  Type f32 = b.getF32Type();
  int64_t columns = cast<RankedTensorType>(x.getType()).getDimSize(0);
  auto rowsType = tile({step, columns}, f32);
  int64_t written = llvm::alignTo(numSlots, step);
  Value parts = scratch({written, warps}, f32);
  loop({}, [&](Value first, ValueRange) -> Value {
    Value rows = extend(gatherRows(table, experts, first, 1, 2));
    Value products =
        multiply(rows, tile::BroadcastOp::create(b, rowsType, x, 0));
    Value sums = tile::ReduceOp::create(b, tile({step, warps}, f32),
                                        tile::Combine::Add, products, Value(),
                                        /*dim=*/1, /*parts=*/warps);
    store(sums, parts, {first, index(0)});
    return Value();
  });
  return parts;
}

Value ExpertsProgram::sumParts(Value parts) {
  Type f32 = b.getF32Type();
  int64_t written = cast<MemRefType>(parts.getType()).getDimSize(0);
  Value all = load(tile({allSlots, warps}, f32), parts, {index(0), index(0)},
                   {written, warps});
  return tile::ReduceOp::create(b, slots(f32), tile::Combine::Add, all, 1);
}

Value ExpertsProgram::activate(Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  Value one = constant(type, 1.0);
  switch (op.getActivation()) {
  case peer::Activation::relu:
    return arith::MaximumFOp::create(b, x, constant(type, 0.0));
  case peer::Activation::silu: {
    Value power = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(b, x, arith::AddFOp::create(b, one, power));
  }
  case peer::Activation::gelu: {
    Value scaled =
        arith::MulFOp::create(b, x, constant(type, 1.0 / std::sqrt(2.0)));
    Value half = arith::MulFOp::create(b, x, constant(type, 0.5));
    return arith::MulFOp::create(
        b, half, arith::AddFOp::create(b, math::ErfOp::create(b, scaled), one));
  }
  }
  llvm_unreachable("all activations are listed");
}

/// The sum over slots of w[s] up[expert[s], n, :].
Value ExpertsProgram::sumRows(Value experts, Value weights) {
  Type f32 = b.getF32Type();
  bool isNeuronMajor = op.getUpLayout() == peer::UpLayout::neuron_major;
  int64_t neuronDim = isNeuronMajor ? 1 : 2, columnDim = isNeuronMajor ? 2 : 1;
  auto upType = cast<RankedTensorType>(op.getUp().getType());
  int64_t columns = align(upType.getDimSize(columnDim));
  auto rowsType = tile({step, columns}, f32);
  Value zero = constant(tile({columns}, f32), 0.0);
  return loop(zero,
              [&](Value first, ValueRange carried) -> Value {
                Value rows = extend(
                    gatherRows(up, experts, first, neuronDim, columnDim));
                Value w = load(tile({step}, f32), weights, first, {step});
                Value products = multiply(
                    rows, tile::BroadcastOp::create(b, rowsType, w, 1));
                return tile::ReduceOp::create(b, tile({columns}, f32),
                                              tile::Combine::Add, products,
                                              carried[0], /*dim=*/0);
              })
      .getResult(0);
}

Value ExpertsProgram::write() {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  auto numbers = slots(i32);
  // Which retrieval and neuron a slot is.
  Value slot = tile::IndexOp::create(b, numbers, 0);
  Value retrieval = arith::DivUIOp::create(
      b, slot, constant(numbers, op.getExpertHiddenSize()));
  Value ranks = constant(numbers, numRanks);
  Value h = arith::DivUIOp::create(b, retrieval, ranks);
  Value k = arith::RemUIOp::create(b, retrieval, ranks);
  // A negative number is a large unsigned one.
  auto isBelow = [&](Value number, Value size) -> Value {
    Value limit = arith::IndexCastOp::create(b, i32, size);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number,
                                 tensor::SplatOp::create(b, limit, numbers));
  };
  Value isSlot =
      arith::AndIOp::create(b, isBelow(h, indices.sizes[indices.dims[1]]),
                            isBelow(k, indices.sizes[indices.dims[2]]));
  Value expert = arith::SelectOp::create(
      b, isSlot, gatherSlots(indices, h, k, i32), constant(numbers, -1));
  Value gateOfSlot = gatherSlots(gates, h, k, f32);
  Value experts = scratch({allSlots}, i32);
  store(expert, experts, index(0));
  Value gatesOfSlots = scratch({allSlots}, f32);
  store(gateOfSlot, gatesOfSlots, index(0));

  int64_t rowDim = x.dims[1];
  auto xType = cast<RankedTensorType>(op.getX().getType());
  Value row = extend(tile::LoadOp::create(
      b, tile({align(xType.getDimSize(1))}, getStorage()), x.memory, x.offsets,
      x.sizes[rowDim], Value(), Value(), ArrayRef<int64_t>{rowDim}));
  // Parts wait in scratch until x and the rows of both tables are done with.
  Value gateParts = gate ? dot(*gate, experts, row) : Value();
  Value u = sumParts(dot(down, experts, row));
  if (gate)
    u = arith::MulFOp::create(b, activate(sumParts(gateParts)), u);
  else
    u = activate(u);
  Value exists = isBelow(load(numbers, experts, index(0), {allSlots}),
                         down.sizes[down.dims[0]]);
  Value weight = load(slots(f32), gatesOfSlots, index(0), {allSlots});
  Value w =
      arith::SelectOp::create(b, exists, arith::MulFOp::create(b, weight, u),
                              constant(slots(f32), 0.0));
  Value weights = scratch({allSlots}, f32);
  store(w, weights, index(0));

  Value y = sumRows(experts, weights);
  Type result = getElementTypeOrSelf(op.getYInit().getType());
  if (result.isF32())
    return y;
  auto type = cast<RankedTensorType>(y.getType());
  return arith::TruncFOp::create(b, tile(type.getShape(), result), y);
}

LogicalResult ProgramBuilder::writeExperts(Operation *operation) {
  auto op = cast<peer::ExpertMlpOp>(operation);
  auto schedule = op->getAttrOfType<tile::ScheduleAttr>("peermla.schedule");
  if (!schedule || schedule.getWarps().empty() || schedule.getWarps()[1] != 1 ||
      schedule.getRegisters().empty())
    return fail(op, "has no schedule with one column of warps and rows");
  int64_t step = schedule.getRegisters()[0];
  if (step < 1 || 32 % step != 0)
    return fail(op, "has steps of rows that do not divide 32");
  if (op.getNeuronsInit())
    return fail(op, "returns its neurons");
  FailureOr<SmallVector<int64_t>> retrievals = getBounds(op.getIndices());
  auto up = cast<RankedTensorType>(op.getUp().getType());
  auto x = cast<RankedTensorType>(op.getX().getType());
  if (failed(retrievals) || !x.hasStaticShape() ||
      llvm::any_of(up.getShape().drop_front(), ShapedType::isDynamic))
    return fail(op, "has unknown extents");
  if (x.getDimSize(0) != 1 || (*retrievals)[0] != 1)
    return fail(op, "has several tokens");
  if (!getElementTypeOrSelf(op.getGates().getType()).isF32() ||
      !isa<Float16Type, BFloat16Type, Float32Type>(x.getElementType()))
    return fail(op, "is not of f16, bf16 or f32, with gates of f32");
  SmallVector<const View *> found;
  for (Value operand : {op.getX(), op.getIndices(), op.getGates(), op.getDown(),
                        op.getUp(), op.getGate()}) {
    auto view = operand ? views.find(operand) : views.end();
    if (operand &&
        (view == views.end() || llvm::is_contained(view->second.dims, -1)))
      return fail(op, "reads what is no memory");
    found.push_back(operand ? &view->second : nullptr);
  }
  int64_t warps = schedule.getWarps()[0];
  int64_t ranks = (*retrievals)[2];
  int64_t slots = (*retrievals)[1] * ranks * op.getExpertHiddenSize();
  if (slots == 0)
    return fail(op, "has no retrievals");
  ExpertsProgram program{b,
                         op,
                         ranks,
                         slots,
                         int64_t(llvm::alignTo(slots, 32 * warps)),
                         step,
                         warps,
                         *found[0],
                         *found[1],
                         *found[2],
                         *found[3],
                         *found[4],
                         found[5]};
  tiles[op->getResult(0)] = program.write();
  return success();
}
