//===- SharedMemory.cpp - where the variables of a block lie --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Variables in shared memory become offsets from the start of the block's
// memory, in the order of their definition. Arrays of no elements stand for
// dynamic memory; they all start behind the others, at a multiple of 1024.
//
//===----------------------------------------------------------------------===//

#include "Rewriter.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

/// Whether the variable is given a value.
static bool isInitialised(LLVM::GlobalOp global) {
  if (global.getValueOrNull())
    return true;
  if (global.getInitializerRegion().empty())
    return false;
  for (Operation &op : global.getInitializerRegion().front())
    if (!isa<LLVM::UndefOp, LLVM::PoisonOp, LLVM::ReturnOp>(op))
      return true;
  return false;
}

FailureOr<SharedLayout> tosim::layOutSharedMemory(ModuleOp module) {
  constexpr uint64_t arena = 256 << 10, unit = 16, dynamicAlignment = 1024;
  DataLayout layout(module);
  SharedLayout result;
  SmallVector<StringAttr> dynamic;
  for (auto global : module.getOps<LLVM::GlobalOp>()) {
    if (global.getAddrSpace() != 3)
      continue;
    if (isInitialised(global))
      return global.emitError("shared memory starts without values, but '" +
                              global.getSymName() + "' has an initializer");
    uint64_t size = layout.getTypeSize(global.getGlobalType());
    uint64_t alignment = std::max<uint64_t>(
        {unit, global.getAlignment().value_or(0),
         layout.getTypeABIAlignment(global.getGlobalType())});
    if (size == 0) {
      dynamic.push_back(global.getSymNameAttr());
      continue;
    }
    uint64_t start = llvm::alignTo(result.staticBytes, alignment);
    if (size > arena || start + size > arena)
      return global.emitError("shared memory up to and with '" +
                              global.getSymName() + "' takes ")
             << start + size << " bytes, of at most " << arena;
    result.offsets[global.getSymNameAttr()] = start;
    result.staticBytes = start + size;
  }
  result.dynamicOffset = llvm::alignTo(result.staticBytes, dynamicAlignment);
  for (StringAttr name : dynamic)
    result.offsets[name] = result.dynamicOffset;
  return result;
}

void tosim::rewriteSharedMemory(Rewriter &rewriter,
                                const SharedLayout &layout) {
  SmallVector<LLVM::AddressOfOp> addresses;
  rewriter.module.walk([&](LLVM::AddressOfOp op) {
    if (layout.offsets.contains(op.getGlobalNameAttr().getAttr()))
      addresses.push_back(op);
  });
  for (LLVM::AddressOfOp op : addresses) {
    rewriter.visit(op);
    Value base = rewriter.call(Runtime::shared_base, {});
    uint64_t offset =
        layout.offsets.find(op.getGlobalNameAttr().getAttr())->second;
    rewriter.replace(rewriter.offset(base, offset));
  }
  for (auto global :
       llvm::make_early_inc_range(rewriter.module.getOps<LLVM::GlobalOp>()))
    if (global.getAddrSpace() == 3)
      global.erase();
}
