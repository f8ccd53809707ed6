//===- Intrinsics.cpp - intrinsics of NVPTX -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What LLVM IR holds in place of NVVM ops when it is read back: the kernel as
// the code generator gets it. The words of a name after `llvm.nvvm` say what an
// intrinsic does; flags for hints come last among its arguments.
//
//===----------------------------------------------------------------------===//

#include "IntrinsicCall.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

static LogicalResult rewritePrefetch(Intrinsic x) {
  auto kind = x.has("tensormap") ? sim::PrefetchKind::TensorMap
              : x.has("L1")      ? sim::PrefetchKind::L1
                                 : sim::PrefetchKind::L2;
  return x.size() == 1
             ? x.call(Runtime::prefetch, {x.arg(0), x.rewriter.i32(kind)})
             : x.reject();
}

static LogicalResult rewriteOther(Intrinsic x) {
  Rewriter &rewriter = x.rewriter;
  StringRef name = x.name;
  if (name.consume_front("read.ptx.sreg.")) {
    Value value = readSpecialRegister(rewriter, name);
    return value ? x.replace(value) : x.reject();
  }
  if (name == "bar.warp.sync" && x.size() == 1)
    return x.call(Runtime::warp_sync, {x.arg(0)});
  if (name == "barrier0")
    return emitBarrier(rewriter, Value(), Value()), x.erase();
  if (name == "elect.sync" && x.size() == 1)
    return x.replace(emitElect(rewriter, x.arg(0)));
  if (name == "activemask")
    return x.call(Runtime::active_mask, {});
  if (name.starts_with("setmaxnreg.") && x.size() == 1)
    return x.call(Runtime::set_max_registers,
                  {x.arg(0), rewriter.i32(x.word(1) == "inc")});
  if (name.starts_with("griddepcontrol."))
    return x.call(Runtime::grid_dependency,
                  {rewriter.i32(x.word(1) == "wait")});
  if (name == "nanosleep" && x.size() == 1)
    return x.call(Runtime::nanosleep, {x.arg(0)});
  if (name == "exit")
    return x.call(Runtime::exit, {});
  if (name.starts_with("mapa") && x.size() == 2)
    return x.call(Runtime::map_shared, {x.arg(0), x.arg(1)});
  if (name.starts_with("getctarank") && x.size() == 1)
    return x.replace(rewriter.call(Runtime::shared_rank, {x.arg(0)}));
  if (name.starts_with("isspacep.") && x.size() == 1) {
    using M = sim::MemorySpace;
    auto space = x.has("cluster")  ? M::SharedCluster
                 : x.has("shared") ? M::Shared
                 : x.has("global") ? M::Global
                 : x.has("const")  ? M::Constant
                                   : M::Local;
    return x.replace(
        rewriter.call(Runtime::is_space, {x.arg(0), rewriter.i32(space)}));
  }
  if (name.starts_with("ptr.") && x.size() == 1) // between address spaces
    return x.replace(x.arg(0));
  OpBuilder &b = rewriter.builder;
  if (name.starts_with("fma.rn") && x.size() == 3 && x.words.size() == 3)
    return x.replace(
        LLVM::FMAOp::create(b, x.op.getLoc(), x.arg(0), x.arg(1), x.arg(2)));
  if ((name == "fmax.f" || name == "fmax.ftz.f") && x.size() == 2)
    return x.replace(
        LLVM::MaxNumOp::create(b, x.op.getLoc(), x.arg(0), x.arg(1)));
  if ((name == "fmin.f" || name == "fmin.ftz.f") && x.size() == 2)
    return x.replace(
        LLVM::MinNumOp::create(b, x.op.getLoc(), x.arg(0), x.arg(1)));
  return rewriteConvert(x);
}

//===----------------------------------------------------------------------===//
// Functions that every kernel may call
//===----------------------------------------------------------------------===//

static Outcome rewriteCall(Rewriter &rewriter, LLVM::CallOp op) {
  StringRef callee = op.getCallee().value_or("");
  auto args = op.getArgOperands();
  if (callee == "vprintf" && args.size() == 2) {
    rewriter.replace(
        rewriter.call(Runtime::print, {args[0], args[1], rewriter.site()}));
    return success();
  }
  if (callee == "__assertfail" && args.size() >= 4) {
    rewriter.call(Runtime::assert_fail,
                  {args[0], args[1], args[2], args[3], rewriter.site()});
    rewriter.erase();
    return success();
  }
  return std::nullopt;
}

Outcome tosim::rewriteIntrinsic(Rewriter &rewriter, Operation *op) {
  if (auto call = dyn_cast<LLVM::CallOp>(op))
    return rewriteCall(rewriter, call);
  auto call = dyn_cast<LLVM::CallIntrinsicOp>(op);
  if (!call)
    return std::nullopt;
  StringRef name = call.getIntrin();
  rewriter.setSiteName(name);
  if (!name.consume_front("llvm.nvvm."))
    return rewriter.reject("");
  Intrinsic x{rewriter, call, name, {}};
  name.split(x.words, '.');
  using Rewrite = LogicalResult (*)(Intrinsic);
  auto rewrite = llvm::StringSwitch<Rewrite>(x.word(0))
                     .Case("barrier", rewriteBarrier)
                     .Cases({"fence", "membar"}, rewriteFence)
                     .Case("shfl", rewriteShuffle)
                     .Case("vote", rewriteVote)
                     .Case("match", rewriteMatch)
                     .Case("redux", rewriteReduce)
                     .Case("ldmatrix", rewriteLoadMatrix)
                     .Case("stmatrix", rewriteStoreMatrix)
                     .Case("mma", rewriteMma)
                     .Case("cp", rewriteCopy)
                     .Case("mbarrier", rewriteMBarrierIntrinsic)
                     .Case("wgmma", rewriteWgmmaIntrinsic)
                     .Cases({"ex2", "lg2", "rcp", "rsqrt", "sqrt", "sin", "cos",
                             "tanh", "div"},
                            rewriteApproximate)
                     .Cases({"prefetch", "prefetchu"}, rewritePrefetch)
                     .Default(rewriteOther);
  return rewrite(x);
}
