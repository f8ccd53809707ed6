//===- Json.h - the JSON library without exceptions -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nlohmann/json is header-only, so that it adds no library to a compiled model.
// Built without exceptions, a wrong access would abort: ask for a value's type
// before taking it.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_RUNTIME_JSON_H
#define PEERMLA_LIB_RUNTIME_JSON_H

#define JSON_NOEXCEPTION 1
#define JSON_USE_IMPLICIT_CONVERSIONS 0
#include <nlohmann/json.hpp>

#endif // PEERMLA_LIB_RUNTIME_JSON_H
