//===- CheckpointHeaders.cpp - the tensors of a checkpoint by name --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Checkpoint.h"
#include "peermla/Runtime/Safetensors.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace peermla;
using namespace peermla::importer;

/// Whether `folder` has anything that looks like weights.
static Expected<bool> hasSafetensors(StringRef folder) {
  std::error_code code;
  for (sys::fs::directory_iterator file(folder, code), end;
       !code && file != end; file.increment(code)) {
    StringRef name = sys::path::filename(file->path());
    if (name.ends_with(".safetensors") ||
        name.ends_with(".safetensors.index.json"))
      return true;
  }
  if (code)
    return createStringError(
        formatv("{0}: cannot be read: {1}", folder, code.message()));
  return false;
}

Expected<std::optional<CheckpointHeaders>>
peermla::importer::readCheckpointHeaders(StringRef folder) {
  Expected<bool> hasWeights = hasSafetensors(folder);
  if (!hasWeights)
    return hasWeights.takeError();
  if (!*hasWeights)
    return std::nullopt;
  SafetensorsCheckpoint checkpoint;
  if (Failure failure = checkpoint.open(folder.str()))
    return createStringError(Twine(failure.getMessage()));
  CheckpointHeaders headers;
  for (const SafetensorsCheckpoint::Tensor &tensor : checkpoint.getTensors())
    headers[tensor.entry->name] = {
        getName(tensor.entry->dtype),
        SmallVector<int64_t, 4>(tensor.entry->shape.begin(),
                                tensor.entry->shape.end())};
  return headers;
}
