//===- Shapes.h - the symbols of an entry ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the values of an entry's symbols from the shapes of its arguments, and
// the shapes of arguments from the values. `x [T, 64]` given as 5x64 makes
// T = 5; `cu_seqlens [B+1]` given as 4 makes B = 3; a symbol that another
// argument contradicts is a failure that names both.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_RUNTIME_SHAPES_H
#define PEERMLA_RUNTIME_SHAPES_H

#include "peermla/Runtime/Peermla.h"
#include "peermla/Runtime/Safetensors.h"
#include <string>
#include <vector>

namespace peermla {

class SymbolBinding {
public:
  static constexpr int64_t unknown = -1;

  /// `entry` must outlive the binding.
  explicit SymbolBinding(const peermla_entry &entry);

  /// Forgets all values. Neither this nor a successful `bind` allocates.
  void reset();

  /// Sets all values, in the order of the entry's symbols.
  void assign(const int64_t *symbols);

  /// Checks rank and extents of one argument, and learns its symbols.
  Failure bind(int32_t argument, int32_t rank, const int64_t *shape);

  /// Values in the order of the entry's symbols; `unknown` where no argument
  /// has told.
  const std::vector<int64_t> &getValues() const { return values; }

  /// The extent of a dimension, or `unknown`.
  int64_t getExtent(const peermla_dim &dim) const;

  /// `T`, `B+1` or `64`.
  std::string format(const peermla_dim &dim) const;

  /// `[T, 64]`
  std::string formatShape(const peermla_argument &argument) const;

private:
  std::string formatMismatch(int32_t argument, const std::string &expected,
                             int32_t rank, const int64_t *shape) const;

  const peermla_entry *entry;
  std::vector<int64_t> values;
  /// The argument that told each value.
  std::vector<int32_t> sources;
};

} // namespace peermla

#endif // PEERMLA_RUNTIME_SHAPES_H
