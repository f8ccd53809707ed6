//===- Schedules.h - kernels, and how each kind is cut --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of SelectSchedules: `groupKernels` says which ops are computed
// together, and one function per kind of kernel, each in the file of its name,
// chooses how such a kernel is cut on a level. They read IR and change nothing.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TRANSFORMS_TENSOR_SCHEDULES_H
#define LIB_TRANSFORMS_TENSOR_SCHEDULES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "peermla/Dialect/Tile/IR/Tile.h"
#include "peermla/Support/CostModel.h"
#include "llvm/ADT/SmallVector.h"
#include <functional>
#include <string>

namespace peermla {

/// The attribute that holds the schedule of a kernel on the kernel's root.
inline constexpr llvm::StringLiteral scheduleName = "peermla.schedule";

/// The attribute that holds, beside it, those of smaller tiles, largest first,
/// for sequences that are short when the kernel runs.
inline constexpr llvm::StringLiteral smallerName = "peermla.smaller_schedules";

/// Registers of a thread that brings boxes by tensor copies and of each of 256
/// that compute: those of both warpgroups and of one for copies are 64,512.
inline constexpr int64_t rolesOfBoxes[] = {24, 240};

/// The schedule of `op`, or null if it has none.
inline tile::ScheduleAttr getSchedule(mlir::Operation *op) {
  return op->getAttrOfType<tile::ScheduleAttr>(scheduleName);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// The op whose loops are cut, and all ops that are computed with its tiles.
struct Kernel {
  mlir::Operation *root;
  /// The root first, then producers after the ops that read them.
  llvm::SmallVector<mlir::Operation *> members;
  /// Members that compute the rows which the matrix product reads, once more in
  /// each block of columns; their root first.
  llvm::SmallVector<mlir::Operation *> prologue = {};

  /// The first matrix product among the members, or null.
  mlir::linalg::LinalgOp getContraction() const;
  /// The type of the root's first result.
  mlir::RankedTensorType getType() const;
};

/// Whether `op` is a sum of products that can be cut like a matrix product.
bool isContraction(mlir::Operation *op);

/// Whether matrix instructions compute the product, in sums of f32.
bool hasMmaTypes(mlir::linalg::LinalgOp product);

/// Whether a `peer.select` has its scores computed where it reads them.
bool selectsFromProducts(mlir::Operation *select, const GpuTarget &gpu);

/// Bytes of shared memory for the scores and lists of a `peer.select` with a
/// schedule for warps, but for lists that wait in registers if they can.
int64_t getBytesOfSelection(mlir::Operation *select,
                            tile::ScheduleAttr schedule);

/// Whether a selection's program can tell the rows of its tokens from the last
/// columns of a projection in it, 64 at a time: it does so by their number.
bool areRowsClear(int64_t tokens, int64_t columns);

/// Says why the op is computed where it is.
using Explain = llvm::function_ref<void(mlir::Operation *, std::string)>;

/// The kernels of the ops of `body`, last first. Each op that can be tiled
/// belongs to one. For a GPU (null for others), heads that are projected are
/// rotated there, too, and rows of a cache are computed where they are written.
llvm::SmallVector<Kernel> groupKernels(mlir::Block &body, const GpuTarget *gpu);

/// Whether a matrix is inserted whose rows are all rows of the result: its
/// columns are some of the result's.
bool insertsColumns(mlir::tensor::InsertSliceOp insert);

/// Whether a product can compute the rows of the kernel as it reads them: all
/// members are linalg ops over rows.
bool canBePrologue(const Kernel &kernel);

/// The operand that reads `rows`, reshapes that leave rows alone apart, if it
/// is the only one, and the rows of a product without batches: all blocks of
/// rows read apart, all blocks of columns alike. Else null.
mlir::OpOperand *getProductOfRows(mlir::Value rows);

/// Of `kernels`, makes those of elementwise ops and row sums part of the
/// kernel whose matrix product alone reads them, where the cost model says that
/// this takes less time.
void joinPrologues(llvm::SmallVectorImpl<Kernel> &kernels,
                   const CpuLevel &level, Explain explain);

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

/// A decision: the attribute, and the remark that explains it.
struct Schedule {
  tile::ScheduleAttr attribute;
  std::string reason;
};

/// Rows and panels of a kernel with a matrix product.
Schedule scheduleMatrixProduct(const Kernel &kernel, const CpuLevel &level);
/// Tokens and heads of a selection of experts, with the scores it reads.
Schedule scheduleSelection(const Kernel &kernel, const CpuLevel &level);
/// Tokens, and parts of their retrievals, of experts; rows read together.
Schedule scheduleExperts(const Kernel &kernel, const CpuLevel &level);
/// Rows of a kernel over tokens without a matrix product.
Schedule scheduleRows(const Kernel &kernel, const CpuLevel &level);
/// A kernel over weights alone, which runs once per session.
Schedule scheduleWeights(const Kernel &kernel, const CpuLevel &level);
/// A selection for a GPU.
Schedule scheduleSelectionForGpu(const Kernel &kernel, const GpuTarget &gpu);
/// Any of these kernels for a GPU: a work item is a block of threads.
Schedule scheduleForGpu(const Kernel &kernel, const GpuTarget &gpu);

/// The schedule whose blocks are `tile` along the dimensions of the first
/// result; no loop of a reduction is cut.
tile::ScheduleAttr cutResult(const Kernel &kernel,
                             llvm::ArrayRef<int64_t> tile);

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

/// The matrix product that `contraction` is for `rows` rows, which stand for
/// its dynamic extents. `bytesC` is what moves per element of its result.
MatrixProduct getMatrixProduct(mlir::linalg::LinalgOp contraction, double rows,
                               double bytesC, const CpuLevel &level);

/// How slow a schedule is: the mean logarithm of `predict`'s seconds over the
/// usual numbers of units and, where `extent` is dynamic, of rows.
double judge(int64_t extent, const CpuLevel &level,
             llvm::function_ref<double(double rows, const Machine &)> predict);

/// Seconds for `rows` rows on a machine.
using Prediction = std::function<double(double rows, const Machine &)>;

/// What the kernel takes, cut as the cost model wants it.
Prediction predictMatrixProduct(const Kernel &kernel, const CpuLevel &level);
Prediction predictRows(const Kernel &kernel, const CpuLevel &level);

/// The operations of all iterations of an op that is no matrix product, where
/// `rows` stands for dynamic extents. A vector operation takes as long as a
/// multiply-add; what does not change in the innermost loop is left out.
Work getOperations(mlir::linalg::LinalgOp op, double rows);

/// The work of one row of a kernel over rows: operations of its members, root
/// first, and bytes of the rows that they read and, if the root `isStored`, of
/// the one it writes. Rows are on their way from one kernel to another and
/// found in the cache that units share.
Work getRowWork(llvm::ArrayRef<mlir::Operation *> members,
                bool isStored = true);

/// Whether `op` is an exponential, a root, a quotient or the like.
bool isSpecialFunction(mlir::Operation *op);

/// The attribute `peermla.plan` of a kernel; `schedule` may be null where the
/// kernel is cut by its lowering.
mlir::DictionaryAttr planKernel(const Kernel &kernel,
                                tile::ScheduleAttr schedule,
                                llvm::StringRef why);

/// "1.2 us", "96 KB": a number of three digits with its unit.
std::string formatSeconds(double seconds);
std::string formatBytes(double bytes);

} // namespace peermla

#endif // LIB_TRANSFORMS_TENSOR_SCHEDULES_H
