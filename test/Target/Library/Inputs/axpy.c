/* Calls the library of axpy.mlir: y = 2 x + 2. */
#include "libaxpy.h"
#include <stdio.h>

#define CHECK(call)                                                            \
  do {                                                                         \
    if ((call) != PEERMLA_OK) {                                                \
      printf("%s: %s\n", #call, api->last_message());                          \
      return 1;                                                                \
    }                                                                          \
  } while (0)

static DLTensor make_tensor(float *data, int64_t *size) {
  DLTensor tensor = {0};
  tensor.data = data;
  tensor.device.device_type = kDLCPU;
  tensor.ndim = 1;
  tensor.dtype.code = kDLFloat;
  tensor.dtype.bits = 32;
  tensor.dtype.lanes = 1;
  tensor.shape = size;
  return tensor;
}

int main(int argc, char **argv) {
  static float x[1000], y[1000];
  for (int i = 0; i < 1000; ++i)
    x[i] = (float)i;
  const peermla_api *api = peermla_Axpy_api(PEERMLA_API_VERSION);
  if (!api)
    return 1;

  peermla_session_options options = {0};
  options.struct_size = sizeof(options);
  options.level = argc > 1 ? argv[1] : NULL;
  options.threads = 2;
  peermla_session *session;
  peermla_context *context;
  CHECK(api->session_create(api->model, &options, &session));
  CHECK(api->context_create(session, NULL, &context));
  const peermla_description *description;
  CHECK(api->describe(api->model, &description));
  peermla_session_info info;
  CHECK(api->session_info(session, &info));
  printf("model %s, level %s\n", description->model, info.level);

  int32_t entry;
  CHECK(api->find_entry(api->model, "forward", &entry));
  int64_t size = 1000;
  DLTensor in = make_tensor(x, &size), out = make_tensor(y, &size);
  DLTensor *arguments[] = {&in, &out};
  CHECK(api->call(context, entry, arguments, 2));
  printf("y[999] = %g\n", y[999]);

  int64_t wrong = 999;
  in.shape = &wrong;
  peermla_status status = api->call(context, entry, arguments, 2);
  printf("wrong size: status %d, %s\n", (int)status, api->last_message());

  CHECK(api->context_destroy(context));
  CHECK(api->session_destroy(session));
  return 0;
}
