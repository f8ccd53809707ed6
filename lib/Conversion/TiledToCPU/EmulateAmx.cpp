//===- EmulateAmx.cpp - tiles without the instructions --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is a vector of rows. Loads and stores are those of rows; the product
// is a function, one per shape, that follows the description of TDPBF16PS:
//
//   for each row m
//     even[n], odd[n] = 0
//     for each k: even[n] += a[m][2k] b[k][2n], odd[n] += a[m][2k+1] b[k][2n+1]
//     c[m][n] += even[n] + odd[n]
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "peermla/Conversion/TiledToCPU/Passes.h"
#include "peermla/Support/TargetInfo.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

namespace peermla {
#define GEN_PASS_DEF_EMULATEAMX
#include "peermla/Conversion/TiledToCPU/Passes.h.inc"
} // namespace peermla

using namespace mlir;
using namespace peermla;

//===----------------------------------------------------------------------===//
// Arithmetic of the instructions
//===----------------------------------------------------------------------===//

/// Zero of the same sign for what is below the least normal number.
static Value flush(KernelBuilder &b, Value value) {
  auto type = cast<VectorType>(value.getType());
  VectorType bitsType = type.clone(b.getI32Type());
  auto constant = [&](int32_t bits) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(bitsType, bits));
  };
  Value bits = arith::BitcastOp::create(b, bitsType, value);
  Value magnitude = arith::AndIOp::create(b, bits, constant(0x7fffffff));
  Value sign = arith::AndIOp::create(b, bits, constant(INT32_MIN));
  Value isTiny = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, magnitude,
                                       constant(0x00800000));
  Value zero = arith::BitcastOp::create(b, type, sign);
  return arith::SelectOp::create(b, isTiny, zero, value);
}

static Value widen(KernelBuilder &b, Value value) {
  Type type = cast<VectorType>(value.getType()).clone(b.getF32Type());
  return flush(b, arith::ExtFOp::create(b, type, value));
}

static Value multiplyAdd(KernelBuilder &b, Value lhs, Value rhs, Value sum) {
  return flush(b, b.fma(lhs, rhs, sum));
}

static Value sum(KernelBuilder &b, Value lhs, Value rhs) {
  return flush(b, arith::AddFOp::create(b, lhs, rhs));
}

static std::pair<Value, Value> widenPairs(KernelBuilder &b, Value pairs) {
  auto parts = vector::DeinterleaveOp::create(b, widen(b, pairs));
  return {parts.getRes1(), parts.getRes2()};
}

//===----------------------------------------------------------------------===//
// The product as a function
//===----------------------------------------------------------------------===//

