//===- VerifyContract.cpp - what may exist at a stage ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Transforms/Passes.h"
#include "llvm/ADT/StringSet.h"

namespace peermla {
#define GEN_PASS_DEF_VERIFYCONTRACT
#include "peermla/Transforms/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {

/// What a stage allows: dialects, and ops of these that it excludes.
struct Contract {
  SmallVector<StringRef> dialects;
  SmallVector<StringRef> excluded;
  SmallVector<StringRef> admitted; ///< ops of other dialects

  bool admits(Operation *op) const {
    StringRef name = op->getName().getStringRef();
    if (llvm::is_contained(excluded, name))
      return false;
    return llvm::is_contained(dialects, op->getName().getDialectNamespace()) ||
           llvm::is_contained(admitted, name);
  }
};

std::optional<Contract> getContract(StringRef stage) {
  if (stage == "model")
    return Contract{{"builtin", "func", "linalg", "tensor", "arith", "math",
                     "ml_program", "peer", "mla", "affine", "scf"},
                    {"peer.select", "scf.forall"},
                    {}};
  if (stage == "tiled")
    return Contract{{"builtin", "func", "linalg", "tensor", "arith", "math",
                     "ml_program", "peer", "mla", "affine", "scf"},
                    {"mla.attention", "peer.retrieve"},
                    {}};
  if (stage == "buffers")
    return Contract{{"builtin", "func", "linalg", "memref", "arith", "math",
                     "peer", "mla", "affine", "scf"},
                    {"mla.attention", "peer.retrieve"},
                    {}};
  if (stage == "tile")
    return Contract{{"builtin", "func", "linalg", "memref", "arith", "math",
                     "affine", "scf", "gpu", "tile", "tensor", "vector"},
                    {},
                    {"ub.poison"}};
  if (stage == "frag")
    return Contract{{"builtin", "func", "memref", "arith", "math", "affine",
                     "scf", "gpu", "vector", "nvvm", "llvm", "index", "frag"},
                    {"memref.alloc", "memref.copy", "scf.forall"},
                    {"ub.poison"}};
  if (stage == "nvvm")
    return Contract{{"builtin", "llvm", "nvvm"}, {}, {"gpu.module"}};
  if (stage == "cpu")
    return Contract{{"builtin", "func", "memref", "vector", "arith", "math",
                     "affine", "scf", "x86vector", "amx", "index"},
                    {"memref.alloc", "memref.alloca", "memref.copy",
                     "memref.dealloc", "scf.forall"},
                    {"llvm.call_intrinsic", "ub.poison"}};
  return std::nullopt;
}

/// What host code of a GPU target holds once its kernels are outlined.
Contract getHostContract() {
  return Contract{{"builtin", "func", "memref", "arith", "affine", "scf"},
                  {"scf.forall", "memref.load", "memref.store", "memref.copy"},
                  {"tile.launch", "ub.poison"}};
}

/// Whether kernels of GPUs alone make the stage.
bool isStageOfGpus(StringRef stage) {
  return stage == "tile" || stage == "frag" || stage == "nvvm";
}

/// Whether an op of a model lies outside of all kernels, at a stage that has
/// kernels, and is not one of those that may.
bool isStray(Operation *op, StringRef stage) {
  if (stage != "tiled" && stage != "buffers")
    return false;
  if (!isa_and_nonnull<peer::PeerDialect, mla::MlaDialect>(op->getDialect()) ||
      op->getParentOfType<scf::ForallOp>())
    return false;
  // The table that kernels of attention read.
  return !isa<mla::WorkItemsOp>(op);
}

/// Whether an op asks for the extent of a dimension that its tensor has. MLIR
/// leaves the others without a meaning, and some of its analyses crash on them.
bool isDimInRange(Operation *op) {
  auto dim = dyn_cast<tensor::DimOp>(op);
  auto type = dim ? dyn_cast<RankedTensorType>(dim.getSource().getType())
                  : RankedTensorType();
  std::optional<int64_t> index =
      type ? dim.getConstantIndex() : std::optional<int64_t>();
  if (!index || (*index >= 0 && *index < type.getRank()))
    return true;
  op->emitOpError() << "expects a dimension of " << type << " in [0, "
                    << type.getRank() << "), got " << *index;
  return false;
}

struct VerifyContract : peermla::impl::VerifyContractBase<VerifyContract> {
  using Base::Base;

  void runOnOperation() override {
    std::optional<Contract> contract = getContract(stage);
    if (!contract) {
      getOperation().emitError()
          << "expects the stage to be 'model', 'tiled', 'buffers', 'tile', "
             "'frag', 'nvvm' or 'cpu', got '"
          << stage << "'";
      return signalPassFailure();
    }
    if (failed(verify(getOperation())))
      return signalPassFailure();
    bool holds = true;
    Contract host = getHostContract();
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      // Targets of the other kind are at another stage.
      if (isStageOfGpus(stage) ? op->hasAttr("peermla.level")
                               : stage == "cpu" && op->hasAttr("peermla.gpu"))
        return WalkResult::skip();
      // Kernels that are outlined already, and their launches.
      bool isInKernel =
          isa<gpu::GPUModuleOp>(op) || op->getParentOfType<gpu::GPUModuleOp>();
      if (!isStageOfGpus(stage) &&
          (isInKernel ||
           (isa<tile::LaunchOp>(op) && stage != "model" && stage != "cpu")))
        return WalkResult::skip();
      // The bodies of linalg ops are their own matter.
      if (isa_and_nonnull<linalg::LinalgOp>(op->getParentOp()))
        return WalkResult::skip();
      // A frame of constant size at the start of a function is not an
      // allocation; one inside a loop would grow the stack.
      if (isa<memref::AllocaOp>(op) && stage == "cpu" &&
          isa<FunctionOpInterface>(op->getParentOp()))
        return WalkResult::advance();
      if (isStray(op, stage)) {
        op->emitError() << "'" << op->getName()
                        << "' may not exist outside of kernels at the stage '"
                        << stage << "'";
        holds = false;
        return WalkResult::skip();
      }
      if (!isDimInRange(op))
        holds = false;
      if ((isStageOfGpus(stage) && !isInKernel ? host : *contract).admits(op))
        return WalkResult::advance();
      op->emitError() << "'" << op->getName()
                      << "' may not exist at the stage '" << stage << "'";
      holds = false;
      return WalkResult::skip();
    });
    if (!holds)
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
