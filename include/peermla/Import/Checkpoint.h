//===- Checkpoint.h - the tensors a model needs and those there are -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a configuration to the list of its weights, and from the headers of a
// checkpoint to the type each of them is stored in. Only headers are read:
// names, types and shapes, never data.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_IMPORT_CHECKPOINT_H
#define PEERMLA_IMPORT_CHECKPOINT_H

#include "peermla/Import/Config.h"
#include <map>

namespace peermla::importer {

/// What a checkpoint says about one tensor.
struct TensorHeader {
  /// In the spelling of safetensors: `F32`, `BF16`, `I64`, ...
  std::string dtype;
  llvm::SmallVector<int64_t, 4> shape;
};

/// All tensors of a checkpoint by name.
using CheckpointHeaders = std::map<std::string, TensorHeader>;

/// Reads the headers of all safetensors files in `folder`; nothing if there are
/// none.
llvm::Expected<std::optional<CheckpointHeaders>>
readCheckpointHeaders(llvm::StringRef folder);

/// A tensor that a model needs.
struct WeightSpec {
  std::string name;
  llvm::SmallVector<int64_t, 4> shape;
  /// Used if the checkpoint has it.
  bool isOptional = false;
};

/// The weights of a model, in the order of their use.
std::vector<WeightSpec> listWeights(const ModelConfig &config);

/// A weight with the type it is stored in.
struct Weight {
  std::string name;
  llvm::SmallVector<int64_t, 4> shape;
  Dtype dtype = Dtype::F32;
};

/// The weights of a model and its storage type S.
struct BoundWeights {
  Dtype storage = Dtype::F32;
  std::vector<Weight> weights;
};

/// Matches the weights of `config` with `headers`, or gives all of them the
/// storage type if there are no headers. Missing tensors, other shapes and
/// types that are not storage types are errors, one `llvm::Error` each; tensors
/// that nothing uses are a warning. `source` is what messages call the
/// checkpoint.
llvm::Expected<BoundWeights> bindWeights(const ModelConfig &config,
                                         const CheckpointHeaders *headers,
                                         llvm::StringRef source,
                                         std::vector<std::string> &warnings);

} // namespace peermla::importer

#endif // PEERMLA_IMPORT_CHECKPOINT_H
