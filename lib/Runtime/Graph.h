//===- Graph.h - the launches of a call, to run again ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shapes and addresses decide which kernels a call launches, on which grids and
// with which parameters; what is in memory does not. So the same launches serve
// other values there, lengths of sequences among them. A recording keeps them;
// replaying it runs no host code of the model.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_GRAPH_H
#define PEERMLA_LIB_RUNTIME_GRAPH_H

#include "Device/Device.h"

namespace peermla::runtime {

class Recording {
public:
  void addLaunch(const Launch &launch);
  void addCopy(void *to, const void *from, size_t bytes);

  /// Launches and copies all of it again.
  Status replay(Device &device, const Program &program, void *stream) const;

private:
  /// A launch, or a copy if `kernel` is negative.
  struct Step {
    int64_t kernel = -1;
    int64_t grid[3] = {0, 0, 0};
    /// The values of the parameters, each at a multiple of 16 bytes.
    std::vector<char> values;
    std::vector<size_t> offsets;
    std::vector<int64_t> bytes;
    void *to = nullptr;
    const void *from = nullptr;
    size_t size = 0;
  };
  std::vector<Step> steps;
};

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_GRAPH_H
