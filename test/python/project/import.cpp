//===- import.cpp - the importer in another project -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Import/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  mlir::MLIRContext context;
  auto model = peermla::importer::importModel(argv[1], &context);
  if (mlir::failed(model))
    return 1;
  (*model)->print(llvm::outs());
  return 0;
}
