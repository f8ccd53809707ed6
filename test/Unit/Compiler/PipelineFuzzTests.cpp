//===- PipelineFuzzTests.cpp - mutated model IR through all stages --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever a model says, it is refused by the parser or by a pass with an error
// diagnostic, or it becomes LLVM IR: nothing crashes and nothing fails in
// silence. Mutations are deterministic. Most keep a model consistent, by
// replacing an extent or a type everywhere, so that they reach the later
// passes; others change one word, one line, or one attribute.
//
//===----------------------------------------------------------------------===//

#include "Support/Fuzzing.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "peermla/Compiler/Compiler.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace peermla;

namespace {

//===----------------------------------------------------------------------===//
// Mutations of text
//===----------------------------------------------------------------------===//

const char *const configs[] = {
    R"({"architectures": ["PeerLayer"], "hidden_size": 24,
        "product_key_dim": [8, 5], "query_dim": 32, "num_heads": 3,
        "num_experts_per_tok": 4, "norm_query": "layer_norm", "norm_keys": "l2",
        "expert_hidden_size": 2, "gated": true})",
    R"({"architectures": ["MlaLayer"], "hidden_size": 48, "q_lora_rank": 20,
        "num_attention_heads": 3, "kv_lora_rank": 16, "qk_nope_head_dim": 12,
        "qk_rope_head_dim": 4, "v_head_dim": 6})",
    R"({"architectures": ["PeerMlaForCausalLM"], "dtype": "bfloat16",
        "hidden_size": 40, "num_hidden_layers": 1, "vocab_size": 100,
        "num_attention_heads": 2, "kv_lora_rank": 16, "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 4, "v_head_dim": 6,
        "peer": {"product_key_dim": [9, 6],
        "query_dim": 28, "num_heads": 3, "norm_query": "batch_norm"}})"};

const char *const extents[] = {"0",  "1",  "2",  "3",   "5",    "7",      "8",
                               "15", "16", "17", "31",  "33",   "64",     "100",
                               "-1", "?",  "4",  "257", "1000", "1048576"};
const char *const types[] = {"f16", "bf16", "f32",   "f64",
                             "i32", "i8",   "index", "i64"};
const char *const words[] = {
    "softmax",      "sigmoid",      "relu",     "gelu",
    "silu",         "output_major", "l2",       "\"parallel\"",
    "addf",         "mulf",         "divf",     "maximumf",
    "d0",           "d1",           "d2",       "\"reduction\"",
    "math.rsqrt",   "math.exp",     "math.erf", "1.000000e+00",
    "0.000000e+00", "0x7FC00000",   "-1.0",     "9223372036854775807"};

class Mutator {
public:
  explicit Mutator(std::mt19937 &random) : random(random) {}

  std::string mutate(std::string text) {
    for (unsigned n = 1 + random() % 3; n > 0; --n)
      mutateOnce(text);
    return text;
  }

private:
  template <typename T, size_t N> T pick(T (&list)[N]) {
    return list[random() % N];
  }

  /// A place where `isFirst` holds, at or after a random one.
  template <typename Predicate>
  size_t find(const std::string &text, Predicate isFirst) {
    size_t start = random() % text.size();
    for (size_t i = 0; i < text.size(); ++i)
      if (size_t at = (start + i) % text.size(); isFirst(at))
        return at;
    return text.size();
  }

  static bool isWord(char c) { return llvm::isAlnum(c) || c == '_'; }

  /// The number, name or type at a random place.
  std::string pickWord(const std::string &text, bool isNumber) {
    size_t at = find(text, [&](size_t i) {
      bool begins = i == 0 || !isWord(text[i - 1]) || text[i - 1] == 'x';
      return begins && (isNumber ? llvm::isDigit(text[i]) : isWord(text[i]));
    });
    size_t end = at;
    while (end < text.size() &&
           (isNumber ? llvm::isDigit(text[end]) : isWord(text[end])))
      ++end;
    return text.substr(at, end - at);
  }

