//===- Fragments.h - what the lowerings of tile ops share -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   tensor<.., layout in registers>       ->  vector of the thread's fragment
//   the same in #tile.rows, of 16 bits    ->  vector of words of two elements
//   tensor<.., #tile.shared>, !tile.ring  ->  !llvm.ptr<3>
//   memref                                ->  !llvm.ptr, <3> for scratch
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TILETONVVM_FRAGMENTS_H
#define LIB_CONVERSION_TILETONVVM_FRAGMENTS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"
#include "peermla/Dialect/Tile/IR/Tile.h"

namespace peermla {

/// The name of the dynamic shared memory in a kernel's module.
inline constexpr llvm::StringLiteral sharedMemoryName = "shared_memory";

/// The name of the zeros that gathers read where there is nothing.
inline constexpr llvm::StringLiteral zerosName = "zeros";

struct FragmentTypeConverter final : mlir::TypeConverter {
  explicit FragmentTypeConverter(mlir::MLIRContext *context);
};

inline constexpr int64_t threadsOfWarpgroup = 128;

/// What the patterns know of the kernel they are in.
struct KernelInfo {
  /// Threads of a block that compute.
  int64_t threads;
  /// Whether warpgroups multiply.
  bool hasWarpgroups = false;
  /// Whether warpgroups or tensor copies touch slots, which see what threads
  /// wrote there only once it is published.
  bool usesAsyncProxy = false;
  /// How many threads behind them fill slots; 0 if these do it themselves.
  int64_t producers = 0;
  /// Whether the threads meet when they consume what tensor copies brought.
  bool meetsInConsume = true;
  /// The extents and the strides of each memref, as index values, strides in
  /// elements.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> sizes, strides;
  /// Bytes that the address of each memref is a multiple of, 16 at most.
  llvm::DenseMap<mlir::Value, int64_t> alignments;
  /// The tensor map that a tile.fill_box copies by, a parameter of the kernel.
  llvm::DenseMap<mlir::Operation *, mlir::Value> tensorMaps;
  /// A number that divides the place of the first element of the box that a
  /// load, store or fill moves, in elements; 0 if that is the first of the
  /// memref. For a gather, the places of all rows.
  llvm::DenseMap<mlir::Operation *, int64_t> originDivisors;
  /// Ops that write shared memory which the iteration before may still read: no
  /// op before them in their loop makes the threads meet.
  llvm::DenseSet<mlir::Operation *> unmet;
  /// Consumes behind which the threads meet in the next one.
  llvm::DenseSet<mlir::Operation *> meetLater;

  bool hasRoles() const { return producers != 0; }
};

/// A builder with the words of this level.
struct FragmentBuilder : mlir::ImplicitLocOpBuilder {
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  mlir::Value i32(int64_t value);
  mlir::Value toI32(mlir::Value index);
  mlir::Value toIndex(mlir::Value i32);
  // Arithmetic on i32 or index with constants.
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value add(mlir::Value x, int64_t y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, int64_t y);
  mlir::Value div(mlir::Value x, int64_t y);
  mlir::Value rem(mlir::Value x, int64_t y);
  mlir::Value xorOf(mlir::Value x, mlir::Value y);
  mlir::Value isLess(mlir::Value x, mlir::Value y);
  mlir::Value isEqual(mlir::Value x, mlir::Value y);
  mlir::Value both(mlir::Value x, mlir::Value y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  mlir::Value constant(mlir::Value like, int64_t value);

  /// What the thread wrote into shared memory is seen by wgmma and by tensor
  /// copies that start after a meeting.
  void publish();
  /// All threads of the block that compute meet, having published or not.
  void meet(const KernelInfo &kernel, bool publishes = false);
  /// They meet, and know (i1) whether the condition holds for all of them.
  mlir::Value meetIfAll(const KernelInfo &kernel, mlir::Value condition);

  mlir::Value thread();
  mlir::Value lane();
  mlir::Value warp();

  /// The block's shared memory.
  mlir::Value sharedMemory();
  /// `base` and `bytes` behind it, in an address space.
  mlir::Value pointer(unsigned space, mlir::Value base, mlir::Value bytes);
  mlir::Value pointer(unsigned space, mlir::Value base, int64_t bytes);
  mlir::Value toGlobal(mlir::Value pointer);

  /// The address of the slot of one fill.
  mlir::Value slot(tile::RingType type, mlir::Value ring, mlir::Value fill);
  /// The address of element (row + below, column), as i32, of a tile in shared
  /// memory. `below` is a multiple of 8: pieces of such rows are swapped alike,
  /// so that these addresses are constants behind one of `row`.
  mlir::Value sharedPlace(mlir::Value base, mlir::RankedTensorType tile,
                          mlir::Value row, mlir::Value column,
                          int64_t below = 0);
};

/// Where the elements of a fragment lie in the tile: a part that depends on the
/// thread, as i32, and one that depends on the element.
struct FragmentPlaces {
  FragmentPlaces(FragmentBuilder &b, mlir::RankedTensorType type);

