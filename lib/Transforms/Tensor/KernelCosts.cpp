//===- KernelCosts.cpp - what kernels do, as functions of sizes -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FLOP count what the ops define, not what a lowering makes of them: two per
// multiply-add, one per other operation on numbers. Bytes are those of values
// that enter or leave the kernel, each once; of tables, the rows that are read.
// Sizes are those of the entry's arguments (T tokens, B sequences), and `S`,
// the keys a token attends to where a cache holds them: only its contents tell.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Support/KernelPlan.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;

static int64_t getElementBytes(Value value) {
  Type element = cast<ShapedType>(value.getType()).getElementType();
  return element.isIndex() ? 8 : element.getIntOrFloatBitWidth() / 8;
}

namespace {

/// Adds up the costs of the ops of a kernel.
class KernelCosts {
public:
  explicit KernelCosts(const Kernel &kernel)
      : kernel(kernel), names(kernel.root->getContext()) {
    costs.fill(names.constant(0));
  }

  SizeFunction run(tile::ScheduleAttr schedule);

private:
  AffineExpr &at(Cost cost) { return costs[static_cast<unsigned>(cost)]; }
  AffineExpr dim(Value value, unsigned dim) { return names.getDim(value, dim); }
  AffineExpr bytesOf(Value value) {
    return names.getVolume(value) * getElementBytes(value);
  }

  void add(linalg::LinalgOp op);
  void add(peer::SelectOp op);
  void add(peer::ExpertMlpOp op);
  void add(mla::OnlineAttentionOp op);
  void add(mla::MergeOp op);
  void add(mla::RopeOp op);
  void add(mla::RopeTableOp op);
  /// Bytes that enter and leave, except for operands that are read in part.
  void addTraffic();
  AffineExpr countItems(tile::ScheduleAttr schedule);
  AffineExpr getLoopExtent(linalg::LinalgOp op, unsigned loop);

  /// Products of `inputs`: narrow ones where the target has instructions for
  /// them.
  AffineExpr &productsOf(ValueRange inputs);

  const Kernel &kernel;
  SizeNames names;
  std::array<AffineExpr, numCosts> costs;
  llvm::DenseSet<Value> partlyRead;
};

AffineExpr KernelCosts::getLoopExtent(linalg::LinalgOp op, unsigned loop) {
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (auto position =
            map.getResultPosition(getAffineDimExpr(loop, op.getContext())))
      return dim(operand.get(), *position);
  }
  return names.constant(1);
}

AffineExpr &KernelCosts::productsOf(ValueRange inputs) {
  const GpuTarget *gpu = GpuTarget::of(kernel.root);
  const CpuLevel *level = CpuLevel::of(kernel.root);
  bool hasBf16 = gpu || (level && level->hasBf16Dot);
  bool isNarrow = llvm::all_of(inputs, [&](Value input) {
    Type element = getElementTypeOrSelf(input);
    return (hasBf16 && element.isBF16()) || (gpu && element.isF16());
  });
  return at(isNarrow ? Cost::NarrowFlop : Cost::Flop);
}

void KernelCosts::add(linalg::LinalgOp op) {
  AffineExpr iterations = names.constant(1);
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    iterations = iterations * getLoopExtent(op, loop);
  if (isContraction(op)) {
    AffineExpr &flop = productsOf(op.getDpsInputs());
    flop = flop + iterations * 2;
    return;
  }
  int64_t flop = 0, special = 0;
  op.getBlock()->walk([&](Operation *inner) {
    if (isSpecialFunction(inner))
      ++special;
    else if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::MaximumFOp,
                 arith::MaxNumFOp, arith::MinimumFOp, arith::NegFOp>(inner))
      ++flop;
    else if (auto extract = dyn_cast<tensor::ExtractOp>(inner))
      at(Cost::Bytes) =
          at(Cost::Bytes) + iterations * getElementBytes(extract.getTensor());
  });
  at(Cost::Flop) = at(Cost::Flop) + iterations * flop;
  at(Cost::Special) = at(Cost::Special) + iterations * special;
}

void KernelCosts::add(peer::SelectOp op) {
  // One comparison per score of each dimension, one exponential per gate.
  Value gates = op.getGatesInit();
  AffineExpr rows = dim(gates, 0) * dim(gates, 1);
  int64_t keys = 0;
  for (int64_t count : op.getNumKeys())
    keys += count;
  at(Cost::Flop) = at(Cost::Flop) + rows * keys;
  at(Cost::Special) = at(Cost::Special) + names.getVolume(gates);
}

void KernelCosts::add(peer::ExpertMlpOp op) {
  AffineExpr neurons = names.getVolume(op.getIndices()) * dim(op.getDown(), 1);
  AffineExpr rowElements = names.constant(0), rowBytes = names.constant(0);
  for (Value table : {op.getDown(), op.getUp(), op.getGate()}) {
    if (!table)
      continue;
    partlyRead.insert(table);
    // Rows of all neurons of an expert.
    AffineExpr perNeuron = dim(table, 2);
    if (table == op.getUp() && op.getUpLayout() != peer::UpLayout::neuron_major)
      perNeuron = dim(table, 1);
    rowElements = rowElements + perNeuron;
    rowBytes = rowBytes + perNeuron * getElementBytes(table);
  }
  at(Cost::Flop) = at(Cost::Flop) + neurons * rowElements * 2;
  at(Cost::Special) = at(Cost::Special) + neurons;
  at(Cost::Bytes) = at(Cost::Bytes) + neurons * rowBytes;
}

