//===- MemoryAccesses.cpp - checked loads, stores and atomics -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every access of memory that other threads can see asks the runtime for its
// address first:
//
//     %x = llvm.load %p : !llvm.ptr<3> -> f32
//
// becomes
//
//     %q = access(%p, 4 bytes, alignment 4, shared, site)
//     %x = llvm.load %q
//
// while the address space of the pointer still says where it points.
//
//===----------------------------------------------------------------------===//

#include "Rewriter.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace peermla;
using namespace peermla::tosim;

static bool isLocal(Value pointer) {
  while (true) {
    auto type = cast<LLVM::LLVMPointerType>(pointer.getType());
    if (type.getAddressSpace() == 5 || pointer.getDefiningOp<LLVM::AllocaOp>())
      return true;
    if (auto gep = pointer.getDefiningOp<LLVM::GEPOp>())
      pointer = gep.getBase();
    else if (auto cast = pointer.getDefiningOp<LLVM::AddrSpaceCastOp>())
      pointer = cast.getArg();
    else
      return false;
  }
}

static unsigned getSpaceFlags(Value pointer, bool hasLocals) {
  switch (cast<LLVM::LLVMPointerType>(pointer.getType()).getAddressSpace()) {
  case 1:
  case 4: // constant
    return sim::AccessFlags::Global;
  case 3:
  case 7: // of the cluster
    return sim::AccessFlags::Shared;
  default:
    return hasLocals ? unsigned(sim::AccessFlags::MayBeLocal) : 0;
  }
}

/// The names are those of NVPTX; without one it is the system.
static unsigned getScopeFlags(std::optional<StringRef> scope) {
  bool isNarrow =
      scope == "singlethread" || scope == "block" || scope == "cluster";
  return isNarrow ? unsigned(sim::AccessFlags::ClusterScope) : 0;
}

static unsigned getOrderFlags(LLVM::AtomicOrdering ordering) {
  using O = LLVM::AtomicOrdering;
  namespace F = sim::AccessFlags;
  switch (ordering) {
  case O::not_atomic:
    return 0;
  case O::unordered:
  case O::monotonic:
    return F::Atomic;
  case O::acquire:
    return F::Atomic | F::Acquire;
  case O::release:
    return F::Atomic | F::Release;
  case O::acq_rel:
  case O::seq_cst:
    return F::Atomic | F::Acquire | F::Release;
  }
  return 0;
}

namespace {

class Instrumentation {
public:
  explicit Instrumentation(Rewriter &rewriter)
      : rewriter(rewriter), layout(rewriter.module) {}

  void run(LLVM::LLVMFuncOp function) {
    hasLocals = false;
    function.walk([&](LLVM::AllocaOp) { hasLocals = true; });
    function.walk([&](Operation *op) { instrument(op); });
  }

private:
  void instrument(Operation *op);
  /// Replaces the pointer by the one that may be accessed.
  void check(OpOperand &pointer, Type type, std::optional<uint64_t> alignment,
             unsigned flags);
  void checkBytes(OpOperand &pointer, Value bytes, unsigned flags);

  Rewriter &rewriter;
  DataLayout layout;
  bool hasLocals = false;
};

} // namespace

void Instrumentation::check(OpOperand &pointer, Type type,
                            std::optional<uint64_t> alignment, unsigned flags) {
  if (isLocal(pointer.get()))
    return;
  rewriter.visit(pointer.getOwner());
  uint64_t bytes = layout.getTypeSize(type);
  uint64_t aligned = alignment.value_or(0);
  if (aligned == 0)
    aligned = layout.getTypeABIAlignment(type);
  Value checked = rewriter.call(
      Runtime::access,
      {pointer.get(), rewriter.i32(bytes), rewriter.i32(aligned),
       rewriter.i32(flags | getSpaceFlags(pointer.get(), hasLocals)),
       rewriter.site()});
  pointer.set(checked);
}

void Instrumentation::checkBytes(OpOperand &pointer, Value bytes,
                                 unsigned flags) {
  if (isLocal(pointer.get()))
    return;
  rewriter.visit(pointer.getOwner());
  Value checked = rewriter.call(
      Runtime::access,
      {pointer.get(), bytes, rewriter.i32(1),
       rewriter.i32(flags | getSpaceFlags(pointer.get(), hasLocals)),
       rewriter.site()});
  pointer.set(checked);
}

void Instrumentation::instrument(Operation *op) {
  namespace F = sim::AccessFlags;
  auto isVolatile = [](auto op) -> unsigned {
    return op.getVolatile_() ? unsigned(F::Volatile) : 0;
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](LLVM::LoadOp load) {
        check(load.getAddrMutable(), load.getType(), load.getAlignment(),
              isVolatile(load) | getOrderFlags(load.getOrdering()) |
                  getScopeFlags(load.getSyncscope()));
      })
      .Case([&](LLVM::StoreOp store) {
        check(store.getAddrMutable(), store.getValue().getType(),
              store.getAlignment(),
              F::Write | isVolatile(store) |
                  getOrderFlags(store.getOrdering()) |
                  getScopeFlags(store.getSyncscope()));
      })
      .Case([&](LLVM::AtomicRMWOp atomic) {
        check(atomic.getPtrMutable(), atomic.getVal().getType(),
              atomic.getAlignment(),
              F::Write | F::Atomic | getOrderFlags(atomic.getOrdering()) |
                  getScopeFlags(atomic.getSyncscope()));
      })
      .Case([&](LLVM::AtomicCmpXchgOp atomic) {
        check(atomic.getPtrMutable(), atomic.getVal().getType(),
              atomic.getAlignment(),
              F::Write | F::Atomic |
                  getOrderFlags(atomic.getSuccessOrdering()) |
                  getScopeFlags(atomic.getSyncscope()));
      })
      .Case<LLVM::MemcpyOp, LLVM::MemmoveOp>([&](auto copy) {
        checkBytes(copy.getDstMutable(), copy.getLen(), F::Write);
        checkBytes(copy.getSrcMutable(), copy.getLen(), 0);
      })
      .Case([&](LLVM::MemsetOp set) {
        checkBytes(set.getDstMutable(), set.getLen(), F::Write);
      });
}

