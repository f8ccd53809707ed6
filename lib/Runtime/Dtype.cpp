//===- Dtype.cpp - element types under all their names --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Runtime/Dtype.h"

using namespace peermla;

static const Dtype dtypes[] = {
    {"f64", {kDLFloat, 64, 1}, SafetensorsDtype::F64, 8},
    {"f32", {kDLFloat, 32, 1}, SafetensorsDtype::F32, 4},
    {"f16", {kDLFloat, 16, 1}, SafetensorsDtype::F16, 2},
    {"bf16", {kDLBfloat, 16, 1}, SafetensorsDtype::BF16, 2},
    {"i64", {kDLInt, 64, 1}, SafetensorsDtype::I64, 8},
    {"i32", {kDLInt, 32, 1}, SafetensorsDtype::I32, 4},
    {"i16", {kDLInt, 16, 1}, SafetensorsDtype::I16, 2},
    {"i8", {kDLInt, 8, 1}, SafetensorsDtype::I8, 1},
    {"u8", {kDLUInt, 8, 1}, SafetensorsDtype::U8, 1},
};

const Dtype *Dtype::get(const std::string &name) {
  for (const Dtype &dtype : dtypes)
    if (name == dtype.name)
      return &dtype;
  return nullptr;
}

const Dtype *Dtype::get(DLDataType type) {
  for (const Dtype &dtype : dtypes)
    if (type.code == dtype.dlpack.code && type.bits == dtype.dlpack.bits &&
        type.lanes == dtype.dlpack.lanes)
      return &dtype;
  return nullptr;
}
