//===- DeviceTensors.h - arguments in the memory of a device --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies of an entry's tensors where a session wants them. On devices whose
// memory is the host's these are the tensors themselves.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TOOLS_PEERMLA_RUN_DEVICETENSORS_H
#define PEERMLA_TOOLS_PEERMLA_RUN_DEVICETENSORS_H

#include "peermla/Runtime/Peermla.h"
#include "peermla/Runtime/Safetensors.h"
#include <vector>

namespace peermla::run {

class DeviceTensors {
public:
  /// `host` are the tensors of the entry, `sizes` their bytes; they, `api` and
  /// `session` must outlive this.
  DeviceTensors(const peermla_api &api, peermla_session &session,
                const peermla_entry &entry, DLTensor *const *host,
                std::vector<size_t> sizes);
  ~DeviceTensors();
  DeviceTensors(const DeviceTensors &) = delete;
  DeviceTensors &operator=(const DeviceTensors &) = delete;

  Failure allocate();
  /// Copies all tensors to the device, or what a call has written back.
  Failure upload();
  Failure download();

  DLTensor *const *getTensors() const {
    return isOnDevice ? pointers.data() : host;
  }

private:
  const peermla_api &api;
  peermla_session &session;
  const peermla_entry &entry;
  DLTensor *const *host;
  std::vector<size_t> sizes;
  bool isOnDevice = false;
  std::vector<DLTensor> tensors;
  std::vector<DLTensor *> pointers;
};

} // namespace peermla::run

#endif // PEERMLA_TOOLS_PEERMLA_RUN_DEVICETENSORS_H
