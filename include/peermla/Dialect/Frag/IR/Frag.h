//===- Frag.h - the frag dialect -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_DIALECT_FRAG_IR_FRAG_H
#define PEERMLA_DIALECT_FRAG_IR_FRAG_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/LLVMIR/LLVMTypes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "peermla/Dialect/Frag/IR/FragDialect.h.inc"

#define GET_OP_CLASSES
#include "peermla/Dialect/Frag/IR/FragOps.h.inc"

#endif // PEERMLA_DIALECT_FRAG_IR_FRAG_H
