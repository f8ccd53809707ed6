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
//                       "prepared": [position, ...]}, ...]},
//        {"target": "sm_80", "level": "x86-64-v3", "prepared", "entries",
//          "kernels": [{"name", "threads": [128, 1, 1], "shared_bytes": 0,
//              "operands": "rsw", "parameters": [8, 4, 8], "tensor_maps": 0,
//              "simulated": index,
//              "images": [{"kind": "ptx" | "cubin", "data": index,
//                          "bytes": size}, ...]}, ...]}, ...],
//      "simulator": index}
//
// "check" is one of `tokens:LIMIT` and `index:LIMIT` (values in [0, LIMIT), a
// number or a dimension), `cu_seqlens:TOTAL`, `lengths`, `block_table`.
// "workspace" may be missing: no bytes. With "rows", row i of the prepared
// weight is row i of each of these weights, one after the other; their rows are
// as many as the prepared weight has, whatever their shapes say.
//
// A program with "target" is that of a GPU; its host code is for "level". Each
// kernel says of its operands, its first parameters, whether they are memory
// that it reads (r), or reads and writes (w), or scalars (s), and how many
// bytes each of its parameters has, of which the last are as many tensor maps.
// "simulated", the descriptor of its form for
// the simulator, is in the table of functions as are its images; "simulator" is
// peermla_rt_create_simulator. Both are missing in libraries that are not to
// run in the simulator.
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

/// A kernel in the form that a GPU's driver loads.
struct KernelImage {
  enum class Kind { Ptx, Cubin };
  Kind kind = Kind::Ptx;
  /// Its place in the table of functions; PTX ends in a 0 that `bytes` counts.
  int32_t data = -1;
  size_t bytes = 0;
};

struct Kernel {
  std::string name;
  uint32_t threads[3] = {1, 1, 1};
  uint32_t sharedBytes = 0;
  /// One of r, w and s for each operand.
  std::string operands;
  /// Bytes of each parameter.
  std::vector<uint32_t> parameters;
  /// How many of the last parameters are tensor maps.
  uint32_t numTensorMaps = 0;
  /// The descriptor for the simulator, or -1.
  int32_t simulated = -1;
  std::vector<KernelImage> images;
};

struct Program {
  struct EntryCode {
    int32_t function = -1, workspace = -1;
    std::vector<int32_t> prepared;
  };
  /// The CPU level of its host code; empty for the GPU's programs of tests.
  std::string level;
  /// The GPU that it is for; empty if it is for the CPU.
  std::string target;
  std::vector<Kernel> kernels;
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
  /// Those of CPU levels, and those of GPUs.
  std::vector<Program> programs, gpuPrograms;
  /// peermla_rt_create_simulator in the table of functions, or -1.
  int32_t simulator = -1;
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
