//===- MalformedKernelTests.cpp - mutated kernels in the simulator --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever a kernel says, it is refused by the parser, the verifier or the
// rewrite with an error diagnostic, or it runs to its end or to a report:
// nothing crashes, hangs or fails in silence. The kernels are those of
// test/Simulator; mutations of their text are deterministic.
//
//===----------------------------------------------------------------------===//

#include "Support/Fuzzing.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "peermla/Simulator/Simulator.h"
#include "peermla/Target/Simulator/Jit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace peermla;

namespace {

//===----------------------------------------------------------------------===//
// Mutations
//===----------------------------------------------------------------------===//

const char *const numbers[] = {"0",  "1",  "-1",  "2",   "3",    "7",    "16",
                               "31", "32", "128", "255", "1024", "65536"};
const char *const types[] = {"i1",   "i8",  "i16", "i32", "i64",    "f16",
                             "bf16", "f32", "f64", "ptr", "ptr<1>", "ptr<3>"};

class Mutator {
public:
  explicit Mutator(std::mt19937 &random) : random(random) {}

  std::string mutate(std::string text) {
    for (unsigned n = 1 + random() % 3; n > 0 && !text.empty(); --n)
      mutateOnce(text);
    return text;
  }

private:
  struct Range {
    size_t begin, size;
  };

  static bool isWord(char c) {
    return llvm::isAlnum(c) || c == '_' || c == '.' || c == '%' || c == '@';
  }

  /// A word at or after a random place; one that begins with a digit, if asked.
  Range pickWord(const std::string &text, bool isNumber) {
    size_t start = random() % text.size();
    for (size_t i = 0; i < text.size(); ++i) {
      size_t at = (start + i) % text.size();
      if (!isWord(text[at]) || (at > 0 && isWord(text[at - 1])) ||
          (isNumber && !llvm::isDigit(text[at])))
        continue;
      size_t end = at;
      while (end < text.size() && isWord(text[end]))
        ++end;
      return {at, end - at};
    }
    return {0, 0};
  }

  Range pickLine(const std::string &text) {
    size_t begin = text.rfind('\n', random() % text.size());
    begin = begin == std::string::npos ? 0 : begin + 1;
    size_t end = text.find('\n', begin);
    return {begin,
            end == std::string::npos ? text.size() - begin : end + 1 - begin};
  }

  void mutateOnce(std::string &text) {
    switch (random() % 7) {
    case 0:
    case 1: {
      Range word = pickWord(text, /*isNumber=*/true);
      text.replace(word.begin, word.size,
                   numbers[random() % std::size(numbers)]);
      return;
    }
    case 2: {
      // One word in the place of another: an operand, an op, a modifier.
      Range from = pickWord(text, false), to = pickWord(text, false);
      text.replace(to.begin, to.size, text.substr(from.begin, from.size));
      return;
    }
    case 3: {
      const char *from = types[random() % std::size(types)];
      size_t at = text.find(from, random() % text.size());
      if (at != std::string::npos)
        text.replace(at, strlen(from), types[random() % std::size(types)]);
      return;
    }
    case 4: {
      Range line = pickLine(text);
      text.erase(line.begin, line.size);
      return;
    }
    case 5: {
      Range line = pickLine(text);
      std::string copy = text.substr(line.begin, line.size);
      text.insert(pickLine(text).begin, copy);
      return;
    }
    case 6: {
      // A piece of a word: modifiers of inline PTX and names of intrinsics.
      Range word = pickWord(text, false);
      std::string piece = text.substr(word.begin, word.size);
      size_t dot = piece.rfind('.');
      if (dot != std::string::npos)
        text.erase(word.begin + dot, word.size - dot);
      return;
    }
    }
  }

  std::mt19937 &random;
};

//===----------------------------------------------------------------------===//
// Rounds
//===----------------------------------------------------------------------===//

struct Outcomes {
  unsigned refused = 0, reported = 0, clean = 0;
};

class MalformedKernels : public ::testing::Test {
protected:
  MalformedKernels() {
    fuzzing::printRoundsAfterCrashes();
    std::error_code error;
    std::vector<std::string> paths;
    for (llvm::sys::fs::directory_iterator file(PEERMLA_KERNELS, error), end;
         file != end && !error; file.increment(error))
      if (llvm::sys::path::extension(file->path()) == ".mlir")
        paths.push_back(file->path());
    llvm::sort(paths);
    for (const std::string &path : paths)
      kernels.push_back(
          (*llvm::MemoryBuffer::getFile(path))->getBuffer().str());
    for (void *&buffer : buffers)
      buffer = sim::allocateGlobal(kBufferBytes);
  }
  ~MalformedKernels() override {
    for (void *buffer : buffers)
      sim::freeGlobal(buffer);
  }