  /// Replaces `from` where it stands alone: everywhere, or once.
  void replace(std::string &text, const std::string &from,
               const std::string &to, bool everywhere) {
    if (from.empty() || from == to)
      return;
    size_t skip = everywhere ? 0 : random() % text.size();
    for (size_t at = text.find(from, skip); at != std::string::npos;
         at = text.find(from, at + 1)) {
      size_t end = at + from.size();
      bool begins = at == 0 || !isWord(text[at - 1]) || text[at - 1] == 'x';
      bool ends = end == text.size() || !isWord(text[end]) || text[end] == 'x';
      if (!begins || !ends || (at > 0 && text[at - 1] == '%'))
        continue;
      text.replace(at, from.size(), to);
      if (!everywhere)
        return;
      at += to.size() - 1;
    }
  }

  /// Erases, repeats or moves one line.
  void changeLine(std::string &text) {
    size_t begin = text.rfind('\n', random() % text.size());
    begin = begin == std::string::npos ? 0 : begin;
    size_t end = text.find('\n', begin + 1);
    std::string line = text.substr(begin, end - begin);
    unsigned kind = random() % 3;
    if (kind != 1)
      text.erase(begin, line.size());
    if (kind != 0 && !text.empty())
      text.insert(text.rfind('\n', random() % text.size()) + 1, line + "\n");
  }

  /// Gives some op a schedule of its own.
  void addSchedule(std::string &text) {
    size_t at = text.find("peermla.id", random() % text.size());
    if (at == std::string::npos)
      return;
    std::string schedule = "peermla.schedule = #tile.schedule<";
    const char *separator = "";
    for (const char *name : {"block", "inner", "registers"}) {
      if (random() % 2)
        continue;
      schedule += std::string(separator) + name + " = [";
      for (unsigned i = 0, rank = random() % 5; i < rank; ++i)
        schedule += (i ? ", " : "") + std::string(pick(extents));
      schedule += "]";
      separator = ", ";
    }
    text.insert(at, schedule + ">, ");
  }

  void mutateOnce(std::string &text) {
    if (text.empty())
      return;
    switch (random() % 10) {
    case 0:
    case 1:
    case 2:
    case 3:
      return replace(text, pickWord(text, true), pick(extents), true);
    case 4:
      return replace(text, pick(types), pick(types), random() % 4);
    case 5:
      return replace(text, pick(words), pick(words), random() % 2);
    case 6:
      return replace(text, pickWord(text, true), pick(extents), false);
    case 7:
      return replace(text, pickWord(text, false), pickWord(text, false), false);
    case 8:
      return changeLine(text);
    case 9:
      return addSchedule(text);
    }
  }

  std::mt19937 &random;
};

//===----------------------------------------------------------------------===//
// Mutations of ops
//===----------------------------------------------------------------------===//

/// Changes an attribute of some op, or exchanges two of its operands.
void mutateOp(ModuleOp module, std::mt19937 &random) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) { ops.push_back(op); });
  Operation *op = ops[random() % ops.size()];
  if (random() % 3 == 0) {
    // An operand that dominates the op, of the same type or not.
    unsigned count = op->getNumOperands();
    if (count > 1)
      op->setOperand(random() % count, op->getOperand(random() % count));
    return;
  }
  if (op->getAttrs().empty())
    return;
  NamedAttribute named = op->getAttrs()[random() % op->getAttrs().size()];
  Builder b(op->getContext());
  const int64_t integers[] = {0, -1, 1, 2, 3, 7, 64, 1 << 20, INT64_MAX};
  int64_t integer = integers[random() % std::size(integers)];
  Attribute value = named.getValue();
  if (auto attribute = dyn_cast<IntegerAttr>(value);
      attribute && !attribute.getType().isInteger(1)) {
    bool isWide = attribute.getType().isIndex() ||
                  attribute.getType().getIntOrFloatBitWidth() >= 64;
    value = b.getIntegerAttr(attribute.getType(),
                             isWide ? integer : int64_t(integer & 0x3f));
  } else if (auto attribute = dyn_cast<FloatAttr>(value)) {
    const double floats[] = {0.0, -1.0, 1e-30, 1e300, HUGE_VAL, NAN};
    value = b.getFloatAttr(attribute.getType(),
                           floats[random() % std::size(floats)]);
  } else if (auto attribute = dyn_cast<DenseI64ArrayAttr>(value)) {
    SmallVector<int64_t> elements(attribute.asArrayRef());
    if (!elements.empty() && random() % 2)
      elements[random() % elements.size()] = integer;
    else
      elements.push_back(integer);
    value = b.getDenseI64ArrayAttr(elements);
  } else if (auto attribute = dyn_cast<ArrayAttr>(value)) {
    SmallVector<Attribute> elements(attribute.getValue());
    if (!elements.empty())
      std::swap(elements.front(), elements[random() % elements.size()]);
    value = b.getArrayAttr(elements);
  } else if (op->getDiscardableAttr(named.getName())) {
    op->removeDiscardableAttr(named.getName());
    return;
  }
  op->setAttr(named.getName(), value);
  // MLIR drops a property that is set to another kind of attribute, such as an
  // integer that is no case of its enum, and prints what is then missing. Text
  // cannot say that: its parser refuses the value.
  if (!op->getAttr(named.getName()))
    op->setAttr(named.getName(), named.getValue());
}

