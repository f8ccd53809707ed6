//===- Rewriter.h - what all parts of the rewrite share -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rewrite visits the operations of a kernel one by one. `Rewriter` stands
// before the operation that is visited and makes what replaces it: calls of the
// runtime, with arguments brought to the types of Abi.def, and arrays in memory
// for fragments. Each part of the instruction set is one function below, in a
// file of its own; it declines operations that are not its own.
//
// Pointers keep their address spaces, and accumulators of wgmma their struct
// type, until all operations are rewritten; the types of the calls may
// therefore not agree with their operands before that.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_CONVERSION_KERNELTOSIMULATOR_REWRITER_H
#define PEERMLA_CONVERSION_KERNELTOSIMULATOR_REWRITER_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "peermla/Simulator/Abi.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace peermla::tosim {

/// The functions of Abi.def.
enum class Runtime : unsigned {
#define PEERMLA_SIM_FUNCTION(Name, ...) Name,
#include "peermla/Simulator/Abi.def"
};

/// An array in a thread's stack frame that holds a fragment for the time of one
/// call. Calls share them by their purpose.
enum class Slot : unsigned { Result, A, B, C, Coordinates, Flag };

/// Nothing if the operation belongs to another part.
using Outcome = std::optional<mlir::LogicalResult>;

class Rewriter {
public:
  explicit Rewriter(mlir::ModuleOp module);

  /// Stands before `op`, whose name and location errors and sites get.
  void visit(mlir::Operation *op);
  mlir::Operation *getOp() const { return op; }
  mlir::Location getLoc() const { return op->getLoc(); }
  /// Calls the operation by another name in the table of sites: the instruction
  /// of an inline assembly.
  void setSiteName(llvm::StringRef name) { siteName = name.str(); }

  /// An error at the operation. The name precedes the text.
  mlir::InFlightDiagnostic emitError() const;
  /// The error for what the simulator does not model.
  mlir::LogicalResult reject(const llvm::Twine &what) const;

  // Values.
  mlir::Value constant(int64_t value, mlir::Type type);
  mlir::Value i32(int64_t value) { return constant(value, i32Type); }
  mlir::Value i64(int64_t value) { return constant(value, i64Type); }
  template <typename Enum, typename = std::enable_if_t<std::is_enum_v<Enum>>>
  mlir::Value i32(Enum value) {
    return i32(static_cast<int64_t>(value));
  }
  mlir::Value null();
  /// The index of the operation in the table of sites.
  mlir::Value site();
  /// `value` as another type of the same number of bits, widened by zeros, cut,
  /// or made a pointer of.
  mlir::Value cast(mlir::Value value, mlir::Type type);
  /// `value`, nonzero or not, as an i1.
  mlir::Value isNonzero(mlir::Value value);
  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no);
  /// A pointer `bytes` behind `pointer`.
  mlir::Value offset(mlir::Value pointer, int64_t bytes);

  /// Calls the runtime. Arguments are cast to the types of its parameters; the
  /// result is null if there is none.
  mlir::Value call(Runtime function, llvm::ArrayRef<mlir::Value> arguments);
  /// The runtime's function in the module; null if nothing calls it.
  mlir::LLVM::LLVMFuncOp getDeclaration(Runtime function) const {
    return declarations.lookup(static_cast<unsigned>(function));
  }

  /// The array for `purpose`, of at least so many 32-bit words.
  mlir::Value slot(Slot purpose, int64_t words);
  /// The 32-bit words that values of these types take in an array.
  static int64_t countWords(mlir::TypeRange types);
  /// Stores values one after the other and returns their address.
  mlir::Value pack(Slot purpose, mlir::ValueRange values);
  /// Loads values of these types, which lie one after the other.
  llvm::SmallVector<mlir::Value> unpack(Slot purpose, mlir::TypeRange types);

  /// Runs `body` only where `predicate` holds; null holds always. Values that
  /// the body makes are not visible behind it.
  void when(mlir::Value predicate, llvm::function_ref<void()> body);

  /// Replaces the operation and erases it.
  void erase();
  void replace(mlir::Value value);
  /// Replaces the single result, a struct of `values` if there is more than one
  /// and the result is a struct.
  void replaceByFragment(mlir::ValueRange values);
  /// The types of a fragment: of the members of a struct, or `type` alone.
  static llvm::SmallVector<mlir::Type> getRegisterTypes(mlir::Type type);

  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  mlir::Type i1Type, i8Type, i16Type, i32Type, i64Type, f32Type, pointerType,
      voidType;
  /// The (name, location) of each site, in order.
  std::vector<std::pair<std::string, std::string>> sites;

