//===- LlvmErrors.h - errors that arise inside LLVM -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// IR that all passes accept and LLVM does not is a fault of the compiler's.
// Such errors carry a mark, so that whoever hands a diagnostic to people can
// add how to reproduce it.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_LLVMERRORS_H
#define PEERMLA_SUPPORT_LLVMERRORS_H

#include "mlir/IR/Diagnostics.h"

namespace peermla {

inline constexpr llvm::StringLiteral llvmErrorMark = "peermla.llvm";

/// An error with the mark.
inline mlir::InFlightDiagnostic emitLlvmError(mlir::Location loc) {
  mlir::InFlightDiagnostic error = mlir::emitError(loc);
  error.getUnderlyingDiagnostic()->getMetadata().emplace_back(llvmErrorMark);
  return error;
}

/// Whether a diagnostic has the mark.
inline bool isLlvmError(mlir::Diagnostic &diagnostic) {
  return llvm::any_of(
      diagnostic.getMetadata(), [](const mlir::DiagnosticArgument &data) {
        return data.getKind() ==
                   mlir::DiagnosticArgument::DiagnosticArgumentKind::String &&
               data.getAsString() == llvmErrorMark;
      });
}

} // namespace peermla

#endif // PEERMLA_SUPPORT_LLVMERRORS_H
