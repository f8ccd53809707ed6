//===- Config.h - what a config.json says, checked ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A configuration in Hugging Face style -> plain structs whose values are in
// range and do not contradict each other. Nothing here knows of tensors or IR.
// Every key is read, ignored in silence, refused unless it changes nothing, or
// warned about; ConfigKeys.cpp lists which. Where Hugging Face has defaults of
// one model size, absence means the plain thing instead: no `q_lora_rank` is a
// direct query projection, no `n_routed_experts` is a dense model.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_IMPORT_CONFIG_H
#define PEERMLA_IMPORT_CONFIG_H

#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Import/Rope.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace peermla::importer {

/// Storage types of weights and activations.
enum class Dtype { F32, F16, BF16 };

/// `f32`, `f16`, `bf16`.
llvm::StringRef stringifyDtype(Dtype dtype);

/// The architectures that can be imported.
enum class Architecture {
  DeepseekV2ForCausalLM,
  DeepseekV3ForCausalLM,
  PeerMlaForCausalLM,
  PeerLayer,
  MlaLayer
};

/// The name as in `architectures`; also the name of the module.
llvm::StringRef stringifyArchitecture(Architecture architecture);

/// How a PEER layer normalises its queries.
enum class QueryNorm { None, LayerNorm, BatchNorm, L2 };

/// A PEER layer. Symbols: h heads, k experts per head and token, e neurons per
/// expert, dq columns of a query.
struct PeerConfig {
  /// n_0 .. n_{D-1}; their product N is the number of experts.
  llvm::SmallVector<int64_t> productKeyDim;
  int64_t numExperts = 0;
  int64_t k = 16, h = 8, e = 1, dq = 0;
  QueryNorm queryNorm = QueryNorm::None;
  peer::Norm keyNorm = peer::Norm::none;
  peer::ScoreFunction scoreFunction = peer::ScoreFunction::softmax;
  peer::Activation activation = peer::Activation::gelu;
  peer::UpLayout upLayout = peer::UpLayout::neuron_major;
  bool gated = false, keysPerHead = false;
};

/// A Multi-head Latent Attention layer.
struct AttentionConfig {
  int64_t H = 0;
  /// Absent if queries are projected directly.
  std::optional<int64_t> dq;
  int64_t dc = 0, dn = 0, dr = 0, dv = 0;
  RopeConfig rope;
};

/// What a language model has beside its attention and PEER layers.
struct DecoderConfig {
  int64_t numLayers = 0, vocabSize = 0;
  /// Width of the dense feed-forward layers; 0 if there are none.
  int64_t intermediateSize = 0;
  double rmsNormEps = 1e-6;
  peer::Activation hiddenAct = peer::Activation::silu;
  bool tieWordEmbeddings = false;
  /// The first layer whose feed-forward is PEER; `numLayers` if none is.
  int64_t peerStartLayer = 0;
};

/// A whole configuration. `peer`, `attention` and `decoder` are there as the
/// architecture has them.
struct ModelConfig {
  Architecture architecture = Architecture::PeerLayer;
  /// Absent if the configuration names none.
  std::optional<Dtype> storage;
  /// d, the width of the residual stream.
  int64_t d = 0;
  std::optional<PeerConfig> peer;
  std::optional<AttentionConfig> attention;
  std::optional<DecoderConfig> decoder;
};

/// Parses and checks `text`. `file` is what messages call it. A failure lists
/// every mistake that was found, one `llvm::Error` each; warnings are appended.
llvm::Expected<ModelConfig> parseConfig(llvm::StringRef text,
                                        llvm::StringRef file,
                                        std::vector<std::string> &warnings);

} // namespace peermla::importer

#endif // PEERMLA_IMPORT_CONFIG_H
