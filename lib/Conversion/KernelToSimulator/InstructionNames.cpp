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
