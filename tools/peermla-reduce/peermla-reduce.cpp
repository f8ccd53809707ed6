//===- peermla-reduce.cpp - smallest IR that shows a failure --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "peermla/InitAll.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  peermla::registerAllDialects(registry);
  peermla::registerAllPasses();
  mlir::MLIRContext context(registry);
  return failed(mlir::mlirReduceMain(argc, argv, context));
}
