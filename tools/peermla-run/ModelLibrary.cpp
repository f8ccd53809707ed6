//===- ModelLibrary.cpp - a compiled model in a shared library ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dynamic loader trusts a file: a truncated one ends in a bus error. So the
// file is looked at first.
//
//===----------------------------------------------------------------------===//

#include "ModelLibrary.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <dlfcn.h>

using namespace llvm;

using ElfFile = object::ELFObjectFile<object::ELF64LE>;

/// Checks that the parts of the file that are to be loaded are there.
static Error checkSegments(const ElfFile &file) {
  Expected<object::ELF64LE::PhdrRange> headers =
      file.getELFFile().program_headers();
  if (!headers)
    return headers.takeError();
  uint64_t size = file.getData().size();
  for (const object::ELF64LE::Phdr &header : *headers)
    if (header.p_type == ELF::PT_LOAD &&
        (header.p_offset > size || header.p_filesz > size - header.p_offset))
      return createStringError(
          "expected " + Twine(header.p_offset + header.p_filesz) +
          " bytes, got " + Twine(size) + ": the file is truncated");
  return Error::success();
}

/// The export that returns the table of functions.
static Expected<std::string> findApi(const ElfFile &file) {
  SmallVector<std::string> names;
  for (object::ELFSymbolRef symbol : file.getDynamicSymbolIterators()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined) &&
        name->starts_with("peermla_") && name->ends_with("_api"))
      names.push_back(name->str());
  }
  if (names.size() == 1)
    return names.front();
  return createStringError(
      "expected a library with one function peermla_<model>_api, got " +
      (names.empty() ? "none" : join(names, ", ")));
}

static Expected<std::string> inspect(const std::string &path) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return createStringError("cannot open: " + code.message());
  if (status.type() != sys::fs::file_type::regular_file)
    return createStringError("expected a regular file");
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer =
      MemoryBuffer::getFile(path, /*IsText=*/false,
                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError("cannot open: " + buffer.getError().message());
  Expected<std::unique_ptr<object::Binary>> binary =
      object::createBinary((*buffer)->getMemBufferRef());
  const ElfFile *file = nullptr;
  if (binary)
    file = dyn_cast<ElfFile>(binary->get());
  else
    consumeError(binary.takeError()); // says less than the sentence below
  if (!file || file->getELFFile().getHeader().e_type != ELF::ET_DYN)
    return createStringError(
        "expected a library written by peermla-compile, got another file");
  Triple host(sys::getProcessTriple());
  if (file->getArch() != host.getArch())
    return createStringError("expected a library for " + host.getArchName() +
                             ", got one for " +
                             Triple::getArchTypeName(file->getArch()));
  if (Error error = checkSegments(*file))
    return error;
  return findApi(*file);
}

Expected<const peermla_api *>
peermla::run::loadModelLibrary(const std::string &path) {
  Expected<std::string> symbol = inspect(path);
  if (!symbol)
    return createStringError(path + ": " + toString(symbol.takeError()));
  // A name without a slash would be looked for elsewhere.
  std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return createStringError(path + ": cannot load: " + dlerror());
  using ApiFunction = const peermla_api *(*)(uint32_t);
  auto function =
      reinterpret_cast<ApiFunction>(dlsym(library, symbol->c_str()));
  const peermla_api *api = function ? function(PEERMLA_API_VERSION) : nullptr;
  if (!api)
    return createStringError(path + ": expected version " +
                             Twine(PEERMLA_API_VERSION) +
                             " of the interface, got another one");
  if (api->struct_size < sizeof(peermla_api))
    return createStringError(path + ": was written by an older version of "
                                    "peermla-compile");
  return api;
}
