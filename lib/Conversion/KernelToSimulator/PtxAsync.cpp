//===- PtxAsync.cpp - mbarriers and asynchronous copies in PTX ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InstructionNames.h"
#include "PtxInstruction.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

/// mbarrier.arrive.shared::cta.b64 state, [barrier], count
static LogicalResult executeArrive(PtxInstruction x) {
  namespace F = sim::ArriveFlags;
  unsigned first = x.isAddress(0) ? 0 : 1;
  if (!x.isAddress(first) || x.size() > first + 2)
    return x.reject();
  unsigned flags = (x.part(1) == "arrive_drop" ? unsigned(F::Drop) : 0) |
                   (x.has("noComplete") ? unsigned(F::NoComplete) : 0) |
                   (x.has("relaxed") ? unsigned(F::Relaxed) : 0);
  bool expects = x.has("expect_tx");
  if (expects && x.size() != first + 2)
    return x.reject();
  Value count = x.size() > first + 1 ? x.i32(first + 1) : x.rewriter.i32(1);
  Value state = x.rewriter.call(
      expects ? Runtime::mbarrier_arrive_expect_tx : Runtime::mbarrier_arrive,
      {x.address(first), count, x.rewriter.i32(flags), x.rewriter.site()});
  return first ? x.out(state) : success();
}

/// mbarrier.try_wait.parity.shared::cta.b64 p, [barrier], parity, ticks
static LogicalResult executeWait(PtxInstruction x) {
  namespace F = sim::WaitFlags;
  if (x.size() < 3 || x.size() > 4 || !x.isAddress(1))
    return x.reject();
  unsigned flags = (x.has("parity") ? unsigned(F::Parity) : 0) |
                   (x.part(1) == "try_wait" ? unsigned(F::Try) : 0) |
                   (x.has("relaxed") ? unsigned(F::Relaxed) : 0);
  Value phase = x.has("parity") ? x.i32(2) : x.i64(2);
  return x.out(x.rewriter.isNonzero(
      emitMBarrierWait(x.rewriter, x.address(1), phase, flags)));
}

static LogicalResult executeMBarrier(PtxInstruction x) {
  StringRef name = x.part(1);
  if (name == "init" && x.size() == 2)
    return x.call(Runtime::mbarrier_init, {x.address(0), x.i32(1)});
  if (name == "inval" && x.size() == 1)
    return x.call(Runtime::mbarrier_inval, {x.address(0)});
  if (name == "expect_tx" && x.size() == 2)
    return x.call(Runtime::mbarrier_expect_tx, {x.address(0), x.i32(1)});
  if (name == "complete_tx" && x.size() == 2)
    return x.call(Runtime::mbarrier_complete_tx, {x.address(0), x.i32(1)});
  if (name == "arrive" || name == "arrive_drop")
    return executeArrive(x);
  if (name == "try_wait" || name == "test_wait")
    return executeWait(x);
  if (name == "pending_count" && x.size() == 2)
    return x.out(x.rewriter.call(Runtime::mbarrier_pending_count, {x.i64(1)}));
  return x.reject();
}

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

/// `[map, {c0, c1}]` of an `Nd` instruction.
static LogicalResult readTile(PtxInstruction &x, unsigned index, Value &map,
                              SmallVectorImpl<Value> &coordinates) {
  const PtxOperand &operand = x.operand(index);
  if (operand.kind != PtxOperand::Address || operand.elements.size() != 2)
    return x.reject();
  map = x.machine.readAddress(operand);
  coordinates = x.machine.readAll(operand.elements[1], x.rewriter.i32Type);
  bool hasRank = x.has((Twine(coordinates.size()) + "d").str());
  return hasRank ? success() : x.reject();
}

static LogicalResult executeTensorCopy(PtxInstruction x) {
  Value map;
  SmallVector<Value> coordinates;
  if (x.has("im2col") || x.has("tile::gather4") || x.has("tile::scatter4"))
    return x.reject();
  if (x.has("prefetch")) {
    if (x.size() < 1 || failed(readTile(x, 0, map, coordinates)))
      return x.size() < 1 ? x.reject() : failure();
    return x.call(Runtime::tma_prefetch,
                  {map, x.rewriter.pack(Slot::Coordinates, coordinates),
                   x.rewriter.i32(coordinates.size())});
  }
  if (x.has("mbarrier::complete_tx::bytes")) {
    bool isMulticast = x.has("multicast::cluster");
    if (x.size() < (isMulticast ? 4u : 3u))
      return x.reject();
    if (failed(readTile(x, 1, map, coordinates)))
      return failure();
    emitTmaLoad(x.rewriter, x.address(0), map, x.address(2), coordinates,
                isMulticast ? x.i32(3) : Value());
    return success();
  }
  if (x.size() < 2)
    return x.reject();
  if (failed(readTile(x, 0, map, coordinates)))
    return failure();
  using R = sim::TmaReduction;
  R reduction = R::None;
  if (x.part(1) == "reduce")
    for (StringRef part : x.statement.opcode)
      if (R named = parseTmaReduction(part); named != R::None)
        reduction = named;
  emitTmaStore(x.rewriter, map, x.address(1), coordinates, reduction);
  return success();
}

