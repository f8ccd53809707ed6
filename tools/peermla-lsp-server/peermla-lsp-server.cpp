//===- peermla-lsp-server.cpp - the project's IR in an editor -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "peermla/InitAll.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  peermla::registerAllDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
