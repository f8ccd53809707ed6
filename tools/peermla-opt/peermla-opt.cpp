//===- peermla-opt.cpp - passes and stages on IR --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "peermla/InitAll.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  peermla::registerAllDialects(registry);
  peermla::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "PEER and Multi-head Latent Attention compiler\n", registry));
}
