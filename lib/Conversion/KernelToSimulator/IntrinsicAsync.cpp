//===- IntrinsicAsync.cpp - asynchronous intrinsics ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies, mbarriers and the groups of wgmma.
//
//===----------------------------------------------------------------------===//

#include "InstructionNames.h"
#include "IntrinsicCall.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// cp.async.bulk.tensor.g2s.tile.2d(target, barrier, map, coordinates...,
///     mask, hint, has mask, has hint, ...)
static LogicalResult rewriteTensorCopy(Intrinsic x) {
  StringRef last = x.words.back();
  unsigned rank;
  if (!x.has("tile") || last.consumeInteger(10, rank) || last != "d" ||
      rank < 1 || rank > 5)
    return x.reject();
  OperandRange args = x.op.getArgs();
  StringRef kind = x.word(4);
  bool isLoad = kind == "g2s", isCta = x.word(5) == "cta";
  unsigned first = isLoad ? 3 : kind == "prefetch" ? 1 : 2;
  unsigned flags = isLoad && !isCta ? 4 : 2;
  if (args.size() < first + rank + flags)
    return x.reject();
  OperandRange coordinates = args.slice(first, rank);
  if (isLoad) {
    bool isMulticast = !isCta && x.isTrue(first + rank + 2);
    emitTmaLoad(x.rewriter, args[0], args[2], args[1], coordinates,
                isMulticast ? args[first + rank] : Value());
    return x.erase();
  }
  if (kind == "prefetch")
    return x.call(Runtime::tma_prefetch,
                  {args[0], x.rewriter.pack(Slot::Coordinates, coordinates),
                   x.rewriter.i32(rank)});
  using R = sim::TmaReduction;
  R reduction = kind == "reduce" ? parseTmaReduction(x.word(5)) : R::None;
  if (kind != "s2g" && reduction == R::None)
    return x.reject();
  emitTmaStore(x.rewriter, args[1], args[0], coordinates, reduction);
  return x.erase();
}

static LogicalResult rewriteBulkCopy(Intrinsic x) {
  StringRef name = x.name;
  if (name.starts_with("cp.async.bulk.tensor."))
    return rewriteTensorCopy(x);
  auto args = x.op.getArgs();
  if (name == "cp.async.bulk.commit.group")
    return x.call(Runtime::bulk_commit, {});
  if (name.starts_with("cp.async.bulk.wait.group") && x.size() == 1)
    return x.call(Runtime::bulk_wait, {args[0], x.rewriter.i32(x.has("read"))});
  if (name == "cp.async.bulk.global.to.shared.cluster" && x.size() >= 8)
    return x.call(Runtime::bulk_load,
                  {args[0], args[2], args[1], args[3],
                   x.isTrue(6) ? args[4] : x.rewriter.i32(0)});
  if (name == "cp.async.bulk.global.to.shared.cta" && x.size() >= 4)
    return x.call(Runtime::bulk_load,
                  {args[0], args[2], args[1], args[3], x.rewriter.i32(0)});
  if (name == "cp.async.bulk.shared.cta.to.cluster" && x.size() == 4)
    return x.call(Runtime::bulk_copy_shared,
                  {args[0], args[2], args[1], args[3]});
  if (name == "cp.async.bulk.shared.cta.to.global" && x.size() >= 3)
    return x.call(Runtime::bulk_store, {args[0], args[1], args[2]});
  if (name == "cp.async.bulk.prefetch.L2" && x.size() >= 2)
    return x.call(Runtime::bulk_prefetch, {args[0], args[1]});
  return x.reject();
}

/// cp.async.cg.shared.global.16.s(target, source, size)
LogicalResult tosim::rewriteCopy(Intrinsic x) {
  if (x.word(2) == "bulk")
    return rewriteBulkCopy(x);
  if (x.word(2) == "commit")
    return x.call(Runtime::cp_async_commit, {});
  if (x.word(2) == "wait") {
    if (x.size())
      return x.call(Runtime::cp_async_wait, {x.arg(0)});
    // All copies: also those that no group has yet.
    x.rewriter.call(Runtime::cp_async_commit, {x.rewriter.site()});
    return x.call(Runtime::cp_async_wait, {x.rewriter.i32(0)});
  }
  if (x.word(2) == "mbarrier" && x.size() == 1)
    return x.call(Runtime::cp_async_mbarrier_arrive,
                  {x.arg(0), x.rewriter.i32(x.has("noinc"))});
  unsigned bytes;
  if (x.word(5).getAsInteger(10, bytes) || x.size() < 2)
    return x.reject();
  Value size = x.rewriter.i32(bytes);
  return x.call(Runtime::cp_async,
                {x.arg(0), x.arg(1), size, x.size() > 2 ? x.arg(2) : size});
}

//===----------------------------------------------------------------------===//
// mbarriers and wgmma
//===----------------------------------------------------------------------===//

LogicalResult tosim::rewriteMBarrierIntrinsic(Intrinsic x) {
  namespace A = sim::ArriveFlags;
  namespace W = sim::WaitFlags;
  StringRef name = x.word(1);
  auto args = x.op.getArgs();
  bool expects = x.name.contains(".expect.tx");
  if (name == "init" && x.size() == 2)
    return x.call(Runtime::mbarrier_init, {args[0], args[1]});
  if (name == "inval" && x.size() == 1)
    return x.call(Runtime::mbarrier_inval, {args[0]});
  if (name == "expect" && x.size() == 2)
    return x.call(Runtime::mbarrier_expect_tx, {args[0], args[1]});
  if (name == "complete" && x.size() == 2)
    return x.call(Runtime::mbarrier_complete_tx, {args[0], args[1]});
  if (name == "pending" && x.size() == 1)
    return x.replace(
        x.rewriter.call(Runtime::mbarrier_pending_count, {args[0]}));
  if (name == "arrive" && (x.size() == 1 || x.size() == 2)) {
    unsigned flags = (x.has("drop") ? unsigned(A::Drop) : 0) |
                     (x.has("noComplete") ? unsigned(A::NoComplete) : 0) |
                     (x.has("relaxed") ? unsigned(A::Relaxed) : 0);
    return x.call(expects ? Runtime::mbarrier_arrive_expect_tx
                          : Runtime::mbarrier_arrive,
                  {args[0], x.size() == 2 ? args[1] : x.rewriter.i32(1),
                   x.rewriter.i32(flags)});
  }
  if ((name == "try" || name == "test") && x.size() >= 2) {
    unsigned flags = (x.has("parity") ? unsigned(W::Parity) : 0) |
                     (name == "try" ? unsigned(W::Try) : 0) |
                     (x.has("relaxed") ? unsigned(W::Relaxed) : 0);
    return x.call(Runtime::mbarrier_wait,
                  {args[0], args[1], x.rewriter.i32(flags)});
  }
  return x.reject();
}

LogicalResult tosim::rewriteWgmmaIntrinsic(Intrinsic x) {
  if (x.word(1) == "fence")
    return x.call(Runtime::wgmma_fence, {});
  if (x.word(1) == "commit_group")
    return x.call(Runtime::wgmma_commit, {});
  if (x.word(1) == "wait_group" && x.size() == 1)
    return x.call(Runtime::wgmma_wait, {x.arg(0)});
  return x.reject();
}
