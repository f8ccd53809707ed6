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

static Status failUnknown(const std::string &device) {
  return Status(PEERMLA_INVALID_ARGUMENT,
                "unknown device " + quote(device) +
                    ", expected cpu, cuda[:N] or sim[:TARGET]");
}

static Status failMissing(const std::string &device, const std::string &what) {
  return Status(PEERMLA_UNSUPPORTED, "device " + quote(device) +
                                         " is not built into this library, " +
                                         what);
}

static Status failOtherTargets(const std::string &device,
                               const Metadata &metadata) {
  std::vector<std::string> names;
  for (const Program &program : metadata.gpuPrograms)
    names.push_back(program.target);
  return failMissing(device, "only kernels of " + joinWithAnd(names) + " are");
}

/// The simulator with the kernels of `target`, or of the newest target that the
/// library has.
static Status chooseSimulator(const std::string &text,
                              const std::string &target,
                              peermla_session &session) {
  const Metadata &metadata = session.model->metadata;
  if (metadata.gpuPrograms.empty())
    return failMissing(text, "only 'cpu' is");
  if (metadata.simulator < 0)
    return failMissing(text, "which was compiled without '--simulate'");
  for (const Program &program : metadata.gpuPrograms)
    if (target.empty() || target == program.target)
      session.program = &program;
  if (!session.program)
    return failOtherTargets(text, metadata);
  auto create = reinterpret_cast<decltype(&peermla_rt_create_simulator)>(
      session.model->functions[metadata.simulator]);
  Status status;
  create(&session.program->target, session.workers.count, &session.device,
         &status);
  return status;
}

static Status chooseGpu(const std::string &text, const std::string &number,
                        peermla_session &session) {
  int32_t ordinal = 0;
  for (char c : number)
    if (c < '0' || c > '9' || __builtin_mul_overflow(ordinal, 10, &ordinal) ||
        __builtin_add_overflow(ordinal, c - '0', &ordinal))
      return failUnknown(text);
  const std::vector<Program> &programs = session.model->metadata.gpuPrograms;
  if (programs.empty())
    return failMissing(text, "only 'cpu' is");
  size_t selected = 0;
  if (Status status =
          createCudaDevice(ordinal, programs, session.device, selected))
    return status;
  session.program = &programs[selected];
  return Status();
}

static Status chooseProgram(const peermla_session_options &options,
                            peermla_session &session) {
  const Metadata &metadata = session.model->metadata;
  if (metadata.programs.empty() && !metadata.gpuPrograms.empty())
    return failOtherTargets("cpu", metadata);
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

/// Device and program; makes the kernels ready.
static Status chooseDevice(const peermla_session_options &options,
                           peermla_session &session) {
  std::string text = options.device ? options.device : "cpu";
  size_t colon = text.find(':');
  std::string kind = text.substr(0, colon), detail;
  if (colon != std::string::npos)
    detail = text.substr(colon + 1);
  // A colon announces something.
  bool isKnown = colon == std::string::npos
                     ? kind == "cpu" || kind == "sim" || kind == "cuda"
                     : !detail.empty() && (kind == "sim" || kind == "cuda");
  if (!isKnown)
    return failUnknown(text);
  if (kind == "cpu") {
    session.device = createCpuDevice();
    return chooseProgram(options, session);
  }
  if (options.level)
    return Status(PEERMLA_INVALID_ARGUMENT,
                  "expected no CPU level with device " + quote(text) +
                      ", got " + quote(options.level));
  if (Status status = kind == "sim" ? chooseSimulator(text, detail, session)
                                    : chooseGpu(text, detail, session))
    return status;
  const std::string &level = session.program->level;
  if (!level.empty() && !isUsable(level))
    return Status(PEERMLA_UNSUPPORTED,
                  "device " + quote(text) + " expects a processor of level " +
                      quote(level) + ", which this machine does not have");
  return session.device->load(*session.model, *session.program);
}

Status runtime::createSession(const peermla_model &model,
                              const peermla_session_options &options,
                              std::unique_ptr<peermla_session> &session) {
  session = std::make_unique<peermla_session>();
  session->model = &model;
  if (Status status = chooseWorkers(options, session->workers))
    return status;
  if (Status status = chooseDevice(options, *session))
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
