//===- CheckpointTests.cpp - weights against headers ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Checkpoint.h"
#include "gtest/gtest.h"

using namespace peermla;
using namespace peermla::importer;

/// h = 2 heads, D = 2, N = 15 experts of 3 neurons, d = 6.
static ModelConfig getPeerLayer() {
  ModelConfig config;
  config.architecture = Architecture::PeerLayer;
  config.d = 6;
  config.peer.emplace();
  config.peer->productKeyDim = {5, 3};
  config.peer->numExperts = 15;
  config.peer->h = 2;
  config.peer->k = 4;
  config.peer->e = 3;
  config.peer->dq = 8;
  return config;
}

static std::vector<std::string> getNames(const ModelConfig &config) {
  std::vector<std::string> names;
  for (const WeightSpec &spec : listWeights(config))
    names.push_back(spec.name);
  return names;
}

/// Headers that fit `config`, without optional tensors.
static CheckpointHeaders getHeaders(const ModelConfig &config,
                                    const char *dtype) {
  CheckpointHeaders headers;
  for (const WeightSpec &spec : listWeights(config))
    if (!spec.isOptional)
      headers[spec.name] = {dtype, spec.shape};
  return headers;
}

TEST(Weights, AreThoseOfTheOptions) {
  ModelConfig config = getPeerLayer();
  config.peer->gated = true;
  config.peer->queryNorm = QueryNorm::BatchNorm;

  EXPECT_EQ(
      getNames(config),
      (std::vector<std::string>{
          "query_proj.weight", "query_proj.bias", "query_norm.weight",
          "query_norm.bias", "query_norm.running_mean",
          "query_norm.running_var", "sub_keys.0", "sub_keys.1",
          "expert_down.weight", "expert_gate.weight", "expert_up.weight"}));
}

TEST(Weights, OfADecoderCarryTheirLayer) {
  ModelConfig config = getPeerLayer();
  config.architecture = Architecture::PeerMlaForCausalLM;
  config.attention.emplace();
  config.decoder.emplace();
  config.decoder->numLayers = 2;
  config.decoder->peerStartLayer = 1;
  std::vector<std::string> names = getNames(config);

  auto has = [&](const char *name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };

  EXPECT_TRUE(has("model.layers.0.mlp.gate_proj.weight"));
  EXPECT_FALSE(has("model.layers.0.mlp.query_proj.weight"));
  EXPECT_TRUE(has("model.layers.1.mlp.query_proj.weight"));
  EXPECT_FALSE(has("model.layers.1.mlp.gate_proj.weight"));
  EXPECT_TRUE(has("model.layers.1.self_attn.q_proj.weight"));
  EXPECT_TRUE(has("lm_head.weight"));
  config.decoder->tieWordEmbeddings = true;
  names = getNames(config);
  EXPECT_FALSE(has("lm_head.weight"));
}

TEST(Weights, TakeTheTypeOfTheConfigurationWithoutHeaders) {
  ModelConfig config = getPeerLayer();
  std::vector<std::string> warnings;

  config.storage = Dtype::F16;
  llvm::Expected<BoundWeights> bound =
      bindWeights(config, nullptr, "here", warnings);

  ASSERT_TRUE(bool(bound));
  EXPECT_EQ(bound->storage, Dtype::F16);
  EXPECT_EQ(bound->weights.size(), 5u);
  for (const Weight &weight : bound->weights)
    EXPECT_EQ(weight.dtype, Dtype::F16) << weight.name;
}

TEST(Weights, KeepTheTypeOfTheirHeader) {
  ModelConfig config = getPeerLayer();
  config.storage = Dtype::F32;
  CheckpointHeaders headers = getHeaders(config, "BF16");
  headers["query_proj.bias"] = {"F16", {16}};
  std::vector<std::string> warnings;

  llvm::Expected<BoundWeights> bound =
      bindWeights(config, &headers, "here", warnings);

  ASSERT_TRUE(bool(bound));
  EXPECT_EQ(bound->storage, Dtype::F32);
  EXPECT_EQ(bound->weights.size(), 6u);
  for (const Weight &weight : bound->weights)
    EXPECT_EQ(weight.dtype,
              weight.name == "query_proj.bias" ? Dtype::F16 : Dtype::BF16);
  EXPECT_TRUE(warnings.empty());
}

TEST(Weights, OfManyWrongTensorsListTheFirst) {
  ModelConfig config = getPeerLayer();
  config.peer->productKeyDim.assign(32, 1);
  config.peer->dq = 32;
  CheckpointHeaders headers;
  std::vector<std::string> warnings;

  llvm::Expected<BoundWeights> bound =
      bindWeights(config, &headers, "here", warnings);

  ASSERT_FALSE(bool(bound));
  std::string error = llvm::toString(bound.takeError());
  EXPECT_NE(error.find("here: tensor 'query_proj.weight': expected shape "
                       "[64, 6], got no such tensor"),
            std::string::npos)
      << error;
  EXPECT_NE(error.find("and 15 more errors"), std::string::npos) << error;
}

TEST(Weights, ThatCannotBeAddressedAreRefused) {
  ModelConfig config = getPeerLayer();
  config.d = config.peer->e = 1 << 24;
  std::vector<std::string> warnings;

  llvm::Expected<BoundWeights> bound =
      bindWeights(config, nullptr, "here", warnings);
  ASSERT_TRUE(bool(bound)); // 15 x 2^48 elements fit.

  config.peer->numExperts = int64_t(1) << 31;
  bound = bindWeights(config, nullptr, "here", warnings);
  ASSERT_FALSE(bool(bound));
  std::string error = llvm::toString(bound.takeError());
  EXPECT_NE(error.find("'expert_down.weight': expected fewer than 2^63 bytes"),
            std::string::npos)
      << error;
}
