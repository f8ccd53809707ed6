//===- BufferizeFunctions.cpp - buffers for one function at a time --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The upstream pass takes whole modules, and with them tile programs, whose
// tensors are tiles and live in no buffer.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Transforms/Tile/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_BUFFERIZEFUNCTIONS
#include "peermla/Transforms/Tile/Passes.h.inc"
} // namespace peermla

using namespace mlir;

namespace {

struct BufferizeFunctions
    : peermla::impl::BufferizeFunctionsBase<BufferizeFunctions> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<FunctionOpInterface>()) {
      if (function.isExternal())
        continue;
      bufferization::OneShotBufferizationOptions options;
      bufferization::BufferizationState state;
      if (failed(bufferization::runOneShotBufferize(function, options, state)))
        return signalPassFailure();
    }
  }
};

} // namespace
