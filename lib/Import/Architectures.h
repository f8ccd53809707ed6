//===- Architectures.h - the entries of each architecture -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// T tokens in all, B sequences, R rows of logits; all integers are i32.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_IMPORT_ARCHITECTURES_H
#define PEERMLA_LIB_IMPORT_ARCHITECTURES_H

#include "ModelBuilder.h"

namespace peermla::importer {

/// forward(x [T, d]) -> y
/// retrieve(x) -> scores [T, h, k], indices [T, h, k]
void buildPeerLayer(ModelBuilder &model, const ModelConfig &config);

/// forward(x [T, d], cu_seqlens [B+1]) -> y
/// step(x, cu_seqlens, past_lens [B], cache, block_table) -> y
/// decode(x, cache, block_table, seq_lens [B]) -> y
void buildMlaLayer(ModelBuilder &model, const ModelConfig &config);

/// forward(tokens [T], cu_seqlens) -> logits [T, vocab]
/// step(tokens, cu_seqlens, past_lens, cache, block_table, logit_rows [R])
///     -> logits [R, vocab]
/// decode(tokens, cache, block_table, seq_lens) -> logits [T, vocab]
void buildLanguageModel(ModelBuilder &model, const ModelConfig &config);

/// How an entry gets at the past of its sequences.
enum class EntryKind { Forward, Step, Decode };

/// Everything of an entry with attention that does not depend on layers.
struct AttentionEntry {
  /// The first argument, `x` or `tokens`.
  mlir::Value input;
  Batch batch;
  /// Null in `forward`.
  mlir::Value cache;
  /// `logit_rows`, null except in `step` of a language model.
  mlir::Value logitRows;
};

/// Opens the entry `kind` with the first argument `input` and the result
/// `output`. `cacheLayers` is the leading extent of the cache in a language
/// model; without it the cache is that of one layer.
AttentionEntry beginAttentionEntry(ModelBuilder &model,
                                   const AttentionConfig &config,
                                   EntryKind kind, TensorSpec input,
                                   TensorSpec output,
                                   std::optional<int64_t> cacheLayers);

/// Returns `output` and, if there is one, the updated cache.
void endAttentionEntry(ModelBuilder &model, mlir::Value output,
                       mlir::Value cache);

} // namespace peermla::importer

#endif // PEERMLA_LIB_IMPORT_ARCHITECTURES_H
