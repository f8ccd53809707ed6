//===- PlaceInSharedMemory.cpp - buffers of a block in its memory ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops are numbered in the order of the text. A buffer is in use from its first
// use to its last, all of a loop if it was made before it. Two buffers may
// share a place if all threads pass a barrier between the last use of one and
// the first of the other: one in a block around either of them. Loops with uses
// end with a barrier (DistributeToThreads), so that the next iteration is
// apart.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "peermla/Conversion/TiledToThreads/Passes.h"
#include "peermla/Support/BufferSizes.h"
#include "peermla/Support/TargetInfo.h"

namespace peermla {
#define GEN_PASS_DEF_PLACEINSHAREDMEMORY
#include "peermla/Conversion/TiledToThreads/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

/// Places start where vectors may.
static constexpr int64_t alignment = 16;

namespace {

struct Buffer {
  memref::AllocOp alloc;
  int64_t bytes;
  unsigned first = ~0u, last = 0;
  int64_t offset = 0;
};

class Planner {
public:
  explicit Planner(func::FuncOp function) : function(function) {}

  /// Gives each buffer its offset; returns the bytes of all.
  FailureOr<int64_t> run();
  void rewrite();

private:
  bool areApart(const Buffer &a, const Buffer &b) const;
  void place(Buffer &buffer, ArrayRef<Buffer *> placed);

  func::FuncOp function;
  llvm::DenseMap<Operation *, unsigned> begin, end;
  SmallVector<gpu::BarrierOp> barriers;
  SmallVector<Buffer> buffers;
};

} // namespace

/// Whether a barrier lies between the two.
bool Planner::areApart(const Buffer &a, const Buffer &b) const {
  if (b.last < a.first)
    return areApart(b, a);
  if (a.last >= b.first)
    return false;
  return llvm::any_of(barriers, [&](gpu::BarrierOp barrier) {
    unsigned position = begin.lookup(barrier);
    Block *block = barrier->getBlock();
    return a.last < position && position < b.first &&
           (block->findAncestorOpInBlock(*a.alloc) ||
            block->findAncestorOpInBlock(*b.alloc));
  });
}

/// First fit.
void Planner::place(Buffer &buffer, ArrayRef<Buffer *> placed) {
  SmallVector<std::pair<int64_t, int64_t>> taken;
  for (Buffer *other : placed)
    if (!areApart(buffer, *other))
      taken.push_back({other->offset, other->offset + other->bytes});
  llvm::sort(taken);
  for (auto [from, to] : taken) {
    if (buffer.offset + buffer.bytes <= from)
      break;
    buffer.offset = std::max(buffer.offset, to);
  }
}

FailureOr<int64_t> Planner::run() {
  unsigned position = 0;
  std::function<void(Operation *)> number = [&](Operation *op) {
    begin[op] = position++;
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Operation &inner : block)
          number(&inner);
    end[op] = position++;
    if (auto barrier = dyn_cast<gpu::BarrierOp>(op))
      barriers.push_back(barrier);
  };
  number(function);

  BufferViewFlowAnalysis views(function);
  WalkResult result = function.walk([&](memref::AllocOp alloc) {
    FailureOr<int64_t> bytes = getMaxBytes(alloc);
    if (failed(bytes))
      return WalkResult::interrupt();
    Buffer buffer{alloc, int64_t(llvm::alignTo(*bytes, alignment))};
    for (Value alias : views.resolve(alloc.getResult()))
      for (Operation *user : alias.getUsers())
        if (Operation *op = alloc->getBlock()->findAncestorOpInBlock(*user)) {
          buffer.first = std::min(buffer.first, begin[op]);
          buffer.last = std::max(buffer.last, end[op]);
        }
    if (buffer.first > buffer.last)
      buffer.first = buffer.last = begin[alloc];
    buffers.push_back(buffer);
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  int64_t bytes = 0;
  SmallVector<Buffer *> placed;
  for (Buffer &buffer : buffers) {
    place(buffer, placed);
    placed.push_back(&buffer);
    bytes = std::max(bytes, buffer.offset + buffer.bytes);
  }
  return bytes;
}

void Planner::rewrite() {
  if (buffers.empty())
    return;
  ImplicitLocOpBuilder b(function.getLoc(), function.getContext());
  b.setInsertionPointToStart(&function.getBody().front());
  Type byte = b.getIntegerType(8);
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Value shared = gpu::DynamicSharedMemoryOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, byte,
                         MemRefLayoutAttrInterface(), space));
  shared = memref::MemorySpaceCastOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, byte), shared);
  for (Buffer &buffer : buffers) {
    b.setInsertionPoint(buffer.alloc);
    b.setLoc(buffer.alloc.getLoc());
    Value offset = arith::ConstantIndexOp::create(b, buffer.offset);
    auto view = memref::ViewOp::create(b, buffer.alloc.getType(), shared,
                                       offset, buffer.alloc.getDynamicSizes());
    buffer.alloc.replaceAllUsesWith(view.getResult());
    buffer.alloc.erase();
  }
}

namespace {

struct PlaceInSharedMemory
    : peermla::impl::PlaceInSharedMemoryBase<PlaceInSharedMemory> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("peermla.threads") && failed(place(function)))
        return signalPassFailure();
  }

  LogicalResult place(func::FuncOp function) {
    Planner planner(function);
    FailureOr<int64_t> bytes = planner.run();
    if (failed(bytes))
      return failure();
    const GpuTarget *target = GpuTarget::of(function);
    if (target && *bytes > target->sharedBytesPerBlock)
      return function.emitError()
             << "the kernel '" << function.getName() << "' needs " << *bytes
             << " bytes of shared memory, a block on " << target->name
             << " has at most " << target->sharedBytesPerBlock;
    planner.rewrite();
    function->removeAttr("peermla.threads");
    if (*bytes != 0)
      function->setAttr("tile.shared_bytes",
                        Builder(&getContext()).getI64IntegerAttr(*bytes));
    return success();
  }
};

} // namespace