private:
  mlir::Operation *op = nullptr;
  std::string siteName;
  llvm::StringMap<unsigned> siteIds;
  llvm::DenseMap<unsigned, mlir::LLVM::LLVMFuncOp> declarations;
  llvm::DenseMap<std::pair<mlir::Operation *, unsigned>, mlir::LLVM::AllocaOp>
      slots;
};

// The parts, each in the file of its name.
Outcome rewriteSpecialRegister(Rewriter &rewriter, mlir::Operation *op);
/// The value of the register that PTX calls `%name`; null for an unknown one.
mlir::Value readSpecialRegister(Rewriter &rewriter, llvm::StringRef name);
Outcome rewriteCollective(Rewriter &rewriter, mlir::Operation *op);
Outcome rewriteMatrix(Rewriter &rewriter, mlir::Operation *op);
Outcome rewriteAsyncCopy(Rewriter &rewriter, mlir::Operation *op);
Outcome rewriteMBarrier(Rewriter &rewriter, mlir::Operation *op);
Outcome rewriteWgmma(Rewriter &rewriter, mlir::Operation *op);
Outcome rewriteWarpgroup(Rewriter &rewriter, mlir::Operation *op);
Outcome rewriteConversion(Rewriter &rewriter, mlir::Operation *op);
Outcome rewriteIntrinsic(Rewriter &rewriter, mlir::Operation *op);
Outcome rewriteInlinePtx(Rewriter &rewriter, mlir::Operation *op);

/// Gives every load, store and atomic operation a checked address.
mlir::LogicalResult instrumentAccesses(Rewriter &rewriter);
/// Asks, before a result of `frag.wgmma` is read by what is no product and no
/// wait, whether it is in flight.
void guardProducts(Rewriter &rewriter);
/// Counts what the runtime does not see.
void countInstructions(Rewriter &rewriter);

/// Accumulators as handles: the struct types of `nvvm.wgmma.mma_async`.
using AccumulatorTypes = llvm::SmallSetVector<mlir::Type, 4>;
AccumulatorTypes collectAccumulatorTypes(mlir::ModuleOp module);
/// Rewrites all operations on values of these types.
mlir::LogicalResult rewriteAccumulators(Rewriter &rewriter,
                                        const AccumulatorTypes &types);

/// Where the variables of a block's shared memory lie.
struct SharedLayout {
  llvm::MapVector<mlir::StringAttr, uint64_t> offsets;
  uint64_t staticBytes = 0, dynamicOffset = 0;
};
/// Lays out the globals of address space 3; an error if they cannot be.
mlir::FailureOr<SharedLayout> layOutSharedMemory(mlir::ModuleOp module);
/// Replaces the globals by offsets of the block's memory.
void rewriteSharedMemory(Rewriter &rewriter, const SharedLayout &layout);

/// The kernels of a module.
llvm::SmallVector<mlir::LLVM::LLVMFuncOp> getKernels(mlir::ModuleOp module);
/// What a kernel says about itself before its attributes are dropped.
struct KernelTraits {
  mlir::LLVM::LLVMFuncOp function;
  std::string name;
  uint32_t requiredBlock[3] = {}, requiredCluster[3] = {};
  uint32_t maxThreads = 0, maxRegisters = 0;
  llvm::SmallVector<bool> isByValue;
  llvm::SmallVector<uint64_t> parameterSizes;
};
mlir::FailureOr<KernelTraits> readTraits(mlir::LLVM::LLVMFuncOp kernel);
/// Adds the entry point and the descriptor of each kernel, and what they share.
void addEntryPoints(Rewriter &rewriter, llvm::ArrayRef<KernelTraits> kernels,
                    const SharedLayout &layout);

} // namespace peermla::tosim

#endif // PEERMLA_CONVERSION_KERNELTOSIMULATOR_REWRITER_H
