//===- InstructionNames.h - words of PTX and of intrinsics ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inline PTX and intrinsics call the variants of an instruction by the same
// words.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_KERNELTOSIMULATOR_INSTRUCTIONNAMES_H
#define PEERMLA_CONVERSION_KERNELTOSIMULATOR_INSTRUCTIONNAMES_H

#include "Instructions.h"

namespace peermla::tosim {

/// bfly, up, down, idx.
std::optional<sim::ShuffleKind> parseShuffle(llvm::StringRef word);
/// any, all, uni, ballot.
std::optional<sim::VoteKind> parseVote(llvm::StringRef word);
/// ex2, lg2, ..., tanh, div.
std::optional<sim::ApproxFunction> parseApproximate(llvm::StringRef word);
/// add, min, ..., xor, exch, cas: the word among `words` that is one.
std::optional<sim::AtomicOp> parseAtomic(llvm::ArrayRef<llvm::StringRef> words);
/// add, min, ..., xor; None for other words.
sim::TmaReduction parseTmaReduction(llvm::StringRef word);

} // namespace peermla::tosim

#endif // PEERMLA_CONVERSION_KERNELTOSIMULATOR_INSTRUCTIONNAMES_H
