//===- DeviceTensors.cpp - arguments in the memory of a device ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceTensors.h"
#include <cstdlib>
#include <string>

using namespace peermla;
using namespace peermla::run;

DeviceTensors::DeviceTensors(const peermla_api &api, peermla_session &session,
                             const peermla_entry &entry, DLTensor *const *host,
                             std::vector<size_t> sizes)
    : api(api), session(session), entry(entry), host(host),
      sizes(std::move(sizes)) {}

DeviceTensors::~DeviceTensors() {
  for (DLTensor &tensor : tensors)
    (void)api.memory_free(&session, tensor.data);
}

/// The failure that the library reports, if `status` is one.
static Failure check(const peermla_api &api, peermla_status status) {
  return status == PEERMLA_OK ? Failure() : Failure(api.last_message());
}

Failure DeviceTensors::allocate() {
  peermla_session_info info = {};
  if (Failure failure = check(api, api.session_info(&session, &info)))
    return failure;
  const std::string prefix = "cuda:";
  if (std::string(info.device).rfind(prefix, 0) != 0)
    return Failure();
  isOnDevice = true;
  int32_t ordinal = std::atoi(info.device + prefix.size());
  for (int32_t i = 0; i < entry.num_arguments; ++i) {
    DLTensor tensor = *host[i];
    tensor.data = nullptr;
    tensor.device = {kDLCUDA, ordinal};
    if (Failure failure =
            check(api, api.memory_allocate(&session, sizes[i], &tensor.data)))
      return failure;
    tensors.push_back(tensor);
  }
  for (DLTensor &tensor : tensors)
    pointers.push_back(&tensor);
  return upload();
}

Failure DeviceTensors::upload() {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (Failure failure =
            check(api, api.memory_upload(&session, tensors[i].data,
                                         host[i]->data, sizes[i])))
      return failure;
  return Failure();
}

Failure DeviceTensors::download() {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (entry.arguments[i].kind != PEERMLA_IN)
      if (Failure failure =
              check(api, api.memory_download(&session, host[i]->data,
                                             tensors[i].data, sizes[i])))
        return failure;
  return Failure();
}
