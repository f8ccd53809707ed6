//===- KernelArguments.h - tensors of a file as a kernel's arguments ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A parameter gets its value from the first of these that names it:
//
//   --tensor-map   a map of the tensor of this name
//   --output       a new buffer, filled with NaN (0xff)
//   --set          a number
//   --args         the file's tensor: a buffer for a pointer; a tensor of one
//                  element for a number of the same size
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SIM_KERNELARGUMENTS_H
#define PEERMLA_SIM_KERNELARGUMENTS_H

#include "Request.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "peermla/Runtime/Safetensors.h"
#include "llvm/ADT/StringSet.h"

namespace peermla::simulate {

/// A parameter of the kernel as it is written.
struct Parameter {
  /// `tq` of `%tq`; empty where the text has no names.
  std::string name;
  mlir::Type type;
  bool isByValue = false;
};

class KernelArguments {
public:
  explicit KernelArguments(const Request &request) : request(request) {}
  KernelArguments(const KernelArguments &) = delete;
  ~KernelArguments();

  /// Makes all arguments and fills them.
  llvm::Error load(llvm::ArrayRef<Parameter> parameters);
  /// Gives all buffers the values that they started with.
  llvm::Error reset();
  /// What a launch takes.
  void addTo(sim::Launch &launch);
  /// Writes outputs, and the inputs that the request names.
  llvm::Error write(const std::string &path) const;

private:
  struct Buffer {
    std::string name;
    SafetensorsDtype dtype;
    std::vector<int64_t> shape;
    void *data = nullptr;
    size_t size = 0;
    /// Null for an output.
    const SafetensorsEntry *source = nullptr;
    bool isWritten = false;
  };

  template <typename T>
  const T *find(const std::map<std::string, T> &specs, unsigned index);
  const SafetensorsEntry *findTensor(unsigned index);
  llvm::Error addArgument(unsigned index);
  llvm::Error addMap(unsigned index, const TensorMapSpec &spec);
  llvm::Error addScalar(unsigned index, llvm::StringRef text);
  llvm::Error addScalar(unsigned index, const SafetensorsEntry &entry);
  llvm::Expected<Buffer *> addBuffer(unsigned index);
  llvm::Error fill(Buffer &buffer);
  std::string describe(unsigned index) const;

  const Request &request;
  SafetensorsFile file;
  llvm::ArrayRef<Parameter> parameters;
  std::vector<std::unique_ptr<Buffer>> buffers;
  /// The values of the parameters, each of which has an address.
  std::vector<std::unique_ptr<uint64_t>> words;
  std::vector<std::unique_ptr<sim::TensorMap>> maps;
  std::vector<void *> pointers;
  /// What of the request named a parameter, to find what did not.
  llvm::StringSet<> used;
};

} // namespace peermla::simulate

#endif // PEERMLA_SIM_KERNELARGUMENTS_H
