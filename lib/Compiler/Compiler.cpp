//===- Compiler.cpp - requests in text, answers in text -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Compiler/Compiler.h"
#include "Messages.h"
#include "mlir/Parser/Parser.h"
#include "peermla/Import/Import.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace peermla;

namespace {
/// A context that lives for one request and collects what is said in it.
class Request {
public:
  Request()
      : context(makeRegistry()), sources(std::make_shared<llvm::SourceMgr>()),
        collector(*sources, &context, answer) {}

  MLIRContext *getContext() { return &context; }
  Location getLoc() { return UnknownLoc::get(&context); }

  /// Checks the options first, since that takes no time.
  OwningOpRef<ModuleOp> parse(const Source &source,
                              const CompilerOptions &options) {
    if (llvm::Error error = verifyOptions(options)) {
      emitError(getLoc()) << llvm::toString(std::move(error));
      return nullptr;
    }
    sources->AddNewSourceBuffer(
        llvm::MemoryBuffer::getMemBufferCopy(source.text, source.name),
        llvm::SMLoc());
    return parseSourceFile<ModuleOp>(sources, &context);
  }

  /// Ends the request without a result. Somebody must have said why.
  Answer fail() {
    auto isError = [](const Message &message) {
      return message.severity == Message::Error;
    };
    if (llvm::none_of(answer.messages, isError))
      emitError(getLoc()) << "the compiler failed and did not say why";
    return std::move(answer);
  }

  /// As `fail`, after the IR was read and the options were found right.
  Answer failInPasses() {
    answer.failedInPasses = true;
    return fail();
  }

  Answer succeed(std::string text) {
    answer.text = std::move(text);
    return std::move(answer);
  }

private:
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerCompiler(registry);
    return registry;
  }

  MLIRContext context;
  std::shared_ptr<llvm::SourceMgr> sources;
  Answer answer;
  MessageCollector collector;
};
} // namespace

/// Weights have values of no interest here, so that text is always small.
static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, importer::getPrintingFlags());
  stream << '\n';
  return text;
}

static Answer answerImport(Request &request,
                           FailureOr<OwningOpRef<ModuleOp>> model) {
  if (failed(model))
    return request.fail();
  return request.succeed(print(**model));
}

Answer peermla::importCheckpoint(StringRef path) {
  Request request;
  return answerImport(request,
                      importer::importModel(path, request.getContext()));
}

Answer peermla::importConfig(StringRef text, StringRef name) {
  Request request;
  return answerImport(request,
                      importer::importModel(text, name, /*headers=*/nullptr,
                                            request.getContext()));
}

Answer peermla::printStage(const Source &source, StringRef stage,
                           const CompilerOptions &options) {
  Request request;
  std::optional<Stage> last = getStage(stage);
  if (!last) {
    emitError(request.getLoc())
        << "unknown stage '" << stage << "', expected one of "
        << llvm::join(getStageNames(), ", ");
    return request.fail();
  }
  OwningOpRef<ModuleOp> model = request.parse(source, options);
  if (!model)
    return request.fail();
  if (failed(runStages(*model, Stage::Model, *last, options)))
    return request.failInPasses();
  return request.succeed(print(*model));
}

Answer peermla::compileModel(const Source &source,
                             const CompilerOptions &options,
                             LibraryOptions library, bool withReport,
                             const Sizes &reportSizes) {
  Report report;
  for (const auto &[name, size] : reportSizes)
    report.sizes[name] = size;
  Request request;
  if (withReport) {
    library.report = &report;
    if (failed(report.collectDecisions(*request.getContext()))) {
      emitError(request.getLoc()) << "cannot collect the remarks of passes";
      return request.fail();
    }
  }
  CompilerOptions described = options;
  described.withReport = withReport;
  OwningOpRef<ModuleOp> model = request.parse(source, options);
  if (!model)
    return request.fail();
  if (failed(runStages(*model, Stage::Model, Stage::Llvm, described)))
    return request.failInPasses();
  if (failed(writeLibrary(*model, library)))
    return request.fail();
  return request.succeed(
      withReport ? llvm::formatv("{0}", report.toJson()).str() : "");
}
