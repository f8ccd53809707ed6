//===- ReferenceTensor.h - tensors of the reference in memory -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between the element types of files and what the reference computes with: f64
// and i32.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TOOLS_PEERMLA_RUN_REFERENCETENSOR_H
#define PEERMLA_TOOLS_PEERMLA_RUN_REFERENCETENSOR_H

#include "mlir/IR/BuiltinTypes.h"
#include "peermla/Runtime/Safetensors.h"

namespace peermla::run {

/// A row-major tensor in memory, and its memref descriptor.
class ReferenceTensor {
public:
  /// Reads a tensor of a file; `widen` says whether floats become f64.
  static Failure read(const SafetensorsCheckpoint::Tensor &source, bool widen,
                      ReferenceTensor &tensor);

  const std::vector<int64_t> &getShape() const { return shape; }
  /// The words of a memref descriptor: two pointers, the offset, the sizes and
  /// the strides. Valid while the tensor lives.
  std::vector<int64_t> getDescriptor();

private:
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

/// The type of a file's elements that `type` stands for; false if there is none
/// that the reference can evaluate.
bool getDtype(mlir::Type type, SafetensorsDtype &dtype);

/// The elements behind a memref descriptor of f64 or i32, rounded to `dtype`
/// and row-major.
std::vector<char> roundElements(llvm::ArrayRef<int64_t> descriptor,
                                unsigned rank, SafetensorsDtype dtype);

} // namespace peermla::run

#endif // PEERMLA_TOOLS_PEERMLA_RUN_REFERENCETENSOR_H
