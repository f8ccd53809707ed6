//===- PlanWorkspace.cpp - places of buffers in one workspace -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The workspace of an entry:
//
//   [scratch of worker 0 | .. of worker W-1 | arena 0 | arena 1 | ...]
//
// Scratch holds the buffers of one kernel at a time: kernels run one after the
// other. An arena holds the buffers whose sizes have the same dynamic factor
// (T, say): a buffer of `c T` bytes lies at `o T` in it, so that offsets `o`
// can be planned at compile time, first fit over the buffers alive at the same
// time.
//
//===----------------------------------------------------------------------===//

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/RegionUtils.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Support/BufferSizes.h"
#include "peermla/Support/KernelPlan.h"

namespace peermla {
#define GEN_PASS_DEF_PLANWORKSPACE
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// All places start at multiples of a cache line.
static constexpr int64_t alignment = 64;

namespace {

/// A buffer of the entry itself, `bytes` times the arena's factor large.
struct Buffer {
  memref::AllocOp alloc;
  int64_t bytes;
  unsigned first, last; ///< positions of the first and last op that use it
  int64_t offset = 0;
};

/// Buffers whose dynamic extents are the same values.
struct Arena {
  SmallVector<Value> extents;
  SmallVector<Buffer> buffers;
  int64_t bytes = 0;
};

/// First fit: the lowest offset that overlaps no placed buffer alive at the
/// same time.
void place(Arena &arena) {
  SmallVector<Buffer *> placed;
  for (Buffer &buffer : arena.buffers) {
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (Buffer *other : placed)
      if (other->first <= buffer.last && buffer.first <= other->last)
        taken.push_back({other->offset, other->offset + other->bytes});
    llvm::sort(taken);
    int64_t offset = 0;
    for (auto [begin, end] : taken) {
      if (offset + buffer.bytes <= begin)
        break;
      offset = std::max(offset, end);
    }
    buffer.offset = offset;
    arena.bytes = std::max(arena.bytes, offset + buffer.bytes);
    placed.push_back(&buffer);
  }
}

struct PlanWorkspace : peermla::impl::PlanWorkspaceBase<PlanWorkspace> {
  using Base::Base;

  void runOnOperation() override {
    scratchBytes.clear();
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    if (llvm::any_of(functions, [](func::FuncOp function) {
          return function->hasAttr("peermla.workspace");
        }))
      return;
    for (func::FuncOp function : functions)
      if (function->hasAttr("peermla.kernel") && failed(planKernel(function)))
        return signalPassFailure();
    for (func::FuncOp function : functions)
      if ((function->hasAttr("peermla.entry") ||
           function->hasAttr("peermla.prepare")) &&
          failed(planEntry(function)))
        return signalPassFailure();
  }

  MemRefType bytesType() {
    return MemRefType::get({ShapedType::kDynamic},
                           IntegerType::get(&getContext(), 8));
  }

  /// Gives a kernel the argument `scratch` and places its buffers in the
  /// worker's slice of it.
  LogicalResult planKernel(func::FuncOp kernel) {
    SmallVector<memref::AllocOp> allocs;
    kernel.walk([&](memref::AllocOp alloc) { allocs.push_back(alloc); });
    kernel.walk([](memref::DeallocOp dealloc) { dealloc.erase(); });
    SmallVector<int64_t> offsets;
    int64_t bytes = 0;
    for (memref::AllocOp alloc : allocs) {
      FailureOr<int64_t> size = getMaxBytes(alloc);
      if (failed(size))
        return failure();
      offsets.push_back(bytes);
      bytes += llvm::alignTo(*size, alignment);
    }
    scratchBytes[kernel.getName()] = bytes;
    Block &body = kernel.getBody().front();
    Value scratch = body.addArgument(bytesType(), kernel.getLoc());
    kernel.setType(
        FunctionType::get(&getContext(), body.getArgumentTypes(), TypeRange()));
    if (allocs.empty())
      return success();
    ImplicitLocOpBuilder b(kernel.getLoc(), &getContext());
    b.setInsertionPointToStart(&body);
    Value size = arith::ConstantIndexOp::create(b, bytes);
    Value base = arith::MulIOp::create(b, body.getArgument(2), size);
    for (auto [alloc, offset] : llvm::zip_equal(allocs, offsets)) {
      b.setInsertionPoint(alloc);
      Value position = arith::AddIOp::create(
          b, base, arith::ConstantIndexOp::create(b, offset));
      auto view = memref::ViewOp::create(b, alloc.getType(), scratch, position,
                                         alloc.getDynamicSizes());
      alloc.replaceAllUsesWith(view.getResult());
      alloc.erase();
    }
    return success();
  }

