//===- CodeGen.h - machine code of one CPU level --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A nested module of one level -> LLVM IR -> optimised IR -> object or text.
// Functions of the table become hidden, all others internal; every function
// carries the level's processor, so that nothing depends on a default.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_LIBRARY_CODEGEN_H
#define PEERMLA_TARGET_LIBRARY_CODEGEN_H

#include "peermla/Target/Library/Library.h"
#include "peermla/Target/Library/Metadata.h"
#include "peermla/Target/Library/Report.h"
#include "llvm/ADT/SmallVector.h"

namespace peermla {

/// Code in memory: an ELF object, or text.
using Code = llvm::SmallVector<char, 0>;

/// Compiles one level up to `artifact`; `Library` means its object. Adds facts
/// about its functions to `report`, which may be null.
mlir::FailureOr<Code> compileLevel(const LevelModule &level, Artifact artifact,
                                   LevelReport *report = nullptr);

/// Compiles all levels, several at a time.
mlir::FailureOr<std::vector<Code>>
compileLevels(llvm::ArrayRef<LevelModule> levels, Artifact artifact,
              Report *report = nullptr);

/// The object of a module without code worth optimising, for the baseline
/// processor of `architecture`.
mlir::FailureOr<Code> emitModelObject(mlir::Location loc, llvm::Module &module,
                                      llvm::StringRef architecture);

/// Emits an error on `loc` for every symbol that `object`, made of `level`,
/// needs and that neither the runtime nor the C and math libraries define; of a
/// simulated kernel, nor the simulator.
mlir::LogicalResult verifyUndefinedSymbols(mlir::Location loc,
                                           const LevelModule &level,
                                           llvm::ArrayRef<char> object);

} // namespace peermla

#endif // PEERMLA_TARGET_LIBRARY_CODEGEN_H
