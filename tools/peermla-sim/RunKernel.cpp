//===- RunKernel.cpp - one module: from its text to reports ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunKernel.h"
#include "KernelArguments.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/ToolUtilities.h"
#include "peermla/Target/Simulator/Jit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace peermla;
using namespace peermla::simulate;

void simulate::printError(const Twine &message) {
  WithColor::error(errs(), "peermla-sim") << message << "\n";
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

namespace {

struct ParsedKernel {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string name;
  SmallVector<Parameter> parameters;
};

} // namespace

/// The kernel of the request, or the only one.
static Expected<std::string> chooseKernel(mlir::ModuleOp module,
                                          const std::string &wanted) {
  std::vector<std::string> names = getKernelNames(module);
  if (is_contained(names, wanted))
    return wanted;
  if (wanted.empty() && names.size() == 1)
    return names.front();
  std::string list = names.empty() ? "none" : join(names, ", ");
  if (wanted.empty())
    return createStringError("expected --kernel with one of the kernels: " +
                             list);
  return createStringError("no kernel '" + wanted +
                           "'; the module's kernels: " + list);
}

/// `tq` of `%tq`, where the module was text.
static std::string getName(mlir::BlockArgument argument,
                           const mlir::AsmParserState &state) {
  const auto *block = state.getBlockDef(argument.getOwner());
  if (!block || argument.getArgNumber() >= block->arguments.size())
    return "";
  SMRange range = block->arguments[argument.getArgNumber()].loc;
  if (!range.isValid())
    return "";
  StringRef text(range.Start.getPointer(),
                 range.End.getPointer() - range.Start.getPointer());
  text.consume_front("%");
  return text.str();
}

static Expected<ParsedKernel>
parse(SourceMgr &sources, mlir::MLIRContext &context, const Request &request) {
  ParsedKernel kernel;
  mlir::AsmParserState state;
  mlir::Block body;
  mlir::ParserConfig config(&context);
  if (failed(mlir::parseAsmSourceFile(sources, &body, config, &state)))
    return createStringError("the module cannot be read");
  // The module is the one op of the text, or what it lacks.
  if (body.getOperations().size() == 1 && isa<mlir::ModuleOp>(body.front())) {
    mlir::Operation *op = &body.front();
    op->remove();
    kernel.module = cast<mlir::ModuleOp>(op);
  } else {
    kernel.module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    mlir::Block *target = kernel.module->getBody();
    target->getOperations().splice(target->end(), body.getOperations());
  }
  if (failed(mlir::verify(*kernel.module)))
    return createStringError("the module is not valid");
  Expected<std::string> name = chooseKernel(*kernel.module, request.kernel);
  if (!name)
    return name.takeError();
  kernel.name = *name;
  kernel.module->walk([&](mlir::LLVM::LLVMFuncOp function) {
    if (function.getSymName() != kernel.name || function.isExternal())
      return;
    kernel.parameters.clear();
    for (mlir::BlockArgument argument : function.getArguments())
      kernel.parameters.push_back(
          {getName(argument, state), argument.getType(),
           function.getArgAttr(argument.getArgNumber(), "llvm.byval") !=
               nullptr});
  });
  if (request.parameters.empty())
    return kernel;
  if (request.parameters.size() != kernel.parameters.size())
    return createStringError("expected --parameters with " +
                             Twine(kernel.parameters.size()) + " names, got " +
                             Twine(request.parameters.size()));
  for (auto [parameter, name] :
       zip_equal(kernel.parameters, request.parameters))
    parameter.name = name;
  return kernel;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

static void printCounters(const sim::Counters &counters) {
  raw_ostream &os = outs();
  for (unsigned i = 0; i < sim::kNumInstructionClasses; ++i)
    if (counters.instructions[i])
      os << sim::getName(static_cast<sim::InstructionClass>(i)) << ": "
         << counters.instructions[i] << "\n";
  os << "matrix FLOP: " << counters.matrixFlop << "\n"
     << "global sectors: " << counters.globalSectors << ", ideal "
     << counters.globalIdealSectors << "\n"
     << "shared wavefronts: " << counters.sharedWavefronts << ", ideal "
     << counters.sharedIdealWavefronts << "\n"
     << "TMA bytes: " << counters.tmaLoadBytes << " loaded, "
     << counters.tmaStoreBytes << " stored\n"
     << "barrier waits: " << counters.barrierWaits << "\n";
}

static void print(const sim::Result &result, const sim::Launch &launch,
                  unsigned part, size_t number, uint64_t seed,
                  const Request &request) {
  if (!request.prints)
    return;
  if (request.printsJson) {
    json::Object line{{"part", part}, {"launch", number}, {"seed", seed}};
    if (Expected<json::Value> value = json::parse(result.getJson(launch)))
      line["result"] = std::move(*value);
    else
      line["error"] = toString(value.takeError());
    outs() << json::Value(std::move(line)) << "\n";
    outs().flush();
    return;
  }
  errs() << result.getText(launch);
  if (request.counts)
    printCounters(result.total);
}

/// An error of one part; JSON has a line for it, too.
static Outcome fail(Error error, unsigned part, const Request &request) {
  std::string message = toString(std::move(error));
  printError(message);
  if (request.printsJson)
    outs() << json::Value(json::Object{{"part", part}, {"error", message}})
           << "\n";
  return Outcome::Failed;
}

/// The file for what a launch wrote.
static std::string getOutputPath(std::string path, unsigned part,
                                 size_t number) {
  for (auto [word, value] : {std::pair<StringRef, size_t>("%d", part),
                             std::pair<StringRef, size_t>("%l", number)})
    if (size_t place = path.find(word); place != std::string::npos)
      path.replace(place, word.size(), std::to_string(value));
  return path;
}

/// Does all launches of the request and writes what they wrote.
static Expected<Outcome> launchKernel(const sim::KernelDescriptor *descriptor,
                                      KernelArguments &arguments, unsigned part,
                                      const Request &request) {
  sim::Launch launch;
  launch.kernel = descriptor;
  launch.grid = request.grid;
  launch.block = request.block;
  launch.cluster = request.cluster;
  launch.dynamicShared = request.shared;
  arguments.addTo(launch);
  Outcome outcome = Outcome::Clean;
  for (auto [number, spec] : enumerate(request.launches)) {
    sim::Options options = spec.options;
    for (unsigned run = 0; run < spec.runs; ++run, ++options.seed) {
      if (number > 0 || run > 0)
        if (Error error = arguments.reset())
          return std::move(error);
      sim::Result result = sim::run(launch, options);
      print(result, launch, part, number, options.seed, request);
      if (!result.reports.empty() || !result.completed)
        outcome = Outcome::Reported;
    }
    if (!request.outputs.empty())
      if (Error error =
              arguments.write(getOutputPath(request.outputs, part, number)))
        return std::move(error);
  }
  return outcome;
}

Outcome simulate::runKernel(std::unique_ptr<MemoryBuffer> text, unsigned part,
                            const Request &request) {
  mlir::DialectRegistry registry;
  registerSimulatorTarget(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(text), SMLoc());
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);

  Expected<ParsedKernel> kernel = parse(sources, context, request);
  if (!kernel)
    return fail(kernel.takeError(), part, request);
  KernelArguments arguments(request);
  if (Error error = arguments.load(kernel->parameters))
    return fail(std::move(error), part, request);

  SimulatorJitOptions jitOptions;
  jitOptions.kernel = kernel->name;
  jitOptions.count =
      request.counts || request.launches.front().options.instructionLimit > 0;
  auto kernels = SimulatedKernels::compile(*kernel->module, jitOptions);
  if (failed(kernels))
    return fail(createStringError("the kernel cannot be simulated"), part,
                request);
  const sim::KernelDescriptor *descriptor = (*kernels)->find(kernel->name);
  if (!descriptor)
    return fail(createStringError("no code for kernel '" + kernel->name + "'"),
                part, request);
  Expected<Outcome> outcome =
      launchKernel(descriptor, arguments, part, request);
  if (!outcome)
    return fail(outcome.takeError(), part, request);
  return *outcome;
}