  /// Collects the buffers of an entry in arenas.
  LogicalResult collect(func::FuncOp entry, SmallVector<Arena> &arenas) {
    Block &body = entry.getBody().front();
    llvm::DenseMap<Operation *, unsigned> positions;
    for (auto [i, op] : llvm::enumerate(body))
      positions[&op] = i;
    BufferViewFlowAnalysis aliases(entry);
    llvm::DenseMap<Value, unsigned> order;
    WalkResult result = entry.walk([&](memref::AllocOp alloc) {
      FailureOr<int64_t> bytes = getStaticBytes(alloc);
      if (failed(bytes))
        return WalkResult::interrupt();
      Buffer buffer{alloc, int64_t(llvm::alignTo(*bytes, alignment)), ~0u, 0};
      for (Value alias : aliases.resolve(alloc.getResult()))
        for (Operation *user : alias.getUsers()) {
          unsigned position =
              positions[entry.getBody().findAncestorOpInRegion(*user)];
          buffer.first = std::min(buffer.first, position);
          buffer.last = std::max(buffer.last, position);
        }
      if (buffer.first == ~0u)
        buffer.first = buffer.last =
            positions[entry.getBody().findAncestorOpInRegion(*alloc)];
      SmallVector<Value> extents(alloc.getDynamicSizes());
      for (Value extent : extents)
        order.try_emplace(extent, order.size());
      llvm::sort(extents, [&](Value a, Value b) {
        return order.lookup(a) < order.lookup(b);
      });
      auto arena = llvm::find_if(
          arenas, [&](Arena &arena) { return arena.extents == extents; });
      if (arena == arenas.end()) {
        arenas.push_back({extents, {}, 0});
        arena = std::prev(arenas.end());
      }
      arena->buffers.push_back(buffer);
      return WalkResult::advance();
    });
    return success(!result.wasInterrupted());
  }

  /// Clones what the extents of `arena` are computed from to the insertion
  /// point. `mapping` knows the arguments of the entry.
  LogicalResult cloneComputation(ImplicitLocOpBuilder &b, const Arena &arena,
                                 IRMapping &mapping) {
    SetVector<Operation *> slice;
    BackwardSliceOptions options;
    options.inclusive = true;
    options.omitBlockArguments = true;
    options.omitUsesFromAbove = false;
    SetVector<Value> read(arena.extents.begin(), arena.extents.end());
    for (Value value : arena.extents)
      if (value.getDefiningOp() &&
          failed(getBackwardSlice(value, &slice, options)))
        return failure();
    for (Operation *op : slice) {
      read.insert(op->operand_begin(), op->operand_end());
      getUsedValuesDefinedAbove(op->getRegions(), read);
    }
    for (Value value : read)
      if (isa<BlockArgument>(value) && !mapping.contains(value)) {
        memref::AllocOp alloc = arena.buffers.front().alloc;
        return alloc.emitOpError("has a size that changes in a loop, which "
                                 "must follow from the shapes of the "
                                 "arguments");
      }
    for (Operation *op : topologicalSort(slice)) {
      if (llvm::all_of(op->getResults(),
                       [&](Value v) { return mapping.contains(v); }))
        continue;
      if (!isMemoryEffectFree(op))
        return op->emitOpError(
            "decides the size of a buffer, which must follow from the shapes "
            "of the arguments");
      b.clone(*op, mapping);
    }
    return success();
  }

