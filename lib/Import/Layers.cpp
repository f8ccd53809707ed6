//===- Layers.cpp - PeerLayer and MlaLayer --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"

using namespace mlir;
using namespace peermla::importer;

//===----------------------------------------------------------------------===//
// PeerLayer
//===----------------------------------------------------------------------===//

void peermla::importer::buildPeerLayer(ModelBuilder &model,
                                       const ModelConfig &config) {
  const PeerConfig &peer = *config.peer;
  Type S = model.getStorageType();
  TensorSpec x{"x", S, {"T", config.d}};
  {
    TensorSpec y{"y", S, {"T", config.d}};
    Value input = model.beginEntry("forward", x, y).front();
    Retrieval retrieval = model.retrieve(peer, "", input, /*withScores=*/false);
    model.endEntry(model.experts(peer, "", input, retrieval));
  }
  {
    TensorSpec scores{"scores", model.getF32Type(), {"T", peer.h, peer.k}};
    TensorSpec indices{"indices", model.getI32Type(), {"T", peer.h, peer.k}};
    Value input = model.beginEntry("retrieve", x, {scores, indices}).front();
    Retrieval retrieval = model.retrieve(peer, "", input, /*withScores=*/true);
    model.endEntry({retrieval.scores, retrieval.indices});
  }
}

//===----------------------------------------------------------------------===//
// Entries with attention
//===----------------------------------------------------------------------===//

AttentionEntry peermla::importer::beginAttentionEntry(
    ModelBuilder &model, const AttentionConfig &config, EntryKind kind,
    TensorSpec input, TensorSpec output, std::optional<int64_t> cacheLayers) {
  Type i32 = model.getI32Type();
  TensorSpec cuSeqlens{"cu_seqlens", i32, {"B+1"}, "cu_seqlens:T"};
  TensorSpec pastLens{"past_lens", i32, {"B"}, "lengths"};
  TensorSpec seqLens{"seq_lens", i32, {"B"}, "lengths"};
  TensorSpec blockTable{"block_table", i32, {"B", "max_blocks"}, "block_table"};
  TensorSpec logitRows{"logit_rows", i32, {"R"}, "index:T"};
  TensorSpec cache{"cache",
                   model.getStorageType(),
                   {"num_blocks", "page", config.dc + config.dr}};
  if (cacheLayers)
    cache.dims.insert(cache.dims.begin(), Dim(*cacheLayers));
  TensorSpec newCache = cache;
  newCache.isInOut = true;

  AttentionEntry entry;
  switch (kind) {
  case EntryKind::Forward: {
    auto arguments = model.beginEntry("forward", {input, cuSeqlens}, output);
    entry.input = arguments[0];
    entry.batch.cuSeqlens = arguments[1];
    break;
  }
  case EntryKind::Step: {
    SmallVector<TensorSpec> specs = {input, cuSeqlens, pastLens, cache,
                                     blockTable};
    if (cacheLayers) {
      specs.push_back(logitRows);
      output.dims.front() = Dim("R");
    }
    auto arguments = model.beginEntry("step", specs, {output, newCache});
    entry.input = arguments[0];
    entry.batch = {arguments[1], arguments[2], arguments[4], nullptr};
    entry.cache = arguments[3];
    if (cacheLayers)
      entry.logitRows = arguments[5];
    break;
  }
  case EntryKind::Decode: {
    auto arguments = model.beginEntry(
        "decode", {input, cache, blockTable, seqLens}, {output, newCache});
    entry.input = arguments[0];
    entry.batch = {model.uniformCuSeqlens(arguments[3]), arguments[3],
                   arguments[2], nullptr};
    entry.cache = arguments[1];
    break;
  }
  }
  entry.batch.ropeTable = model.ropeTable(config, entry.batch);
  return entry;
}

void peermla::importer::endAttentionEntry(ModelBuilder &model, Value output,
                                          Value cache) {
  SmallVector<Value> results = {output};
  if (cache)
    results.push_back(cache);
  model.endEntry(results);
}

//===----------------------------------------------------------------------===//
// MlaLayer
//===----------------------------------------------------------------------===//

void peermla::importer::buildMlaLayer(ModelBuilder &model,
                                      const ModelConfig &config) {
  const AttentionConfig &attention = *config.attention;
  Type S = model.getStorageType();
  for (EntryKind kind :
       {EntryKind::Forward, EntryKind::Step, EntryKind::Decode}) {
    AttentionEntry entry = beginAttentionEntry(
        model, attention, kind, {"x", S, {"T", config.d}},
        {"y", S, {"T", config.d}}, /*cacheLayers=*/std::nullopt);
    Value o =
        model.attention(attention, "", entry.input, entry.batch, entry.cache);
    Value y = model.round(model.accumulate(o, "o_proj.weight"), "y");
    endAttentionEntry(model, y, entry.cache);
  }
}
