//===- Api.cpp - the C interface ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks handles and options, turns a Status into a code and a message of the
// thread. Everything else is in Session.cpp and Context.cpp.
//
//===----------------------------------------------------------------------===//

#include "Context.h"
#include "Session.h"
#include "Text.h"
#include "peermla/Runtime/ModelABI.h"
#include <algorithm>
#include <cstring>
#include <mutex>

using namespace peermla;
using namespace peermla::runtime;

/// An array, not a string: it needs no destructor when the thread ends.
static thread_local char message[4096];

static peermla_status report(const Status &status) {
  if (!status)
    return PEERMLA_OK;
  const std::string &text = status.getMessage();
  size_t size = std::min(text.size(), sizeof(message) - 1);
  std::memcpy(message, text.data(), size);
  message[size] = 0;
  return status.getCode();
}

static peermla_status failNull(const char *what) {
  return report(
      Status(PEERMLA_INVALID_ARGUMENT,
             std::string("expected ") + what + ", got a null pointer"));
}

static Status checkEntry(const peermla_model &model, int32_t entry) {
  size_t count = model.metadata.entries.size();
  if (entry >= 0 && static_cast<size_t>(entry) < count)
    return Status();
  return Status(PEERMLA_INVALID_ARGUMENT,
                "expected an entry in [0, " + std::to_string(count) +
                    "), got " + std::to_string(entry));
}

/// Reads options of this or an older version of the interface.
template <typename Options>
static Status readOptions(const Options *given, Options &options) {
  options = {};
  if (!given)
    return Status();
  if (given->struct_size < sizeof(uint64_t) ||
      given->struct_size > sizeof(Options))
    return Status(PEERMLA_INVALID_ARGUMENT,
                  "expected options with struct_size " +
                      std::to_string(sizeof(Options)) + ", got " +
                      std::to_string(given->struct_size));
  std::memcpy(&options, given, given->struct_size);
  return Status();
}

static const char *lastMessage() { return message; }

static peermla_status describe(const peermla_model *model,
                               const peermla_description **description) {
  if (!model || !description)
    return failNull("a model and a place for its description");
  if (model->failure)
    return report(Status(PEERMLA_INVALID_LIBRARY, model->failure));
  *description = &model->metadata.description;
  return PEERMLA_OK;
}

static peermla_status findEntry(const peermla_model *model, const char *name,
                                int32_t *entry) {
  if (!model || !name || !entry)
    return failNull("a model, a name and a place for its entry");
  if (model->failure)
    return report(Status(PEERMLA_INVALID_LIBRARY, model->failure));
  std::vector<std::string> names;
  for (const Entry &candidate : model->metadata.entries) {
    if (candidate.name == name) {
      *entry = static_cast<int32_t>(names.size());
      return PEERMLA_OK;
    }
    names.push_back(candidate.name);
  }
  return report(
      Status(PEERMLA_INVALID_ARGUMENT, "model " + quote(model->metadata.model) +
                                           " has no entry " + quote(name) +
                                           ", only " + joinWithAnd(names)));
}

static peermla_status sessionCreate(const peermla_model *model,
                                    const peermla_session_options *given,
                                    peermla_session **session) {
  if (!model || !session)
    return failNull("a model and a place for the session");
  *session = nullptr;
  if (model->failure)
    return report(Status(PEERMLA_INVALID_LIBRARY, model->failure));
  peermla_session_options options;
  if (Status status = readOptions(given, options))
    return report(status);
  std::unique_ptr<peermla_session> created;
  if (Status status = createSession(*model, options, created))
    return report(status);
  *session = created.release();
  return PEERMLA_OK;
}

static peermla_status sessionDestroy(peermla_session *session) {
  if (!session)
    return PEERMLA_OK;
  if (int32_t count = session->numContexts.load())
    return report(Status(PEERMLA_INVALID_ARGUMENT,
                         "expected a session without contexts, got " +
                             std::to_string(count)));
  delete session;
  return PEERMLA_OK;
}

static peermla_status sessionInfo(const peermla_session *session,
                                  peermla_session_info *info) {
  if (!session || !info)
    return failNull("a session and a place for its facts");
  *info = {session->device->getName().c_str(), session->program->level.c_str(),
           session->workers.count, session->weights->size()};
  return PEERMLA_OK;
}

static peermla_status readErrorWord(const peermla_session *session,
                                    uint64_t *word) {
  if (!session || !word)
    return failNull("a session and a place for its error word");
  *word = session->errorWord.load();
  return PEERMLA_OK;
}

static peermla_status clearErrorWord(peermla_session *session) {
  if (!session)
    return failNull("a session");
  session->errorWord.store(0);
  return PEERMLA_OK;
}

static peermla_status workspaceSize(const peermla_session *session,
                                    int32_t entry, const int64_t *symbols,
                                    int32_t numSymbols, size_t *size) {
  if (!session || !size)
    return failNull("a session and a place for the size");
  if (Status status = checkEntry(*session->model, entry))
    return report(status);
  return report(getWorkspaceSize(*session, entry, symbols, numSymbols, *size));
}

static peermla_status contextCreate(peermla_session *session,
                                    const peermla_context_options *given,
                                    peermla_context **context) {
  if (!session || !context)
    return failNull("a session and a place for the context");
  *context = nullptr;
  peermla_context_options options;
  if (Status status = readOptions(given, options))
    return report(status);
  std::unique_ptr<peermla_context> created;
  if (Status status = createContext(*session, options, created))
    return report(status);
  session->numContexts.fetch_add(1);
  *context = created.release();
  return PEERMLA_OK;
}

