//===- ConfigTests.cpp - configurations to structs ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Config.h"
#include "gtest/gtest.h"

using namespace peermla;
using namespace peermla::importer;

/// The published attention of Kimi-K2 with a dense decoder around it.
static constexpr char kimi[] = R"({
  "architectures": ["DeepseekV3ForCausalLM"], "model_type": "kimi_k2",
  "hidden_size": 7168, "intermediate_size": 18432, "num_hidden_layers": 1,
  "vocab_size": 163840, "num_attention_heads": 64, "q_lora_rank": 1536,
  "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
  "v_head_dim": 128, "rope_theta": 50000.0, "n_routed_experts": 384,
  "first_k_dense_replace": 1, "max_position_embeddings": 131072,
  "rope_scaling": {"beta_fast": 1.0, "beta_slow": 1.0, "factor": 32.0,
                   "mscale": 1.0, "mscale_all_dim": 1.0,
                   "original_max_position_embeddings": 4096, "type": "yarn"},
  "torch_dtype": "bfloat16"
})";

static ModelConfig parse(llvm::StringRef text) {
  std::vector<std::string> warnings;
  llvm::Expected<ModelConfig> config =
      parseConfig(text, "config.json", warnings);
  if (!config) {
    ADD_FAILURE() << llvm::toString(config.takeError());
    return {};
  }
  for (const std::string &warning : warnings)
    ADD_FAILURE() << warning;
  return *config;
}

static std::string parseError(llvm::StringRef text) {
  std::vector<std::string> warnings;
  llvm::Expected<ModelConfig> config =
      parseConfig(text, "config.json", warnings);
  return config ? "" : llvm::toString(config.takeError());
}

TEST(Config, ReadsKimi) {
  ModelConfig config = parse(kimi);

  EXPECT_EQ(config.architecture, Architecture::DeepseekV3ForCausalLM);
  EXPECT_EQ(config.storage, Dtype::BF16);
  EXPECT_EQ(config.d, 7168);
  ASSERT_TRUE(config.attention && config.decoder && !config.peer);
  EXPECT_EQ(config.attention->H, 64);
  EXPECT_EQ(config.attention->dq, 1536);
  EXPECT_EQ(config.attention->dc, 512);
  EXPECT_EQ(config.attention->dn, 128);
  EXPECT_EQ(config.attention->dr, 64);
  EXPECT_EQ(config.attention->dv, 128);
  EXPECT_NEAR(softmaxScale(config.attention->rope, 128, 64), 0.1308608, 5e-8);
  EXPECT_EQ(config.decoder->rmsNormEps, 1e-6);
  EXPECT_EQ(config.decoder->peerStartLayer, 1);
}

TEST(Config, HasTheDefaultsOfPeer) {
  ModelConfig config = parse(R"({"model_type": "peer_layer", "hidden_size": 8,
                                 "product_key_dim": [9], "query_dim": 3,
                                 "num_experts_per_tok": 9})");

  ASSERT_TRUE(config.peer && !config.attention && !config.decoder);
  EXPECT_FALSE(config.storage);
  EXPECT_EQ(config.peer->h, 8);
  EXPECT_EQ(config.peer->e, 1);
  EXPECT_EQ(config.peer->k, 9);
  EXPECT_EQ(config.peer->numExperts, 9);
  EXPECT_EQ(config.peer->queryNorm, QueryNorm::None);
  EXPECT_EQ(config.peer->keyNorm, peer::Norm::none);
  EXPECT_EQ(config.peer->scoreFunction, peer::ScoreFunction::softmax);
  EXPECT_EQ(config.peer->activation, peer::Activation::gelu);
  EXPECT_EQ(config.peer->upLayout, peer::UpLayout::neuron_major);
  EXPECT_FALSE(config.peer->gated);
  EXPECT_FALSE(config.peer->keysPerHead);
}

TEST(Config, AcceptsTheLargestNumberOfExperts) {
  ModelConfig config = parse(R"({"model_type": "peer_layer", "hidden_size": 8,
                                 "product_key_dim": [65536, 32768],
                                 "query_dim": 4, "num_experts": 2147483648})");

  EXPECT_EQ(config.peer->numExperts, int64_t(1) << 31);
}

/// An MLA layer with the given text about its rotation.
static std::string withRope(llvm::StringRef rope) {
  return R"({"model_type": "mla_layer", "hidden_size": 8, "kv_lora_rank": 8,
             "num_attention_heads": 2, "qk_nope_head_dim": 4,
             "qk_rope_head_dim": 2, "v_head_dim": 4, )" +
         rope.str() + "}";
}

TEST(Config, ReadsBothPlacesOfRope) {
  EXPECT_EQ(parse(withRope(R"("dtype": "float32")")).attention->rope.theta,
            1e4);
  EXPECT_EQ(parse(withRope(R"("rope_theta": 7)")).attention->rope.theta, 7);
  EXPECT_EQ(parse(withRope(R"("rope_parameters": {"rope_theta": 7,
                                                  "rope_type": "default"})"))
                .attention->rope.theta,
            7);
  RopeConfig rope = parse(withRope(R"("max_position_embeddings": 2048,
      "rope_parameters": {"rope_type": "yarn", "factor": 4})"))
                        .attention->rope;
  ASSERT_TRUE(rope.yarn);
  EXPECT_EQ(rope.yarn->originalLength, 2048);
  EXPECT_EQ(rope.yarn->betaFast, 32);
  EXPECT_EQ(rope.yarn->betaSlow, 1);
  EXPECT_FALSE(rope.yarn->mscale || rope.yarn->mscaleAllDim);
}

TEST(Config, RefusesRopeThatWouldBeComputedDifferently) {
  for (const char *rope :
       {R"("rope_scaling": {"type": "yarn", "rope_type": "default"})",
        R"("rope_scaling": {"type": "yarn", "factor": 4,
            "original_max_position_embeddings": 64, "attention_factor": 2})",
        R"("rope_scaling": {"type": "yarn", "factor": 4,
            "original_max_position_embeddings": 64, "truncate": false})",
        R"("rope_scaling": {"type": "default", "partial_rotary_factor": 0.5})",
        R"("rope_theta": 5, "rope_parameters": {"rope_theta": 6})",
        R"("rope_theta": 1, "rope_scaling": {"type": "yarn", "factor": 4,
            "original_max_position_embeddings": 64})",
        R"("rope_scaling": {"type": "yarn", "factor": 4, "mscale": 1,
            "mscale_all_dim": 1e308,
            "original_max_position_embeddings": 64})",
        R"("rope_scaling": "yarn")"}) {
    SCOPED_TRACE(rope);
    EXPECT_NE(parseError(withRope(rope)).find("config.json: 'rope_"),
              std::string::npos);
  }
}

TEST(Config, ReportsAllMistakesAtOnce) {
  std::string error = parseError(
      R"({"model_type": "peer_layer", "product_key_dim": 5, "query_dim": 0})");

  EXPECT_NE(error.find("'hidden_size'"), std::string::npos) << error;
  EXPECT_NE(error.find("'product_key_dim'"), std::string::npos) << error;
  EXPECT_NE(error.find("'query_dim'"), std::string::npos) << error;
}

TEST(Config, CutsLongValuesBetweenCharacters) {
  // 59 one-byte characters with the quote, then a two-byte one over the cut.
  std::string name(58, 'a');
  std::string error =
      parseError("{\"model_type\": \"" + name + "\u00e9\u00e9\"}");

  EXPECT_NE(error.find(name + "..."), std::string::npos) << error;
}
