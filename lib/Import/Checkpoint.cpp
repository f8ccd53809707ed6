//===- Checkpoint.cpp - matching weights with a checkpoint ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Checkpoint.h"
#include "ConfigReader.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace peermla;
using namespace peermla::importer;

/// `[512, 64]`
static std::string describeShape(ArrayRef<int64_t> shape) {
  return formatv("[{0:$[, ]}]", make_range(shape.begin(), shape.end()));
}

static std::optional<Dtype> symbolizeHeaderDtype(StringRef dtype) {
  return StringSwitch<std::optional<Dtype>>(dtype)
      .Case("F32", Dtype::F32)
      .Case("F16", Dtype::F16)
      .Case("BF16", Dtype::BF16)
      .Default(std::nullopt);
}

/// Whether the bytes of a tensor can be counted in 64 bits.
static bool isAddressable(ArrayRef<int64_t> shape) {
  int64_t bytes = sizeof(float);
  for (int64_t extent : shape) {
    std::optional<int64_t> product = checkedMul(bytes, extent);
    if (!product)
      return false;
    bytes = *product;
  }
  return true;
}

/// Checks one weight against its header and appends it to `bound`.
static void bindWeight(const WeightSpec &spec, const CheckpointHeaders &headers,
                       StringRef source, BoundWeights &bound,
                       Messages &messages) {
  auto error = [&](const Twine &message) {
    messages.errors.push_back(
        formatv("{0}: tensor '{1}': {2}", source, spec.name, message.str()));
  };
  auto found = headers.find(spec.name);
  if (found == headers.end()) {
    if (!spec.isOptional)
      error("expected shape " + describeShape(spec.shape) +
            ", got no such tensor");
    return;
  }
  const TensorHeader &header = found->second;
  std::optional<Dtype> dtype = symbolizeHeaderDtype(header.dtype);
  if (!dtype)
    error("expected type F32, F16 or BF16, got " + header.dtype);
  if (ArrayRef<int64_t>(header.shape) != ArrayRef<int64_t>(spec.shape))
    error("expected shape " + describeShape(spec.shape) + ", got " +
          describeShape(header.shape));
  if (dtype)
    bound.weights.push_back({spec.name, spec.shape, *dtype});
}

/// One warning for all tensors that nothing uses, the first few by name.
static void warnAboutSurplus(ArrayRef<WeightSpec> specs,
                             const CheckpointHeaders &headers, StringRef source,
                             std::vector<std::string> &warnings) {
  constexpr size_t maxNames = 3;
  StringSet<> used;
  for (const WeightSpec &spec : specs)
    used.insert(spec.name);
  std::string names;
  size_t surplus = 0;
  for (const auto &entry : headers) {
    if (used.contains(entry.first))
      continue;
    if (++surplus <= maxNames)
      names += (surplus > 1 ? ", '" : "'") + entry.first + "'";
  }
  if (surplus == 0)
    return;
  if (surplus > maxNames)
    names += formatv(" and {0} more", surplus - maxNames);
  warnings.push_back(
      formatv("{0}: unused tensors, ignored: {1}", source, names));
}

/// The storage type: of the configuration, else the one all weights have.
static std::optional<Dtype> chooseStorage(const ModelConfig &config,
                                          ArrayRef<Weight> weights,
                                          StringRef source,
                                          Messages &messages) {
  if (config.storage)
    return config.storage;
  for (const Weight &weight : weights) {
    const Weight &first = weights.front();
    if (weight.dtype == first.dtype)
      continue;
    messages.errors.push_back(
        formatv("{0}: expected 'torch_dtype' in the configuration, for tensor "
                "'{1}' is {2} and tensor '{3}' is {4}",
                source, first.name, stringifyDtype(first.dtype), weight.name,
                stringifyDtype(weight.dtype)));
    return std::nullopt;
  }
  return weights.empty() ? Dtype::F32 : weights.front().dtype;
}

Expected<BoundWeights> peermla::importer::bindWeights(
    const ModelConfig &config, const CheckpointHeaders *headers,
    StringRef source, std::vector<std::string> &warnings) {
  std::vector<WeightSpec> specs = listWeights(config);
  Messages messages{{}, warnings};
  BoundWeights bound;
  for (const WeightSpec &spec : specs) {
    if (!isAddressable(spec.shape))
      messages.errors.push_back(
          formatv("{0}: tensor '{1}': expected fewer than 2^63 bytes, got "
                  "shape {2}",
                  source, spec.name, describeShape(spec.shape)));
    else if (headers)
      bindWeight(spec, *headers, source, bound, messages);
    else if (!spec.isOptional)
      bound.weights.push_back(
          {spec.name, spec.shape, config.storage.value_or(Dtype::F32)});
  }
  if (headers)
    warnAboutSurplus(specs, *headers, source, warnings);
  if (auto storage = chooseStorage(config, bound.weights, source, messages))
    bound.storage = *storage;
  if (!messages.errors.empty())
    return messages.takeErrors();
  return bound;
}
