//===- WarpgroupsToNVVM.cpp - instructions of warpgroups as PTX -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The operations of the NVVM dialect cannot hold operand A in registers, nor
// say which accumulators a wait makes readable; assembly with tied operands
// can.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "peermla/Conversion/Frag/Passes.h"
#include "peermla/Dialect/Frag/IR/Frag.h"

namespace peermla {
#define GEN_PASS_DEF_WARPGROUPSTONVVM
#include "peermla/Conversion/Frag/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

static constexpr int64_t descriptorUnit = frag::DescriptorOp::unitBytes;

namespace {

/// A line of PTX whose first operands are accumulators, results and, if they
/// have values, tied inputs.
class AccumulatorAsm {
public:
  explicit AccumulatorAsm(ArrayRef<VectorType> accumulators)
      : accumulators(accumulators) {
    for (VectorType type : accumulators)
      numRegisters += type.getNumElements();
  }

  /// `{$0, $1, ...}`: the registers of all accumulators.
  std::string getRegisters() const { return list(0, numRegisters); }

  /// Adds an operand with that constraint and returns its name.
  std::string addInput(Value value, StringRef constraint) {
    inputs.push_back(value);
    inputConstraints += ("," + constraint).str();
    return "$" + std::to_string(numRegisters + inputs.size() - 1);
  }

  /// Replaces `op` by the line; `tied` has a value per accumulator or none.
  void replace(PatternRewriter &rewriter, Operation *op, StringRef text,
               ValueRange tied) {
    ImplicitLocOpBuilder b(op->getLoc(), rewriter);
    std::string constraints;
    for (int64_t i = 0; i < numRegisters; ++i)
      constraints += i ? ",=f" : "=f";
    constraints += inputConstraints;
    SmallVector<Value> operands(inputs);
    int64_t number = 0;
    for (Value value : tied)
      for (Value element :
           vector::ToElementsOp::create(b, value)->getResults()) {
        operands.push_back(element);
        constraints += "," + std::to_string(number++);
      }
    auto registers = LLVM::LLVMStructType::getLiteral(
        b.getContext(), SmallVector<Type>(numRegisters, b.getF32Type()));
    Value all =
        LLVM::InlineAsmOp::create(
            b, registers, operands, text, constraints,
            /*has_side_effects=*/true, /*is_align_stack=*/false,
            LLVM::TailCallKind::None,
            LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
            /*operand_attrs=*/ArrayAttr())
            .getRes();
    SmallVector<Value> results;
    int64_t next = 0;
    for (VectorType type : accumulators) {
      SmallVector<Value> elements;
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        elements.push_back(LLVM::ExtractValueOp::create(b, all, next++));
      results.push_back(vector::FromElementsOp::create(b, type, elements));
    }
    rewriter.replaceOp(op, results);
  }

private:
  static std::string list(int64_t first, int64_t count) {
    std::string text = "{";
    for (int64_t i = 0; i < count; ++i)
      text += (i ? ", $" : "$") + std::to_string(first + i);
    return text + "}";
  }

  SmallVector<VectorType> accumulators;
  int64_t numRegisters = 0;
  SmallVector<Value> inputs;
  std::string inputConstraints;
};

struct LowerWgmma final : OpRewritePattern<frag::WgmmaOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(frag::WgmmaOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<VectorType>(op.getD().getType());
    AccumulatorAsm line(type);
    // Descriptors with their offsets, in registers of the PTX.
    std::string before;
    auto describe = [&](Value descriptor, int64_t offset, StringRef name) {
      std::string operand = line.addInput(descriptor, "l");
      if (offset == 0)
        return operand;
      before += (".reg .b64 " + name + "; add.s64 " + name + ", " + operand +
                 ", " + Twine(offset / descriptorUnit) + "; ")
                    .str();
      return name.str();
    };
    std::string a;
    bool isInRegisters = isa<VectorType>(op.getA().getType());
    if (isInRegisters) {
      auto words =
          vector::ToElementsOp::create(rewriter, op.getLoc(), op.getA());
      for (Value word : words->getResults())
        a += (a.empty() ? "{" : ", ") + line.addInput(word, "r");
      a += "}";
    } else {
      a = describe(op.getA(), op.getOffsets()[0], "a");
    }
    std::string b = describe(op.getB(), op.getOffsets()[1], "b");
    std::string element = op.getElement().isBF16() ? "bf16" : "f16";
    std::string text = "wgmma.mma_async.sync.aligned.m64n" +
                       std::to_string(2 * type.getNumElements()) + "k16.f32." +
                       element + "." + element + " " + line.getRegisters() +
                       ", " + a + ", " + b + ", " + (op.getAcc() ? "1" : "0") +
                       ", 1, 1" + (isInRegisters ? "" : ", 0") +
                       (op.getColumns() ? ", 1;" : ", 0;");
    if (!before.empty())
      text = "{ " + before + text + " }";
    line.replace(rewriter, op, text,
                 op.getAcc() ? ValueRange(op.getAcc()) : ValueRange());
    return success();
  }
};

struct LowerWait final : OpRewritePattern<frag::WgmmaWaitOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(frag::WgmmaWaitOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getAccs().empty()) {
      rewriter.replaceOpWithNewOp<NVVM::WgmmaWaitGroupSyncOp>(op,
                                                              op.getPending());
      return success();
    }
    AccumulatorAsm line(llvm::map_to_vector(op.getAccs(), [](Value acc) {
      return cast<VectorType>(acc.getType());
    }));
    line.replace(rewriter, op,
                 "wgmma.wait_group.sync.aligned " +
                     std::to_string(op.getPending()) + ";",
                 op.getAccs());
    return success();
  }
};

struct LowerDescriptor final : OpRewritePattern<frag::DescriptorOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(frag::DescriptorOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), op.getBase());
    Value units = arith::ShRUIOp::create(
        b, address,
        arith::ConstantIntOp::create(b, llvm::Log2_64(descriptorUnit), 32));
    units = arith::AndIOp::create(
        b, units,
        arith::ConstantIntOp::create(b, frag::DescriptorOp::baseMask, 32));
    Value base = arith::ExtUIOp::create(b, b.getI64Type(), units);
    rewriter.replaceOpWithNewOp<arith::OrIOp>(
        op, base,
        arith::ConstantIntOp::create(
            b, static_cast<int64_t>(op.getLayoutBits()), 64));
    return success();
  }
};

struct WarpgroupsToNVVM
    : peermla::impl::WarpgroupsToNVVMBase<WarpgroupsToNVVM> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerDescriptor, LowerWait, LowerWgmma>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
