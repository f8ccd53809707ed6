//===- Mla.h - the mla dialect -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_MLA_IR_MLA_H
#define PEERMLA_DIALECT_MLA_IR_MLA_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "peermla/Dialect/Mla/IR/MlaDialect.h.inc"

#include "peermla/Dialect/Mla/IR/MlaEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "peermla/Dialect/Mla/IR/MlaAttrs.h.inc"

#define GET_OP_CLASSES
#include "peermla/Dialect/Mla/IR/MlaOps.h.inc"

#endif // PEERMLA_DIALECT_MLA_IR_MLA_H
