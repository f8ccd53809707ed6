//===- ModelBuilder.h - the operations of a model as MODEL IR -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds a module of the MODEL stage entry by entry: functions with named and
// checked arguments, weights as externally defined globals, and the layers in
// between. Activations are `T x ...` tensors of the storage type S; matrix
// products accumulate in f32, and a value is rounded to S where the numerical
// contract lists it: the caller decides by calling `round`, or by asking an
// elementwise operation for S.
//
// Values carry names (as name locations) for people who read the IR.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_IMPORT_MODELBUILDER_H
#define PEERMLA_LIB_IMPORT_MODELBUILDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "peermla/Import/Checkpoint.h"

namespace peermla::importer {

/// An extent of an argument or result: a number, or a symbol (`T`, `B+1`) that
/// has one value per call.
struct Dim {
  Dim(int64_t extent) : extent(extent) {}
  Dim(const char *symbol)
      : extent(mlir::ShapedType::kDynamic), symbol(symbol) {}

  int64_t extent;
  llvm::StringRef symbol;
};

/// An argument or a result of an entry.
struct TensorSpec {
  llvm::StringRef name;
  mlir::Type element;
  llvm::SmallVector<Dim, 4> dims;
  /// What the runtime checks about the values of an argument.
  std::string check = "";
  /// Whether a result is the updated value of the argument of that name.
  bool isInOut = false;
};

/// An operand of an elementwise operation with the dimensions of the iteration
/// space that index it: {0, 1} for a matrix, {1} for a row, {0} for a column.
struct Operand {
  mlir::Value value;
  llvm::SmallVector<unsigned, 3> dims;
};

/// The sequences of a batch; `pastLens` and `blockTable` are null without a
/// cache, `ropeTable` without rotated columns.
struct Batch {
  mlir::Value cuSeqlens, pastLens, blockTable, ropeTable;
};

/// What `peer.retrieve` yields; `scores` is null if not asked for.
struct Retrieval {
  mlir::Value gates, indices, scores;
};

/// A constant inside the body of an elementwise operation.
mlir::Value constantF32(mlir::ImplicitLocOpBuilder &b, double value);

class ModelBuilder {
public:
  /// Declares a global in `module` for each weight.
  ModelBuilder(mlir::ModuleOp module, const BoundWeights &weights);

  // Entries (ModelBuilder.cpp)

  /// Opens a function and returns its arguments. The extent of the first
  /// dimension of the first argument becomes the number of rows T.
  llvm::SmallVector<mlir::Value>
  beginEntry(llvm::StringRef name, llvm::ArrayRef<TensorSpec> arguments,
             llvm::ArrayRef<TensorSpec> results);
  void endEntry(mlir::ValueRange results);
  /// Number of rows of the activations that are built from here on.
  void setRows(mlir::Value count) { rows = count; }
  mlir::Value getRows() const { return rows; }

  // Values (ModelBuilder.cpp)

