//===- PeerConfig.cpp - keys of a PEER layer ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace peermla;
using namespace peermla::importer;

/// n_0 .. n_{D-1}; N - 1, the largest expert index, must fit i32.
static void parseProductKeyDim(ConfigReader &reader, PeerConfig &peer) {
  constexpr StringLiteral key = "product_key_dim";
  constexpr size_t maxDimensions = 32;
  const json::Value *value = reader.find(key);
  const json::Array *dimensions = value ? value->getAsArray() : nullptr;
  if (!dimensions || dimensions->empty() ||
      dimensions->size() > maxDimensions) {
    reader.expected(
        key, formatv("an array of 1 to {0} positive integers", maxDimensions),
        value);
    return;
  }
  constexpr int64_t maxExperts = int64_t(1) << 31;
  int64_t numExperts = 1;
  for (const json::Value &dimension : *dimensions) {
    std::optional<int64_t> n = dimension.getAsInteger();
    if (!n || *n < 1) {
      reader.expected(key, "positive integers", value);
      return;
    }
    if (*n > maxExperts / numExperts) {
      reader.expected(key,
                      formatv("a product of at most {0}, so that indices fit "
                              "32 bits",
                              maxExperts),
                      value);
      return;
    }
    numExperts *= *n;
    peer.productKeyDim.push_back(*n);
  }
  peer.numExperts = numExperts;
}

static std::optional<QueryNorm> symbolizeQueryNorm(StringRef name) {
  return StringSwitch<std::optional<QueryNorm>>(name)
      .Case("none", QueryNorm::None)
      .Case("layer_norm", QueryNorm::LayerNorm)
      .Case("batch_norm", QueryNorm::BatchNorm)
      .Case("l2", QueryNorm::L2)
      .Default(std::nullopt);
}

PeerConfig peermla::importer::parsePeer(ConfigReader &reader) {
  PeerConfig peer;
  parseProductKeyDim(reader, peer);
  peer.k = reader.integer("num_experts_per_tok", 1, maxExtent, peer.k);
  peer.h = reader.extent("num_heads", peer.h);
  peer.e = reader.extent("expert_hidden_size", peer.e);
  peer.dq = reader.extent("query_dim");
  peer.queryNorm = reader.choice<QueryNorm>("norm_query", peer.queryNorm,
                                            "none, layer_norm, batch_norm, l2",
                                            symbolizeQueryNorm);
  peer.keyNorm = reader.choice<peer::Norm>(
      "norm_keys", peer.keyNorm, "none, l2",
      [](StringRef name) { return peer::symbolizeNorm(name); });
  peer.scoreFunction = reader.choice<peer::ScoreFunction>(
      "score_function", peer.scoreFunction, "softmax, sigmoid, relu",
      [](StringRef name) { return peer::symbolizeScoreFunction(name); });
  peer.activation = reader.choice<peer::Activation>(
      "activation", peer.activation, "gelu, relu, silu",
      [](StringRef name) { return peer::symbolizeActivation(name); });
  peer.upLayout = reader.choice<peer::UpLayout>(
      "expert_up_layout", peer.upLayout, "neuron_major, output_major",
      [](StringRef name) { return peer::symbolizeUpLayout(name); });
  peer.gated = reader.boolean("gated", peer.gated);
  peer.keysPerHead = reader.boolean("keys_per_head", peer.keysPerHead);

  const json::Value *numExperts = reader.find("num_experts");
  if (peer.productKeyDim.empty())
    return peer; // Already noted; what follows compares with it.
  if (numExperts && numExperts->getAsInteger() != peer.numExperts)
    reader.expected(
        "num_experts",
        formatv("the product of 'product_key_dim', {0}", peer.numExperts),
        numExperts);
  if (peer.k > peer.numExperts)
    reader.error("num_experts_per_tok",
                 formatv("expected at most the number of experts, {0}, got {1}",
                         peer.numExperts, peer.k));
  int64_t D = peer.productKeyDim.size();
  if (peer.dq % D != 0)
    reader.error("query_dim",
                 formatv("expected a multiple of the {0} dimensions of "
                         "'product_key_dim', got {1}",
                         D, peer.dq));
  return peer;
}
