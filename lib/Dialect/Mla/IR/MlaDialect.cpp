//===- MlaDialect.cpp - the mla dialect -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla::mla;

#include "peermla/Dialect/Mla/IR/MlaDialect.cpp.inc"

void MlaDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "peermla/Dialect/Mla/IR/MlaOps.cpp.inc"
      >();
}
