//===- PrepareWeights.cpp - work on weights alone, once per session -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value depends on weights alone if it is loaded from a global or computed
// from such values and constants. The largest such values that anything else
// reads become globals of their own, each computed by one function:
//
//   entry:    %p = ml_program.global_load_const @prepared.w
//   prepare:  func.func @prepared.w(%w) -> %p
//
// A mere view of a global (a slice of whole rows, a reshape) stays where it is:
// tables of experts are never copied.
//
//===----------------------------------------------------------------------===//

#include "PackContractions.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Transforms/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_PREPAREWEIGHTS
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;
using ml_program::GlobalLoadConstOp;

namespace {

/// What is known of values: whether they depend on nothing but weights and
/// constants, and on at least one weight.
class WeightAnalysis {
public:
  bool isConstant(Value value) { return classify(value) != Kind::Other; }
  bool isWeight(Value value) { return classify(value) == Kind::Weight; }

  /// A global, or a view of one that needs no copy.
  static bool isView(Value value) {
    Operation *op = value.getDefiningOp();
    while (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      op = op->getOperand(0).getDefiningOp();
    return isa_and_nonnull<GlobalLoadConstOp>(op);
  }

private:
  enum class Kind { Constant, Weight, Other };

  Kind classify(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return Kind::Other;
    auto known = kinds.find(op);
    if (known != kinds.end())
      return known->second;
    Kind kind = Kind::Constant;
    if (isa<GlobalLoadConstOp>(op)) {
      kind = Kind::Weight;
    } else if (!isMemoryEffectFree(op) || loadsInside(op)) {
      kind = Kind::Other;
    } else {
      SetVector<Value> captured;
      getUsedValuesDefinedAbove(op->getRegions(), captured);
      captured.insert(op->operand_begin(), op->operand_end());
      for (Value operand : captured) {
        Kind operandKind = classify(operand);
        if (operandKind == Kind::Other) {
          kind = Kind::Other;
          break;
        }
        if (operandKind == Kind::Weight)
          kind = Kind::Weight;
      }
    }
    return kinds[op] = kind;
  }

  /// A preparation takes its weights as arguments, not inside of an op.
  static bool loadsInside(Operation *op) {
    return op->walk([](GlobalLoadConstOp) { return WalkResult::interrupt(); })
        .wasInterrupted();
  }

  llvm::DenseMap<Operation *, Kind> kinds;
};

struct PrepareWeights : peermla::impl::PrepareWeightsBase<PrepareWeights> {
  using Base::Base;

  void runOnOperation() override {
    prepared.clear();
    const CpuLevel *level = CpuLevel::of(getOperation());
    SmallVector<func::FuncOp> entries;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("peermla.entry"))
        entries.push_back(function);
    for (func::FuncOp entry : entries) {
      if (entry.isExternal()) {
        entry.emitOpError("expects an entry to have a body");
        return signalPassFailure();
      }
      if (level && failed(packWeights(entry, *level)))
        return signalPassFailure();
      hoist(entry);
    }
  }

