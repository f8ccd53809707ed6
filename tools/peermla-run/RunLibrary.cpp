//===- RunLibrary.cpp - an entry of a compiled model ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunLibrary.h"
#include "DeviceTensors.h"
#include "EntryTensors.h"
#include "ModelLibrary.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <chrono>

using namespace peermla;
using namespace peermla::run;

static const char *getKindName(peermla_kind kind) {
  switch (kind) {
  case PEERMLA_IN:
    return "in";
  case PEERMLA_INOUT:
    return "inout";
  case PEERMLA_OUT:
    return "out";
  }
  return "unknown";
}

static const char *getTypeName(DLDataType type) {
  const Dtype *dtype = Dtype::get(type);
  return dtype ? dtype->name : "unknown";
}

static void printDescription(const peermla_description &description) {
  llvm::raw_ostream &os = llvm::outs();
  os << "model " << description.model << " by " << description.compiler << "\n";
  os << "levels";
  for (int32_t i = 0; i < description.num_levels; ++i)
    os << " " << description.levels[i];
  os << "\n";
  for (int32_t i = 0; i < description.num_entries; ++i) {
    const peermla_entry &entry = description.entries[i];
    SymbolBinding binding(entry);
    os << "entry " << entry.name << "\n";
    for (int32_t a = 0; a < entry.num_arguments; ++a) {
      const peermla_argument &argument = entry.arguments[a];
      os << "  " << getKindName(argument.kind) << " " << argument.name << " "
         << getTypeName(argument.dtype) << " " << binding.formatShape(argument)
         << "\n";
    }
  }
  for (int32_t i = 0; i < description.num_weights; ++i) {
    const peermla_weight &weight = description.weights[i];
    os << "weight " << weight.name << " " << getTypeName(weight.dtype) << " "
       << formatShape(
              std::vector<int64_t>(weight.shape, weight.shape + weight.ndim))
       << "\n";
  }
}

/// Calls the entry, or launches its graph, `repeat` times, each time on fresh
/// arguments, and returns the times in milliseconds.
static Failure callRepeatedly(const peermla_api &api, peermla_context &context,
                              int32_t entry, EntryTensors &tensors,
                              DeviceTensors &onDevice, peermla_graph *graph,
                              int repeat, std::vector<double> &milliseconds) {
  for (int i = 0; i < repeat; ++i) {
    if (i > 0) {
      if (Failure failure = tensors.reset())
        return failure;
      if (Failure failure = onDevice.upload())
        return failure;
    }
    auto begin = std::chrono::steady_clock::now();
    peermla_status status =
        graph ? api.graph_launch(graph)
              : api.call(&context, entry, onDevice.getTensors(),
                         tensors.getEntry().num_arguments);
    if (status != PEERMLA_OK || api.context_synchronize(&context) != PEERMLA_OK)
      return Failure(api.last_message());
    std::chrono::duration<double, std::milli> time =
        std::chrono::steady_clock::now() - begin;
    milliseconds.push_back(time.count());
  }
  return Failure();
}

static double getMedian(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle]
                           : (values[middle - 1] + values[middle]) / 2;
}

/// Runs one entry on loaded tensors; with `given`, records it on `tensors` and
/// runs the record on the values of `given`.
static int runEntry(const RunOptions &options, const peermla_api &api,
                    int32_t entry, EntryTensors &tensors,
                    const EntryTensors *given) {
  peermla_session_options sessionOptions = {};
  sessionOptions.struct_size = sizeof(sessionOptions);
  sessionOptions.weights =
      options.weights.empty() ? nullptr : options.weights.c_str();
  sessionOptions.device = options.device.c_str();
  sessionOptions.threads = options.threads;
  sessionOptions.warn = [](void *, const char *message) { warn(message); };
  peermla_session *session = nullptr;
  if (api.session_create(api.model, &sessionOptions, &session) != PEERMLA_OK)
    return fail(api.last_message());
  llvm::scope_exit destroySession([&] { (void)api.session_destroy(session); });
  peermla_context *context = nullptr;
  if (api.context_create(session, nullptr, &context) != PEERMLA_OK)
    return fail(api.last_message());
  llvm::scope_exit destroyContext([&] { (void)api.context_destroy(context); });

  DeviceTensors onDevice(api, *session, tensors.getEntry(),
                         tensors.getTensors(), tensors.getSizes());
  if (Failure failure = onDevice.allocate())
    return fail(failure.getMessage());
  peermla_graph *graph = nullptr;
  llvm::scope_exit destroyGraph([&] { (void)api.graph_destroy(graph); });
  if (given) {
    if (api.graph_create(context, entry, onDevice.getTensors(),
                         tensors.getEntry().num_arguments,
                         &graph) != PEERMLA_OK)
      return fail(api.last_message());
    if (Failure failure = tensors.assign(*given))
      return fail(failure.getMessage());
    if (Failure failure = onDevice.upload())
      return fail(failure.getMessage());
  }
  std::vector<double> milliseconds;
  if (Failure failure = callRepeatedly(api, *context, entry, tensors, onDevice,
                                       graph, options.repeat, milliseconds))
    return fail(failure.getMessage());
  if (Failure failure = onDevice.download())
    return fail(failure.getMessage());
  if (!options.outputs.empty())
    if (Failure failure = tensors.write(options.outputs))
      return fail(failure.getMessage());
  if (options.printTime) {
    peermla_session_info info = {};
    if (api.session_info(session, &info) != PEERMLA_OK)
      return fail(api.last_message());
    llvm::outs() << llvm::format("%.4f ms", getMedian(milliseconds))
                 << " median of " << options.repeat << " calls, level "
                 << info.level << ", " << info.threads << " threads\n";
  }
  return 0;
}

/// Reads inputs; prints what is wrong with them.
static bool loadTensors(EntryTensors &tensors, const std::string &path) {
  std::vector<std::string> messages = tensors.load(path);
  for (const std::string &message : messages)
    fail(message);
  return messages.empty();
}

int run::runLibrary(const RunOptions &options) {
  llvm::Expected<const peermla_api *> loaded = loadModelLibrary(options.model);
  if (!loaded)
    return fail(llvm::toString(loaded.takeError()));
  const peermla_api &api = **loaded;
  const peermla_description *description = nullptr;
  if (api.describe(api.model, &description) != PEERMLA_OK)
    return fail(options.model + ": " + api.last_message());
  if (options.list) {
    printDescription(*description);
    return 0;
  }
  int32_t entry = -1;
  if (api.find_entry(api.model, options.entry.c_str(), &entry) != PEERMLA_OK)
    return fail(options.model + ": " + api.last_message());
  EntryTensors tensors(description->entries[entry]);
  if (!loadTensors(tensors, options.inputs))
    return 1;
  if (options.recordInputs.empty())
    return runEntry(options, api, entry, tensors, nullptr);
  EntryTensors recorded(description->entries[entry]);
  if (!loadTensors(recorded, options.recordInputs))
    return 1;
  return runEntry(options, api, entry, recorded, &tensors);
}
