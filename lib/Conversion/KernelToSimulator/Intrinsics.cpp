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

#include "Instructions.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

namespace {

/// The call of an intrinsic and the words of its name.
struct Intrinsic {
  Rewriter &rewriter;
  LLVM::CallIntrinsicOp op;
  StringRef name;
  SmallVector<StringRef, 12> words;

  bool has(StringRef word) const { return llvm::is_contained(words, word); }
  StringRef word(unsigned index) const {
    return index < words.size() ? words[index] : "";
  }
  size_t size() { return op.getArgs().size(); }
  Value arg(unsigned index) { return op.getArgs()[index]; }
  Type getResultType() {
    return op.getNumResults() ? op.getResult(0).getType() : Type();
  }

  LogicalResult call(Runtime function, ArrayRef<Value> arguments) {
    SmallVector<Value> all(arguments);
    all.push_back(rewriter.site());
    Value result = rewriter.call(function, all);
    return result ? replace(result) : erase();
  }
  LogicalResult replace(Value value) {
    rewriter.replace(value);
    return success();
  }
  LogicalResult replace(Predicated result) {
    rewriter.replaceByFragment({result.value, result.predicate});
    return success();
  }
  LogicalResult erase() {
    rewriter.erase();
    return success();
  }
  LogicalResult reject() { return rewriter.reject(""); }
  /// Whether an argument is the constant true.
  bool isTrue(unsigned index) {
    APInt value;
    return matchPattern(arg(index), m_ConstantInt(&value)) && !value.isZero();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

static LogicalResult rewriteBarrier(Intrinsic x) {
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

static LogicalResult rewriteFence(Intrinsic x) {
  auto kind = x.has("mbarrier")    ? sim::FenceKind::MbarrierInit
              : x.has("tensormap") ? sim::FenceKind::ProxyTensormap
              : x.has("alias")     ? sim::FenceKind::ProxyAlias
              : x.has("proxy")     ? sim::FenceKind::ProxyAsync
                                   : sim::FenceKind::Memory;
  if (x.has("mbarrier_init"))
    kind = sim::FenceKind::MbarrierInit;
  emitFence(x.rewriter, kind);
  return x.erase();
}

/// shfl.sync.bfly.f32p(mask, value, lane, clamp)
static LogicalResult rewriteShuffle(Intrinsic x) {
  auto kind = llvm::StringSwitch<std::optional<sim::ShuffleKind>>(x.word(2))
                  .Case("bfly", sim::ShuffleKind::Butterfly)
                  .Case("up", sim::ShuffleKind::Up)
                  .Case("down", sim::ShuffleKind::Down)
                  .Case("idx", sim::ShuffleKind::Index)
                  .Default(std::nullopt);
  if (!kind || x.size() != 4)
    return x.reject();
  return x.replace(
      emitShuffle(x.rewriter, *kind, x.arg(0), x.arg(1), x.arg(2), x.arg(3)));
}

/// vote.ballot.sync(mask, predicate)
static LogicalResult rewriteVote(Intrinsic x) {
  auto kind = llvm::StringSwitch<std::optional<sim::VoteKind>>(x.word(1))
                  .Case("any", sim::VoteKind::Any)
                  .Case("all", sim::VoteKind::All)
                  .Case("uni", sim::VoteKind::Uniform)
                  .Case("ballot", sim::VoteKind::Ballot)
                  .Default(std::nullopt);
  if (!kind || x.size() != 2)
    return x.reject();
  return x.call(Runtime::vote, {x.rewriter.i32(*kind), x.arg(0), x.arg(1)});
}

static LogicalResult rewriteMatch(Intrinsic x) {
  if (x.size() != 2)
    return x.reject();
  if (x.word(1) == "all")
    return x.replace(emitMatchAll(x.rewriter, x.arg(0), x.arg(1)));
  return x.call(Runtime::match_any, {x.arg(0), x.arg(1)});
}

/// redux.sync.umin(value, mask)
static LogicalResult rewriteReduce(Intrinsic x) {
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

static LogicalResult rewriteLoadMatrix(Intrinsic x) {
  unsigned count = x.has("x1") ? 1 : x.has("x2") ? 2 : x.has("x4") ? 4 : 0;
  if (!count || !x.has("m8n8") || !x.has("b16") || x.size() != 1)
    return x.reject();
  SmallVector<Type> types = Rewriter::getRegisterTypes(x.getResultType());
  x.rewriter.replaceByFragment(
      emitLdMatrix(x.rewriter, x.arg(0), count, x.has("trans"), types));
  return success();
}

static LogicalResult rewriteStoreMatrix(Intrinsic x) {
  if (!x.has("m8n8") || !x.has("b16") || x.size() < 2)
    return x.reject();
  emitStMatrix(x.rewriter, x.arg(0), x.op.getArgs().drop_front(),
               x.has("trans"));
  return x.erase();
}

/// mma.m16n8k16.row.col.f32.f32, .bf16, .satfinite.s8, .f32.e4m3.e5m2.f32
static LogicalResult rewriteMma(Intrinsic x) {
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
  auto reduction = R::None;
  if (kind == "reduce")
    reduction = llvm::StringSwitch<R>(x.word(5))
                    .Case("add", R::Add)
                    .Case("min", R::Min)
                    .Case("max", R::Max)
                    .Case("inc", R::Inc)
                    .Case("dec", R::Dec)
                    .Case("and", R::And)
                    .Case("or", R::Or)
                    .Case("xor", R::Xor)
                    .Default(R::None);
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
static LogicalResult rewriteCopy(Intrinsic x) {
  if (x.word(2) == "bulk")
    return rewriteBulkCopy(x);
  if (x.word(2) == "commit")
    return x.call(Runtime::cp_async_commit, {});
  if (x.word(2) == "wait")
    return x.call(Runtime::cp_async_wait,
                  {x.size() ? x.arg(0) : x.rewriter.i32(0)});
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
// mbarriers
//===----------------------------------------------------------------------===//

static LogicalResult rewriteMBarrierIntrinsic(Intrinsic x) {
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

//===----------------------------------------------------------------------===//
// wgmma, functions and conversions
//===----------------------------------------------------------------------===//

static LogicalResult rewriteWgmmaIntrinsic(Intrinsic x) {
  if (x.word(1) == "fence")
    return x.call(Runtime::wgmma_fence, {});
  if (x.word(1) == "commit_group")
    return x.call(Runtime::wgmma_commit, {});
  if (x.word(1) == "wait_group" && x.size() == 1)
    return x.call(Runtime::wgmma_wait, {x.arg(0)});
  return x.reject();
}

/// ex2.approx.ftz.f32(x), div.approx.f(x, y)
static LogicalResult rewriteApproximate(Intrinsic x) {
  using F = sim::ApproxFunction;
  auto function = llvm::StringSwitch<F>(x.word(0))
                      .Case("ex2", F::Exp2)
                      .Case("lg2", F::Log2)
                      .Case("rcp", F::Reciprocal)
                      .Case("rsqrt", F::ReciprocalSqrt)
                      .Case("sqrt", F::Sqrt)
                      .Case("sin", F::Sin)
                      .Case("cos", F::Cos)
                      .Case("tanh", F::Tanh)
                      .Default(F::Divide);
  bool isDivision = function == F::Divide;
  if (x.size() != (isDivision ? 2u : 1u))
    return x.reject();
  bool isApproximate = x.has("approx") || x.has("full");
  Type type = x.arg(0).getType();
  if (isApproximate && type.isF32())
    return x.replace(
        x.rewriter.call(Runtime::approx, {x.rewriter.i32(function), x.arg(0),
                                          x.arg(isDivision ? 1 : 0),
                                          x.rewriter.i32(x.has("ftz"))}));
  Type element = getElementTypeOrSelf(type);
  if (isApproximate && !isDivision && (element.isF16() || element.isBF16()))
    return x.replace(x.rewriter.call(
        Runtime::approx_pair,
        {x.rewriter.i32(function),
         x.rewriter.i32(element.isF16() ? sim::ElementType::F16
                                        : sim::ElementType::BF16),
         x.arg(0)}));
  OpBuilder &b = x.rewriter.builder;
  if (isDivision && x.has("rn"))
    return x.replace(
        LLVM::FDivOp::create(b, x.op.getLoc(), x.arg(0), x.arg(1)));
  if (function == F::Sqrt && isa<FloatType>(type) && !isApproximate)
    return x.replace(LLVM::SqrtOp::create(b, x.op.getLoc(), x.arg(0)));
  if (function == F::Reciprocal && x.has("rn")) {
    Value one = LLVM::ConstantOp::create(b, x.op.getLoc(), type,
                                         b.getFloatAttr(type, 1.0));
    return x.replace(LLVM::FDivOp::create(b, x.op.getLoc(), one, x.arg(0)));
  }
  return x.reject();
}

static unsigned getRounding(const Intrinsic &x) {
  namespace F = sim::RoundingFlags;
  unsigned flags = x.has("rz")    ? unsigned(F::Zero)
                   : x.has("rna") ? unsigned(F::NearestAway)
                   : x.has("rm")  ? unsigned(F::Down)
                   : x.has("rp")  ? unsigned(F::Up)
                                  : unsigned(F::Nearest);
  if (x.has("relu"))
    flags |= F::Relu;
  if (x.has("satfinite"))
    flags |= F::Saturate;
  return flags;
}

/// ff2bf16x2.rn, f2tf32.rna, ff.to.e4m3x2.rn, e4m3x2.to.f16x2.rn, ...
static LogicalResult rewriteConvert(Intrinsic x) {
  using E = sim::ElementType;
  Value flags = x.rewriter.i32(getRounding(x));
  auto parsePair = [](StringRef text) {
    return text.consume_back("x2") ? parseElementType(text) : std::nullopt;
  };
  StringRef first = x.word(0);
  if (x.has("rs"))
    return x.reject();
  if (first == "ff2bf16x2" || first == "ff2f16x2") {
    E to = first == "ff2bf16x2" ? E::BF16 : E::F16;
    return x.size() == 2 ? x.replace(x.rewriter.call(
                               Runtime::convert_pair_from_f32,
                               {x.arg(0), x.arg(1), x.rewriter.i32(to), flags}))
                         : x.reject();
  }
  if (first == "f2bf16" || first == "f2f16" || first == "f2tf32") {
    E to = first == "f2bf16" ? E::BF16 : first == "f2f16" ? E::F16 : E::TF32;
    return x.size() == 1 ? x.replace(x.rewriter.call(
                               Runtime::convert_from_f32,
                               {x.arg(0), x.rewriter.i32(to), flags}))
                         : x.reject();
  }
  if (x.word(1) != "to")
    return x.reject();
  auto to = parsePair(x.word(2));
  if (first == "ff" && to && x.size() == 2)
    return x.replace(
        x.rewriter.call(Runtime::convert_pair_from_f32,
                        {x.arg(0), x.arg(1), x.rewriter.i32(*to), flags}));
  auto from = parsePair(first);
  if (from && to && x.size() == 1)
    return x.replace(
        x.rewriter.call(Runtime::convert_pair, {x.arg(0), x.rewriter.i32(*from),
                                                x.rewriter.i32(*to), flags}));
  return x.reject();
}

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
