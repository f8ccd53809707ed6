//===- Reference.cpp - the MODEL stage in float64 -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include "ReferenceProgram.h"
#include "ReferenceTensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <map>

using namespace mlir;
using namespace peermla;
using namespace peermla::run;

namespace {

/// The dimensions known so far, by symbol, and who said so.
class Dimensions {
public:
  /// Checks a shape against what is declared and learns symbols from it.
  Failure bind(const ReferenceParameter &parameter,
               const std::vector<int64_t> &shape);

private:
  Failure bindSymbol(llvm::StringRef symbol, int64_t extent,
                     const std::string &name);

  std::map<std::string, std::pair<int64_t, std::string>> extents;
};

} // namespace

Failure Dimensions::bind(const ReferenceParameter &parameter,
                         const std::vector<int64_t> &shape) {
  std::string expected = "expected " + formatShape(parameter) + ", got " +
                         peermla::formatShape(shape);
  if (shape.size() != parameter.getRank())
    return Failure(expected);
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t declared = parameter.type.getDimSize(d);
    if (ShapedType::isStatic(declared)) {
      if (shape[d] != declared)
        return Failure(expected);
      continue;
    }
    if (d >= parameter.dims.size() || parameter.dims[d].empty())
      continue;
    if (Failure failure =
            bindSymbol(parameter.dims[d], shape[d], parameter.name))
      return failure;
  }
  return {};
}

Failure Dimensions::bindSymbol(llvm::StringRef symbol, int64_t extent,
                               const std::string &name) {
  if (symbol.consume_back("+1"))
    --extent;
  auto [known, isNew] = extents.try_emplace(symbol.str(), extent, name);
  auto [value, source] = known->second;
  if (extent >= 0 && value == extent)
    return {};
  return Failure("expected " + symbol.str() + " to be " +
                 (isNew ? "at least 0"
                        : std::to_string(value) + " as in '" + source + "'") +
                 ", got " + std::to_string(extent));
}

/// Reads the tensor of one argument.
static Failure readArgument(const SafetensorsCheckpoint &source,
                            const ReferenceParameter &parameter,
                            Dimensions &dimensions, ReferenceTensor &tensor) {
  std::string subject = std::string(parameter.isWeight ? "weight" : "input") +
                        " '" + parameter.name + "': ";
  if (!source.getPath().empty())
    subject = source.getPath() + ": " + subject;
  SafetensorsDtype expected;
  if (!getDtype(parameter.type.getElementType(), expected))
    return Failure(subject + "files cannot hold its element type");
  std::string description = "expected " + std::string(getName(expected)) + " " +
                            formatShape(parameter);
  const SafetensorsCheckpoint::Tensor *found = source.find(parameter.name);
  if (!found)
    return Failure(subject + description + ", got no such tensor");
  if (found->entry->dtype != expected)
    return Failure(subject + description + ", got " +
                   getName(found->entry->dtype) + " " +
                   peermla::formatShape(found->entry->shape));
  if (Failure failure = dimensions.bind(parameter, found->entry->shape))
    return Failure(subject + failure.getMessage());
  return ReferenceTensor::read(*found, parameter.isWide, tensor);
}

/// Reads all arguments, and complains of inputs that are none.
static Failure readArguments(const RunOptions &options,
                             const std::vector<ReferenceParameter> &arguments,
                             std::vector<ReferenceTensor> &tensors) {
  SafetensorsCheckpoint inputs, weights;
  if (!options.inputs.empty())
    if (Failure failure = inputs.open(options.inputs))
      return failure;
  if (!options.weights.empty())
    if (Failure failure = weights.open(options.weights))
      return failure;
  Dimensions dimensions;
  for (const ReferenceParameter &argument : arguments)
    if (Failure failure =
            readArgument(argument.isWeight ? weights : inputs, argument,
                         dimensions, tensors.emplace_back()))
      return failure;
  for (const SafetensorsCheckpoint::Tensor &input : inputs.getTensors())
    if (llvm::none_of(arguments, [&](const ReferenceParameter &argument) {
          return !argument.isWeight && argument.name == input.entry->name;
        }))
      return Failure(options.inputs + ": input '" + input.entry->name +
                     "': entry '" + options.entry + "' has no such input");
  return {};
}

/// Rounds the results to their declared types and writes them.
static Failure writeResults(const std::string &path,
                            const std::vector<ReferenceParameter> &results,
                            llvm::ArrayRef<int64_t> words) {
  std::vector<SafetensorsTensor> tensors;
  std::vector<std::vector<char>> data;
  for (const ReferenceParameter &result : results) {
    unsigned rank = result.getRank();
    llvm::ArrayRef<int64_t> descriptor = words.take_front(3 + 2 * rank);
    words = words.drop_front(descriptor.size());
    SafetensorsTensor tensor;
    tensor.name = result.name;
    if (!getDtype(result.type.getElementType(), tensor.dtype))
      return Failure("output '" + result.name +
                     "': files cannot hold its element type");
    tensor.shape.assign(descriptor.begin() + 3, descriptor.begin() + 3 + rank);
    data.push_back(roundElements(descriptor, rank, tensor.dtype));
    tensor.data = data.back().data();
    tensors.push_back(std::move(tensor));
  }
  return writeSafetensors(path, tensors);
}

static Failure evaluate(const RunOptions &options) {
  if (options.list)
    return Failure("expected a compiled library with --list, got device "
                   "'reference'");
  ReferenceProgram program;
  if (Failure failure = program.load(options.model, options.entry))
    return failure;
  std::vector<ReferenceTensor> tensors;
  if (Failure failure = readArguments(options, program.getArguments(), tensors))
    return failure;
  std::vector<std::vector<int64_t>> descriptors;
  for (ReferenceTensor &tensor : tensors)
    descriptors.push_back(tensor.getDescriptor());
  std::vector<int64_t> words;
  auto begin = std::chrono::steady_clock::now();
  if (Failure failure = program.call(descriptors, words))
    return failure;
  std::chrono::duration<double, std::milli> time =
      std::chrono::steady_clock::now() - begin;
  if (options.printTime)
    llvm::outs() << llvm::format("%.4f ms", time.count())
                 << " for one call in float64\n";
  if (options.outputs.empty())
    return {};
  return writeResults(options.outputs, program.getResults(), words);
}

int run::runReference(const RunOptions &options) {
  Failure failure = evaluate(options);
  return failure ? fail(failure.getMessage()) : 0;
}