/// The body: matrices pass through memory, where a loop can reach their rows.
static void buildProduct(func::FuncOp function) {
  OpBuilder builder(function);
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto end = func::ReturnOp::create(builder, function.getLoc(), ValueRange());
  KernelBuilder b(end);
  Value lhs = entry->getArgument(0), rhs = entry->getArgument(1),
        acc = entry->getArgument(2);
  auto typeOf = [](Value value) { return cast<VectorType>(value.getType()); };
  int64_t rows = typeOf(acc).getDimSize(0), columns = typeOf(acc).getDimSize(1),
          terms = typeOf(rhs).getDimSize(0);
  Type f32 = b.getF32Type();
  auto allocate = [&](int64_t height, int64_t width) -> Value {
    return memref::AllocaOp::create(b, MemRefType::get({height, width}, f32));
  };
  // The first and the second terms of pairs.
  Value left[] = {allocate(rows, terms), allocate(rows, terms)};
  Value right[] = {allocate(terms, columns), allocate(terms, columns)};
  Value sums = allocate(rows, columns);
  auto rowOf = [&](Value matrix, int64_t row) -> Value {
    return vector::ExtractOp::create(b, matrix, row);
  };
  for (int64_t row = 0; row < rows; ++row) {
    auto [first, second] = widenPairs(b, rowOf(lhs, row));
    b.store(first, Row{left[0], {b.index(row)}}, b.index(0));
    b.store(second, Row{left[1], {b.index(row)}}, b.index(0));
    b.store(flush(b, rowOf(acc, row)), Row{sums, {b.index(row)}}, b.index(0));
  }
  for (int64_t term = 0; term < terms; ++term) {
    auto [first, second] = widenPairs(b, rowOf(rhs, term));
    b.store(first, Row{right[0], {b.index(term)}}, b.index(0));
    b.store(second, Row{right[1], {b.index(term)}}, b.index(0));
  }
  b.loop(b.index(0), b.index(rows), 1, [&](Value row) {
    SmallVector<Value> zeros(2, b.zero(columns));
    auto parts =
        b.loop(b.index(0), b.index(terms), 1, zeros,
               [&](Value term, ValueRange carried) {
                 SmallVector<Value> next;
                 for (int64_t half : {0, 1}) {
                   Value element = memref::LoadOp::create(
                       b, left[half], ValueRange{row, term});
                   next.push_back(multiplyAdd(
                       b, b.splat(element, columns),
                       b.load(Row{right[half], {term}}, b.index(0), columns),
                       carried[half]));
                 }
                 return next;
               });
    Row to{sums, {row}};
    b.store(sum(b, b.load(to, b.index(0), columns), sum(b, parts[0], parts[1])),
            to, b.index(0));
  });
  Value result = acc;
  for (int64_t row = 0; row < rows; ++row)
    result = vector::InsertOp::create(
        b, b.load(Row{sums, {b.index(row)}}, b.index(0), columns), result, row);
  end.getOperandsMutable().assign(result);
}

/// The function for tiles of that shape, made if it is not there.
static func::FuncOp getProduct(ModuleOp module, VectorType lhs, VectorType rhs,
                               VectorType acc) {
  std::string name =
      llvm::formatv("peermla.tile_mulf_{0}x{1}x{2}", acc.getDimSize(0),
                    acc.getDimSize(1), lhs.getDimSize(1));
  if (auto function = module.lookupSymbol<func::FuncOp>(name))
    return function;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto type = builder.getFunctionType({lhs, rhs, acc}, {acc});
  auto function = func::FuncOp::create(builder, module.getLoc(), name, type);
  function.setPrivate();
  buildProduct(function);
  return function;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct EmulateAmx : peermla::impl::EmulateAmxBase<EmulateAmx> {
  using Base::Base;

  void runOnOperation() override;

private:
  void replace(amx::TileZeroOp op);
  void replace(amx::TileLoadOp op);
  void replace(amx::TileStoreOp op);
  void replace(amx::TileMulFOp op);
  void replace(x86vector::DotBF16Op op);
};

} // namespace

/// Where a row of a tile lies: rows are those of the second innermost
/// dimension, or a stride of elements apart.
template <typename Op>
static std::pair<Row, Value> placeOfRow(KernelBuilder &b, Op op, int64_t row) {
  SmallVector<Value> indices(op.getIndices());
  Value column = indices.pop_back_val();
  if (Value stride = op.getStride())
    column = b.add(column, b.mul(stride, row));
  else
    indices.back() = b.add(indices.back(), row);
  return {Row{op.getBase(), indices}, column};
}

void EmulateAmx::replace(amx::TileZeroOp op) {
  KernelBuilder b(op);
  op.replaceAllUsesWith(
      Value(arith::ConstantOp::create(b, b.getZeroAttr(op.getType()))));
}

