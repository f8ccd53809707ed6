//===- LegalizeBf16.cpp - bf16 values as 16-bit integers ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM takes vectors of bf16 apart where the processor has no instructions for
// them, and calls functions that no library has. So bf16 is stored as i16 on
// every level and only two things are done with it:
//
//     bits of f32 = bits << 16                                      (exact)
//     bits = (b + 0x7fff + ((b >> 16) & 1)) >> 16,  b = bits of f32 (to nearest
//            even), or (b >> 16) | 0x40 if b is NaN
//
// A level with bf16 instructions keeps them for the second and for pair
// products: there bf16 lives between such an instruction and a bitcast.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Support/TargetInfo.h"

namespace peermla {
#define GEN_PASS_DEF_LEGALIZEBF16
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

namespace {
struct LegalizeBf16 : peermla::impl::LegalizeBf16Base<LegalizeBf16> {
  using Base::Base;
  void runOnOperation() override;
};

/// An op that keeps bf16 operands or results, and their types.
struct NativeOp {
  Operation *op;
  SmallVector<Type> operands, results;
};
} // namespace

static bool hasBf16(Type type) {
  return type
      .walk([](Type part) {
        return part.isBF16() ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

static bool hasBf16(Operation *op) {
  return llvm::any_of(op->getOperandTypes(),
                      [](Type t) { return hasBf16(t); }) ||
         llvm::any_of(op->getResultTypes(), [](Type t) { return hasBf16(t); });
}

/// Whether an op only moves bits, so that the element type does not matter.
static bool movesBits(Operation *op) {
  if (op->hasTrait<OpTrait::IsTerminator>() || isa<CallOpInterface>(op))
    return true;
  return isa<LLVM::LoadOp, LLVM::StoreOp, LLVM::BitcastOp, LLVM::SelectOp,
             LLVM::ConstantOp, LLVM::UndefOp, LLVM::PoisonOp, LLVM::ZeroOp,
             LLVM::FreezeOp, LLVM::InsertElementOp, LLVM::ExtractElementOp,
             LLVM::ShuffleVectorOp, LLVM::InsertValueOp, LLVM::ExtractValueOp,
             LLVM::vector_insert, LLVM::vector_extract,
             LLVM::vector_interleave2, LLVM::vector_deinterleave2,
             LLVM::MaskedLoadOp, LLVM::MaskedStoreOp, LLVM::masked_gather,
             LLVM::masked_scatter, LLVM::masked_expandload,
             LLVM::masked_compressstore>(op);
}

/// The integers with the bits of floats of type `type`.
static Type getBitsType(Type type) {
  auto element = IntegerType::get(
      type.getContext(), getElementTypeOrSelf(type).getIntOrFloatBitWidth());
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

namespace {
/// Integer arithmetic on scalars and vectors alike.
struct BitBuilder {
  OpBuilder &builder;
  Location loc;

  Value constant(Type type, int64_t value) {
    auto element = cast<IntegerType>(getElementTypeOrSelf(type));
    TypedAttr attribute = builder.getIntegerAttr(element, value);
    if (auto vector = dyn_cast<VectorType>(type))
      attribute = DenseElementsAttr::get(vector, attribute);
    return LLVM::ConstantOp::create(builder, loc, type, attribute);
  }
  Value bitcast(Type type, Value value) {
    return builder.createOrFold<LLVM::BitcastOp>(loc, type, value);
  }
  template <typename Op> Value apply(Value lhs, Value rhs) {
    return Op::create(builder, loc, lhs, rhs);
  }

  /// f32 from the bits of bf16.
  Value extend(Value bits, Type floatType) {
    Type wide = getBitsType(floatType);
    Value extended = LLVM::ZExtOp::create(builder, loc, wide, bits);
    return bitcast(floatType, apply<LLVM::ShlOp>(extended, constant(wide, 16)));
  }

  /// The bits of bf16 nearest to f32, ties to even, NaN stays NaN.
  Value truncate(Value value, Type bitsType) {
    Type wide = getBitsType(value.getType());
    Value bits = bitcast(wide, value);
    Value sixteen = constant(wide, 16);
    Value high = apply<LLVM::LShrOp>(bits, sixteen);
    Value odd = apply<LLVM::AndOp>(high, constant(wide, 1));
    Value bias = apply<LLVM::AddOp>(odd, constant(wide, 0x7fff));
    Value rounded =
        apply<LLVM::LShrOp>(apply<LLVM::AddOp>(bits, bias), sixteen);
    Value quiet = apply<LLVM::OrOp>(high, constant(wide, 0x40));
    Value isNan = LLVM::FCmpOp::create(builder, loc, LLVM::FCmpPredicate::uno,
                                       value, value);
    Value result = LLVM::SelectOp::create(builder, loc, isNan, quiet, rounded);
    return LLVM::TruncOp::create(builder, loc, bitsType, result);
  }
};
} // namespace

/// Makes i16 of bf16 in types and constants.
static void replaceTypes(Operation *root) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](BFloat16Type type) -> Type {
    return IntegerType::get(type.getContext(), 16);
  });
  replacer.addReplacement([](FloatAttr attr) -> std::optional<Attribute> {
    if (!attr.getType().isBF16())
      return std::nullopt;
    return IntegerAttr::get(IntegerType::get(attr.getContext(), 16),
                            attr.getValue().bitcastToAPInt());
  });
  replacer.addReplacement(
      [](DenseElementsAttr attr) -> std::optional<Attribute> {
        if (!attr.getElementType().isBF16())
          return std::nullopt;
        return attr.bitcast(IntegerType::get(attr.getContext(), 16));
      });
  replacer.recursivelyReplaceElementsIn(root, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

static void rewriteExtension(LLVM::FPExtOp op) {
  OpBuilder builder(op);
  Type type = op.getType();
  Type f32 = builder.getF32Type();
  Type middle = f32;
  if (auto vector = dyn_cast<VectorType>(type))
    middle = vector.clone(f32);
  Value value = BitBuilder{builder, op.getLoc()}.extend(op.getArg(), middle);
  if (middle != type)
    value = LLVM::FPExtOp::create(builder, op.getLoc(), type, value);
  op.replaceAllUsesWith(value);
  op.erase();
}

static void rewriteTruncation(LLVM::FPTruncOp op, bool isNative) {
  OpBuilder builder(op);
  BitBuilder bits{builder, op.getLoc()};
  Type type = op.getType(); // i16 by now.
  Value value;
  if (isNative) {
    Type bf16 = builder.getBF16Type();
    if (auto vector = dyn_cast<VectorType>(type))
      bf16 = vector.clone(bf16);
    value = bits.bitcast(
        type, LLVM::FPTruncOp::create(builder, op.getLoc(), bf16, op.getArg()));
  } else {
    value = bits.truncate(op.getArg(), type);
  }
  op.replaceAllUsesWith(value);
  op.erase();
}

/// Gives an instruction its bf16 types back, between bitcasts.
static void restoreTypes(const NativeOp &native) {
  OpBuilder builder(native.op);
  Location loc = native.op->getLoc();
  for (auto [i, type] : llvm::enumerate(native.operands))
    if (hasBf16(type))
      native.op->setOperand(i,
                            LLVM::BitcastOp::create(builder, loc, type,
                                                    native.op->getOperand(i)));
  builder.setInsertionPointAfter(native.op);
  for (auto [result, type] :
       llvm::zip_equal(native.op->getResults(), native.results))
    if (hasBf16(type)) {
      Type bits = result.getType();
      result.setType(type);
      auto cast = LLVM::BitcastOp::create(builder, loc, bits, result);
      result.replaceAllUsesExcept(cast, cast);
    }
}

void LegalizeBf16::runOnOperation() {
  Operation *root = getOperation();
  SmallVector<LLVM::FPExtOp> extensions;
  SmallVector<LLVM::FPTruncOp> truncations;
  SmallVector<NativeOp> natives;
  llvm::SmallPtrSet<Operation *, 8> nativeTruncations;

  WalkResult result = root->walk([&](Operation *op) -> WalkResult {
    if (!hasBf16(op) || movesBits(op))
      return WalkResult::advance();
    if (auto extension = dyn_cast<LLVM::FPExtOp>(op)) {
      extensions.push_back(extension);
      return WalkResult::advance();
    }
    const CpuLevel *level = CpuLevel::of(op);
    bool hasInstructions = level && level->hasBf16Dot;
    if (auto truncation = dyn_cast<LLVM::FPTruncOp>(op)) {
      if (!getElementTypeOrSelf(truncation.getArg().getType()).isF32())
        return op->emitError() << "expects f32 to be rounded to bf16, got "
                               << truncation.getArg().getType();
      truncations.push_back(truncation);
      if (hasInstructions)
        nativeTruncations.insert(op);
      return WalkResult::advance();
    }
    bool isInstruction = op->getName().getDialectNamespace() != "llvm" ||
                         isa<LLVM::CallIntrinsicOp>(op);
    if (hasInstructions && isInstruction) {
      natives.push_back({op, llvm::to_vector(op->getOperandTypes()),
                         llvm::to_vector(op->getResultTypes())});
      return WalkResult::advance();
    }
    return op->emitError("no CPU instruction computes in bf16, expects f32");
  });
  if (result.wasInterrupted())
    return signalPassFailure();

  replaceTypes(root);
  for (LLVM::FPExtOp op : extensions)
    rewriteExtension(op);
  for (LLVM::FPTruncOp op : truncations)
    rewriteTruncation(op, nativeTruncations.contains(op));
  for (const NativeOp &native : natives)
    restoreTypes(native);
  // What was a bitcast between bf16 and i16 does nothing now.
  root->walk([](LLVM::BitcastOp op) {
    if (op.getArg().getType() != op.getType())
      return;
    op.replaceAllUsesWith(op.getArg());
    op.erase();
  });
}
