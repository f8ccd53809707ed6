//===- Status.h - failures with their code --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_STATUS_H
#define PEERMLA_LIB_RUNTIME_STATUS_H

#include "peermla/Runtime/Peermla.h"
#include "peermla/Runtime/Safetensors.h"
#include <string>

namespace peermla::runtime {

/// A status of the C interface with its message; success allocates nothing.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(peermla_status code, std::string message)
      : code(code), message(std::move(message)) {}
  /// The failure, if there is one, under `code`.
  Status(peermla_status code, const Failure &failure)
      : code(failure ? code : PEERMLA_OK), message(failure.getMessage()) {}

  explicit operator bool() const { return code != PEERMLA_OK; }
  peermla_status getCode() const { return code; }
  const std::string &getMessage() const { return message; }

private:
  peermla_status code = PEERMLA_OK;
  std::string message;
};

} // namespace peermla::runtime

#endif // PEERMLA_LIB_RUNTIME_STATUS_H
