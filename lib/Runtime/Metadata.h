//===- Metadata.h - what a library says about its model -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The JSON text inside a library, read once:
//
//     {"schema": 1, "model": "PeerLayer", "compiler": "peermla 0.1.0",
//      "weights": [{"name", "dtype", "shape"}, ...],
//      "entries": [{"name", "arguments": [
//          {"name", "kind": "in" | "inout" | "out", "dtype",
//           "shape": ["T", "B+1", 64], "check": "tokens:32000"}, ...]}, ...],
//      "programs": [{"level": "x86-64-v3",
//          "prepared": [{"name", "dtype", "shape", "source": weight} or
//                       {"name", "dtype", "shape", "rows": [weight, ...]} or
//                       {"name", "dtype", "shape", "function": index,
//                        "workspace": index, "sources": [weight, ...]}, ...],
//          "entries": [{"name", "function": index, "workspace": index,
//                       "prepared": [position, ...]}, ...]}, ...]}
//
// "check" is one of `tokens:LIMIT` and `index:LIMIT` (values in [0, LIMIT), a
// number or a dimension), `cu_seqlens:TOTAL`, `lengths`, `block_table`.
// "workspace" may be missing: no bytes. With "rows", row i of the prepared
// weight is row i of each of these weights, one after the other; their rows are
// as many as the prepared weight has, whatever their shapes say.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_METADATA_H
#define PEERMLA_LIB_RUNTIME_METADATA_H

#include "Status.h"
#include "peermla/Runtime/Dtype.h"
#include <deque>
#include <string>
#include <vector>

namespace peermla::runtime {

/// What holds for the values of an index argument.
struct IndexCheck {
  enum class Kind { None, Range, CuSeqlens, Lengths, BlockTable };
  Kind kind = Kind::None;
  /// The limit of a range, the total of cu_seqlens.
  peermla_dim limit = {-1, 0};
};

struct Weight {
  std::string name;
  const Dtype *dtype;
  std::vector<int64_t> shape;
  size_t bytes;
};

struct Entry {
  std::string name;
  /// Views of the vectors below.
  peermla_entry description;
  std::vector<peermla_argument> arguments;
  std::vector<const Dtype *> dtypes;
  std::vector<IndexCheck> checks;
  std::deque<std::vector<peermla_dim>> shapes;
  std::vector<const char *> symbols;
  /// The arguments with these roles, or -1.
  int32_t cuSeqlens = -1, lengths = -1, blockTable = -1, cache = -1;
  /// How many tokens a call is about: the symbol T, or the leading dimension
  /// of the first argument.
  peermla_dim tokens = {-1, 0};
};

struct Prepared {
  std::string name;
  const Dtype *dtype;
  std::vector<int64_t> shape;
  size_t bytes;
  /// The weight that it is, or -1 if it is made of rows or by a function.
  int32_t source = -1;
  /// The weights whose rows alternate in it; empty if it is not made so.
  std::vector<int32_t> rows;
  int32_t function = -1, workspace = -1;
  std::vector<int32_t> sources;
};

struct Program {
  struct EntryCode {
    int32_t function = -1, workspace = -1;
    std::vector<int32_t> prepared;
  };
  std::string level;
  std::vector<Prepared> prepared;
  /// In the order of the entries.
  std::vector<EntryCode> entries;
};

class Metadata {
public:
  Metadata() = default;
  Metadata(const Metadata &) = delete;
  Metadata &operator=(const Metadata &) = delete;

  Failure parse(const char *text, size_t size);

  std::string model, compiler;
  std::vector<Weight> weights;
  std::deque<Entry> entries;
  std::vector<Program> programs;
  /// Views of all of it.
  peermla_description description = {};

private:
  friend class MetadataReader;
  void describe();

  std::deque<std::string> strings;
  std::vector<peermla_entry> entryDescriptions;
  std::vector<peermla_weight> weightDescriptions;
  std::vector<const char *> levels;
};

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_METADATA_H
