//===- peermla-run.cpp - run an entry of a model --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include "RunLibrary.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace peermla::run;

namespace {
/// The options of this tool. Made in `main`, after those of the LLVM library
/// are gone: one of them is called `threads`, too.
struct CommandLine {
  cl::OptionCategory category{"peermla-run options"};
  cl::opt<std::string> model{
      cl::Positional, cl::desc("MODEL"),
      cl::value_desc("a library, or IR for the reference"), cl::Required,
      cl::cat(category)};
  cl::opt<std::string> entry{"entry", cl::desc("Entry to run"),
                             cl::value_desc("NAME"), cl::cat(category)};
  cl::opt<std::string> inputs{
      "inputs", cl::desc("Safetensors file with the inputs by name"),
      cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<std::string> recordInputs{
      "record-inputs",
      cl::desc("Record the launches of a call on these inputs, of the same "
               "shapes, and run them on those of --inputs"),
      cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<std::string> weights{
      "weights", cl::desc("Safetensors file, index, or folder with either"),
      cl::value_desc("FILE_OR_FOLDER"), cl::cat(category)};
  cl::opt<std::string> outputs{
      "outputs",
      cl::desc("Safetensors file to write: out and in-and-out arguments"),
      cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<std::string> device{
      "device",
      cl::desc("cpu (default), sim[:TARGET], cuda[:N], or reference: float64"),
      cl::value_desc("DEVICE"), cl::init("cpu"), cl::cat(category)};
  cl::opt<int> threads{
      "threads",
      cl::desc("Number of threads, 0 (default): as many as OpenMP would use"),
      cl::value_desc("N"), cl::init(0), cl::cat(category)};
  cl::opt<int> repeat{
      "repeat", cl::desc("Call the entry N times and print the median time"),
      cl::value_desc("N"), cl::init(1), cl::cat(category)};
  cl::opt<bool> list{"list",
                     cl::desc("Describe entries, arguments and weights"),
                     cl::cat(category)};
};
} // namespace

int peermla::run::fail(const std::string &message) {
  WithColor::error(errs(), "peermla-run") << message << "\n";
  return 1;
}

void peermla::run::warn(const std::string &message) {
  WithColor::warning(errs(), "peermla-run") << message << "\n";
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ResetCommandLineParser();
  CommandLine commandLine;
  cl::ParseCommandLineOptions(argc, argv, "Runs an entry of a model\n");
  RunOptions options;
  options.model = commandLine.model;
  options.entry = commandLine.entry;
  options.inputs = commandLine.inputs;
  options.recordInputs = commandLine.recordInputs;
  options.weights = commandLine.weights;
  options.outputs = commandLine.outputs;
  options.device = commandLine.device;
  options.threads = commandLine.threads;
  options.repeat = commandLine.repeat;
  options.printTime = commandLine.repeat.getNumOccurrences() > 0;
  options.list = commandLine.list;
  if (options.entry.empty() && !options.list)
    return fail("expected --entry=NAME or --list");
  if (options.repeat < 1)
    return fail("expected --repeat of 1 or more, got " +
                std::to_string(options.repeat));
  return options.device == "reference" ? runReference(options)
                                       : runLibrary(options);
}
