//===- PtxCollectives.cpp - barriers and matrices in PTX ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Barriers, warp collectives and matrix instructions as they are written in
// inline assembly.
//
//===----------------------------------------------------------------------===//

#include "InstructionNames.h"
#include "PtxInstruction.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

/// bar.sync 1, 128; barrier.cta.sync.aligned 0; bar.red.popc.u32 d, 0, p
static LogicalResult executeBarrier(PtxInstruction x) {
  if (x.part(1) == "warp")
    return x.size() == 1 ? x.call(Runtime::warp_sync, {x.i32(0)}) : x.reject();
  if (x.part(1) == "cluster") {
    if (x.size() != 0)
      return x.reject();
    if (x.has("wait"))
      return x.call(Runtime::cluster_wait, {});
    return x.call(Runtime::cluster_arrive, {x.rewriter.i32(x.has("relaxed"))});
  }
  if (x.has("red")) {
    if (x.size() < 3 || x.size() > 4)
      return x.reject();
    auto kind = x.has("popc")  ? sim::BarrierReduction::PopCount
                : x.has("and") ? sim::BarrierReduction::And
                               : sim::BarrierReduction::Or;
    Value threads = x.size() == 4 ? x.i32(2) : Value();
    return x.out(
        emitBarrierReduce(x.rewriter, kind, x.i32(1), threads,
                          x.machine.readPredicate(x.operand(x.size() - 1))));
  }
  if (x.size() < 1 || x.size() > 2 || (!x.has("sync") && !x.has("arrive")))
    return x.reject();
  Value id = x.i32(0), threads = x.size() == 2 ? x.i32(1) : Value();
  if (x.has("arrive"))
    emitBarrierArrive(x.rewriter, id, threads);
  else
    emitBarrier(x.rewriter, id, threads);
  return success();
}

static LogicalResult executeFence(PtxInstruction x) {
  sim::FenceKind kind = sim::FenceKind::Memory;
  if (x.part(1) == "mbarrier_init")
    kind = sim::FenceKind::MbarrierInit;
  else if (x.part(1) == "proxy")
    kind = x.part(2).starts_with("async")       ? sim::FenceKind::ProxyAsync
           : x.part(2).starts_with("tensormap") ? sim::FenceKind::ProxyTensormap
                                                : sim::FenceKind::ProxyAlias;
  else if (x.has("cta") || x.has("cluster"))
    kind = sim::FenceKind::Cluster;
  emitFence(x.rewriter, kind);
  return success();
}

/// shfl.sync.bfly.b32 d|p, a, b, c, mask
static LogicalResult executeShuffle(PtxInstruction x) {
  std::optional<sim::ShuffleKind> kind = parseShuffle(x.part(2));
  if (!kind || x.size() != 5)
    return x.reject();
  return x.out(
      emitShuffle(x.rewriter, *kind, x.i32(4), x.i32(1), x.i32(2), x.i32(3)));
}

/// vote.sync.ballot.b32 d, p, mask
static LogicalResult executeVote(PtxInstruction x) {
  std::optional<sim::VoteKind> kind = parseVote(x.part(2));
  if (!kind || x.size() != 3)
    return x.reject();
  return x.out(
      x.rewriter.call(Runtime::vote, {x.rewriter.i32(*kind), x.i32(2),
                                      x.machine.readPredicate(x.operand(1)),
                                      x.rewriter.site()}));
}

/// match.any.sync.b32 d, a, mask; match.all.sync.b32 d|p, a, mask
static LogicalResult executeMatch(PtxInstruction x) {
  if (x.size() != 3)
    return x.reject();
  Type type = parsePtxType(x.rewriter, x.statement.opcode.back());
  Value value = x.machine.read(x.operand(1), type);
  if (x.part(1) == "all")
    return x.out(emitMatchAll(x.rewriter, x.i32(2), value));
  return x.out(x.rewriter.call(Runtime::match_any,
                               {x.i32(2), value, x.rewriter.site()}));
}