  /// Thread's part per dimension of the tile.
  llvm::SmallVector<mlir::Value> bases;
  /// Element's part per dimension of the tile.
  llvm::SmallVector<int64_t> getOffsets(int64_t element) const;
  int64_t size() const { return numElements; }

private:
  mlir::RankedTensorType type;
  int64_t numElements;
};

/// Blocks of a program that a multiprocessor should keep at a time, by what
/// they take of it; nothing where the assembler may choose. Not told, it saves
/// registers of products, and spills, and spends them on gathers.
std::optional<int64_t> getBlocksOfUnit(mlir::func::FuncOp program,
                                       int64_t threads);

/// Bytes that a loop of a block brings while it works on others: slots of its
/// rings but one, and rows that it carries. That of the loop with the most; 0
/// where no loop does.
int64_t getBytesAhead(mlir::func::FuncOp program);

/// Gives the regions of `tile.specialize` to their threads. Returns how many
/// fill slots, 0 without such an op.
int64_t assignRoles(mlir::LLVM::LLVMFuncOp kernel, const KernelInfo &info);

/// Makes the barriers of the kernel's rings ready, before anybody uses them.
void initializeBarriers(mlir::LLVM::LLVMFuncOp kernel);

/// The ring if it has barriers.
tile::RingOp getRingWithBarriers(mlir::Value ring);

/// The barrier of the slot that a fill, as i32, goes to; where fills arrive or
/// where warps release.
mlir::Value getBarrier(FragmentBuilder &b, tile::RingOp ring, mlir::Value fill,
                       bool ofReleases = false);

/// Waits until a fill, as i32, has arrived.
void awaitFill(FragmentBuilder &b, tile::RingOp ring, mlir::Value fill);

/// Waits until the slot of a fill, as i32, is free.
void awaitRelease(FragmentBuilder &b, tile::RingOp ring, mlir::Value fill);

/// Bytes of one element of a tile or memref.
int64_t getBytesOfElement(mlir::Type type);

/// A number that divides the index value in every run; 0 if it is 0. Loops and
/// arithmetic have to be there still.
int64_t getKnownDivisor(mlir::Value index);

/// The layout of a tile or of the tile it is a slice of, if that is #tile.mma.
tile::MmaLayoutAttr getMmaLayout(mlir::RankedTensorType type);

/// Whether warpgroups can compute the product of tiles that have layouts.
bool isWarpgroupProduct(tile::MmaOp op);

// Patterns, by file.
void populateBarrierPatterns(const FragmentTypeConverter &converter,
                             const KernelInfo &kernel,
                             mlir::RewritePatternSet &patterns);
void populateElementwisePatterns(const FragmentTypeConverter &converter,
                                 mlir::RewritePatternSet &patterns);
void populateReductionPatterns(const FragmentTypeConverter &converter,
                               const KernelInfo &kernel,
                               mlir::RewritePatternSet &patterns);
void populateRotationPatterns(const FragmentTypeConverter &converter,
                              const KernelInfo &kernel,
                              mlir::RewritePatternSet &patterns);
void populateProductPatterns(const FragmentTypeConverter &converter,
                             const KernelInfo &kernel,
                             mlir::RewritePatternSet &patterns);
void populateWarpgroupProductPatterns(const FragmentTypeConverter &converter,
                                      mlir::RewritePatternSet &patterns);
void populateCopyPatterns(const FragmentTypeConverter &converter,
                          const KernelInfo &kernel,
                          mlir::RewritePatternSet &patterns);
void populateTensorCopyPatterns(const FragmentTypeConverter &converter,
                                const KernelInfo &kernel,
                                mlir::RewritePatternSet &patterns);
void populateSlotPatterns(const FragmentTypeConverter &converter,
                          const KernelInfo &kernel,
                          mlir::RewritePatternSet &patterns);
void populateGlobalAccessPatterns(const FragmentTypeConverter &converter,
                                  const KernelInfo &kernel,
                                  mlir::RewritePatternSet &patterns);
void populateGatherPatterns(const FragmentTypeConverter &converter,
                            const KernelInfo &kernel,
                            mlir::RewritePatternSet &patterns);
void populateRowsAccessPatterns(const FragmentTypeConverter &converter,
                                const KernelInfo &kernel,
                                mlir::RewritePatternSet &patterns);
void populateSelectionPatterns(const FragmentTypeConverter &converter,
                               mlir::RewritePatternSet &patterns);
void populateScanPatterns(const FragmentTypeConverter &converter,
                          const KernelInfo &kernel,
                          mlir::RewritePatternSet &patterns);
void populateRowsComputePatterns(const FragmentTypeConverter &converter,
                                 mlir::RewritePatternSet &patterns);

} // namespace peermla

#endif // LIB_CONVERSION_TILETONVVM_FRAGMENTS_H
