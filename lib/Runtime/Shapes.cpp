//===- Shapes.cpp - the symbols of an entry -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Runtime/Shapes.h"
#include "Text.h"
#include <algorithm>

using namespace peermla;

SymbolBinding::SymbolBinding(const peermla_entry &entry)
    : entry(&entry), values(entry.num_symbols, unknown),
      sources(entry.num_symbols, 0) {}

void SymbolBinding::reset() {
  std::fill(values.begin(), values.end(), unknown);
}

void SymbolBinding::assign(const int64_t *symbols) {
  std::copy_n(symbols, values.size(), values.begin());
}

int64_t SymbolBinding::getExtent(const peermla_dim &dim) const {
  if (dim.symbol < 0)
    return dim.extent;
  int64_t value = values[dim.symbol], extent = 0;
  if (value == unknown || __builtin_add_overflow(value, dim.extent, &extent))
    return unknown;
  return extent;
}

std::string SymbolBinding::format(const peermla_dim &dim) const {
  if (dim.symbol < 0)
    return std::to_string(dim.extent);
  std::string name = entry->symbols[dim.symbol];
  return dim.extent ? name + "+" + std::to_string(dim.extent) : name;
}

std::string SymbolBinding::formatShape(const peermla_argument &argument) const {
  std::string result = "[";
  for (int32_t i = 0; i < argument.ndim; ++i)
    result += (i ? ", " : "") + format(argument.shape[i]);
  return result + "]";
}

std::string SymbolBinding::formatMismatch(int32_t argument,
                                          const std::string &expected,
                                          int32_t rank,
                                          const int64_t *shape) const {
  const peermla_argument &info = entry->arguments[argument];
  return "argument " + quote(info.name) + " expects " + expected +
         " in shape " + formatShape(info) + ", got " +
         peermla::formatShape(std::vector<int64_t>(shape, shape + rank));
}

Failure SymbolBinding::bind(int32_t argument, int32_t rank,
                            const int64_t *shape) {
  const peermla_argument &info = entry->arguments[argument];
  if (rank != info.ndim)
    return Failure(formatMismatch(argument, "rank " + std::to_string(info.ndim),
                                  rank, shape));
  for (int32_t i = 0; i < rank; ++i) {
    const peermla_dim &dim = info.shape[i];
    int64_t minimum = dim.symbol < 0 ? 0 : dim.extent;
    if (shape[i] < minimum)
      return Failure(formatMismatch(argument,
                                    "at least " + std::to_string(minimum) +
                                        " for dimension " + std::to_string(i),
                                    rank, shape));
    if (dim.symbol >= 0 && values[dim.symbol] == unknown) {
      values[dim.symbol] = shape[i] - dim.extent;
      sources[dim.symbol] = argument;
      continue;
    }
    // By difference: the sum may not fit.
    int64_t value = dim.symbol < 0 ? 0 : values[dim.symbol];
    if (shape[i] - dim.extent == value)
      continue;
    std::string expected = format(dim);
    if (dim.symbol >= 0) {
      expected += " = " + std::to_string(getExtent(dim));
      if (dim.extent != 0)
        expected += std::string(" with ") + entry->symbols[dim.symbol] + " = " +
                    std::to_string(value);
      if (sources[dim.symbol] != argument)
        expected += " as in argument " +
                    quote(entry->arguments[sources[dim.symbol]].name);
    }
    return Failure(formatMismatch(
        argument, expected + " for dimension " + std::to_string(i), rank,
        shape));
  }
  return Failure();
}
