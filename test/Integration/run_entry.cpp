//===- run_entry.cpp - one entry of a library -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `peermla-run` does with a library, without LLVM: for machines on which
// the compiler does not run itself.
//
//     run_entry LIBRARY MODEL ENTRY INPUTS WEIGHTS OUTPUTS [DEVICE [RECORD]]
//
// With RECORD, inputs of the same shapes, the launches of a call on these run
// on the others.
//
//===----------------------------------------------------------------------===//

#include "DeviceTensors.h"
#include "EntryTensors.h"
#include <cstdio>
#include <dlfcn.h>

using namespace peermla;
using namespace peermla::run;

using GetApi = const peermla_api *(*)(uint32_t version);

static int fail(const std::string &message) {
  std::fprintf(stderr, "run_entry: error: %s\n", message.c_str());
  return 1;
}

/// Calls the entry on `tensors`, or with `given` launches what a call on these
/// has recorded on those; leaves the results in `tensors`.
static Failure call(const peermla_api &api, peermla_session &session,
                    peermla_context &context, int32_t entry,
                    EntryTensors &tensors, const EntryTensors *given) {
  auto check = [&](peermla_status status) {
    return status == PEERMLA_OK ? Failure() : Failure(api.last_message());
  };
  DeviceTensors onDevice(api, session, tensors.getEntry(), tensors.getTensors(),
                         tensors.getSizes());
  if (Failure failure = onDevice.allocate())
    return failure;
  int32_t count = tensors.getEntry().num_arguments;
  if (!given) {
    if (Failure failure =
            check(api.call(&context, entry, onDevice.getTensors(), count)))
      return failure;
  } else {
    peermla_graph *graph = nullptr;
    if (Failure failure = check(api.graph_create(
            &context, entry, onDevice.getTensors(), count, &graph)))
      return failure;
    Failure failure = tensors.assign(*given);
    if (!failure)
      failure = onDevice.upload();
    if (!failure)
      failure = check(api.graph_launch(graph));
    (void)api.graph_destroy(graph);
    if (failure)
      return failure;
  }
  if (Failure failure = check(api.context_synchronize(&context)))
    return failure;
  return onDevice.download();
}

int main(int argc, char **argv) {
  if (argc < 7 || argc > 9)
    return fail("expected LIBRARY MODEL ENTRY INPUTS WEIGHTS OUTPUTS [DEVICE "
                "[RECORD]]");
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fail(dlerror());
  std::string symbol = "peermla_" + std::string(argv[2]) + "_api";
  auto getApi = reinterpret_cast<GetApi>(dlsym(library, symbol.c_str()));
  const peermla_api *api = getApi ? getApi(PEERMLA_API_VERSION) : nullptr;
  if (!api)
    return fail("no interface of this version under " + symbol);
  const peermla_description *description = nullptr;
  int32_t entry = -1;
  if (api->describe(api->model, &description) != PEERMLA_OK ||
      api->find_entry(api->model, argv[3], &entry) != PEERMLA_OK)
    return fail(api->last_message());
  EntryTensors tensors(description->entries[entry]);
  for (const std::string &message : tensors.load(argv[4]))
    return fail(message);
  EntryTensors recorded(description->entries[entry]);
  bool isRecorded = argc == 9;
  if (isRecorded)
    for (const std::string &message : recorded.load(argv[8]))
      return fail(message);

  peermla_session_options options = {};
  options.struct_size = sizeof(options);
  options.weights = argv[5];
  options.device = argc > 7 ? argv[7] : nullptr;
  peermla_session *session = nullptr;
  peermla_context *context = nullptr;
  if (api->session_create(api->model, &options, &session) != PEERMLA_OK ||
      api->context_create(session, nullptr, &context) != PEERMLA_OK)
    return fail(api->last_message());
  EntryTensors &used = isRecorded ? recorded : tensors;
  if (Failure failure = call(*api, *session, *context, entry, used,
                             isRecorded ? &tensors : nullptr))
    return fail(failure.getMessage());
  if (Failure failure = used.write(argv[6]))
    return fail(failure.getMessage());
  (void)api->context_destroy(context);
  (void)api->session_destroy(session);
  return 0;
}
