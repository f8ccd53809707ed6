//===- InitAll.cpp - everything a tool registers --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/InitAll.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "peermla/Conversion/Frag/Passes.h"
#include "peermla/Conversion/KernelToSimulator/Passes.h"
#include "peermla/Conversion/LaunchToRuntime/Passes.h"
#include "peermla/Conversion/ModelToReference.h"
#include "peermla/Conversion/ModelToReference/Passes.h"
#include "peermla/Conversion/Tile/Passes.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Conversion/TiledToSteps/Passes.h"
#include "peermla/Conversion/TiledToThreads/Passes.h"
#include "peermla/Dialect/Frag/IR/Frag.h"
#include "peermla/Dialect/Mla/IR/Mla.h"
#include "peermla/Dialect/Mla/IR/MlaBufferization.h"
#include "peermla/Dialect/Peer/IR/Peer.h"
#include "peermla/Dialect/Peer/IR/PeerBufferization.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Dialect/Tile/IR/TileBufferization.h"
#include "peermla/Pipelines/Pipelines.h"
#include "peermla/Transforms/Passes.h"
#include "peermla/Transforms/Tile/Passes.h"

void peermla::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<frag::FragDialect, mla::MlaDialect, peer::PeerDialect,
                  tile::TileDialect>();
  mla::registerBufferizableOpInterfaceExternalModels(registry);
  peer::registerBufferizableOpInterfaceExternalModels(registry);
  tile::registerBufferizableOpInterfaceExternalModels(registry);
}

void peermla::registerAllPasses() {
  mlir::registerAllPasses();
  registerPeermlaTransformsPasses();
  registerPeermlaModelToReferencePasses();
  registerPeermlaTiledToCPUPasses();
  registerPeermlaTiledToStepsPasses();
  registerPeermlaTileConversionPasses();
  registerPeermlaFragConversionPasses();
  registerPeermlaTileTransformsPasses();
  registerPeermlaTiledToThreadsPasses();
  registerPeermlaLaunchToRuntimePasses();
  registerPeermlaKernelToSimulatorPasses();
  registerPipelines();
  registerReferencePipelines();
  registerDecompositionPipeline();
}
