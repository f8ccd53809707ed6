//===- CompiledModule.cpp - run a few lines of IR as machine code ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompiledModule.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/InitAll.h"
#include "peermla/Support/TargetInfo.h"
#include "peermla/Target/Library/CodeGen.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace peermla;

std::vector<std::string> peermla::getRunnableLevels() {
  std::vector<std::string> levels;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v3"))
    levels.push_back("x86-64-v3");
  if (__builtin_cpu_supports("x86-64-v4"))
    levels.push_back("x86-64-v4");
  if (__builtin_cpu_supports("x86-64-v4") &&
      __builtin_cpu_supports("avx512bf16"))
    levels.push_back("x86-64-v4-bf16");
#elif defined(__aarch64__)
  levels.push_back("aarch64");
#endif
  return levels;
}

static LogicalResult lower(ModuleOp module) {
  PassManager pm(module.getContext());
  pm.addPass(createExpandMath());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createLegalizeBf16());
  return pm.run(module);
}

void CompiledModule::compile(StringRef text, StringRef level) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerLibraryTarget(registry);
  MLIRContext context(registry);
  auto module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  (*module)->setAttr("peermla.level", StringAttr::get(&context, level));
  ASSERT_TRUE(succeeded(lower(*module)));
  FailureOr<Code> code = compileLevel(
      LevelModule{*module, CpuLevel::get(level), {"map"}}, Artifact::Library);
  ASSERT_TRUE(succeeded(code));

  static bool initialized = !llvm::InitializeNativeTarget() &&
                            !llvm::InitializeNativeTargetAsmPrinter();
  ASSERT_TRUE(initialized);
  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> created =
      llvm::orc::LLJITBuilder().create();
  ASSERT_TRUE(bool(created)) << llvm::toString(created.takeError());
  jit = std::move(*created);
  llvm::Error error = jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
      StringRef(code->data(), code->size())));
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  llvm::Expected<llvm::orc::ExecutorAddr> symbol = jit->lookup("map");
  ASSERT_TRUE(bool(symbol)) << llvm::toString(symbol.takeError());
  address = symbol->toPtr<void *>();
}
