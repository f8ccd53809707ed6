//===- KernelPlan.h - what is known of a kernel before it is code ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where a kernel is planned its ops still say what they compute. What follows
// from that travels with the op, its loop and its function to the report, as
// the attribute
//
//     peermla.plan = {sizes = ["T", "B"],
//                     costs = affine_map<()[s0, s1] -> (FLOP, narrow FLOP,
//                                          special functions, bytes, items)>,
//                     schedule = #tile.schedule<..>, why = "..."}
//
// whose costs are functions of the named sizes of the entry's arguments.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SUPPORT_KERNELPLAN_H
#define PEERMLA_SUPPORT_KERNELPLAN_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/SetVector.h"
#include <optional>

namespace peermla {

/// Sizes that values of an entry have, as expressions in named symbols. A name
/// is what `peermla.dims` calls the dimension of an argument; other sizes get
/// names of their own.
class SizeNames {
public:
  explicit SizeNames(mlir::MLIRContext *context) : context(context) {}

  /// The extent of dimension `dim` of a tensor or memref.
  mlir::AffineExpr getDim(mlir::Value shaped, unsigned dim);
  mlir::AffineExpr get(mlir::OpFoldResult size);
  mlir::AffineExpr get(llvm::StringRef name);
  mlir::AffineExpr constant(int64_t value);
  /// The product of all extents.
  mlir::AffineExpr getVolume(mlir::Value shaped);

  mlir::ArrayAttr getNames() const;
  unsigned size() const { return names.size(); }

private:
  mlir::AffineExpr compute(mlir::Value size);
  /// A name for what is not known to be anything else.
  mlir::AffineExpr getUnknown();
  mlir::AffineExpr getArgumentDim(mlir::BlockArgument argument, unsigned dim);
  /// `NAME` or `NAME+3`.
  mlir::AffineExpr parse(llvm::StringRef text);

  mlir::MLIRContext *context;
  llvm::SetVector<mlir::StringAttr> names;
  llvm::DenseMap<mlir::Value, mlir::AffineExpr> known;
};

/// One or more functions of named sizes.
struct SizeFunction {
  mlir::ArrayAttr sizes;
  mlir::AffineMap map;

  mlir::DictionaryAttr toAttr() const;
  static std::optional<SizeFunction> fromAttr(mlir::Attribute attribute);
  /// Result `i` in words: `2048 * T + 96`.
  std::string getText(unsigned i) const;
  /// Result `i`, where all sizes it depends on are known.
  std::optional<int64_t> evaluate(
      unsigned i,
      llvm::function_ref<std::optional<int64_t>(llvm::StringRef)> size) const;
};

/// The results of `costs`, in order.
enum class Cost { Flop, NarrowFlop, Special, Bytes, Items };
inline constexpr unsigned numCosts = 5;

inline constexpr llvm::StringLiteral planName = "peermla.plan";
/// Why a kernel of a GPU is steps of threads and no tile program: on its loop,
/// later in its plan.
inline constexpr llvm::StringLiteral stepsName = "peermla.steps";

/// Lets `to`, which computes what `from` did, have its id and its plan.
void copyKernelAttributes(mlir::Operation *from, mlir::Operation *to);

} // namespace peermla

#endif // PEERMLA_SUPPORT_KERNELPLAN_H
