/*===- list.c - the entries of a compiled model ---------------------------===
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*/

#include <dlfcn.h>
#include <peermla/Runtime/Peermla.h>
#include <stdio.h>

typedef const peermla_api *(*get_api)(uint32_t version);

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  get_api get =
      library ? (get_api)dlsym(library, "peermla_PeerLayer_api") : NULL;
  const peermla_api *api = get ? get(PEERMLA_API_VERSION) : NULL;
  const peermla_description *description;
  if (!api || api->describe(api->model, &description) != PEERMLA_OK)
    return 1;
  for (int i = 0; i < description->num_entries; ++i)
    puts(description->entries[i].name);
  return 0;
}