LogicalResult tosim::instrumentAccesses(Rewriter &rewriter) {
  Instrumentation instrumentation(rewriter);
  for (auto function : rewriter.module.getOps<LLVM::LLVMFuncOp>())
    instrumentation.run(function);
  return success();
}

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

/// The class of an instruction that executes without the runtime; nothing for
/// those that it sees, and for ops that only name registers.
static std::optional<sim::InstructionClass> classify(Operation *op) {
  using C = sim::InstructionClass;
  if (!isa<LLVM::LLVMDialect>(op->getDialect()) ||
      isa<LLVM::LoadOp, LLVM::AtomicRMWOp, LLVM::AtomicCmpXchgOp>(op))
    return std::nullopt;
  if (isa<LLVM::ConstantOp, LLVM::UndefOp, LLVM::PoisonOp, LLVM::ZeroOp,
          LLVM::AddressOfOp, LLVM::ExtractValueOp, LLVM::InsertValueOp,
          LLVM::ExtractElementOp, LLVM::InsertElementOp, LLVM::ShuffleVectorOp,
          LLVM::BitcastOp, LLVM::PtrToIntOp, LLVM::IntToPtrOp, LLVM::FreezeOp,
          LLVM::AddrSpaceCastOp, LLVM::AllocaOp, LLVM::CallOp>(op))
    return std::nullopt;
  if (op->hasTrait<OpTrait::IsTerminator>())
    return C::Control;
  if (isa<LLVM::FPTruncOp, LLVM::FPExtOp, LLVM::FPToSIOp, LLVM::FPToUIOp,
          LLVM::SIToFPOp, LLVM::UIToFPOp, LLVM::TruncOp, LLVM::ZExtOp,
          LLVM::SExtOp>(op))
    return C::Conversion;
  if (op->getNumResults() != 1)
    return std::nullopt;
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  // Choices are the work of the pipe for integers, whatever they choose from.
  if (isa<LLVM::SelectOp, LLVM::MaxNumOp, LLVM::MinNumOp, LLVM::MaximumOp,
          LLVM::MinimumOp>(op))
    return C::Integer;
  if (isa<FloatType>(element)) {
    bool isSpecial =
        isa<LLVM::FDivOp, LLVM::SqrtOp, LLVM::ExpOp, LLVM::Exp2Op, LLVM::LogOp,
            LLVM::Log2Op, LLVM::SinOp, LLVM::CosOp>(op);
    return isSpecial ? C::Special : C::Float;
  }
  return isa<IntegerType, LLVM::LLVMPointerType>(element)
             ? std::optional<C>(C::Integer)
             : std::nullopt;
}

/// Instructions that an op is: one per element of a vector and, of integers,
/// per 32 bits. A comparison is of its operands, a choice of its last ones.
/// Constants behind an address are part of the access; addresses in shared
/// memory have 32 bits.
static unsigned getNumInstructions(Operation *op) {
  constexpr unsigned bitsOfRegister = 32;
  constexpr unsigned sharedSpace = 3;
  if (auto place = dyn_cast<LLVM::GEPOp>(op)) {
    if (place.getDynamicIndices().empty())
      return 0;
    auto type = dyn_cast<LLVM::LLVMPointerType>(place.getType());
    return type && type.getAddressSpace() == sharedSpace ? 1 : 2;
  }
  if (op->hasTrait<OpTrait::IsTerminator>() || op->getNumOperands() == 0)
    return 1;
  Type type = op->getOperands().back().getType();
  unsigned number = 1;
  if (auto vector = dyn_cast<VectorType>(type))
    number = vector.getNumElements();
  if (auto integer = dyn_cast<IntegerType>(getElementTypeOrSelf(type)))
    number *= llvm::divideCeil(integer.getWidth(), bitsOfRegister);
  return number;
}

void tosim::countInstructions(Rewriter &rewriter) {
  constexpr unsigned numCounted = 5;
  for (auto function : rewriter.module.getOps<LLVM::LLVMFuncOp>()) {
    for (Block &block : function.getBody()) {
      unsigned counts[numCounted] = {};
      for (Operation &op : block)
        if (auto kind = classify(&op))
          if (static_cast<unsigned>(*kind) < numCounted)
            counts[static_cast<unsigned>(*kind)] += getNumInstructions(&op);
      rewriter.visit(block.getTerminator());
      for (unsigned kind = 0; kind < numCounted; ++kind)
        if (counts[kind])
          rewriter.call(Runtime::count,
                        {rewriter.i32(kind), rewriter.i32(counts[kind]),
                         rewriter.site()});
    }
  }
}