void EmulateAmx::replace(amx::TileLoadOp op) {
  KernelBuilder b(op);
  auto type = cast<VectorType>(op.getRes().getType());
  VectorType rowType = b.vectorOf(type.getDimSize(1), type.getElementType());
  Value tile = arith::ConstantOp::create(b, b.getZeroAttr(type));
  for (int64_t row = 0; row < type.getDimSize(0); ++row) {
    auto [place, column] = placeOfRow(b, op, row);
    Value loaded =
        vector::LoadOp::create(b, rowType, place.buffer, place.at(column));
    tile = vector::InsertOp::create(b, loaded, tile, row);
  }
  op.getRes().replaceAllUsesWith(tile);
}

void EmulateAmx::replace(amx::TileStoreOp op) {
  KernelBuilder b(op);
  auto type = cast<VectorType>(op.getVal().getType());
  for (int64_t row = 0; row < type.getDimSize(0); ++row) {
    auto [place, column] = placeOfRow(b, op, row);
    vector::StoreOp::create(b, vector::ExtractOp::create(b, op.getVal(), row),
                            place.buffer, place.at(column));
  }
}

void EmulateAmx::replace(amx::TileMulFOp op) {
  KernelBuilder b(op);
  auto typeOf = [](Value value) { return cast<VectorType>(value.getType()); };
  func::FuncOp product = getProduct(getOperation(), typeOf(op.getLhs()),
                                    typeOf(op.getRhs()), typeOf(op.getAcc()));
  auto call = func::CallOp::create(
      b, product, ValueRange{op.getLhs(), op.getRhs(), op.getAcc()});
  op.getRes().replaceAllUsesWith(call.getResult(0));
}

void EmulateAmx::replace(x86vector::DotBF16Op op) {
  KernelBuilder b(op);
  auto [even, odd] = widenPairs(b, op.getA());
  auto [otherEven, otherOdd] = widenPairs(b, op.getB());
  Value result = multiplyAdd(b, odd, otherOdd, flush(b, op.getSrc()));
  op.getDst().replaceAllUsesWith(multiplyAdd(b, even, otherEven, result));
}

void EmulateAmx::runOnOperation() {
  ModuleOp module = getOperation();
  const CpuLevel *target = CpuLevel::get(level);
  if (!target || target->hasAmx) {
    module.emitError()
        << "expects 'level' to be a CPU level without tiles, got '" << level
        << "'";
    return signalPassFailure();
  }
  auto name = module->getAttrOfType<StringAttr>("peermla.level");
  if (!name || !CpuLevel::get(name) || !CpuLevel::get(name)->hasAmx)
    return;

  SmallVector<Operation *> ops;
  WalkResult result = module.walk([&](Operation *op) {
    if (isa<amx::TileZeroOp, amx::TileLoadOp, amx::TileStoreOp, amx::TileMulFOp,
            x86vector::DotBF16Op>(op)) {
      auto product = dyn_cast<amx::TileMulFOp>(op);
      if (product && !product.getLhsTileType().getElementType().isBF16()) {
        op->emitError() << "expects a product of tiles of bf16, got "
                        << product.getLhsTileType();
        return WalkResult::interrupt();
      }
      ops.push_back(op);
      return WalkResult::advance();
    }
    StringRef dialect = op->getName().getDialectNamespace();
    if (dialect != "amx" && dialect != "x86vector")
      return WalkResult::advance();
    op->emitError()
        << "expects tiles of floats and products of bf16 pairs, got '"
        << op->getName() << "'";
    return WalkResult::interrupt();
  });
  if (result.wasInterrupted())
    return signalPassFailure();

  AttrTypeReplacer replacer;
  replacer.addReplacement([](amx::TileType type) -> Type {
    return VectorType::get(type.getShape(), type.getElementType());
  });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/false,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
  for (Operation *op : ops) {
    llvm::TypeSwitch<Operation *>(op)
        .Case<amx::TileZeroOp, amx::TileLoadOp, amx::TileStoreOp,
              amx::TileMulFOp, x86vector::DotBF16Op>(
            [&](auto known) { replace(known); });
    op->erase();
  }
  module->setAttr("peermla.level", StringAttr::get(&getContext(), level));
}
