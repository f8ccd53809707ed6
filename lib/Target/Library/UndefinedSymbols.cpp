//===- UndefinedSymbols.cpp - what code may call --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calls that nobody wrote appear late: conversions of small floats become calls
// of compiler runtime functions, elementwise functions become calls of libm in
// the middle of a loop. The list says which ones a library may contain.
//
//===----------------------------------------------------------------------===//

#include "peermla/Support/TargetInfo.h"
#include "peermla/Target/Library/CodeGen.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace peermla;
namespace object = llvm::object;

/// Functions of libm, without the suffix `f`.
static const char *const mathFunctions[] = {
    "acos", "acosh", "asin",  "asinh", "atan",      "atan2", "atanh",
    "cbrt", "ceil",  "cos",   "cosh",  "erf",       "erfc",  "exp",
    "exp2", "expm1", "floor", "fmod",  "log",       "log10", "log1p",
    "log2", "pow",   "rint",  "round", "roundeven", "sin",   "sincos",
    "sinh", "sqrt",  "tan",   "tanh",  "trunc"};

/// Whether the simulator defines the function.
static bool isOfSimulator(StringRef name) {
  static const char *const hostSymbols[] = {
#define PEERMLA_SIM_HOST_SYMBOL(Symbol) #Symbol,
#include "peermla/Simulator/Abi.def"
  };
  return name.starts_with("peermla_sim_") ||
         llvm::is_contained(hostSymbols, name);
}

static bool isAllowed(StringRef name) {
  for (StringRef function : {"memcpy", "memmove", "memset", "memcmp", "bcmp",
                             "_GLOBAL_OFFSET_TABLE_"})
    if (name == function)
      return true;
  if (name.starts_with("peermla_rt_"))
    return true;
  for (StringRef function : mathFunctions)
    if (name == function ||
        (name.ends_with("f") && name.drop_back() == function))
      return true;
  return false;
}

/// The function whose section has a relocation against `name`, or "".
static std::string findUser(const object::ObjectFile &file, StringRef name) {
  for (const object::SectionRef &relocations : file.sections()) {
    llvm::Expected<object::section_iterator> target =
        relocations.getRelocatedSection();
    if (!target) {
      llvm::consumeError(target.takeError());
      continue;
    }
    if (*target == file.section_end())
      continue;
    for (const object::RelocationRef &relocation : relocations.relocations()) {
      object::symbol_iterator symbol = relocation.getSymbol();
      if (symbol == file.symbol_end())
        continue;
      llvm::Expected<StringRef> symbolName = symbol->getName();
      if (!symbolName) {
        llvm::consumeError(symbolName.takeError());
        continue;
      }
      if (*symbolName != name)
        continue;
      // Every function has a section of its own, named after it.
      llvm::Expected<StringRef> section = (*target)->getName();
      if (section && section->consume_front(".text."))
        return section->str();
      if (!section)
        llvm::consumeError(section.takeError());
    }
  }
  return "";
}

LogicalResult peermla::verifyUndefinedSymbols(Location loc,
                                              const LevelModule &module,
                                              ArrayRef<char> code) {
  StringRef level = module.level->name;
  llvm::MemoryBufferRef buffer(StringRef(code.data(), code.size()), "object");
  auto file = object::ObjectFile::createObjectFile(buffer);
  if (!file)
    return emitError(loc) << "cannot read the object of level '" << level
                          << "': " << llvm::toString(file.takeError());
  LogicalResult result = success();
  for (const object::SymbolRef &symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    if (!flags || !name) {
      llvm::consumeError(flags.takeError());
      llvm::consumeError(name.takeError());
      continue;
    }
    if (!(*flags & object::SymbolRef::SF_Undefined) || name->empty() ||
        isAllowed(*name) || (module.isSimulated && isOfSimulator(*name)))
      continue;
    std::string user = findUser(**file, *name);
    InFlightDiagnostic diagnostic = emitError(loc);
    diagnostic << "code of level '" << level << "'";
    if (!user.empty())
      diagnostic << ", function '" << user << "',";
    diagnostic << " needs '" << *name
               << "', which neither the runtime nor libc or libm define";
    result = failure();
  }
  return result;
}
