//===- Words.cpp - arguments as generated code takes them -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Words.h"
#include "Text.h"

using namespace peermla;
using namespace peermla::runtime;

int64_t *runtime::writeTensor(int64_t *words, const void *data, size_t rank,
                              const int64_t *shape) {
  int64_t address = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
  words[0] = words[1] = address;
  words[2] = 0;
  int64_t *sizes = words + 3, *strides = sizes + rank;
  uint64_t stride = 1;
  for (size_t i = rank; i-- > 0;) {
    sizes[i] = shape[i];
    strides[i] = static_cast<int64_t>(stride);
    // May wrap for a tensor that is empty: no element uses it.
    stride *= static_cast<uint64_t>(shape[i]);
  }
  return strides + rank;
}

std::vector<int64_t> runtime::createEntryWords(const peermla_session &session,
                                               size_t entry) {
  const Metadata &metadata = session.model->metadata;
  const Program::EntryCode &code = session.program->entries[entry];
  size_t argumentWords = 0;
  for (const peermla_argument &argument : metadata.entries[entry].arguments)
    argumentWords += countWords(argument.ndim);
  size_t weightWords = 0;
  for (int32_t position : code.prepared)
    weightWords += countWords(session.program->prepared[position].shape.size());

  std::vector<int64_t> words(argumentWords + weightWords + countWords(1) + 1);
  int64_t *next = words.data() + argumentWords;
  for (int32_t position : code.prepared) {
    const Prepared &prepared = session.program->prepared[position];
    next = writeTensor(next, session.prepared[position], prepared.shape.size(),
                       prepared.shape.data());
  }
  words.back() = session.workers.count;
  return words;
}

void runtime::writeArguments(const Entry &entry, const SymbolBinding &binding,
                             DLTensor *const *data,
                             std::vector<int64_t> &words) {
  int64_t *next = words.data();
  for (size_t i = 0; i < entry.arguments.size(); ++i) {
    const peermla_argument &argument = entry.arguments[i];
    const void *pointer = data ? getData(*data[i]) : nullptr;
    // The extents are written where they belong before the strides are.
    int64_t *sizes = next + 3;
    for (int32_t d = 0; d < argument.ndim; ++d)
      sizes[d] = binding.getExtent(argument.shape[d]);
    next = writeTensor(next, pointer, argument.ndim, sizes);
  }
}

void runtime::writeWorkspace(const void *data, size_t size,
                             std::vector<int64_t> &words) {
  int64_t extent = static_cast<int64_t>(size);
  writeTensor(words.data() + words.size() - 1 - countWords(1), data, 1,
              &extent);
}

Status runtime::computeWorkspaceSize(const peermla_model &model,
                                     int32_t workspace,
                                     const std::string &owner,
                                     std::vector<int64_t> &words,
                                     size_t &size) {
  size = 0;
  if (workspace < 0)
    return Status();
  writeWorkspace(nullptr, 0, words);
  int64_t bytes = model.getWorkspaceFunction(workspace)(words.data());
  if (bytes < 0)
    return Status(PEERMLA_INVALID_LIBRARY,
                  quote(owner) + " asks for a workspace of " +
                      std::to_string(bytes) + " bytes");
  size = static_cast<size_t>(bytes);
  return Status();
}
