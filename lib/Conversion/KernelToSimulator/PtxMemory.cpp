//===- PtxMemory.cpp - loads, stores and atomics in PTX -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inline assembly loads and stores for the sake of cache hints, vectors, orders
// of memory and atomics on vectors. Hints have no effect.
//
//===----------------------------------------------------------------------===//

#include "InlinePtx.h"
#include "InstructionNames.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

static unsigned getVectorSize(const PtxStatement &statement) {
  return has(statement, "v2")   ? 2
         : has(statement, "v4") ? 4
         : has(statement, "v8") ? 8
                                : 1;
}

static unsigned getFlags(const PtxStatement &statement) {
  namespace F = sim::AccessFlags;
  unsigned flags = 0;
  for (StringRef part : statement.opcode) {
    if (part.starts_with("shared"))
      flags |= F::Shared;
    if (part == "global" || part == "const")
      flags |= F::Global;
    if (part == "volatile")
      flags |= F::Volatile;
    if (part == "relaxed" || part == "acquire" || part == "release")
      flags |= F::Atomic;
    if (part == "acquire")
      flags |= F::Acquire;
    if (part == "release")
      flags |= F::Release;
    if (part == "cta" || part == "cluster")
      flags |= F::ClusterScope;
  }
  return flags;
}

static unsigned getBytes(Type type) {
  unsigned count = isa<VectorType>(type) ? 2 : 1;
  return getElementTypeOrSelf(type).getIntOrFloatBitWidth() * count / 8;
}

/// The address that may be accessed, for `count` values of `type`.
static Value getAddress(PtxMachine &machine, const PtxStatement &statement,
                        const PtxOperand &operand, Type type, unsigned count,
                        unsigned flags) {
  Rewriter &rewriter = machine.rewriter;
  Value address = machine.readAddress(operand);
  if (has(statement, "local") || has(statement, "param"))
    return address;
  unsigned bytes = getBytes(type);
  return rewriter.call(Runtime::access, {address, rewriter.i32(bytes * count),
                                         rewriter.i32(bytes * count),
                                         rewriter.i32(flags), rewriter.site()});
}

static LogicalResult executeLoad(PtxMachine &machine,
                                 const PtxStatement &statement) {
  Rewriter &rewriter = machine.rewriter;
  Type type = parsePtxType(rewriter, statement.opcode.back());
  unsigned count = getVectorSize(statement);
  if (!type || type.isInteger(1) || statement.operands.size() < 2)
    return machine.reject(statement);
  Value address = getAddress(machine, statement, statement.operands[1], type,
                             count, getFlags(statement));
  unsigned bytes = getBytes(type);
  SmallVector<Value> values;
  for (unsigned i = 0; i < count; ++i)
    values.push_back(
        LLVM::LoadOp::create(rewriter.builder, rewriter.getLoc(), type,
                             rewriter.offset(address, i * bytes),
                             /*alignment=*/bytes, has(statement, "volatile")));
  machine.writeAll(statement.operands[0], values);
  return success();
}

static LogicalResult executeStore(PtxMachine &machine,
                                  const PtxStatement &statement) {
  Rewriter &rewriter = machine.rewriter;
  Type type = parsePtxType(rewriter, statement.opcode.back());
  unsigned count = getVectorSize(statement);
  if (!type || type.isInteger(1) || statement.operands.size() < 2)
    return machine.reject(statement);
  SmallVector<Value> values = machine.readAll(statement.operands[1], type);
  if (values.size() != count)
    return machine.reject(statement);
  unsigned bytes = getBytes(type);
  if (has(statement, "async")) {
    // st.async.shared::cluster.mbarrier::complete_tx::bytes.b32 [a], v, [m]
    if (statement.operands.size() != 3)
      return machine.reject(statement);
    rewriter.call(Runtime::store_async,
                  {machine.readAddress(statement.operands[0]),
                   machine.readAddress(statement.operands[2]),
                   rewriter.pack(Slot::A, values), rewriter.i32(bytes * count),
                   rewriter.site()});
    return success();
  }
  Value address =
      getAddress(machine, statement, statement.operands[0], type, count,
                 getFlags(statement) | sim::AccessFlags::Write);
  for (unsigned i = 0; i < count; ++i)
    LLVM::StoreOp::create(rewriter.builder, rewriter.getLoc(), values[i],
                          rewriter.offset(address, i * bytes),
                          /*alignment=*/bytes, has(statement, "volatile"));
  return success();
}

