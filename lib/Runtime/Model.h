//===- Model.h - models, sessions and contexts ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The opaque types of the C interface.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_MODEL_H
#define PEERMLA_LIB_RUNTIME_MODEL_H

#include "Device/Device.h"
#include "Graph.h"
#include "Memory.h"
#include "Metadata.h"
#include "ParallelFor.h"
#include "peermla/Runtime/Shapes.h"
#include <atomic>
#include <map>
#include <mutex>

struct peermla_model {
  peermla::runtime::Metadata metadata;
  /// Why the metadata cannot be used, if so.
  peermla::Failure failure;
  void *const *functions = nullptr;

  peermla_rt_function getFunction(int32_t index) const {
    return reinterpret_cast<peermla_rt_function>(functions[index]);
  }
  peermla_rt_workspace_function getWorkspaceFunction(int32_t index) const {
    return reinterpret_cast<peermla_rt_workspace_function>(functions[index]);
  }
};

struct peermla_session {
  const peermla_model *model = nullptr;
  const peermla::runtime::Program *program = nullptr;
  peermla::runtime::Workers workers;
  /// Outlives all memory of the session.
  std::unique_ptr<peermla::runtime::Device> device;
  /// The prepared weights of the program: one piece of memory, and where in it
  /// each of them is.
  std::unique_ptr<peermla::runtime::DeviceMemory> weights;
  std::vector<char *> prepared;

  std::atomic<uint64_t> errorWord{0};
  std::atomic<int32_t> numContexts{0};

  /// What memory_allocate has given out.
  std::mutex allocationsMutex;
  std::map<void *, std::unique_ptr<peermla::runtime::DeviceMemory>> allocations;
};

struct peermla_context {
  /// What calls of one entry need, made once: a call only fills in pointers and
  /// extents.
  struct EntryState {
    peermla::SymbolBinding binding;
    std::vector<int64_t> words;
  };

  peermla_session *session = nullptr;
  std::vector<EntryState> entries;
  /// The workspace in use: `own`, or the caller's.
  char *workspace = nullptr;
  size_t workspaceSize = 0;
  bool isGiven = false;
  std::unique_ptr<peermla::runtime::DeviceMemory> own;
  /// Of the device's kind.
  void *stream = nullptr;
  /// Graphs that use the workspace.
  int32_t numGraphs = 0;
};

struct peermla_graph {
  peermla_context *context = nullptr;
  peermla::runtime::Recording recording;
};

#endif // PEERMLA_LIB_RUNTIME_MODEL_H
