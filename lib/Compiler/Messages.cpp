//===- Messages.cpp - diagnostics as text ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Messages.h"
#include "mlir/IR/Location.h"
#include "peermla/Support/LlvmErrors.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace peermla;

// The base class gets the address of the stream before the stream is made; it
// writes only in `collect`.
MessageCollector::MessageCollector(llvm::SourceMgr &sources,
                                   MLIRContext *context, Answer &answer)
    : SourceMgrDiagnosticHandler(sources, context, stream), answer(answer),
      stream(buffer) {
  setHandler([this](Diagnostic &diagnostic) { collect(diagnostic); });
}

static Message::Severity getSeverity(const Diagnostic &diagnostic) {
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    return Message::Error;
  case DiagnosticSeverity::Warning:
    return Message::Warning;
  case DiagnosticSeverity::Note:
  case DiagnosticSeverity::Remark:
    return Message::Remark;
  }
  llvm_unreachable("all severities are handled");
}

void MessageCollector::collect(Diagnostic &diagnostic) {
  buffer.clear();
  if (diagnostic.getLocation()->findInstanceOf<FileLineColLoc>()) {
    emitDiagnostic(diagnostic);
  } else {
    stream << diagnostic << '\n';
    for (Diagnostic &note : diagnostic.getNotes())
      stream << "note: " << note << '\n';
  }
  answer.failedInPasses |= isLlvmError(diagnostic);
  answer.messages.push_back(
      {getSeverity(diagnostic), StringRef(buffer).rtrim().str()});
}
