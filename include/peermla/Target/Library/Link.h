//===- Link.h - objects -> shared library ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Links with lld in this process, or with a linker the user names; no compiler
// driver and no C development files are needed. Every symbol must be defined
// (`-z defs`), so that a missing function shows when the library is built and
// not when it is loaded; one symbol is exported. lld in this process resets all
// LLVM command-line options to their defaults.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TARGET_LIBRARY_LINK_H
#define PEERMLA_TARGET_LIBRARY_LINK_H

#include "peermla/Target/Library/CodeGen.h"

namespace peermla {

/// `writeOutput` of a text, with a located error.
mlir::LogicalResult writeFile(mlir::Location loc, llvm::StringRef path,
                              llvm::StringRef text);

/// An error unless `archive` can be read and has code for `architecture`.
mlir::LogicalResult verifyRuntime(mlir::Location loc, llvm::StringRef archive,
                                  llvm::StringRef architecture);

struct LinkJob {
  std::vector<Code> objects;
  /// The exported symbol, and the name other programs load the library by.
  std::string exported, soname;
  std::string architecture;
  /// Linked after the objects.
  std::vector<std::string> archives;
};

/// Links `job` into the file `output`, which it creates.
mlir::LogicalResult linkLibrary(mlir::Location loc, const LinkJob &job,
                                const LibraryOptions &options,
                                llvm::StringRef output);

} // namespace peermla

#endif // PEERMLA_TARGET_LIBRARY_LINK_H
