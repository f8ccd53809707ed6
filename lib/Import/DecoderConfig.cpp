//===- DecoderConfig.cpp - keys of a language model -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace peermla;
using namespace peermla::importer;

/// The first layer below `end` whose feed-forward consists of routed experts.
static std::optional<int64_t> findRoutedLayer(ConfigReader &reader,
                                              int64_t end) {
  int64_t firstRouted =
      reader.integer("first_k_dense_replace", 0, maxExtent, 0);
  int64_t frequency = reader.extent("moe_layer_freq", 1);
  for (int64_t i = firstRouted; i < end; ++i)
    if (i % frequency == 0)
      return i;
  return std::nullopt;
}

/// Routed experts are not supported: no layer that is used may have them.
static void refuseRoutedExperts(ConfigReader &reader, int64_t end) {
  std::optional<int64_t> layer = findRoutedLayer(reader, end);
  // Hugging Face writes the count under any of these names.
  for (StringRef key :
       {"n_routed_experts", "num_local_experts", "num_experts"}) {
    int64_t count = reader.integer(key, 0, maxExtent, 0);
    if (count > 0 && layer)
      reader.error(key, formatv("expected no routed experts, they are not "
                                "supported, got {0} in layer {1}",
                                count, *layer));
  }
}

DecoderConfig peermla::importer::parseDecoder(ConfigReader &reader,
                                              ConfigReader *peerReader) {
  constexpr int64_t maxLayers = 1024;
  DecoderConfig decoder;
  decoder.numLayers = reader.integer("num_hidden_layers", 1, maxLayers);
  decoder.vocabSize = reader.extent("vocab_size");
  decoder.rmsNormEps =
      reader.number("rms_norm_eps", 0, /*isOpen=*/true, decoder.rmsNormEps);
  decoder.hiddenAct = reader.choice<peer::Activation>(
      "hidden_act", decoder.hiddenAct, "silu, gelu, relu",
      [](StringRef name) { return peer::symbolizeActivation(name); });
  decoder.tieWordEmbeddings =
      reader.boolean("tie_word_embeddings", decoder.tieWordEmbeddings);
  decoder.peerStartLayer = decoder.numLayers;
  if (peerReader)
    decoder.peerStartLayer =
        peerReader->integer("peer_start_layer", 0, decoder.numLayers, 0);
  if (decoder.peerStartLayer > 0)
    decoder.intermediateSize = reader.extent("intermediate_size");
  else
    reader.acknowledge("intermediate_size");
  refuseRoutedExperts(reader, decoder.peerStartLayer);
  return decoder;
}
