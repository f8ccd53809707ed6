//===- Words.h - arguments as generated code takes them -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memref descriptors in 64-bit words; see ModelABI.h.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_WORDS_H
#define PEERMLA_LIB_RUNTIME_WORDS_H

#include "Model.h"

namespace peermla::runtime {

/// Where the elements begin. By integers: an empty tensor may have a null
/// pointer and an offset.
inline const void *getData(const DLTensor &tensor) {
  return reinterpret_cast<const void *>(
      reinterpret_cast<uintptr_t>(tensor.data) + tensor.byte_offset);
}

constexpr size_t countWords(size_t rank) { return 3 + 2 * rank; }

/// Writes the descriptor of a contiguous tensor; returns the words after it.
int64_t *writeTensor(int64_t *words, const void *data, size_t rank,
                     const int64_t *shape);

/// The words of an entry, with its weights and the number of workers in place.
std::vector<int64_t> createEntryWords(const peermla_session &session,
                                      size_t entry);

/// Fills in the arguments. `data` may be null: null pointers.
void writeArguments(const Entry &entry, const SymbolBinding &binding,
                    DLTensor *const *data, std::vector<int64_t> &words);

/// Fills in the workspace, the last descriptor.
void writeWorkspace(const void *data, size_t size, std::vector<int64_t> &words);

/// Bytes of workspace that the function `workspace` (or -1) asks for.
Status computeWorkspaceSize(const peermla_model &model, int32_t workspace,
                            const std::string &owner,
                            std::vector<int64_t> &words, size_t &size);

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_WORDS_H
