//===- CompiledModule.h - run a few lines of IR as machine code -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers a module of functions on memrefs, compiles it as a library's level
// would be, and loads the object into this process.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TEST_UNIT_TARGET_COMPILEDMODULE_H
#define PEERMLA_TEST_UNIT_TARGET_COMPILEDMODULE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace peermla {

/// Names of the levels whose code this machine can run.
std::vector<std::string> getRunnableLevels();

class CompiledModule {
public:
  /// Compiles `text` for a level; exports the function `map`. A failure shows
  /// as a failed expectation and an object that is false.
  CompiledModule(llvm::StringRef text, llvm::StringRef level) {
    compile(text, level);
  }
  explicit operator bool() const { return address != nullptr; }

  /// Calls `map(%in: memref<?xIn>, %out: memref<?xOut>)`.
  template <typename In, typename Out>
  void map(std::vector<In> &in, std::vector<Out> &out) const {
    using Function = void (*)(In *, In *, int64_t, int64_t, int64_t, Out *,
                              Out *, int64_t, int64_t, int64_t);
    int64_t inSize = in.size(), outSize = out.size();
    reinterpret_cast<Function>(address)(in.data(), in.data(), 0, inSize, 1,
                                        out.data(), out.data(), 0, outSize, 1);
  }

private:
  void compile(llvm::StringRef text, llvm::StringRef level);

  std::unique_ptr<llvm::orc::LLJIT> jit;
  void *address = nullptr;
};

} // namespace peermla

#endif // PEERMLA_TEST_UNIT_TARGET_COMPILEDMODULE_H
