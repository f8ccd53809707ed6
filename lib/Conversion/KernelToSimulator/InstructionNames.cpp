//===- InstructionNames.cpp - words of PTX and of intrinsics ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InstructionNames.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

std::optional<sim::ShuffleKind> tosim::parseShuffle(StringRef word) {
  return llvm::StringSwitch<std::optional<sim::ShuffleKind>>(word)
      .Case("bfly", sim::ShuffleKind::Butterfly)
      .Case("up", sim::ShuffleKind::Up)
      .Case("down", sim::ShuffleKind::Down)
      .Case("idx", sim::ShuffleKind::Index)
      .Default(std::nullopt);
}

std::optional<sim::VoteKind> tosim::parseVote(StringRef word) {
  return llvm::StringSwitch<std::optional<sim::VoteKind>>(word)
      .Case("any", sim::VoteKind::Any)
      .Case("all", sim::VoteKind::All)
      .Case("uni", sim::VoteKind::Uniform)
      .Case("ballot", sim::VoteKind::Ballot)
      .Default(std::nullopt);
}

std::optional<sim::ApproxFunction> tosim::parseApproximate(StringRef word) {
  using F = sim::ApproxFunction;
  return llvm::StringSwitch<std::optional<F>>(word)
      .Case("ex2", F::Exp2)
      .Case("lg2", F::Log2)
      .Case("rcp", F::Reciprocal)
      .Case("rsqrt", F::ReciprocalSqrt)
      .Case("sqrt", F::Sqrt)
      .Case("sin", F::Sin)
      .Case("cos", F::Cos)
      .Case("tanh", F::Tanh)
      .Case("div", F::Divide)
      .Default(std::nullopt);
}

std::optional<sim::AtomicOp> tosim::parseAtomic(ArrayRef<StringRef> words) {
  using A = sim::AtomicOp;
  std::optional<A> op;
  for (StringRef word : words)
    op = llvm::StringSwitch<std::optional<A>>(word)
             .Case("add", A::Add)
             .Case("min", A::Min)
             .Case("max", A::Max)
             .Case("inc", A::Inc)
             .Case("dec", A::Dec)
             .Case("and", A::And)
             .Case("or", A::Or)
             .Case("xor", A::Xor)
             .Case("exch", A::Exchange)
             .Case("cas", A::Cas)
             .Default(op);
  return op;
}

sim::TmaReduction tosim::parseTmaReduction(StringRef word) {
  using R = sim::TmaReduction;
  return llvm::StringSwitch<R>(word)
      .Case("add", R::Add)
      .Case("min", R::Min)
      .Case("max", R::Max)
      .Case("inc", R::Inc)
      .Case("dec", R::Dec)
      .Case("and", R::And)
      .Case("or", R::Or)
      .Case("xor", R::Xor)
      .Default(R::None);
}