static peermla_status contextReserve(peermla_context *context, int32_t entry,
                                     const int64_t *symbols,
                                     int32_t numSymbols) {
  if (!context)
    return failNull("a context");
  const peermla_session &session = *context->session;
  if (Status status = checkEntry(*session.model, entry))
    return report(status);
  size_t size = 0;
  if (Status status =
          getWorkspaceSize(session, entry, symbols, numSymbols, size))
    return report(status);
  return report(reserveWorkspace(
      *context, session.model->metadata.entries[entry].name, size));
}

static peermla_status contextDestroy(peermla_context *context) {
  if (!context)
    return PEERMLA_OK;
  if (context->numGraphs > 0)
    return report(Status(PEERMLA_INVALID_ARGUMENT,
                         "expected a context without graphs, got " +
                             std::to_string(context->numGraphs)));
  peermla_session *session = context->session;
  delete context;
  session->numContexts.fetch_sub(1);
  return PEERMLA_OK;
}

static peermla_status callEntry(peermla_context *context, int32_t entry,
                                DLTensor *const *arguments,
                                int32_t numArguments) {
  if (!context)
    return failNull("a context");
  if (Status status = checkEntry(*context->session->model, entry))
    return report(status);
  return report(call(*context, entry, arguments, numArguments));
}

static peermla_status memoryAllocate(peermla_session *session, size_t size,
                                     void **data) {
  if (!session || !data)
    return failNull("a session and a place for the address");
  *data = nullptr;
  std::unique_ptr<DeviceMemory> memory;
  // A byte at least: every piece has an address of its own.
  if (Status status = session->device->allocate(std::max<size_t>(size, 1),
                                                "a tensor", memory))
    return report(status);
  std::lock_guard<std::mutex> lock(session->allocationsMutex);
  *data = memory->data();
  session->allocations[*data] = std::move(memory);
  return PEERMLA_OK;
}

static peermla_status memoryFree(peermla_session *session, void *data) {
  if (!session)
    return failNull("a session");
  std::lock_guard<std::mutex> lock(session->allocationsMutex);
  auto found = session->allocations.find(data);
  if (found == session->allocations.end() && data)
    return report(Status(PEERMLA_INVALID_ARGUMENT,
                         "expected memory of this session, got another "
                         "address"));
  if (data)
    session->allocations.erase(found);
  return PEERMLA_OK;
}

static peermla_status memoryUpload(peermla_session *session, void *device,
                                   const void *host, size_t size) {
  if (!session || (size && (!device || !host)))
    return failNull("a session and two addresses");
  return report(session->device->upload(device, host, size));
}

static peermla_status memoryDownload(peermla_session *session, void *host,
                                     const void *device, size_t size) {
  if (!session || (size && (!device || !host)))
    return failNull("a session and two addresses");
  return report(session->device->download(host, device, size));
}

static peermla_status contextSynchronize(peermla_context *context) {
  if (!context)
    return failNull("a context");
  return report(context->session->device->synchronize(context->stream));
}

static peermla_status graphCreate(peermla_context *context, int32_t entry,
                                  DLTensor *const *arguments,
                                  int32_t numArguments, peermla_graph **graph) {
  if (!context || !graph)
    return failNull("a context and a place for the graph");
  *graph = nullptr;
  if (Status status = checkEntry(*context->session->model, entry))
    return report(status);
  if (context->session->program->target.empty())
    return report(Status(PEERMLA_UNSUPPORTED,
                         "device 'cpu' has no graphs, only 'sim' and 'cuda' "
                         "have"));
  auto created = std::make_unique<peermla_graph>();
  created->context = context;
  if (Status status =
          call(*context, entry, arguments, numArguments, &created->recording))
    return report(status);
  ++context->numGraphs;
  *graph = created.release();
  return PEERMLA_OK;
}

static peermla_status graphLaunch(peermla_graph *graph) {
  return graph ? report(launchGraph(*graph)) : failNull("a graph");
}

static peermla_status graphDestroy(peermla_graph *graph) {
  if (!graph)
    return PEERMLA_OK;
  --graph->context->numGraphs;
  delete graph;
  return PEERMLA_OK;
}

namespace {
/// A model of this library with its table; lives as long as the library.
struct RegisteredModel {
  const char *metadata = nullptr;
  peermla_model model;
  peermla_api api = {};
};
} // namespace

static std::unique_ptr<RegisteredModel>
registerModel(const char *metadata, uint64_t size, void *const *functions) {
  auto registered = std::make_unique<RegisteredModel>();
  registered->metadata = metadata;
  registered->model.functions = functions;
  registered->model.failure = registered->model.metadata.parse(metadata, size);
  registered->api = {PEERMLA_API_VERSION,
                     sizeof(peermla_api),
                     &registered->model,
                     lastMessage,
                     describe,
                     findEntry,
                     sessionCreate,
                     sessionDestroy,
                     sessionInfo,
                     readErrorWord,
                     clearErrorWord,
                     workspaceSize,
                     contextCreate,
                     contextReserve,
                     contextDestroy,
                     callEntry,
                     memoryAllocate,
                     memoryFree,
                     memoryUpload,
                     memoryDownload,
                     contextSynchronize,
                     graphCreate,
                     graphLaunch,
                     graphDestroy};
  return registered;
}

const void *peermla_rt_api(uint32_t version, const char *metadata,
                           uint64_t size, void *const *functions) {
  if (version != PEERMLA_API_VERSION)
    return nullptr;
  // Never destroyed: threads of the host may be in a call while it exits.
  static std::mutex &mutex = *new std::mutex;
  static auto &models = *new std::vector<std::unique_ptr<RegisteredModel>>;
  std::lock_guard<std::mutex> lock(mutex);
  for (const auto &registered : models)
    if (registered->metadata == metadata)
      return &registered->api;
  models.push_back(registerModel(metadata, size, functions));
  return &models.back()->api;
}
