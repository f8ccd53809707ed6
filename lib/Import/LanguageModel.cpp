//===- LanguageModel.cpp - decoders of MLA and PEER or dense layers -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   x  = embed(tokens)
//   x += attention(rms_norm(x; input_layernorm))              per layer
//   x += feed_forward(rms_norm(x; post_attention_layernorm))
//   logits = rms_norm(x; norm) W_lm_head^T                    f32
//
// `step` takes the rows of which logits are wanted before the last norm.
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace peermla::importer;

namespace {
/// Where one layer's part of the cache lies.
struct Slice {
  SmallVector<OpFoldResult> offsets, sizes, strides;
};

/// Builds one entry of a language model.
class DecoderEntry {
public:
  DecoderEntry(ModelBuilder &model, const ModelConfig &config, EntryKind kind);
  void build();

private:
  Value layer(int64_t i, Value x);
  /// Slices of the cache `layers x num_blocks x page x (dc + dr)`.
  Value readCache(int64_t i);
  void writeCache(int64_t i, Value updated);
  Slice getCacheSlice(int64_t i);

  ModelBuilder &model;
  const ModelConfig &config;
  const DecoderConfig &decoder;
  AttentionEntry entry;
  Value numBlocks, page;
};
} // namespace

DecoderEntry::DecoderEntry(ModelBuilder &model, const ModelConfig &config,
                           EntryKind kind)
    : model(model), config(config), decoder(*config.decoder) {
  TensorSpec tokens{"tokens",
                    model.getI32Type(),
                    {"T"},
                    llvm::formatv("tokens:{0}", decoder.vocabSize)};
  TensorSpec logits{"logits", model.getF32Type(), {"T", decoder.vocabSize}};
  entry = beginAttentionEntry(model, *config.attention, kind, tokens, logits,
                              decoder.numLayers);
  if (entry.cache) {
    numBlocks = model.dim(entry.cache, 1, "num_blocks");
    page = model.dim(entry.cache, 2, "page");
  }
}

Slice DecoderEntry::getCacheSlice(int64_t i) {
  OpBuilder &builder = model.getBuilder();
  Slice slice;
  slice.offsets.assign(4, builder.getIndexAttr(0));
  slice.offsets[0] = builder.getIndexAttr(i);
  slice.sizes = {
      builder.getIndexAttr(1), numBlocks, page,
      builder.getIndexAttr(config.attention->dc + config.attention->dr)};
  slice.strides.assign(4, builder.getIndexAttr(1));
  return slice;
}

Value DecoderEntry::readCache(int64_t i) {
  if (!entry.cache)
    return nullptr;
  Slice slice = getCacheSlice(i);
  auto type = cast<RankedTensorType>(entry.cache.getType());
  return tensor::ExtractSliceOp::create(
      model.getBuilder(), model.named("layer_cache"),
      RankedTensorType::get(type.getShape().drop_front(),
                            type.getElementType()),
      entry.cache, slice.offsets, slice.sizes, slice.strides);
}

void DecoderEntry::writeCache(int64_t i, Value updated) {
  if (!entry.cache)
    return;
  Slice slice = getCacheSlice(i);
  entry.cache = tensor::InsertSliceOp::create(
      model.getBuilder(), model.named("all_caches"), updated, entry.cache,
      slice.offsets, slice.sizes, slice.strides);
}

Value DecoderEntry::layer(int64_t i, Value x) {
  std::string prefix = llvm::formatv("model.layers.{0}.", i);
  Value cache = readCache(i);
  Value normed =
      model.rmsNorm(x, prefix + "input_layernorm.weight", decoder.rmsNormEps);
  Value o = model.attention(*config.attention, prefix + "self_attn.", normed,
                            entry.batch, cache);
  writeCache(i, cache);
  x = model.add(model.accumulate(o, prefix + "self_attn.o_proj.weight"), x,
                "x");

  normed = model.rmsNorm(x, prefix + "post_attention_layernorm.weight",
                         decoder.rmsNormEps);
  std::string mlp = prefix + "mlp.";
  if (i >= decoder.peerStartLayer) {
    Retrieval retrieval =
        model.retrieve(*config.peer, mlp, normed, /*withScores=*/false);
    Value y = model.experts(*config.peer, mlp, normed, retrieval);
    return model.add(y, x, "x");
  }
  Value gated = model.gate(model.accumulate(normed, mlp + "gate_proj.weight"),
                           model.accumulate(normed, mlp + "up_proj.weight"),
                           decoder.hiddenAct, "gated");
  return model.add(model.accumulate(gated, mlp + "down_proj.weight"), x, "x");
}

void DecoderEntry::build() {
  Value embedding = model.storageWeight("model.embed_tokens.weight");
  Value x = model.gatherRows(embedding, entry.input, "x");
  for (int64_t i = 0; i < decoder.numLayers; ++i)
    x = layer(i, x);

  if (entry.logitRows) {
    model.setRows(model.dim(entry.logitRows, 0, "R"));
    x = model.gatherRows(x, entry.logitRows, "last");
  }
  Value normed = model.rmsNorm(x, "model.norm.weight", decoder.rmsNormEps);
  StringRef head = decoder.tieWordEmbeddings ? "model.embed_tokens.weight"
                                             : "lm_head.weight";
  endAttentionEntry(model, model.accumulate(normed, head, "lm_head"),
                    entry.cache);
}

void peermla::importer::buildLanguageModel(ModelBuilder &model,
                                           const ModelConfig &config) {
  for (EntryKind kind :
       {EntryKind::Forward, EntryKind::Step, EntryKind::Decode})
    DecoderEntry(model, config, kind).build();
}
