//===- Dtype.h - element types under all their names ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_RUNTIME_DTYPE_H
#define PEERMLA_RUNTIME_DTYPE_H

#include "peermla/Runtime/Peermla.h"
#include "peermla/Runtime/Safetensors.h"
#include <string>

namespace peermla {

/// A type that arguments and weights may have.
struct Dtype {
  /// The compiler's name: `bf16`.
  const char *name;
  DLDataType dlpack;
  SafetensorsDtype safetensors;
  /// Bytes of one element.
  size_t size;

  /// By the compiler's name; null if there is none.
  static const Dtype *get(const std::string &name);
  /// By DLPack's; null if there is none.
  static const Dtype *get(DLDataType type);
};

} // namespace peermla

#endif // PEERMLA_RUNTIME_DTYPE_H
