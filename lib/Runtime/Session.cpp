//===- Session.cpp - creating sessions ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"
#include "Arguments.h"
#include "CpuLevels.h"
#include "Text.h"
#include "Weights.h"
#include "Words.h"
#include <cstdlib>

using namespace peermla;
using namespace peermla::runtime;

static Status checkDevice(const char *device) {
  std::string text = device ? device : "cpu";
  std::string kind = text.substr(0, text.find(':'));
  if (text == "cpu")
    return Status();
  if (kind == "cuda" || kind == "sim")
    return Status(PEERMLA_UNSUPPORTED,
                  "device " + quote(text) +
                      " is not built into this library, only 'cpu' is");
  return Status(PEERMLA_INVALID_ARGUMENT,
                "unknown device " + quote(text) +
                    ", expected cpu, cuda[:N] or sim[:TARGET]");
}

static Status chooseProgram(const peermla_session_options &options,
                            peermla_session &session) {
  const Metadata &metadata = session.model->metadata;
  std::vector<std::string> available;
  for (const Program &program : metadata.programs)
    available.push_back(program.level);
  std::string requested = options.level ? options.level : "";
  const char *origin = "level";
  if (const char *value = std::getenv("PEERMLA_CPU_LEVEL");
      value && requested.empty()) {
    requested = value;
    origin = "PEERMLA_CPU_LEVEL";
  }
  size_t selected = 0;
  if (Status status = selectLevel(available, requested, origin,
                                  {isUsable, getVendor()}, selected))
    return status;
  session.program = &metadata.programs[selected];
  return Status();
}

static Status chooseWorkers(const peermla_session_options &options,
                            Workers &workers) {
  constexpr int32_t maxWorkers = 4096;
  if (options.pool) {
    const peermla_pool &pool = *options.pool;
    if (options.threads != 0)
      return Status(PEERMLA_INVALID_ARGUMENT,
                    "expected 0 threads beside a pool, got " +
                        std::to_string(options.threads));
    if (!pool.run || pool.num_workers < 1 || pool.num_workers > maxWorkers)
      return Status(PEERMLA_INVALID_ARGUMENT,
                    "expected a pool with a function and 1 to " +
                        std::to_string(maxWorkers) + " workers, got " +
                        std::to_string(pool.num_workers) +
                        (pool.run ? "" : " and no function"));
    workers = {pool.num_workers, pool};
    return Status();
  }
  if (options.threads < 0 || options.threads > maxWorkers)
    return Status(PEERMLA_INVALID_ARGUMENT,
                  "expected 0 to " + std::to_string(maxWorkers) +
                      " threads, got " + std::to_string(options.threads));
  workers.count =
      options.threads ? options.threads : Workers::getDefaultCount();
  return Status();
}

Status runtime::createSession(const peermla_model &model,
                              const peermla_session_options &options,
                              std::unique_ptr<peermla_session> &session) {
  if (Status status = checkDevice(options.device))
    return status;
  session = std::make_unique<peermla_session>();
  session->model = &model;
  if (Status status = chooseProgram(options, *session))
    return status;
  if (Status status = chooseWorkers(options, session->workers))
    return status;
  return loadWeights(*session, options.weights,
                     [&](const std::string &message) {
                       if (options.warn)
                         options.warn(options.warn_state, message.c_str());
                     });
}

Status runtime::getWorkspaceSize(const peermla_session &session, int32_t entry,
                                 const int64_t *symbols, int32_t numSymbols,
                                 size_t &size) {
  const Entry &info = session.model->metadata.entries[entry];
  SymbolBinding binding(info.description);
  if (Status status = bindSymbols(info, symbols, numSymbols, binding))
    return status;
  std::vector<int64_t> words = createEntryWords(session, entry);
  writeArguments(info, binding, nullptr, words);
  return computeWorkspaceSize(*session.model,
                              session.program->entries[entry].workspace,
                              info.name, words, size);
}