//===----------------------------------------------------------------------===//
// Rounds
//===----------------------------------------------------------------------===//

/// Whether MLIR 22 itself reads the text without a crash: not `array<index:
/// 1>`, and no unknown iterator type (the message of `linalg.generic`'s parser
/// outlives its text).
bool isReadByMlir(llvm::StringRef text) {
  if (text.contains("array<index"))
    return false;
  while (true) {
    text = text.split("iterator_types").second;
    if (text.empty())
      return true;
    llvm::StringRef list = text.split('[').second.split(']').first;
    for (llvm::StringRef name : llvm::split(list, ','))
      if (name.trim() != "\"parallel\"" && name.trim() != "\"reduction\"")
        return false;
  }
}

struct Outcomes {
  unsigned refusedByParser = 0, refusedByPass = 0, compiled = 0;
};

class PipelineFuzz : public ::testing::Test {
protected:
  PipelineFuzz() {
    fuzzing::printRoundsAfterCrashes();
    for (const char *config : configs)
      models.push_back(*importConfig(config, "config.json").text);
  }

  /// Compiles the text of one round as far as it goes.
  void run(unsigned round) {
    std::mt19937 random = fuzzing::getRandom(round);
    std::string text = models[round % models.size()];
    bool changesOp = random() % 3 == 0;
    if (!changesOp)
      text = Mutator(random).mutate(text);
    if (!isReadByMlir(text))
      return;

    DialectRegistry registry;
    registerCompiler(registry);
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    unsigned errors = 0;
    std::string said;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
      said += diagnostic.str() + "\n";
    });
    fuzzing::PrintRound print(round, text);
    OwningOpRef<ModuleOp> model = parseSourceString<ModuleOp>(text, &context);
    if (model && changesOp) {
      mutateOp(*model, random);
      if (failed(verify(*model)))
        model = nullptr;
    }
    if (!model) {
      EXPECT_GT(errors, 0u) << "refused in silence, round " << round;
      ++outcomes.refusedByParser;
      return;
    }
    if (changesOp) {
      llvm::raw_string_ostream os(text);
      os << "// changed:\n" << *model;
    }
    CompilerOptions options;
    options.cpuLevels = {random() % 2 ? "x86-64-v3" : "x86-64-v4-bf16"};
    bool passed =
        succeeded(runStages(*model, Stage::Model, Stage::Llvm, options));
    if (passed) {
      std::string code;
      llvm::raw_string_ostream os(code);
      passed = succeeded(printCode(*model, Artifact::LlvmIr, os));
    }
    EXPECT_EQ(passed, errors == 0) << "round " << round << ":\n"
                                   << said << text;
    ++(passed ? outcomes.compiled : outcomes.refusedByPass);
  }

  std::vector<std::string> models;
  Outcomes outcomes;
};

} // namespace

TEST_F(PipelineFuzz, EndsInAnErrorOrInCode) {
  unsigned first = fuzzing::getFirstRound();
  unsigned rounds = fuzzing::getNumRounds(48);
  for (unsigned round = first; round < first + rounds; ++round)
    run(round);

  llvm::outs() << outcomes.refusedByParser << " refused by the parser, "
               << outcomes.refusedByPass << " by a pass, " << outcomes.compiled
               << " compiled\n";
  // Both ends must be exercised.
  if (rounds >= 48) {
    EXPECT_GT(outcomes.refusedByParser, rounds / 8);
    EXPECT_GT(outcomes.compiled, rounds / 8);
  }
}