static LogicalResult executeBulkReduce(PtxInstruction x) {
  auto type = parseElementType(x.statement.opcode.back());
  std::optional<sim::AtomicOp> op = parseAtomic(x.statement.opcode);
  bool isReduction =
      op && *op != sim::AtomicOp::Exchange && *op != sim::AtomicOp::Cas;
  if (!type || !isReduction || !x.has("bulk_group") || x.size() < 3)
    return x.reject();
  return x.call(Runtime::bulk_reduce,
                {x.address(0), x.address(1), x.i32(2), x.rewriter.i32(*op),
                 x.rewriter.i32(*type)});
}

static LogicalResult executeBulkCopy(PtxInstruction x) {
  if (x.has("commit_group"))
    return x.call(Runtime::bulk_commit, {});
  if (x.has("wait_group")) {
    std::optional<int64_t> groups = x.number(0);
    return groups ? x.call(Runtime::bulk_wait, {x.rewriter.i32(*groups),
                                                x.rewriter.i32(x.has("read"))})
                  : x.reject();
  }
  if (x.has("tensor"))
    return executeTensorCopy(x);
  if (x.part(1) == "reduce")
    return executeBulkReduce(x);
  if (x.has("prefetch") && x.size() >= 2)
    return x.call(Runtime::bulk_prefetch, {x.address(0), x.i32(1)});
  if (x.part(4) == "shared::cta" && x.part(3) == "global" && x.size() >= 3 &&
      !x.has("cp_mask"))
    return x.call(Runtime::bulk_store, {x.address(0), x.address(1), x.i32(2)});
  bool isMulticast = x.has("multicast::cluster");
  if (!x.part(3).starts_with("shared") || x.size() < (isMulticast ? 5u : 4u))
    return x.reject();
  if (x.part(4).starts_with("shared"))
    return x.call(Runtime::bulk_copy_shared,
                  {x.address(0), x.address(1), x.address(3), x.i32(2)});
  return x.call(Runtime::bulk_load,
                {x.address(0), x.address(1), x.address(3), x.i32(2),
                 isMulticast ? x.i32(4) : x.rewriter.i32(0)});
}

/// cp.async.cg.shared.global [d], [s], 16, size
static LogicalResult executeCopy(PtxInstruction x) {
  if (x.part(1) == "reduce" || x.part(2) == "bulk")
    return executeBulkCopy(x);
  if (x.part(2) == "commit_group")
    return x.call(Runtime::cp_async_commit, {});
  if (x.part(2) == "wait_all") {
    // All copies: also those that no group has yet.
    x.rewriter.call(Runtime::cp_async_commit, {x.rewriter.site()});
    return x.call(Runtime::cp_async_wait, {x.rewriter.i32(0)});
  }
  if (x.part(2) == "wait_group") {
    std::optional<int64_t> groups = x.number(0);
    return groups ? x.call(Runtime::cp_async_wait, {x.rewriter.i32(*groups)})
                  : x.reject();
  }
  if (x.part(2) == "mbarrier")
    return x.size() == 1
               ? x.call(Runtime::cp_async_mbarrier_arrive,
                        {x.address(0), x.rewriter.i32(x.has("noinc"))})
               : x.reject();
  bool hasHint = x.has("L2::cache_hint");
  if (x.size() < (hasHint ? 4u : 3u) || x.size() > (hasHint ? 5u : 4u))
    return x.reject();
  bool hasSize = x.size() == (hasHint ? 5u : 4u);
  return x.call(Runtime::cp_async, {x.address(0), x.address(1), x.i32(2),
                                    hasSize ? x.i32(3) : x.i32(2)});
}

Outcome tosim::executeAsync(PtxMachine &machine,
                            const PtxStatement &statement) {
  PtxInstruction x(machine, statement);
  StringRef name = statement.opcode.front();
  if (name == "mbarrier")
    return executeMBarrier(x);
  if (name == "cp")
    return executeCopy(x);
  if (name == "mapa" && x.size() == 3)
    return x.out(x.rewriter.call(Runtime::map_shared,
                                 {x.address(1), x.i32(2), x.rewriter.site()}));
  if (name == "getctarank" && x.size() == 2)
    return x.out(x.rewriter.call(Runtime::shared_rank, {x.address(1)}));
  return std::nullopt;
}
