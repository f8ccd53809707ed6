//===- ImportFuzzTests.cpp - mutated configurations, mixed types ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever the text says, an import ends in an error diagnostic or in a module
// that verifies; any mix of storage types in a checkpoint gives a module. The
// mutations are deterministic.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "peermla/Import/Import.h"
#include "gtest/gtest.h"
#include <random>

using namespace peermla::importer;

static const std::string seeds[] = {
    R"({"architectures": ["PeerLayer"], "hidden_size": 24, "num_experts": 40,
        "product_key_dim": [8, 5], "query_dim": 32, "num_heads": 3,
        "num_experts_per_tok": 4, "norm_query": "layer_norm", "norm_keys": "l2",
        "gated": true, "keys_per_head": false, "torch_dtype": "bfloat16"})",
    R"({"architectures": ["MlaLayer"], "hidden_size": 48, "q_lora_rank": 24,
        "num_attention_heads": 3, "kv_lora_rank": 16, "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 4, "v_head_dim": 6, "rope_theta": 10000,
        "rope_scaling": {"type": "yarn", "factor": 40, "beta_fast": 32,
        "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707,
        "original_max_position_embeddings": 4096}})",
    R"({"architectures": ["PeerMlaForCausalLM"], "dtype": "float16",
        "hidden_size": 48, "num_hidden_layers": 2, "intermediate_size": 96,
        "vocab_size": 100, "rms_norm_eps": 1e-5, "num_attention_heads": 3,
        "q_lora_rank": null, "kv_lora_rank": 16, "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 4, "v_head_dim": 6, "n_routed_experts": 0,
        "peer": {"peer_start_layer": 1, "product_key_dim": [8, 6],
        "query_dim": 32, "norm_query": "batch_norm"}})"};

/// Values for any key.
static const char *const values[] = {"0",
                                     "-1",
                                     "1",
                                     "2",
                                     "3",
                                     "8",
                                     "12",
                                     "48",
                                     "65536",
                                     "2147483648",
                                     "9223372036854775807",
                                     "18446744073709551616",
                                     "1e308",
                                     "1e-320",
                                     "-0.0",
                                     "7.5",
                                     "null",
                                     "true",
                                     "false",
                                     "\"\"",
                                     "\"l2\"",
                                     "\"yarn\"",
                                     "[]",
                                     "{}",
                                     "[1,1,1]",
                                     "[3]",
                                     "{\"factor\": 2}"};

/// Pieces that are likely to matter to a parser of configurations.
static const char *const pieces[] = {"[[",
                                     "{\"a\":",
                                     "\"peer\":",
                                     "\"gated\":true,",
                                     "\"rope_theta\":1,",
                                     ",",
                                     ":",
                                     "\"",
                                     "\\",
                                     "\\ud800",
                                     "\xff",
                                     "\xc3\xa9",
                                     "}",
                                     "]",
                                     "0",
                                     "e",
                                     "-"};

/// Replaces the value of some key.
static void replaceValue(std::string &text, std::mt19937 &random) {
  size_t colon = text.find(':', random() % text.size());
  if (colon == std::string::npos)
    return;
  size_t end = text.find_first_of(",}]", colon);
  if (end == std::string::npos)
    return;
  text.replace(colon + 1, end - colon - 1,
               values[random() % std::size(values)]);
}

/// Breaks the text somewhere.
static void replaceText(std::string &text, std::mt19937 &random) {
  size_t at = random() % text.size();
  switch (random() % 4) {
  case 0:
    text[at] = char(random());
    break;
  case 1:
    text.erase(at, 1 + random() % 8);
    break;
  case 2:
    text.insert(at, pieces[random() % std::size(pieces)]);
    break;
  case 3:
    text.insert(at, text.substr(random() % text.size(), random() % 24));
    break;
  }
}

static std::string mutate(std::string text, std::mt19937 &random) {
  bool keepsSyntax = random() % 2;
  for (size_t n = 1 + random() % 3; n > 0 && !text.empty(); --n)
    keepsSyntax ? replaceValue(text, random) : replaceText(text, random);
  return text;
}

TEST(ImportFuzz, EndsInAnErrorOrInAModule) {
  constexpr int rounds = 12000;
  std::mt19937 random(1);
  int modules = 0;

  // Types and attributes live as long as their context: a new one now and then.
  for (int round = 0; round < rounds;) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    int errors = 0;
    mlir::ScopedDiagnosticHandler handler(
        &context, [&](mlir::Diagnostic &diagnostic) {
          errors += diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
        });
    for (int i = 0; i < 500 && round < rounds; ++i, ++round) {
      std::string text = mutate(seeds[round % std::size(seeds)], random);
      SCOPED_TRACE(text);
      errors = 0;
      auto module =
          importModel(text, "config.json", /*headers=*/nullptr, &context);
      EXPECT_EQ(mlir::failed(module), errors > 0);
      modules += mlir::succeeded(module);
    }
  }

  // Both outcomes must be exercised.
  EXPECT_GT(modules, rounds / 20);
  EXPECT_LT(modules, rounds * 19 / 20);
}

TEST(ImportFuzz, TakesAnyMixOfStorageTypes) {
  constexpr int rounds = 200;
  const char *const types[] = {"F32", "F16", "BF16"};
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::mt19937 random(2);

  for (int round = 0; round < rounds; ++round) {
    const std::string &text = seeds[round % std::size(seeds)];
    std::vector<std::string> warnings;
    llvm::Expected<ModelConfig> config =
        parseConfig(text, "config.json", warnings);
    ASSERT_TRUE(bool(config));
    CheckpointHeaders headers;
    for (const WeightSpec &spec : listWeights(*config))
      if (!spec.isOptional || random() % 2)
        headers[spec.name] = {types[random() % 3], spec.shape};
    if (!config->storage) // The headers decide, and must agree.
      for (auto &header : headers)
        header.second.dtype = types[round % 3];
    SCOPED_TRACE(round);

    auto module = importModel(text, "config.json", &headers, &context);

    EXPECT_TRUE(mlir::succeeded(module));
  }
}