/// atom.global.add.u32 d, [a], b and red.global.add.u32 [a], b
static LogicalResult executeAtomic(PtxMachine &machine,
                                   const PtxStatement &statement) {
  Rewriter &rewriter = machine.rewriter;
  bool hasResult = statement.opcode.front() == "atom";
  unsigned first = hasResult ? 1 : 0;
  auto op = parseAtomic(statement.opcode);
  StringRef typeName = statement.opcode.back();
  Type type = parsePtxType(rewriter, typeName);
  bool isPair = typeName.consume_back("x2");
  auto element = parseElementType(typeName);
  bool isCas = op == sim::AtomicOp::Cas;
  if (!op || !type || !element ||
      statement.operands.size() < first + (isCas ? 3 : 2))
    return machine.reject(statement);
  Value address = machine.readAddress(statement.operands[first]);
  unsigned flags =
      getFlags(statement) | sim::AccessFlags::Atomic | sim::AccessFlags::Write;
  unsigned count = getVectorSize(statement);
  if (count == 1 && !isPair) {
    // PTX writes the comparand of a cas before its operand.
    const PtxOperand &last = statement.operands[first + (isCas ? 2 : 1)];
    Value comparand = isCas ? machine.read(statement.operands[first + 1], type)
                            : rewriter.i64(0);
    Value old = rewriter.call(
        Runtime::atomic, {address, rewriter.i32(*op), rewriter.i32(*element),
                          machine.read(last, type), comparand,
                          rewriter.i32(flags), rewriter.site()});
    if (hasResult)
      machine.write(statement.operands[0], rewriter.cast(old, type));
    return success();
  }
  SmallVector<Value> values =
      machine.readAll(statement.operands[first + 1], type);
  if (values.size() != count || isCas)
    return machine.reject(statement);
  // Elements of 16 bits lie side by side in memory.
  if (!isPair && getBits(*element) < 32)
    return machine.reject(statement);
  SmallVector<Type> types(count, type);
  rewriter.call(
      Runtime::atomic_vector,
      {hasResult ? rewriter.slot(Slot::Result, 2 * count) : rewriter.null(),
       address, rewriter.i32(*op), rewriter.i32(*element),
       rewriter.i32(isPair ? 2 * count : count), rewriter.pack(Slot::A, values),
       rewriter.site()});
  if (hasResult)
    machine.writeAll(statement.operands[0],
                     rewriter.unpack(Slot::Result, types));
  return success();
}

Outcome tosim::executeMemory(PtxMachine &machine,
                             const PtxStatement &statement) {
  Rewriter &rewriter = machine.rewriter;
  StringRef name = statement.opcode.front();
  size_t size = statement.operands.size();
  if (name == "ld" || name == "ldu")
    return executeLoad(machine, statement);
  if (name == "st")
    return executeStore(machine, statement);
  if (name == "atom" || name == "red")
    return executeAtomic(machine, statement);
  if ((name == "prefetch" || name == "prefetchu") && size == 1) {
    auto kind = has(statement, "tensormap") ? sim::PrefetchKind::TensorMap
                : has(statement, "L1")      ? sim::PrefetchKind::L1
                                            : sim::PrefetchKind::L2;
    rewriter.call(Runtime::prefetch,
                  {machine.readAddress(statement.operands[0]),
                   rewriter.i32(kind), rewriter.site()});
    return success();
  }
  if (name == "createpolicy" && size >= 1) {
    machine.write(statement.operands[0], rewriter.i64(0));
    return success();
  }
  if (name == "isspacep" && size == 2) {
    using M = sim::MemorySpace;
    auto space = llvm::StringSwitch<M>(statement.opcode.back())
                     .Cases({"shared", "shared::cta"}, M::Shared)
                     .Case("shared::cluster", M::SharedCluster)
                     .Case("global", M::Global)
                     .Case("const", M::Constant)
                     .Case("local", M::Local)
                     .Default(M::Param);
    machine.write(statement.operands[0],
                  rewriter.call(Runtime::is_space,
                                {machine.readAddress(statement.operands[1]),
                                 rewriter.i32(space)}));
    return success();
  }
  return std::nullopt;
}
