//===- ThreadsToNVVM.cpp - kernels for one thread as llvm.func ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// First the function changes its parameters, as `tile.launch` describes them;
// memrefs are put together again from pointers, sizes and strides. Then what is
// inside is converted by upstream's patterns.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUCommon/GPUCommonPass.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"
#include "peermla/Conversion/TiledToThreads/Passes.h"

namespace peermla {
#define GEN_PASS_DEF_THREADSTONVVM
#include "peermla/Conversion/TiledToThreads/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static constexpr unsigned globalSpace = 1, sharedSpace = 3, localSpace = 0;

namespace {

/// Makes an `llvm.func` of a `func.func`.
class KernelSignature {
public:
  KernelSignature(func::FuncOp function, const LLVMTypeConverter &converter)
      : function(function), converter(converter),
        b(function.getLoc(), function.getContext()) {}

  LogicalResult run();

private:
  Value buildDescriptor(MemRefType type, Value pointer);

  func::FuncOp function;
  const LLVMTypeConverter &converter;
  ImplicitLocOpBuilder b;
  /// Sizes and strides in their order.
  SmallVector<Value> dynamic;
  size_t nextDynamic = 0;
};

} // namespace

static SmallVector<int64_t> getStrides(MemRefType type) {
  return type.getStridesAndOffset().first;
}

Value KernelSignature::buildDescriptor(MemRefType type, Value pointer) {
  Value generic = LLVM::AddrSpaceCastOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext()), pointer);
  // The type's constant offset is added by every access, and was applied to
  // the pointer already.
  int64_t offset = type.getStridesAndOffset().second;
  if (ShapedType::isDynamic(offset))
    offset = 0;
  if (offset != 0)
    generic = LLVM::GEPOp::create(
        b, generic.getType(), converter.convertType(type.getElementType()),
        generic,
        Value(LLVM::ConstantOp::create(b, b.getI64Type(),
                                       b.getI64IntegerAttr(-offset))));
  MemRefDescriptor descriptor =
      MemRefDescriptor::poison(b, b.getLoc(), converter.convertType(type));
  descriptor.setAllocatedPtr(b, b.getLoc(), generic);
  descriptor.setAlignedPtr(b, b.getLoc(), generic);
  descriptor.setConstantOffset(b, b.getLoc(), offset);
  auto set = [&](int64_t extent, unsigned dim, auto setConstant,
                 auto setValue) {
    if (ShapedType::isDynamic(extent))
      (descriptor.*setValue)(b, b.getLoc(), dim, dynamic[nextDynamic++]);
    else
      (descriptor.*setConstant)(b, b.getLoc(), dim, extent);
  };
  for (auto [dim, extent] : llvm::enumerate(type.getShape()))
    set(extent, dim, &MemRefDescriptor::setConstantSize,
        &MemRefDescriptor::setSize);
  for (auto [dim, stride] : llvm::enumerate(getStrides(type)))
    set(stride, dim, &MemRefDescriptor::setConstantStride,
        &MemRefDescriptor::setStride);
  return descriptor;
}

LogicalResult KernelSignature::run() {
  Type i64 = b.getI64Type();
  SmallVector<Type> types;
  unsigned numDynamic = 0;
  for (Type type : function.getArgumentTypes()) {
    if (auto memref = dyn_cast<MemRefType>(type)) {
      types.push_back(LLVM::LLVMPointerType::get(b.getContext(), globalSpace));
      numDynamic += memref.getNumDynamicDims() +
                    llvm::count_if(getStrides(memref), ShapedType::isDynamic);
    } else if (type.isIntOrIndexOrFloat()) {
      types.push_back(converter.convertType(type));
    } else {
      return function.emitOpError()
             << "expects parameters of a kernel to be memrefs, integers or "
                "floats, got "
             << type;
    }
  }
  types.append(numDynamic, i64);
  b.setInsertionPoint(function);
  auto kernel = LLVM::LLVMFuncOp::create(
      b, function.getName(),
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  types));
  kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  for (NamedAttribute attribute : function->getDiscardableAttrs())
    kernel->setAttr(attribute.getName(), attribute.getValue());

  unsigned count = function.getNumArguments();
  kernel.getBody().takeBody(function.getBody());
  Block &entry = kernel.getBody().front();
  SmallVector<Value> parameters;
  for (Type type : types)
    parameters.push_back(entry.addArgument(type, function.getLoc()));
  dynamic.assign(parameters.begin() + count, parameters.end());
  b.setInsertionPointToStart(&entry);
  for (unsigned i = 0; i < count; ++i) {
    BlockArgument old = entry.getArgument(i);
    Value value = parameters[i];
    if (auto memref = dyn_cast<MemRefType>(old.getType()))
      value = buildDescriptor(memref, value);
    if (value.getType() != old.getType())
      value = UnrealizedConversionCastOp::create(b, old.getType(), value)
                  .getResult(0);
    old.replaceAllUsesWith(value);
  }
  entry.eraseArguments(0, count);
  SmallVector<func::ReturnOp> returns;
  kernel.walk([&](func::ReturnOp op) { returns.push_back(op); });
  for (func::ReturnOp op : returns) {
    b.setInsertionPoint(op);
    LLVM::ReturnOp::create(b, ValueRange());
    op.erase();
  }
  function.erase();
  return success();
}

namespace {

struct ThreadsToNVVM : peermla::impl::ThreadsToNVVMBase<ThreadsToNVVM> {
  using Base::Base;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    LLVMTypeConverter converter(context, options);
    populateGpuMemorySpaceAttributeConversions(
        converter, [](gpu::AddressSpace space) -> unsigned {
          switch (space) {
          case gpu::AddressSpace::Global:
            return globalSpace;
          case gpu::AddressSpace::Workgroup:
            return sharedSpace;
          default:
            return localSpace;
          }
        });
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("nvvm.reqntid"))
        functions.push_back(function);
    for (func::FuncOp function : functions)
      if (failed(KernelSignature(function, converter).run()))
        return signalPassFailure();
    if (getOperation().getOps<LLVM::LLVMFuncOp>().empty())
      return;

    RewritePatternSet patterns(context);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    // Last: these make calls of libdevice where LLVM has an intrinsic.
    populateGpuToNVVMConversionPatterns(converter, patterns, PatternBenefit(0));
    populateMathToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addLegalOp<gpu::GPUModuleOp>();
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      return signalPassFailure();
    // An internal array of no elements would be a byte of its own.
    for (auto global : getOperation().getOps<LLVM::GlobalOp>())
      if (auto array = dyn_cast<LLVM::LLVMArrayType>(global.getGlobalType());
          array && array.getNumElements() == 0)
        global.setLinkage(LLVM::Linkage::External);
  }
};

} // namespace
