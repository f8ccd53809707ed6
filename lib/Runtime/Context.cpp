//===- Context.cpp - contexts and calls -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Context.h"
#include "Arguments.h"
#include "Launches.h"
#include "Text.h"
#include "Words.h"
#include <algorithm>

using namespace peermla;
using namespace peermla::runtime;

Status runtime::createContext(peermla_session &session,
                              const peermla_context_options &options,
                              std::unique_ptr<peermla_context> &context) {
  uintptr_t address = reinterpret_cast<uintptr_t>(options.workspace);
  if (address % PEERMLA_WORKSPACE_ALIGNMENT != 0)
    return Status(PEERMLA_INVALID_ARGUMENT,
                  "expected a workspace aligned to " +
                      std::to_string(PEERMLA_WORKSPACE_ALIGNMENT) +
                      " bytes, got an address " +
                      std::to_string(address % PEERMLA_WORKSPACE_ALIGNMENT) +
                      " beyond that");
  if (!options.workspace && options.workspace_size != 0)
    return Status(PEERMLA_INVALID_ARGUMENT,
                  "expected a workspace of " +
                      std::to_string(options.workspace_size) +
                      " bytes, got a null pointer");
  context = std::make_unique<peermla_context>();
  context->session = &session;
  context->isGiven = options.workspace != nullptr;
  context->workspace = static_cast<char *>(options.workspace);
  context->workspaceSize = options.workspace_size;
  context->stream = options.stream;
  const std::deque<Entry> &entries = session.model->metadata.entries;
  for (size_t i = 0; i < entries.size(); ++i)
    context->entries.push_back(
        {SymbolBinding(entries[i].description), createEntryWords(session, i)});
  return Status();
}

Status runtime::reserveWorkspace(peermla_context &context,
                                 const std::string &entry, size_t size) {
  if (size <= context.workspaceSize)
    return Status();
  if (context.isGiven)
    return Status(PEERMLA_WORKSPACE_TOO_SMALL,
                  "entry " + quote(entry) + " expects a workspace of " +
                      std::to_string(size) + " bytes, got " +
                      std::to_string(context.workspaceSize));
  if (context.numGraphs > 0)
    return Status(PEERMLA_WORKSPACE_TOO_SMALL,
                  "entry " + quote(entry) + " expects a workspace of " +
                      std::to_string(size) + " bytes, but graphs use the one " +
                      "of " + std::to_string(context.workspaceSize));
  // Half as much again, so that lengths that grow by one do not grow the
  // workspace each time; what is not touched costs nothing.
  size = std::max(size, context.workspaceSize + context.workspaceSize / 2);
  // The old pages go first: both together may not fit.
  context.workspace = nullptr;
  context.workspaceSize = 0;
  Device &device = *context.session->device;
  if (context.own)
    if (Status status = device.synchronize(context.stream))
      return status;
  context.own.reset();
  if (Status status = device.allocate(size, "a workspace", context.own))
    return status;
  context.workspace = context.own->data();
  context.workspaceSize = size;
  return Status();
}

Status runtime::call(peermla_context &context, int32_t entry,
                     DLTensor *const *tensors, int32_t numTensors,
                     Recording *recording) {
  peermla_session &session = *context.session;
  const peermla_model &model = *session.model;
  const Entry &info = model.metadata.entries[entry];
  const Program::EntryCode &code = session.program->entries[entry];
  auto &[binding, words] = context.entries[entry];

  Device &device = *session.device;
  if (Status status =
          checkArguments(info, device, tensors, numTensors, binding))
    return status;
  uint64_t word = 0;
  if (Status status = device.isHostVisible()
                          ? checkIndices(info, static_cast<uint8_t>(entry),
                                         tensors, binding, word)
                          : Status()) {
    // The first one stays.
    uint64_t none = 0;
    if (word)
      session.errorWord.compare_exchange_strong(none, word);
    return status;
  }
  writeArguments(info, binding, nullptr, words);
  size_t size = 0;
  if (Status status =
          computeWorkspaceSize(model, code.workspace, info.name, words, size))
    return status;
  if (Status status = reserveWorkspace(context, info.name, size))
    return status;
  writeArguments(info, binding, tensors, words);
  writeWorkspace(context.workspace, context.workspaceSize, words);
  WorkersScope workers(session.workers);
  if (session.program->target.empty()) {
    model.getFunction(code.function)(words.data());
    return Status();
  }
  device.prepareWorkspace(context.workspace, context.workspaceSize);
  LaunchScope launches(device, *session.program, context.stream, recording);
  model.getFunction(code.function)(words.data());
  return launches.takeStatus();
}

Status runtime::launchGraph(peermla_graph &graph) {
  peermla_context &context = *graph.context;
  peermla_session &session = *context.session;
  WorkersScope workers(session.workers);
  session.device->prepareWorkspace(context.workspace, context.workspaceSize);
  return graph.recording.replay(*session.device, *session.program,
                                context.stream);
}
