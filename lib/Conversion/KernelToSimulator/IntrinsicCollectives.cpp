//===- IntrinsicCollectives.cpp - collectives as intrinsics -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Barriers, fences, warp collectives and matrix instructions.
//
//===----------------------------------------------------------------------===//

#include "InstructionNames.h"
#include "IntrinsicCall.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

LogicalResult tosim::rewriteBarrier(Intrinsic x) {
  if (x.word(1) == "cluster") {
    if (x.has("wait"))
      return x.call(Runtime::cluster_wait, {});
    return x.call(Runtime::cluster_arrive, {x.rewriter.i32(x.has("relaxed"))});
  }
  bool isCounted = x.has("count");
  size_t expected = (isCounted ? 2 : 1) + (x.has("red") ? 1 : 0);
  if (x.word(1) != "cta" || x.size() != expected)
    return x.reject();
  Value threads = isCounted ? x.arg(1) : Value();
  if (x.has("red")) {
    auto kind = x.has("popc")  ? sim::BarrierReduction::PopCount
                : x.has("and") ? sim::BarrierReduction::And
                               : sim::BarrierReduction::Or;
    return x.replace(emitBarrierReduce(x.rewriter, kind, x.arg(0), threads,
                                       x.arg(expected - 1)));
  }
  if (x.has("arrive"))
    emitBarrierArrive(x.rewriter, x.arg(0), threads);
  else
    emitBarrier(x.rewriter, x.arg(0), threads);
  return x.erase();
}

LogicalResult tosim::rewriteFence(Intrinsic x) {
  auto kind = x.has("mbarrier")    ? sim::FenceKind::MbarrierInit
              : x.has("tensormap") ? sim::FenceKind::ProxyTensormap
              : x.has("alias")     ? sim::FenceKind::ProxyAlias
              : x.has("proxy")     ? sim::FenceKind::ProxyAsync
              : x.has("cta") || x.has("cluster") ? sim::FenceKind::Cluster
                                                 : sim::FenceKind::Memory;
  if (x.has("mbarrier_init"))
    kind = sim::FenceKind::MbarrierInit;
  emitFence(x.rewriter, kind);
  return x.erase();
}

/// shfl.sync.bfly.f32p(mask, value, lane, clamp)
LogicalResult tosim::rewriteShuffle(Intrinsic x) {
  std::optional<sim::ShuffleKind> kind = parseShuffle(x.word(2));
  if (!kind || x.size() != 4)
    return x.reject();
  return x.replace(
      emitShuffle(x.rewriter, *kind, x.arg(0), x.arg(1), x.arg(2), x.arg(3)));
}

/// vote.ballot.sync(mask, predicate)
LogicalResult tosim::rewriteVote(Intrinsic x) {
  std::optional<sim::VoteKind> kind = parseVote(x.word(1));
  if (!kind || x.size() != 2)
    return x.reject();
  return x.call(Runtime::vote, {x.rewriter.i32(*kind), x.arg(0), x.arg(1)});
}

LogicalResult tosim::rewriteMatch(Intrinsic x) {
  if (x.size() != 2)
    return x.reject();
  if (x.word(1) == "all")
    return x.replace(emitMatchAll(x.rewriter, x.arg(0), x.arg(1)));
  return x.call(Runtime::match_any, {x.arg(0), x.arg(1)});
}

/// redux.sync.umin(value, mask)
LogicalResult tosim::rewriteReduce(Intrinsic x) {
  using K = sim::ReduceKind;
  auto kind = llvm::StringSwitch<std::optional<K>>(x.word(2))
                  .Case("add", K::Add)
                  .Case("and", K::And)
                  .Case("or", K::Or)
                  .Case("xor", K::Xor)
                  .Case("min", K::MinS32)
                  .Case("max", K::MaxS32)
                  .Case("umin", K::MinU32)
                  .Case("umax", K::MaxU32)
                  .Default(std::nullopt);
  if (!kind || x.size() != 2)
    return x.reject();
  return x.call(Runtime::reduce, {x.rewriter.i32(*kind), x.arg(1), x.arg(0)});
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

LogicalResult tosim::rewriteLoadMatrix(Intrinsic x) {
  unsigned count = x.has("x1") ? 1 : x.has("x2") ? 2 : x.has("x4") ? 4 : 0;
  if (!count || !x.has("m8n8") || !x.has("b16") || x.size() != 1)
    return x.reject();
  SmallVector<Type> types = Rewriter::getRegisterTypes(x.getResultType());
  x.rewriter.replaceByFragment(
      emitLdMatrix(x.rewriter, x.arg(0), count, x.has("trans"), types));
  return success();
}

LogicalResult tosim::rewriteStoreMatrix(Intrinsic x) {
  if (!x.has("m8n8") || !x.has("b16") || x.size() < 2)
    return x.reject();
  emitStMatrix(x.rewriter, x.arg(0), x.op.getArgs().drop_front(),
               x.has("trans"));
  return x.erase();
}

/// mma.m16n8k16.row.col.f32.f32, .bf16, .satfinite.s8, .f32.e4m3.e5m2.f32
LogicalResult tosim::rewriteMma(Intrinsic x) {
  StringRef shapeText = x.word(1);
  MmaShape shape;
  if (!shapeText.consume_front("m") || shapeText.consumeInteger(10, shape.m) ||
      !shapeText.consume_front("n") || shapeText.consumeInteger(10, shape.n) ||
      !shapeText.consume_front("k") || shapeText.consumeInteger(10, shape.k) ||
      x.word(2) != "row" || x.word(3) != "col")
    return x.reject();
  shape.saturates = x.has("satfinite");
  using E = sim::ElementType;
  SmallVector<E> types;
  for (StringRef word : ArrayRef(x.words).drop_front(4))
    if (auto type = parseElementType(word))
      types.push_back(*type);
  if (types.size() == 1) {
    bool isInteger = types[0] == E::S8 || types[0] == E::U8;
    shape.a = shape.b = types[0];
    shape.d = isInteger ? E::S32 : E::F32;
  } else if (types.size() == 2 && (types[0] == E::S8 || types[0] == E::U8)) {
    shape.a = types[0];
    shape.b = types[1];
    shape.d = E::S32;
  } else if (types.size() == 2 && types[0] == types[1]) {
    shape.a = shape.b = E::F16;
    shape.d = types[0];
  } else if (types.size() == 4 && types[0] == types[3]) {
    shape.a = types[1];
    shape.b = types[2];
    shape.d = types[0];
  } else {
    return x.reject();
  }
  size_t numC = shape.d == E::F16 ? 2 : 4;
  size_t numA = shape.k * getBits(shape.a) == 256 ? 4 : 2;
  size_t numB = numA / 2;
  if (x.size() != numA + numB + numC)
    return x.reject();
  OperandRange args = x.op.getArgs();
  if (failed(verifyMma(x.rewriter, shape, numA, numB, numC)))
    return failure();
  x.rewriter.replaceByFragment(emitMma(
      x.rewriter, shape, args.take_front(numA), args.slice(numA, numB),
      args.take_back(numC), Rewriter::getRegisterTypes(x.getResultType())));
  return success();
}
