//===- peermla-sim.cpp - run a GPU kernel without a GPU -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunKernel.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/InitLLVM.h"

using namespace llvm;
using namespace peermla;
using namespace peermla::simulate;

static const char overview[] =
    "Runs a GPU kernel on the processor and reports what is wrong with it\n\n"
    "  The module holds kernels in the NVVM and LLVM dialects, also as they "
    "are\n"
    "  after convert-nvvm-to-llvm or read back from LLVM IR. Parameters are\n"
    "  named as in the text (%q is 'q') or by their numbers; tensors of "
    "--args\n"
    "  with these names are their values. Outputs start as NaN.\n\n"
    "    peermla-sim gemm.mlir --grid=2x3 --block=128 --args=in.safetensors\n"
    "      --tensor-map=a:box=64x64,swizzle=128 --output=c:f32:100x80\n"
    "      --set=k=256 --outputs=out.safetensors --async=lazy\n\n"
    "  Exit status: 0 nothing to report, 1 reports, 2 no launch.\n";

namespace {

/// The options of this tool. Made in `main`, after those of the LLVM library
/// are gone: one of them is called `threads`, too.
struct CommandLine {
  cl::OptionCategory category{"peermla-sim options"};
  cl::opt<std::string> module{cl::Positional, cl::desc("MODULE"), cl::init("-"),
                              cl::cat(category)};
  cl::opt<std::string> kernel{"kernel",
                              cl::desc("Kernel to run; default: the only one"),
                              cl::value_desc("NAME"), cl::cat(category)};
  cl::opt<std::string> grid{"grid", cl::desc("Blocks (default 1)"),
                            cl::value_desc("XxYxZ"), cl::init("1"),
                            cl::cat(category)};
  cl::opt<std::string> block{"block", cl::desc("Threads of a block"),
                             cl::value_desc("XxYxZ"), cl::Required,
                             cl::cat(category)};
  cl::opt<std::string> cluster{
      "cluster", cl::desc("Blocks of a cluster (default 1)"),
      cl::value_desc("XxYxZ"), cl::init("1"), cl::cat(category)};
  cl::opt<unsigned> shared{"shared", cl::desc("Bytes of dynamic shared memory"),
                           cl::value_desc("N"), cl::init(0), cl::cat(category)};
  cl::list<std::string> parameters{
      "parameters",
      cl::desc("Names of the kernel's parameters, in their order; default: "
               "those of the text"),
      cl::value_desc("NAME,..."), cl::CommaSeparated, cl::cat(category)};
  cl::opt<std::string> arguments{
      "args", cl::desc("Safetensors file with the arguments"),
      cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<std::string> outputs{
      "outputs",
      cl::desc("Safetensors file to write: the buffers of --output and "
               "--inout after the last launch; '%l' in the name is the number "
               "of the --launch"),
      cl::value_desc("FILE"), cl::cat(category)};
  cl::list<std::string> output{
      "output", cl::desc("A buffer that the kernel fills; NaN before"),
      cl::value_desc("NAME:TYPE:SHAPE"), cl::cat(category)};
  cl::list<std::string> inout{
      "inout", cl::desc("An argument that is written to --outputs, too"),
      cl::value_desc("NAME"), cl::cat(category)};
  cl::list<std::string> set{"set", cl::desc("The value of a number"),
                            cl::value_desc("NAME=VALUE"), cl::cat(category)};
  cl::list<std::string> tensorMap{
      "tensor-map",
      cl::desc("The parameter is a TMA descriptor of its tensor; box and "
               "stride count from the innermost dimension"),
      cl::value_desc("NAME:box=64x64[,swizzle=0|32|64|128][,fill=zero|nan]"
                     "[,stride=1x1]"),
      cl::cat(category)};
  cl::opt<sim::Async> async{
      "async", cl::desc("When asynchronous work happens:"),
      cl::values(
          clEnumValN(sim::Async::Eager, "eager", "when it is issued (default)"),
          clEnumValN(sim::Async::Lazy, "lazy", "as late as possible"),
          clEnumValN(sim::Async::Random, "random",
                     "sooner or later; threads run in random order")),
      cl::init(sim::Async::Eager), cl::cat(category)};
  enum Check { Race, Init, Bounds, None };
  cl::list<Check> check{
      "check", cl::desc("What to look for (default: all):"),
      cl::values(
          clEnumValN(Race, "race",
                     "accesses without order to shared and global memory"),
          clEnumValN(Init, "init", "reads of what nobody wrote"),
          clEnumValN(Bounds, "bounds", "accesses outside the arguments"),
          clEnumValN(None, "none", "only what stops the kernel")),
      cl::CommaSeparated, cl::cat(category)};
  cl::opt<bool> strict{
      "strict",
      cl::desc("A wait for matrix products covers those of its warp alone"),
      cl::cat(category)};
  cl::opt<uint64_t> seed{"seed", cl::desc("Of --async=random (default 0)"),
                         cl::value_desc("N"), cl::init(0), cl::cat(category)};
  cl::opt<unsigned> runs{"runs",
                         cl::desc("Launch N times, with seeds from --seed on"),
                         cl::value_desc("N"), cl::init(1), cl::cat(category)};
  cl::list<std::string> launches{
      "launch",
      cl::desc("Launch so, over the options above; several times: one after "
               "the other, compiled once"),
      cl::value_desc("async=lazy,check=race+init,strict,seed=3,runs=50"),
      cl::cat(category)};
  cl::opt<unsigned> threads{
      "threads", cl::desc("Threads of this machine; 0: one per processor"),
      cl::value_desc("N"), cl::init(1), cl::cat(category)};
  cl::opt<unsigned> errorLimit{
      "error-limit", cl::desc("Stop after N reports (default 32)"),
      cl::value_desc("N"), cl::init(32), cl::cat(category)};
  cl::opt<uint64_t> instructionLimit{
      "instruction-limit",
      cl::desc("Instructions of a thread after which it is stopped; 0: none"),
      cl::value_desc("N"), cl::init(0), cl::cat(category)};
  enum Report { Text, Json };
  cl::opt<Report> report{
      "report", cl::desc("How to print reports:"),
      cl::values(clEnumValN(Text, "text", "paragraphs (default)"),
                 clEnumValN(Json, "json", "a line for each launch")),
      cl::init(Text), cl::cat(category)};
  cl::opt<bool> counters{
      "counters", cl::desc("Count instructions, sectors and bank conflicts"),
      cl::cat(category)};
  cl::opt<bool> split{
      "split-input-file",
      cl::desc("Run each part of the file between '// -----' by itself; '%d' "
               "in --outputs is the number of the part"),
      cl::cat(category)};
};

} // namespace

static Error readRequest(CommandLine &line, Request &request) {
  request.kernel = line.kernel;
  request.arguments = line.arguments;
  request.outputs = line.outputs;
  request.shared = line.shared;
  request.parameters.assign(line.parameters.begin(), line.parameters.end());
  request.inouts.assign(line.inout.begin(), line.inout.end());
  auto readDim = [](const std::string &text, sim::Dim3 &extents) -> Error {
    Expected<sim::Dim3> parsed = parseDim3(text);
    if (!parsed)
      return parsed.takeError();
    extents = *parsed;
    return Error::success();
  };
  if (Error error = readDim(line.grid, request.grid))
    return error;
  if (Error error = readDim(line.block, request.block))
    return error;
  if (Error error = readDim(line.cluster, request.cluster))
    return error;
  for (const std::string &text : line.output)
    if (Error error = parseOutput(text, request))
      return error;
  for (const std::string &text : line.set)
    if (Error error = parseScalar(text, request))
      return error;
  for (const std::string &text : line.tensorMap)
    if (Error error = parseTensorMap(text, request))
      return error;
  if (line.runs == 0)
    return createStringError("expected --runs of 1 or more, got 0");

  LaunchSpec byDefault;
  sim::Options &options = byDefault.options;
  options.async = line.async;
  bool checksAll = line.check.empty();
  options.checkRaces = checksAll || is_contained(line.check, CommandLine::Race);
  options.checkInit = checksAll || is_contained(line.check, CommandLine::Init);
  options.checkBounds =
      checksAll || is_contained(line.check, CommandLine::Bounds);
  options.strict = line.strict;
  options.seed = line.seed;
  options.threads = line.threads;
  options.errorLimit = line.errorLimit;
  options.instructionLimit = line.instructionLimit;
  options.catchFaults = true;
  options.countAccesses = line.counters;
  byDefault.runs = line.runs;
  request.launches.assign(std::max<size_t>(line.launches.size(), 1), byDefault);
  for (auto [text, spec] : zip(line.launches, request.launches))
    if (Error error = parseLaunch(text, spec))
      return error;
  request.printsJson = line.report == CommandLine::Json;
  request.counts = line.counters;
  return Error::success();
}

/// The parts of the input, which keep the places of their lines.
static SmallVector<StringRef> split(StringRef text, bool isSplit) {
  SmallVector<StringRef> parts;
  if (!isSplit)
    return {text};
  text.split(parts, "// -----\n");
  return parts;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ResetCommandLineParser();
  CommandLine line;
  cl::HideUnrelatedOptions(line.category);
  cl::ParseCommandLineOptions(argc, argv, overview);
  Request request;
  if (Error error = readRequest(line, request)) {
    printError(toString(std::move(error)));
    return 2;
  }
  auto input = MemoryBuffer::getFileOrSTDIN(line.module);
  if (!input) {
    printError(line.module + ": " + input.getError().message());
    return 2;
  }
  Outcome worst = Outcome::Clean;
  unsigned part = 0;
  for (StringRef text : split((*input)->getBuffer(), line.split)) {
    Outcome outcome = runKernel(
        MemoryBuffer::getMemBufferCopy(text, (*input)->getBufferIdentifier()),
        part++, request);
    worst = std::max(worst, outcome);
  }
  return static_cast<int>(worst);
}