void KernelCosts::add(mla::OnlineAttentionOp op) {
  Value q = op.getQ(), k = op.getK();
  AffineExpr T = dim(q, 0), H = dim(q, 1), width = dim(q, 2);
  Value o = op.getInits()[0];
  AffineExpr valueWidth = dim(o, cast<ShapedType>(o.getType()).getRank() - 1);
  AffineExpr B = dim(op.getCuSeqlens(), 0) - 1;
  AffineExpr keys;
  if (op.getBlockTable()) {
    keys = names.get("S");
    for (Value rows : {k, op.getV()})
      if (rows) {
        partlyRead.insert(rows);
        auto type = cast<ShapedType>(rows.getType());
        at(Cost::Bytes) = at(Cost::Bytes) + B * keys *
                                                dim(rows, type.getRank() - 1) *
                                                getElementBytes(rows);
      }
  } else {
    keys = T.ceilDiv(B);
    if (op.getCausal())
      keys = (keys + 1).ceilDiv(2);
  }
  AffineExpr pairs = T * H * keys;
  AffineExpr &flop = productsOf(q);
  flop = flop + pairs * (width + valueWidth) * 2;
  at(Cost::Special) = at(Cost::Special) + pairs;
}

void KernelCosts::add(mla::MergeOp op) {
  // Each part is scaled and added, by a factor per row.
  at(Cost::Flop) = at(Cost::Flop) + names.getVolume(op.getOParts()) * 2;
  at(Cost::Special) = at(Cost::Special) + names.getVolume(op.getLseParts());
}

void KernelCosts::add(mla::RopeOp op) {
  // Three operations per element that turns.
  AffineExpr turned = dim(op.getX(), 0) * dim(op.getTable(), 1);
  if (cast<ShapedType>(op.getX().getType()).getRank() == 3)
    turned = turned * dim(op.getX(), 1);
  at(Cost::Flop) = at(Cost::Flop) + turned * 3;
}

void KernelCosts::add(mla::RopeTableOp op) {
  at(Cost::Special) = at(Cost::Special) + names.getVolume(op.getInit());
}

void KernelCosts::addTraffic() {
  llvm::DenseSet<Value> inside, counted;
  for (Operation *member : kernel.members)
    inside.insert(member->result_begin(), member->result_end());
  for (Operation *member : kernel.members) {
    auto op = dyn_cast<DestinationStyleOpInterface>(member);
    for (Value input :
         op ? op.getDpsInputs() : SmallVector<Value>(member->getOperands()))
      if (isa<RankedTensorType>(input.getType()) && !inside.contains(input) &&
          !partlyRead.contains(input) && counted.insert(input).second)
        at(Cost::Bytes) = at(Cost::Bytes) + bytesOf(input);
  }
  for (Value result : kernel.root->getResults()) {
    if (!isa<RankedTensorType>(result.getType()))
      continue;
    if (auto append = dyn_cast<mla::CacheAppendOp>(kernel.root))
      result = append.getRows();
    at(Cost::Bytes) = at(Cost::Bytes) + bytesOf(result);
  }
}

AffineExpr KernelCosts::countItems(tile::ScheduleAttr schedule) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(kernel.root);
  auto experts = dyn_cast<peer::ExpertMlpOp>(kernel.root);
  auto attention = dyn_cast<mla::OnlineAttentionOp>(kernel.root);
  // The loops of other ops begin with the dimensions of their results.
  Value shaped =
      experts ? Value(experts.getIndices()) : kernel.root->getResult(0);
  unsigned rank = cast<ShapedType>(shaped.getType()).getRank();
  AffineExpr items = names.constant(1);
  for (auto [loop, extent] : llvm::enumerate(schedule.getBlock())) {
    if (extent == 0 || (!linalgOp && loop >= rank))
      continue;
    // A run of tokens ends where its sequence ends.
    bool isRagged = attention && loop + 2 == schedule.getBlock().size();
    AffineExpr loopExtent =
        linalgOp ? getLoopExtent(linalgOp, loop) : dim(shaped, loop);
    items = items * (isRagged ? loopExtent.floorDiv(extent) +
                                    (dim(attention.getCuSeqlens(), 0) - 1)
                              : loopExtent.ceilDiv(extent));
  }
  return items;
}

SizeFunction KernelCosts::run(tile::ScheduleAttr schedule) {
  for (Operation *member : kernel.members)
    llvm::TypeSwitch<Operation *>(member)
        .Case<linalg::LinalgOp, peer::SelectOp, peer::ExpertMlpOp,
              mla::OnlineAttentionOp, mla::MergeOp, mla::RopeOp,
              mla::RopeTableOp>([&](auto op) { add(op); });
  addTraffic();
  if (schedule && !schedule.getBlock().empty())
    at(Cost::Items) = countItems(schedule);
  AffineMap map =
      AffineMap::get(0, names.size(), costs, kernel.root->getContext());
  return {names.getNames(), map};
}

} // namespace

DictionaryAttr peermla::planKernel(const Kernel &kernel,
                                   tile::ScheduleAttr schedule, StringRef why) {
  NamedAttrList plan(KernelCosts(kernel).run(schedule).toAttr());
  Builder b(kernel.root->getContext());
  if (schedule)
    plan.set("schedule", schedule);
  if (!why.empty())
    plan.set("why", b.getStringAttr(why));
  return plan.getDictionary(b.getContext());
}
