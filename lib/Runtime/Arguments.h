//===- Arguments.h - tensors of a call against the metadata ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_ARGUMENTS_H
#define PEERMLA_LIB_RUNTIME_ARGUMENTS_H

#include "Model.h"

namespace peermla::runtime {

/// Checks device, type, rank, shape, layout and alignment of the tensors, and
/// learns the entry's symbols.
Status checkArguments(const Entry &entry, const Device &device,
                      DLTensor *const *tensors, int32_t numTensors,
                      SymbolBinding &binding);

/// Learns the symbols from a list of their values.
Status bindSymbols(const Entry &entry, const int64_t *symbols,
                   int32_t numSymbols, SymbolBinding &binding);

/// Checks the values of index arguments after `checkArguments` has passed. On
/// a violation `errorWord` says what and where; see Peermla.h.
Status checkIndices(const Entry &entry, uint8_t entryPosition,
                    DLTensor *const *tensors, const SymbolBinding &binding,
                    uint64_t &errorWord);

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_ARGUMENTS_H