  /// Packs the weights of all matrix products of `entry`, and lets elementwise
  /// consumers see the panels, so that they can be fused.
  LogicalResult packWeights(func::FuncOp entry, const CpuLevel &level) {
    WeightAnalysis analysis;
    SmallVector<std::pair<linalg::LinalgOp, unsigned>> products;
    entry.walk([&](linalg::LinalgOp op) {
      if (!linalg::isaContractionOpInterface(op) ||
          analysis.isWeight(op->getResult(0)))
        return;
      for (unsigned operand : {1u, 0u})
        if (analysis.isWeight(op->getOperand(operand))) {
          products.push_back({op, operand});
          break;
        }
    });
    IRRewriter rewriter(&getContext());
    for (auto [op, operand] : products) {
      FailureOr<bool> packed = packContraction(rewriter, op, operand, level);
      if (failed(packed))
        return failure();
      numPacked += *packed;
    }

    entry.walk([&](peer::SelectOp op) { readPanels(op); });
    auto isEpilogue = [](OpOperand *operand) {
      auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
      auto reshape = operand->get().getDefiningOp<tensor::CollapseShapeOp>();
      return consumer && reshape && reshape->hasOneUse() &&
             consumer.getNumParallelLoops() == consumer.getNumLoops() &&
             reshape.getSrc().getDefiningOp<linalg::GenericOp>();
    };
    RewritePatternSet patterns(&getContext());
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, isEpilogue);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns,
                                                         &getContext());
    return applyPatternsGreedily(entry, std::move(patterns));
  }

  /// Lets selection read the panels of its scores as the products leave them.
  static void readPanels(peer::SelectOp op) {
    for (OpOperand &operand :
         op->getOpOperands().take_front(op.getScores().size())) {
      Value source = operand.get();
      if (auto slice = source.getDefiningOp<tensor::ExtractSliceOp>())
        if (llvm::all_of(slice.getMixedOffsets(), isZeroInteger))
          source = slice.getSource();
      auto reshape = source.getDefiningOp<tensor::CollapseShapeOp>();
      if (reshape && reshape.getSrcType().getRank() == 4)
        operand.set(reshape.getSrc());
    }
  }

  /// Moves the largest values that depend on weights alone out of `entry`.
  void hoist(func::FuncOp entry) {
    WeightAnalysis analysis;
    SmallVector<Value> frontier;
    entry.walk([&](Operation *op) {
      if (op->getParentOp() != entry || op->getNumResults() != 1)
        return;
      Value value = op->getResult(0);
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (!type || !type.hasStaticShape() || !analysis.isWeight(value) ||
          analysis.isView(value))
        return;
      bool isRead = llvm::any_of(value.getUsers(), [&](Operation *user) {
        Operation *top = entry.getBody().findAncestorOpInRegion(*user);
        return top->getNumResults() == 0 ||
               !analysis.isConstant(top->getResult(0));
      });
      if (isRead)
        frontier.push_back(value);
    });
    for (Value value : frontier) {
      StringAttr global = getPrepared(value);
      OpBuilder builder(value.getDefiningOp());
      auto load = GlobalLoadConstOp::create(
          builder, value.getLoc(), value.getType(), SymbolRefAttr::get(global));
      value.replaceUsesWithIf(load, [&](OpOperand &use) {
        Operation *top =
            entry.getBody().findAncestorOpInRegion(*use.getOwner());
        return top->getNumResults() == 0 ||
               !analysis.isConstant(top->getResult(0));
      });
    }
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(entry.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

  /// The global that holds `value`, with the function that computes it. Entries
  /// that compute the same value share one.
  StringAttr getPrepared(Value value) {
    BackwardSliceOptions options;
    options.inclusive = true;
    options.omitUsesFromAbove = false;
    options.omitBlockArguments = true;
    SetVector<Operation *> slice;
    (void)getBackwardSlice(value, &slice, options);
    slice = topologicalSort(slice);

    SmallVector<Type> sources;
    SmallVector<Attribute> names;
    for (Operation *op : slice)
      if (auto load = dyn_cast<GlobalLoadConstOp>(op)) {
        if (llvm::is_contained(names, load.getGlobal().getLeafReference()))
          continue;
        names.push_back(load.getGlobal().getLeafReference());
        sources.push_back(load.getType());
      }

    Location loc = value.getLoc();
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    auto function =
        func::FuncOp::create(builder, loc, "prepared",
                             builder.getFunctionType(sources, value.getType()));
    function->setAttr("peermla.prepare", builder.getUnitAttr());
    for (auto [i, name] : llvm::enumerate(names))
      function.setArgAttr(i, "peermla.weight", name);
    builder.setInsertionPointToStart(function.addEntryBlock());
    IRMapping mapping;
    for (Operation *op : slice) {
      if (auto load = dyn_cast<GlobalLoadConstOp>(op)) {
        auto position = llvm::find(names, load.getGlobal().getLeafReference()) -
                        names.begin();
        mapping.map(load.getResult(), function.getArgument(position));
        continue;
      }
      builder.clone(*op, mapping);
    }
    func::ReturnOp::create(builder, loc, mapping.lookup(value));

    std::string text;
    llvm::raw_string_ostream stream(text);
    // Local: other targets change at the same time.
    function->print(stream,
                    OpPrintingFlags().printGenericOpForm().useLocalScope());
    auto [known, isNew] = prepared.try_emplace(text);
    if (!isNew) {
      function->erase();
      return known->second;
    }
    ++numHoisted;
    std::string base = "prepared." + cast<StringAttr>(names.front()).str();
    std::string name = base;
    for (unsigned i = 1; getOperation().lookupSymbol(name) ||
                         getOperation().lookupSymbol(name + ".prepare");
         ++i)
      name = base + "." + std::to_string(i);
    function.setName(name + ".prepare");
    builder.setInsertionPointToStart(getOperation().getBody());
    auto global = ml_program::GlobalOp::create(
        builder, loc, name, value.getType(), /*is_mutable=*/false,
        ml_program::ExternAttr::get(&getContext(), value.getType()),
        builder.getStringAttr("private"));
    global->setAttr("peermla.prepared_by",
                    FlatSymbolRefAttr::get(function.getNameAttr()));
    return known->second = global.getSymNameAttr();
  }

  /// Text of the function -> its global.
  llvm::StringMap<StringAttr> prepared;
};

} // namespace