  LogicalResult planEntry(func::FuncOp entry) {
    if (!entry.getBody().hasOneBlock())
      return entry.emitOpError("expects one block");
    entry.walk([](memref::DeallocOp dealloc) { dealloc.erase(); });
    SmallVector<Arena> arenas;
    if (failed(collect(entry, arenas)))
      return failure();
    for (Arena &arena : arenas)
      place(arena);
    int64_t scratch = 0;
    SmallVector<func::CallOp> launches;
    entry.walk([&](func::CallOp call) {
      auto launch = getOperation().lookupSymbol<func::FuncOp>(call.getCallee());
      auto kernel =
          launch ? launch->getAttrOfType<FlatSymbolRefAttr>("peermla.launch")
                 : FlatSymbolRefAttr();
      if (!kernel)
        return;
      launches.push_back(call);
      scratch = std::max(scratch, scratchBytes[kernel.getValue()]);
    });

    // Arguments: the workspace and the number of workers.
    Block &body = entry.getBody().front();
    unsigned arguments = body.getNumArguments();
    Value workspace = body.addArgument(bytesType(), entry.getLoc());
    Value workers =
        body.addArgument(IndexType::get(&getContext()), entry.getLoc());
    FunctionType type =
        FunctionType::get(&getContext(), body.getArgumentTypes(), TypeRange());
    entry.setType(type);

    // The function that tells the size.
    OpBuilder moduleBuilder(entry);
    auto size = func::FuncOp::create(
        moduleBuilder, entry.getLoc(), (entry.getName() + ".workspace").str(),
        FunctionType::get(&getContext(), body.getArgumentTypes(),
                          IndexType::get(&getContext())));
    size->setAttr("peermla.packed", moduleBuilder.getUnitAttr());
    Block *sizeBody = size.addEntryBlock();
    ImplicitLocOpBuilder sb(entry.getLoc(), &getContext());
    sb.setInsertionPointToStart(sizeBody);
    IRMapping sizeMapping;
    sizeMapping.map(body.getArguments(), sizeBody->getArguments());
    SmallVector<Value> sizeBases;
    if (failed(emitBases(sb, arenas, scratch, sizeBody->getArguments().back(),
                         sizeMapping, sizeBases)))
      return failure();
    func::ReturnOp::create(sb, sizeBases.back());
    entry->setAttr("peermla.workspace", describeSize(arenas, scratch));

    // The places, at the start of the entry.
    ImplicitLocOpBuilder b(entry.getLoc(), &getContext());
    b.setInsertionPointToStart(&body);
    IRMapping mapping;
    for (BlockArgument argument : body.getArguments().take_front(arguments))
      mapping.map(argument, argument);
    SmallVector<Value> bases;
    if (failed(emitBases(b, arenas, scratch, workers, mapping, bases)))
      return failure();
    for (auto [i, arena] : llvm::enumerate(arenas)) {
      for (Buffer &buffer : arena.buffers) {
        b.setInsertionPoint(buffer.alloc);
        Value offset = arith::ConstantIndexOp::create(b, buffer.offset);
        for (Value extent : arena.extents)
          offset = arith::MulIOp::create(b, offset, extent);
        offset = arith::AddIOp::create(b, bases[i], offset);
        auto view =
            memref::ViewOp::create(b, buffer.alloc.getType(), workspace, offset,
                                   buffer.alloc.getDynamicSizes());
        buffer.alloc.replaceAllUsesWith(view.getResult());
        buffer.alloc.erase();
      }
    }
    for (func::CallOp call : launches) {
      auto launch = getOperation().lookupSymbol<func::FuncOp>(call.getCallee());
      call->insertOperands(call.getNumOperands(), workspace);
      launch.setType(FunctionType::get(
          &getContext(), TypeRange(call.getOperandTypes()), TypeRange()));
    }
    return success();
  }

  /// The bytes as a function of sizes, for the report.
  DictionaryAttr describeSize(ArrayRef<Arena> arenas, int64_t scratch) {
    SizeNames names(&getContext());
    AffineExpr bytes = names.constant(0);
    if (scratch != 0)
      bytes = bytes + names.get("threads") * scratch;
    for (const Arena &arena : arenas) {
      AffineExpr arenaBytes = names.constant(arena.bytes);
      for (Value extent : arena.extents)
        arenaBytes = arenaBytes * names.get(extent);
      bytes = bytes + arenaBytes;
    }
    return SizeFunction{names.getNames(),
                        AffineMap::get(0, names.size(), bytes)}
        .toAttr();
  }

  /// The start of each arena, and the end of the last.
  LogicalResult emitBases(ImplicitLocOpBuilder &b, ArrayRef<Arena> arenas,
                          int64_t scratch, Value workers, IRMapping &mapping,
                          SmallVector<Value> &bases) {
    Value base = arith::MulIOp::create(
        b, workers, arith::ConstantIndexOp::create(b, scratch));
    bases.push_back(base);
    for (const Arena &arena : arenas) {
      if (failed(cloneComputation(b, arena, mapping)))
        return failure();
      Value bytes = arith::ConstantIndexOp::create(b, arena.bytes);
      for (Value extent : arena.extents)
        bytes = arith::MulIOp::create(b, bytes, mapping.lookup(extent));
      base = arith::AddIOp::create(b, base, bytes);
      bases.push_back(base);
    }
    return success();
  }

  llvm::StringMap<int64_t> scratchBytes;
};

} // namespace