  mlir::Type getStorageType() const { return storage; }
  mlir::Type getF32Type() { return builder.getF32Type(); }
  mlir::Type getI32Type() { return builder.getI32Type(); }
  mlir::OpBuilder &getBuilder() { return builder; }
  /// A location that names the results of the operation built there.
  mlir::Location named(const llvm::Twine &name);
  mlir::Value indexConstant(int64_t value);
  mlir::Value dim(mlir::Value tensor, int64_t index, const llvm::Twine &name);
  /// An uninitialised tensor; dynamic leading extents are `getRows()`.
  mlir::Value empty(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  mlir::Value zeros(llvm::ArrayRef<int64_t> shape);
  bool hasWeight(llvm::StringRef name) const { return weights.contains(name); }
  /// A weight in the type it is stored in.
  mlir::Value weight(llvm::StringRef name);
  /// A weight in S.
  mlir::Value storageWeight(llvm::StringRef name);
  /// `tensor` with its dimension `index` split into `extents`.
  mlir::Value expand(mlir::Value tensor, unsigned index,
                     llvm::ArrayRef<int64_t> extents, const llvm::Twine &name);
  /// `tensor` with its dimensions from `index` on merged.
  mlir::Value collapseFrom(mlir::Value tensor, unsigned index,
                           const llvm::Twine &name);
  /// `width` columns of `tensor` from `first` on.
  mlir::Value columns(mlir::Value tensor, int64_t first, int64_t width,
                      const llvm::Twine &name);

  // Arithmetic (Elementwise.cpp)

  /// The body of an operation: from f32 scalars to an f32 scalar.
  using Body = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                              mlir::ValueRange)>;
  /// A tensor of `shape` and `element`: operands are extended to f32, the
  /// result of `body` is rounded once.
  mlir::Value elementwise(llvm::ArrayRef<int64_t> shape, mlir::Type element,
                          llvm::ArrayRef<Operand> operands, Body body,
                          const llvm::Twine &name);
  /// The f32 sum of `term` over the last dimension of the first operand.
  mlir::Value sumLast(llvm::ArrayRef<Operand> operands, Body term,
                      const llvm::Twine &name);
  /// An f32 accumulator in S.
  mlir::Value round(mlir::Value accumulator, const llvm::Twine &name);
  /// x + y in S; x may be an accumulator.
  mlir::Value add(mlir::Value x, mlir::Value y, const llvm::Twine &name);
  /// activation(gate) * up in S, from accumulators.
  mlir::Value gate(mlir::Value gate, mlir::Value up, peer::Activation,
                   const llvm::Twine &name);
  /// Rows `table[ids[i], :]`, zero where an id is out of range.
  mlir::Value gatherRows(mlir::Value table, mlir::Value ids,
                         const llvm::Twine &name);

  // Norms and products (Linear.cpp)

  /// x W^T as an f32 accumulator; `weightName` ends in `.weight`. `id` names
  /// the product if not the weight does.
  mlir::Value accumulate(mlir::Value x, llvm::StringRef weightName,
                         llvm::StringRef id = "");
  /// x rsqrt(mean of squares + eps) weight over rows, in S.
  mlir::Value rmsNorm(mlir::Value x, llvm::StringRef weightName, double eps);

  // Layers (PeerBuilder.cpp, AttentionBuilder.cpp)

  Retrieval retrieve(const PeerConfig &config, llvm::StringRef prefix,
                     mlir::Value x, bool withScores);
  mlir::Value experts(const PeerConfig &config, llvm::StringRef prefix,
                      mlir::Value x, const Retrieval &retrieval);
  /// Rotation tables of the tokens of a batch, or null if dr is 0.
  mlir::Value ropeTable(const AttentionConfig &config, const Batch &batch);
  /// First rows of B sequences of one length.
  mlir::Value uniformCuSeqlens(mlir::Value seqLens);
  /// Attention up to the concatenated heads, `T x (H dv)`. `cache`, a paged
  /// cache or null, becomes the cache with the new rows.
  mlir::Value attention(const AttentionConfig &config, llvm::StringRef prefix,
                        mlir::Value x, const Batch &batch, mlir::Value &cache);

private:
  mlir::Value peerQueries(const PeerConfig &config, llvm::StringRef prefix,
                          mlir::Value x);
  mlir::Value layerNormQueries(const PeerConfig &config, llvm::StringRef prefix,
                               mlir::Value q);
  mlir::Value latentQueries(const AttentionConfig &config,
                            llvm::StringRef prefix, mlir::Value x,
                            const Batch &batch);
  mlir::Value keyRows(const AttentionConfig &config, llvm::StringRef prefix,
                      mlir::Value x, const Batch &batch);
  mlir::Value rope(mlir::Value x, mlir::Value table, const llvm::Twine &name);
  /// Runs `create` with the insertion point among the leading constants.
  mlir::Value hoisted(llvm::function_ref<mlir::Value()> create);
  mlir::Type getType(Dtype dtype);
  /// A stable name for schedule overrides and reports.
  void identify(mlir::Operation *op, llvm::StringRef id);

  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  mlir::Type storage;
  llvm::StringMap<mlir::RankedTensorType> weights;

  // State of the open entry.
  mlir::func::FuncOp function;
  mlir::Value rows;
  mlir::Value zero;
  llvm::StringMap<mlir::Value> loaded;
  llvm::DenseMap<int64_t, mlir::Value> constants;
};

} // namespace peermla::importer

#endif // PEERMLA_LIB_IMPORT_MODELBUILDER_H