  /// Launches one kernel with buffers for all parameters that may be pointers.
  bool launch(const sim::KernelDescriptor &kernel, std::mt19937 &random) {
    sim::Launch launch;
    launch.kernel = &kernel;
    launch.grid = {2, 1, 1};
    launch.block = {64, 1, 1};
    if (kernel.requiredBlock[0])
      launch.block = {kernel.requiredBlock[0], kernel.requiredBlock[1],
                      kernel.requiredBlock[2]};
    if (kernel.requiredCluster[0]) {
      launch.cluster = {kernel.requiredCluster[0], kernel.requiredCluster[1],
                        kernel.requiredCluster[2]};
      launch.grid = launch.cluster;
    }
    launch.dynamicShared = 2048;
    std::vector<std::vector<char>> values;
    for (uint32_t i = 0; i < kernel.numParameters; ++i) {
      auto &value = values.emplace_back(
          std::max<uint64_t>(kernel.parameterSizes[i], sizeof(void *)));
      if (kernel.parameterSizes[i] == sizeof(void *))
        memcpy(value.data(), &buffers[i % std::size(buffers)], sizeof(void *));
      else
        value[0] = static_cast<char>(random() % 64);
    }
    std::vector<void *> arguments;
    for (std::vector<char> &value : values)
      arguments.push_back(value.data());
    launch.arguments = arguments.data();
    for (void *buffer : buffers)
      launch.buffers.push_back({buffer, kBufferBytes, "buffer"});
    sim::Options options;
    options.async = static_cast<sim::Async>(random() % 3);
    options.checkRaces = options.checkInit = random() % 2;
    options.checkBounds = true;
    options.instructionLimit = 20000;
    options.catchFaults = true;
    options.seed = random();
    sim::Result result = sim::run(launch, options);
    EXPECT_TRUE(result.completed || !result.reports.empty());
    // Whatever happened, it can be told.
    EXPECT_EQ(result.getText(launch).empty(), result.reports.empty());
    EXPECT_FALSE(result.getJson(launch).empty());
    return result.reports.empty();
  }

  void run(unsigned round) {
    std::mt19937 random = fuzzing::getRandom(round);
    std::string text = Mutator(random).mutate(kernels[round % kernels.size()]);
    DialectRegistry registry;
    registerSimulatorTarget(registry);
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    unsigned errors = 0;
    std::string said;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
      said += diagnostic.str() + "\n";
    });
    fuzzing::PrintRound print(round, text);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    std::vector<std::string> names;
    if (module)
      names = getKernelNames(*module);
    if (!module || names.empty()) {
      EXPECT_TRUE(module || errors) << "refused in silence, round " << round;
      ++outcomes.refused;
      return;
    }
    SimulatorJitOptions options;
    options.kernel = names[random() % names.size()];
    options.count = true;
    options.optimization = random() % 3;
    auto compiled = SimulatedKernels::compile(*module, options);
    EXPECT_EQ(succeeded(compiled), errors == 0) << "round " << round << ":\n"
                                                << said << text;
    if (failed(compiled)) {
      ++outcomes.refused;
      return;
    }
    const sim::KernelDescriptor *kernel = (*compiled)->find(options.kernel);
    ASSERT_TRUE(kernel) << "round " << round << ": no code for "
                        << options.kernel;
    bool isClean = launch(*kernel, random);
    ++(isClean ? outcomes.clean : outcomes.reported);
  }

  static constexpr size_t kBufferBytes = 64 << 10;
  std::vector<std::string> kernels;
  void *buffers[4];
  Outcomes outcomes;
};

} // namespace

TEST_F(MalformedKernels, EndInAnErrorOrAReport) {
  ASSERT_GE(kernels.size(), 5u) << "no kernels in " << PEERMLA_KERNELS;
  unsigned first = fuzzing::getFirstRound();
  unsigned rounds = fuzzing::getNumRounds(150);
  for (unsigned round = first; round < first + rounds; ++round)
    run(round);

  llvm::outs() << outcomes.refused << " refused, " << outcomes.reported
               << " reported, " << outcomes.clean << " clean\n";
  // All ends must be reached.
  if (rounds >= 100) {
    EXPECT_GT(outcomes.refused, rounds / 8);
    EXPECT_GT(outcomes.reported, rounds / 16);
    EXPECT_GT(outcomes.clean, rounds / 16);
  }
}
