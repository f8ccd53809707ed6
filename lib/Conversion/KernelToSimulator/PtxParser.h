//===- PtxParser.h - the text of inline PTX -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Splits the text of an inline assembly into statements and operands. It knows
// the syntax of PTX, not its instructions: what an opcode means is the business
// of InlinePtx.cpp.
//
//     { .reg .pred p; @q wgmma.wait_group.sync.aligned 0; L: bra.uni L; }
//
// The text must outlive what is parsed from it.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_KERNELTOSIMULATOR_PTXPARSER_H
#define PEERMLA_CONVERSION_KERNELTOSIMULATOR_PTXPARSER_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <vector>

namespace peermla::tosim {

/// An operand as it is written.
struct PtxOperand {
  enum Kind {
    /// `$3`: an operand of the inline assembly.
    Placeholder,
    /// A register of the text, a label or a special register; `_` too.
    Name,
    /// A number: `42`, `-1`, `0x7f`.
    Integer,
    /// The bits of a float of 32 bits: `0f3F800000`.
    Single,
    /// The bits of one of 64 bits: `0d3FF0000000000000`, `1.5`, `-2e3`.
    Double,
    /// `[x]`, `[x + 8]`, `[x, {c0, c1}]`: `elements` holds x and the rest.
    Address,
    /// `{x, y}`.
    Vector,
    /// `x|p`: a result and its predicate.
    Pair
  };
  Kind kind = Name;
  llvm::StringRef name;
  /// The placeholder, the number, the bits, or the offset of an address.
  int64_t value = 0;
  /// `!p`.
  bool isNegated = false;
  std::vector<PtxOperand> elements;

  bool isSink() const { return kind == Name && name == "_"; }
};

/// One statement. A label, a declaration (`.reg`) and an instruction are
/// statements alike; which of them is told by what is filled in.
struct PtxStatement {
  llvm::StringRef label;
  /// `.reg .b32 r<4>, s;`: the type and the names.
  llvm::StringRef declaredType;
  llvm::SmallVector<llvm::StringRef, 4> declaredNames;
  /// `@p` or `@!p`.
  std::optional<PtxOperand> guard;
  /// `mma.sync.aligned...` at its dots.
  llvm::SmallVector<llvm::StringRef, 8> opcode;
  llvm::SmallVector<PtxOperand, 4> operands;
  /// The statement's text, for messages.
  llvm::StringRef text;
};

/// The statements of `text`. Declarations are not scoped by braces: a name that
/// two of them declare is one register.
llvm::Expected<std::vector<PtxStatement>> parsePtx(llvm::StringRef text);

} // namespace peermla::tosim

#endif // PEERMLA_CONVERSION_KERNELTOSIMULATOR_PTXPARSER_H