/// redux.sync.add.s32 d, a, mask
static LogicalResult executeReduce(PtxInstruction x) {
  bool isSigned = x.statement.opcode.back() == "s32";
  using K = sim::ReduceKind;
  auto kind = llvm::StringSwitch<std::optional<K>>(x.part(2))
                  .Case("add", K::Add)
                  .Case("and", K::And)
                  .Case("or", K::Or)
                  .Case("xor", K::Xor)
                  .Case("min", isSigned ? K::MinS32 : K::MinU32)
                  .Case("max", isSigned ? K::MaxS32 : K::MaxU32)
                  .Default(std::nullopt);
  if (!kind || x.size() != 3 || x.statement.opcode.back() == "f32")
    return x.reject();
  return x.out(
      x.rewriter.call(Runtime::reduce, {x.rewriter.i32(*kind), x.i32(2),
                                        x.i32(1), x.rewriter.site()}));
}

/// elect.sync d|p, mask
static LogicalResult executeElect(PtxInstruction x) {
  return x.size() == 2 ? x.out(emitElect(x.rewriter, x.i32(1))) : x.reject();
}

/// ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {...}, [p]
static LogicalResult executeLoadMatrix(PtxInstruction x) {
  unsigned count = x.has("x1") ? 1 : x.has("x2") ? 2 : x.has("x4") ? 4 : 0;
  if (!count || !x.has("m8n8") || !x.has("b16") || x.size() != 2)
    return x.reject();
  SmallVector<Type> types(count, x.rewriter.i32Type);
  x.machine.writeAll(x.operand(0), emitLdMatrix(x.rewriter, x.address(1), count,
                                                x.has("trans"), types));
  return success();
}

static LogicalResult executeStoreMatrix(PtxInstruction x) {
  unsigned count = x.has("x1") ? 1 : x.has("x2") ? 2 : x.has("x4") ? 4 : 0;
  if (!count || !x.has("m8n8") || !x.has("b16") || x.size() != 2)
    return x.reject();
  SmallVector<Value> fragment =
      x.machine.readAll(x.operand(1), x.rewriter.i32Type);
  if (fragment.size() != count)
    return x.reject();
  emitStMatrix(x.rewriter, x.address(0), fragment, x.has("trans"));
  return success();
}

/// Reads `m64n128k16`.
static bool parseShape(StringRef text, int64_t &m, int64_t &n, int64_t &k) {
  return text.consume_front("m") && !text.consumeInteger(10, m) &&
         text.consume_front("n") && !text.consumeInteger(10, n) &&
         text.consume_front("k") && !text.consumeInteger(10, k) && text.empty();
}

/// mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {d}, {a}, {b}, {c}
static LogicalResult executeMma(PtxInstruction x) {
  size_t size = x.statement.opcode.size();
  int64_t m, n, k;
  if (size < 10 || x.size() != 4 || !parseShape(x.part(3), m, n, k) ||
      x.part(4) != "row" || x.part(5) != "col")
    return x.reject();
  auto d = parseElementType(x.part(size - 4));
  auto a = parseElementType(x.part(size - 3));
  auto b = parseElementType(x.part(size - 2));
  auto c = parseElementType(x.part(size - 1));
  if (!a || !b || !c || d != c)
    return x.reject();
  MmaShape shape{m, n, k, *a, *b, *d, x.has("satfinite")};
  auto read = [&](unsigned index) {
    return x.machine.readAll(x.operand(index), x.rewriter.i32Type);
  };
  SmallVector<Value> va = read(1), vb = read(2), vc = read(3);
  if (failed(verifyMma(x.rewriter, shape, va.size(), vb.size(), vc.size())))
    return failure();
  SmallVector<Type> types(vc.size(), x.rewriter.i32Type);
  x.machine.writeAll(x.operand(0),
                     emitMma(x.rewriter, shape, va, vb, vc, types));
  return success();
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
///     {d}, {a} or a-desc, b-desc, scale-d, scale-a, scale-b, trans-a, trans-b
static LogicalResult executeMmaAsync(PtxInstruction x) {
  int64_t m, n, k;
  if (!parseShape(x.part(4), m, n, k) || m != 64 || x.size() < 4)
    return x.reject();
  auto d = parseElementType(x.part(5));
  auto a = parseElementType(x.part(6));
  auto b = parseElementType(x.part(7));
  if (!d || !a || !b)
    return x.reject();
  WgmmaShape shape{n, *a, *b, *d};
  shape.saturates = x.has("satfinite");
  bool isInRegisters = x.operand(1).kind == PtxOperand::Vector;
  // Integers have no scales but that of D; only 16-bit types are transposed.
  unsigned next = 4;
  auto readSign = [&](bool &negates) {
    std::optional<int64_t> value = x.number(next++);
    negates = value == -1;
    return value == 1 || value == -1;
  };
  auto readBit = [&](bool &bit) {
    std::optional<int64_t> value = x.number(next++);
    bit = value == 1;
    return value == 0 || value == 1;
  };
  if (x.size() > next &&
      (!readSign(shape.negatesA) || !readSign(shape.negatesB)))
    return x.reject();
  if (x.size() > next && !isInRegisters && !readBit(shape.isMnMajorA))
    return x.reject();
  if (x.size() > next && !readBit(shape.isMnMajorB))
    return x.reject();
  if (x.size() != next && x.size() != 4)
    return x.reject();

  SmallVector<Value> registers =
      x.machine.readAll(x.operand(0), x.rewriter.i32Type);
  if (failed(verifyWgmma(x.rewriter, shape, k, registers.size())))
    return failure();
  SmallVector<Value> fragment;
  if (isInRegisters)
    fragment = x.machine.readAll(x.operand(1), x.rewriter.i32Type);
  else
    fragment = {x.i64(1)};
  if (isInRegisters && fragment.size() != 4)
    return x.reject();
  Value scale = x.machine.readPredicate(x.operand(3));
  emitWgmmaRegisters(x.rewriter, shape, registers, fragment, x.i64(2), scale);
  x.machine.writeAll(x.operand(0), registers);
  return success();
}

static LogicalResult executeWgmma(PtxInstruction x) {
  StringRef name = x.part(1);
  if (name == "mma_async")
    return executeMmaAsync(x);
  if (name == "fence")
    return x.call(Runtime::wgmma_fence, {});
  if (name == "commit_group")
    return x.call(Runtime::wgmma_commit, {});
  std::optional<int64_t> groups = x.number(0);
  if (name != "wait_group" || !groups)
    return x.reject();
  // The registers that the assembly carries are those that the wait frees.
  SmallVector<PtxOperand> tied = x.machine.getTiedResults();
  SmallVector<Value> registers;
  for (const PtxOperand &operand : tied)
    registers.push_back(x.machine.read(operand, x.rewriter.i32Type));
  emitWgmmaWait(x.rewriter, *groups, registers);
  for (auto [operand, value] : llvm::zip(tied, registers))
    x.machine.write(operand, value);
  return success();
}

static LogicalResult executeSetMaxRegisters(PtxInstruction x) {
  std::optional<int64_t> count = x.number(0);
  if (!count || (x.part(1) != "inc" && x.part(1) != "dec"))
    return x.reject();
  return x.call(Runtime::set_max_registers,
                {x.rewriter.i32(*count), x.rewriter.i32(x.part(1) == "inc")});
}

Outcome tosim::executeCollective(PtxMachine &machine,
                                 const PtxStatement &statement) {
  PtxInstruction x(machine, statement);
  using Execute = LogicalResult (*)(PtxInstruction);
  auto execute = llvm::StringSwitch<Execute>(statement.opcode.front())
                     .Cases({"bar", "barrier"}, executeBarrier)
                     .Cases({"fence", "membar"}, executeFence)
                     .Case("shfl", executeShuffle)
                     .Case("vote", executeVote)
                     .Case("match", executeMatch)
                     .Case("redux", executeReduce)
                     .Case("elect", executeElect)
                     .Case("ldmatrix", executeLoadMatrix)
                     .Case("stmatrix", executeStoreMatrix)
                     .Case("mma", executeMma)
                     .Case("wgmma", executeWgmma)
                     .Case("setmaxnreg", executeSetMaxRegisters)
                     .Default(nullptr);
  if (execute)
    return execute(x);
  StringRef name = statement.opcode.front();
  if (name == "activemask" && x.size() == 1)
    return x.out(x.rewriter.call(Runtime::active_mask, {x.rewriter.site()}));
  if (name == "griddepcontrol")
    return x.call(Runtime::grid_dependency,
                  {x.rewriter.i32(x.part(1) == "wait")});
  if (name == "nanosleep" && x.size() == 1)
    return x.call(Runtime::nanosleep, {x.i32(0)});
  if (name == "exit")
    return x.call(Runtime::exit, {});
  if (name == "trap")
    return x.call(Runtime::trap, {});
  if (name == "pmevent" || name == "brkpt")
    return success();
  return std::nullopt;
}
