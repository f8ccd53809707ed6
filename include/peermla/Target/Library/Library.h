//===- Library.h - from the LLVM dialect to a shared library --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last arrow of a model's journey. What comes in is a module named after
// the model (a C identifier) that holds
//
//  * the attribute `peermla.metadata`, a string: the JSON text that the
//    library's runtime reads, except that functions are named by symbol;
//  * one nested module per CPU level, with the attribute `peermla.level`, in
//    the LLVM dialect. A function that the metadata names takes one pointer to
//    64-bit words (PackEntryArguments makes those) and its name is used by no
//    other level.
//
// A program of the metadata says by `code` which level's functions it names, if
// they are another level's. A GPU target has its host code in a nested module
// with the attribute `peermla.gpu`, as a level has it, and its kernels in
// `gpu.module`s with that attribute, numbered in their order
// (LowerKernelLaunches makes both); the metadata's program names it by
// `target`.
//
//     module @M attributes {peermla.metadata = "{\"schema\": 1, ...}"} {
//       module @cpu_x86_64_v3 attributes {peermla.level = "x86-64-v3"} {
//         llvm.func @forward__x86_64_v3.packed(%words: !llvm.ptr) {...}
//       }
//       module @cpu_x86_64_v4 attributes {peermla.level = "x86-64-v4"} {...}
//     }
//
// What goes out is `model.so` with the single export `peermla_M_api`, and
// `model.h` beside it. Every level is optimised by itself, for its processor;
// nothing is inlined from one level into another. An object that describes the
// model (metadata, table of functions) and the runtime archive are linked with
// them. IR is not changed.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_LIBRARY_LIBRARY_H
#define PEERMLA_TARGET_LIBRARY_LIBRARY_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace peermla {

class Report;

/// What is written, in the order in which it arises.
enum class Artifact {
  /// Kernels of all GPU targets as PTX; text, in order.
  Ptx,
  /// LLVM IR as translated, and after optimisation; text, levels in order.
  LlvmIr,
  OptimizedLlvmIr,
  /// Assembly; text, levels in order.
  Assembly,
  /// One relocatable object per level and `model.o`, in a folder.
  Objects,
  /// The shared library and its header.
  Library
};

struct LibraryOptions {
  /// Path of the library, or of the folder that receives the objects.
  std::string output;
  /// Path of an ELF linker to run; empty: lld inside this process.
  std::string linker;
  /// `libpeermla_runtime.a` of the architecture that the code is for.
  std::string runtimeArchive;
  /// Folders searched for the C and C++ libraries before the usual ones.
  std::vector<std::string> libraryPaths;
  /// Whether kernels of GPU targets also become host code, for the simulator;
  /// `libpeermla_simulator.a` is then expected beside the runtime archive.
  bool simulate = false;
  /// Whether these count their arithmetic and branches, too, which takes time.
  bool countInstructions = false;
  /// Receives what is known about the model and its code; may be null.
  Report *report = nullptr;
};

/// Adds the translations to LLVM IR that the functions below need.
void registerLibraryTarget(mlir::DialectRegistry &registry);

/// The runtime archive that belongs to a tool installed as `bin/NAME`.
std::string getRuntimeArchive(llvm::StringRef toolPath);

/// Writes `LlvmIr`, `OptimizedLlvmIr` or `Assembly` of all levels.
mlir::LogicalResult printCode(mlir::ModuleOp model, Artifact artifact,
                              llvm::raw_ostream &os);

/// Writes the objects; creates the folder `options.output`.
mlir::LogicalResult writeObjects(mlir::ModuleOp model,
                                 const LibraryOptions &options);

/// Writes the library and its header; either both or neither are replaced.
mlir::LogicalResult writeLibrary(mlir::ModuleOp model,
                                 const LibraryOptions &options);

} // namespace peermla

#endif // PEERMLA_TARGET_LIBRARY_LIBRARY_H
