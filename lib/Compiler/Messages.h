//===- Messages.h - diagnostics as text -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_COMPILER_MESSAGES_H
#define PEERMLA_LIB_COMPILER_MESSAGES_H

#include "mlir/IR/Diagnostics.h"
#include "peermla/Compiler/Compiler.h"
#include "llvm/Support/raw_ostream.h"

namespace peermla {

/// Appends every diagnostic of a context to an answer while it lives, instead
/// of printing it, and notes there whether LLVM failed.
class MessageCollector : public mlir::SourceMgrDiagnosticHandler {
public:
  MessageCollector(llvm::SourceMgr &sources, mlir::MLIRContext *context,
                   Answer &answer);

private:
  void collect(mlir::Diagnostic &diagnostic);

  Answer &answer;
  std::string buffer;
  llvm::raw_string_ostream stream;
};

} // namespace peermla

#endif // PEERMLA_LIB_COMPILER_MESSAGES_H
