//===- Metadata.h - what a library says about its model -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and checks `peermla.metadata`, replaces the names of functions by
// indices of the function table, and makes the LLVM module that defines
//
//     extern "C" const char peermla_model_metadata[];        // JSON, ends in 0
//     extern "C" const uint64_t peermla_model_metadata_size; // without the 0
//     extern "C" void *const peermla_model_functions[];
//     extern "C" const void *peermla_<model>_api(uint32_t version);
//
// the first three hidden, the last the library's one export: it passes them to
// the runtime (ModelABI.h).
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_LIBRARY_METADATA_H
#define PEERMLA_TARGET_LIBRARY_METADATA_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/JSON.h"
#include <memory>
#include <string>

namespace peermla {

struct CpuLevel;
struct GpuTarget;

/// A module of host code: that of a level, the host code of a GPU target, or a
/// simulated kernel.
struct LevelModule {
  mlir::ModuleOp module;
  /// What the code is compiled for.
  const CpuLevel *level;
  /// The functions and constants the table refers to.
  std::vector<std::string> exported;
  /// The GPU whose kernels the code launches, or null.
  const GpuTarget *gpu = nullptr;
  /// Whether the code is a kernel that calls the simulator.
  bool isSimulated = false;
};

/// A module of kernels for one GPU target, and the numbers of these kernels in
/// the program of that target.
struct KernelModule {
  mlir::gpu::GPUModuleOp module;
  const GpuTarget *gpu;
  struct Kernel {
    std::string name;
    size_t program, number;
  };
  std::vector<Kernel> kernels;
};

struct Metadata {
  std::string model;
  /// With indices instead of names of functions.
  llvm::json::Object json;
  /// The table: names in the order of their indices.
  std::vector<std::string> functions;
  /// The names among them that are constants of the model's object, and their
  /// bytes.
  llvm::StringMap<std::string> constants;
  std::vector<LevelModule> levels;
  /// The host code of GPU targets.
  std::vector<LevelModule> hosts;
  std::vector<KernelModule> kernels;
  /// All levels have this architecture.
  std::string architecture;

  std::string getApiName() const { return "peermla_" + model + "_api"; }
  /// Adds a name to the table; returns its index.
  int64_t addToTable(std::string name) {
    functions.push_back(std::move(name));
    return functions.size() - 1;
  }
  /// What the text says of a kernel.
  llvm::json::Object &getDescription(const KernelModule::Kernel &kernel);
  const llvm::json::Object &
  getDescription(const KernelModule::Kernel &kernel) const;
};

/// Reads the metadata of a model; a located error where it contradicts itself
/// or the module.
mlir::FailureOr<Metadata> readMetadata(mlir::ModuleOp model);

/// Finds the kernels of all GPU targets and describes them in the text: part of
/// `readMetadata`.
mlir::LogicalResult readKernels(mlir::ModuleOp model, Metadata &metadata);

/// The module with the symbols above.
std::unique_ptr<llvm::Module> createModelModule(const Metadata &metadata,
                                                llvm::LLVMContext &context);

/// The text of `model.h`.
std::string createHeader(const Metadata &metadata, llvm::StringRef fileName);

} // namespace peermla

#endif // PEERMLA_TARGET_LIBRARY_METADATA_H
