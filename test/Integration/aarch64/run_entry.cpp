//===- run_entry.cpp - one entry of a library -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `peermla-run` does with a library, without LLVM: for machines on which
// the compiler does not run itself.
//
//     run_entry LIBRARY MODEL ENTRY INPUTS WEIGHTS OUTPUTS
//
//===----------------------------------------------------------------------===//

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

int main(int argc, char **argv) {
  if (argc != 7)
    return fail("expected LIBRARY MODEL ENTRY INPUTS WEIGHTS OUTPUTS");
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

  peermla_session_options options = {};
  options.struct_size = sizeof(options);
  options.weights = argv[5];
  peermla_session *session = nullptr;
  peermla_context *context = nullptr;
  if (api->session_create(api->model, &options, &session) != PEERMLA_OK ||
      api->context_create(session, nullptr, &context) != PEERMLA_OK ||
      api->call(context, entry, tensors.getTensors(),
                tensors.getEntry().num_arguments) != PEERMLA_OK)
    return fail(api->last_message());
  if (Failure failure = tensors.write(argv[6]))
    return fail(failure.getMessage());
  (void)api->context_destroy(context);
  (void)api->session_destroy(session);
  return 0;
}
