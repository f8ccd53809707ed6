//===- Weights.cpp - the list of tensors a model needs --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names and shapes as Hugging Face checkpoints have them. A single layer has no
// prefix; in a language model layer i has `model.layers.{i}.self_attn.` and
// `model.layers.{i}.mlp.`.
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Checkpoint.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace peermla;
using namespace peermla::importer;

namespace {
/// Collects specs; `prefix` stands before every name.
class WeightList {
public:
  explicit WeightList(const ModelConfig &config) : config(config) {}

  void addPeer(StringRef prefix);
  void addAttention(StringRef prefix);
  void addDenseFeedForward(StringRef prefix);
  void addLanguageModel();
  std::vector<WeightSpec> take() { return std::move(specs); }

private:
  void add(const Twine &name, ArrayRef<int64_t> shape,
           bool isOptional = false) {
    specs.push_back({name.str(), SmallVector<int64_t, 4>(shape), isOptional});
  }

  const ModelConfig &config;
  std::vector<WeightSpec> specs;
};
} // namespace

void WeightList::addPeer(StringRef prefix) {
  const PeerConfig &peer = *config.peer;
  int64_t d = config.d, N = peer.numExperts, D = peer.productKeyDim.size();
  add(prefix + "query_proj.weight", {peer.h * peer.dq, d});
  add(prefix + "query_proj.bias", {peer.h * peer.dq}, /*isOptional=*/true);
  if (peer.queryNorm == QueryNorm::LayerNorm) {
    add(prefix + "query_norm.weight", {peer.dq});
    add(prefix + "query_norm.bias", {peer.dq});
  } else if (peer.queryNorm == QueryNorm::BatchNorm) {
    for (StringRef part : {"weight", "bias", "running_mean", "running_var"})
      add(prefix + "query_norm." + part, {peer.h * peer.dq});
  }
  for (auto [j, n] : enumerate(peer.productKeyDim)) {
    SmallVector<int64_t, 3> shape = {n, peer.dq / D};
    if (peer.keysPerHead)
      shape.insert(shape.begin(), peer.h);
    add(prefix + "sub_keys." + Twine(j), shape);
  }
  add(prefix + "expert_down.weight", {N, peer.e * d});
  if (peer.gated)
    add(prefix + "expert_gate.weight", {N, peer.e * d});
  add(prefix + "expert_up.weight", {N, peer.e * d});
}

void WeightList::addAttention(StringRef prefix) {
  const AttentionConfig &a = *config.attention;
  int64_t d = config.d;
  if (a.dq) {
    add(prefix + "q_a_proj.weight", {*a.dq, d});
    add(prefix + "q_a_layernorm.weight", {*a.dq});
    add(prefix + "q_b_proj.weight", {a.H * (a.dn + a.dr), *a.dq});
  } else {
    add(prefix + "q_proj.weight", {a.H * (a.dn + a.dr), d});
  }
  add(prefix + "kv_a_proj_with_mqa.weight", {a.dc + a.dr, d});
  add(prefix + "kv_a_layernorm.weight", {a.dc});
  add(prefix + "kv_b_proj.weight", {a.H * (a.dn + a.dv), a.dc});
  add(prefix + "o_proj.weight", {d, a.H * a.dv});
}

void WeightList::addDenseFeedForward(StringRef prefix) {
  int64_t d = config.d, inner = config.decoder->intermediateSize;
  add(prefix + "gate_proj.weight", {inner, d});
  add(prefix + "up_proj.weight", {inner, d});
  add(prefix + "down_proj.weight", {d, inner});
}

void WeightList::addLanguageModel() {
  const DecoderConfig &decoder = *config.decoder;
  add("model.embed_tokens.weight", {decoder.vocabSize, config.d});
  for (int64_t i = 0; i < decoder.numLayers; ++i) {
    std::string layer = formatv("model.layers.{0}.", i);
    add(layer + "input_layernorm.weight", {config.d});
    addAttention(layer + "self_attn.");
    add(layer + "post_attention_layernorm.weight", {config.d});
    if (i < decoder.peerStartLayer)
      addDenseFeedForward(layer + "mlp.");
    else
      addPeer(layer + "mlp.");
  }
  add("model.norm.weight", {config.d});
  if (!decoder.tieWordEmbeddings)
    add("lm_head.weight", {decoder.vocabSize, config.d});
}

std::vector<WeightSpec>
peermla::importer::listWeights(const ModelConfig &config) {
  WeightList list(config);
  if (config.decoder)
    list.addLanguageModel();
  else if (config.peer)
    list.addPeer("");
  else
    list.addAttention("");
  return list.take();
}
