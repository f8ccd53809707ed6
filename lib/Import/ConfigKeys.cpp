//===- ConfigKeys.cpp - keys that are ignored, refused or unknown ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tables for every key that no parser reads. A refused key must have a
// value that changes nothing; an ignored one may hold anything.
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace peermla::importer;

/// Keys of the architectures that one layer alone has no use for.
static constexpr StringLiteral layerIndependentKeys[] = {
    "first_k_dense_replace",
    "hidden_act",
    "intermediate_size",
    "kv_lora_rank",
    "moe_layer_freq",
    "n_routed_experts",
    "num_attention_heads",
    "num_hidden_layers",
    "peer_start_layer",
    "q_lora_rank",
    "qk_head_dim",
    "qk_nope_head_dim",
    "qk_rope_head_dim",
    "rms_norm_eps",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "tie_word_embeddings",
    "v_head_dim",
    "vocab_size",
};

/// Names, generation, training, and defaults that the other keys replace.
static constexpr StringLiteral ignoredKeys[] = {
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "architectures",
    "attn_implementation",
    "auto_map",
    "chunk_size_feed_forward",
    "gradient_checkpointing",
    "head_dim",
    "id2label",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "max_position_embeddings",
    "model_type",
    "name_or_path",
    "num_key_value_heads",
    "num_mtp_layers",
    "num_nextn_predict_layers",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "pretraining_tp",
    "problem_type",
    "return_dict",
    "transformers_version",
    "use_cache",
};

/// Parameters of routed experts. They matter only where a layer has routed
/// experts, and such a layer is refused.
static constexpr StringLiteral routedExpertKeys[] = {
    "aux_loss_alpha",
    "ep_size",
    "moe_intermediate_size",
    "n_group",
    "n_shared_experts",
    "norm_topk_prob",
    "num_experts_per_tok",
    "routed_scaling_factor",
    "router_aux_loss_coef",
    "scoring_func",
    "seq_aux",
    "topk_group",
    "topk_method",
};

namespace {
/// A key that is refused unless it is absent, null, or this value.
struct RefusedKey {
  StringLiteral key;
  StringLiteral neutral;
};
} // namespace

static constexpr RefusedKey refusedKeys[] = {
    {"attention_bias", "false"},
    {"attn_logit_softcapping", "null"},
    {"final_logit_softcapping", "null"},
    {"logit_scale", "1"},
    {"logits_scaling", "1"},
    {"mlp_bias", "false"},
    {"quantization_config", "null"},
    {"rope_interleave", "true"},
    {"sliding_window", "null"},
    {"use_sliding_window", "false"},
};

static bool isNeutral(const json::Value &value, StringRef neutral) {
  Expected<json::Value> expected = json::parse(neutral);
  bool isEqual = expected && *expected == value;
  if (!expected)
    consumeError(expected.takeError());
  return isEqual;
}

static bool isIgnored(StringRef key) {
  return is_contained(layerIndependentKeys, key) ||
         is_contained(ignoredKeys, key) ||
         is_contained(routedExpertKeys, key) || key.ends_with("_token_id") ||
         key.ends_with("_token_ids") || key.contains("dropout");
}

static SmallVector<StringRef> getSortedKeys(const json::Object &object) {
  SmallVector<StringRef> keys;
  for (const auto &entry : object)
    keys.push_back(entry.first);
  llvm::sort(keys);
  return keys;
}

void peermla::importer::warnAboutUnknownKeys(ConfigReader &reader) {
  for (StringRef key : getSortedKeys(reader.getObject()))
    if (!reader.isKnown(key))
      reader.warning(key, "unknown key, ignored");
}

void peermla::importer::checkRemainingKeys(ConfigReader &reader) {
  for (const RefusedKey &refused : refusedKeys)
    if (const json::Value *value = reader.find(refused.key))
      if (!isNeutral(*value, refused.neutral))
        reader.expected(refused.key,
                        refused.neutral + ", nothing else is supported", value);
  for (StringRef key : getSortedKeys(reader.getObject()))
    if (isIgnored(key))
      reader.acknowledge(key);
  warnAboutUnknownKeys(reader);
}
