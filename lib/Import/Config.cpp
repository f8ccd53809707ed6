//===- Config.cpp - what a config.json says, checked ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Config.h"
#include "ConfigParts.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace peermla::importer;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

StringRef peermla::importer::stringifyDtype(Dtype dtype) {
  switch (dtype) {
  case Dtype::F32:
    return "f32";
  case Dtype::F16:
    return "f16";
  case Dtype::BF16:
    return "bf16";
  }
  llvm_unreachable("all storage types are handled");
}

StringRef peermla::importer::stringifyArchitecture(Architecture architecture) {
  switch (architecture) {
  case Architecture::DeepseekV2ForCausalLM:
    return "DeepseekV2ForCausalLM";
  case Architecture::DeepseekV3ForCausalLM:
    return "DeepseekV3ForCausalLM";
  case Architecture::PeerMlaForCausalLM:
    return "PeerMlaForCausalLM";
  case Architecture::PeerLayer:
    return "PeerLayer";
  case Architecture::MlaLayer:
    return "MlaLayer";
  }
  llvm_unreachable("all architectures are handled");
}

static std::optional<Architecture> symbolizeArchitecture(StringRef name) {
  for (Architecture architecture :
       {Architecture::DeepseekV2ForCausalLM,
        Architecture::DeepseekV3ForCausalLM, Architecture::PeerMlaForCausalLM,
        Architecture::PeerLayer, Architecture::MlaLayer})
    if (name == stringifyArchitecture(architecture))
      return architecture;
  return std::nullopt;
}

/// The architecture that Hugging Face's `model_type` stands for.
static std::optional<Architecture> symbolizeModelType(StringRef name) {
  return StringSwitch<std::optional<Architecture>>(name)
      .Case("deepseek_v2", Architecture::DeepseekV2ForCausalLM)
      .Cases({"deepseek_v3", "kimi_k2"}, Architecture::DeepseekV3ForCausalLM)
      .Case("peer_mla", Architecture::PeerMlaForCausalLM)
      .Case("peer_layer", Architecture::PeerLayer)
      .Case("mla_layer", Architecture::MlaLayer)
      .Default(std::nullopt);
}

//===----------------------------------------------------------------------===//
// Top level
//===----------------------------------------------------------------------===//

static constexpr StringLiteral architectureNames =
    "DeepseekV2ForCausalLM, DeepseekV3ForCausalLM, PeerMlaForCausalLM, "
    "PeerLayer, MlaLayer";

/// From `architectures`, an array of one name; without it from `model_type`.
static std::optional<Architecture> parseArchitecture(ConfigReader &reader) {
  if (const json::Value *value = reader.find("architectures")) {
    const json::Array *names = value->getAsArray();
    if (names && names->size() == 1)
      if (std::optional<StringRef> name = names->front().getAsString())
        if (auto architecture = symbolizeArchitecture(*name))
          return architecture;
    reader.expected("architectures",
                    "an array with one of " + architectureNames, value);
    return std::nullopt;
  }
  const json::Value *value = reader.find("model_type");
  if (value)
    if (std::optional<StringRef> name = value->getAsString())
      if (auto architecture = symbolizeModelType(*name))
        return architecture;
  if (value)
    reader.expected("model_type",
                    "one of deepseek_v2, deepseek_v3, kimi_k2, peer_mla, "
                    "peer_layer, mla_layer",
                    value);
  else
    reader.expected("architectures",
                    "an array with one of " + architectureNames, value);
  return std::nullopt;
}

/// The storage type under one of its two names.
static std::optional<Dtype> parseDtype(ConfigReader &reader, StringRef key) {
  const json::Value *value = reader.find(key);
  if (!value)
    return std::nullopt;
  std::optional<Dtype> dtype;
  if (std::optional<StringRef> name = value->getAsString()) {
    name->consume_front("torch.");
    dtype = StringSwitch<std::optional<Dtype>>(*name)
                .Case("float32", Dtype::F32)
                .Case("float16", Dtype::F16)
                .Case("bfloat16", Dtype::BF16)
                .Default(std::nullopt);
  }
  if (!dtype)
    reader.expected(key, "one of float32, float16, bfloat16", value);
  return dtype;
}

static std::optional<Dtype> parseStorage(ConfigReader &reader) {
  std::optional<Dtype> torchDtype = parseDtype(reader, "torch_dtype");
  std::optional<Dtype> dtype = parseDtype(reader, "dtype");
  if (torchDtype && dtype && *torchDtype != *dtype)
    reader.expected("dtype",
                    "the value of 'torch_dtype', " +
                        describe(reader.find("torch_dtype")),
                    reader.find("dtype"));
  return dtype ? dtype : torchDtype;
}

/// The language models; `peer` is there for PeerMlaForCausalLM only.
static void parseLanguageModel(ConfigReader &reader, ModelConfig &config) {
  config.attention = parseAttention(reader);
  if (config.architecture != Architecture::PeerMlaForCausalLM) {
    config.decoder = parseDecoder(reader, /*peerReader=*/nullptr);
    return;
  }
  const json::Value *value = reader.find("peer");
  const json::Object *object = value ? value->getAsObject() : nullptr;
  if (!object) {
    reader.expected("peer", "an object", value);
    return;
  }
  ConfigReader peerReader(*object, reader.getFile(), "peer.",
                          reader.getMessages());
  config.peer = parsePeer(peerReader);
  config.decoder = parseDecoder(reader, &peerReader);
  warnAboutUnknownKeys(peerReader);
}

Expected<ModelConfig>
peermla::importer::parseConfig(StringRef text, StringRef file,
                               std::vector<std::string> &warnings) {
  Expected<json::Value> root = parseJsonObject(text, file);
  if (!root)
    return root.takeError();

  Messages messages{{}, warnings};
  ConfigReader reader(*root->getAsObject(), file, "", messages);
  ModelConfig config;
  std::optional<Architecture> architecture = parseArchitecture(reader);
  if (!architecture)
    return messages.takeErrors();
  config.architecture = *architecture;
  config.storage = parseStorage(reader);
  config.d = reader.extent("hidden_size");
  switch (config.architecture) {
  case Architecture::PeerLayer:
    config.peer = parsePeer(reader);
    break;
  case Architecture::MlaLayer:
    config.attention = parseAttention(reader);
    break;
  case Architecture::DeepseekV2ForCausalLM:
  case Architecture::DeepseekV3ForCausalLM:
  case Architecture::PeerMlaForCausalLM:
    parseLanguageModel(reader, config);
    break;
  }
  checkRemainingKeys(reader);
  if (reader.hasErrors())
    return messages.takeErrors();
  return config;
}
