//===- Header.cpp - model.h -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime's interface as it is, then the declaration of the model's one
// symbol, with its entries listed in a comment.
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Library/Metadata.h"
#include "llvm/Support/raw_ostream.h"

using namespace peermla;
namespace json = llvm::json;

static const char runtimeHeader[] =
#include "RuntimeHeader.inc"
    ;

/// Prints `[T, 64]`.
static void printShape(llvm::raw_ostream &os, const json::Array *shape) {
  os << "[";
  for (size_t i = 0; shape && i < shape->size(); ++i) {
    if (i)
      os << ", ";
    if (std::optional<llvm::StringRef> symbol = (*shape)[i].getAsString())
      os << *symbol;
    else
      os << (*shape)[i];
  }
  os << "]";
}

static void printEntry(llvm::raw_ostream &os, const json::Object &entry) {
  os << " *   " << entry.getString("name").value_or("") << "\n";
  const json::Array *arguments = entry.getArray("arguments");
  if (!arguments)
    return;
  for (const json::Value &value : *arguments) {
    const json::Object *argument = value.getAsObject();
    if (!argument)
      continue;
    os << " *     " << argument->getString("name").value_or("") << ": "
       << argument->getString("kind").value_or("in") << " "
       << argument->getString("dtype").value_or("") << " ";
    printShape(os, argument->getArray("shape"));
    os << "\n";
  }
}

std::string peermla::createHeader(const Metadata &metadata,
                                  llvm::StringRef fileName) {
  std::string text;
  llvm::raw_string_ostream os(text);
  std::string guard = "PEERMLA_MODEL_" + metadata.model;
  os << "/* " << fileName << ": C interface of the model " << metadata.model
     << ", written by "
     << metadata.json.getString("compiler").value_or("peermla") << ".\n"
     << " *\n * Entries, with their arguments in order (capital letters are "
        "sizes of a call):\n";
  if (const json::Array *entries = metadata.json.getArray("entries"))
    for (const json::Value &entry : *entries)
      if (const json::Object *object = entry.getAsObject())
        printEntry(os, *object);
  os << " */\n" << runtimeHeader;
  os << "\n#ifndef " << guard << "\n#define " << guard << "\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "/* The functions above for this model; NULL if `version` is not one "
        "that the library\n * has. */\n"
     << "const peermla_api *" << metadata.getApiName()
     << "(uint32_t version);\n\n"
     << "#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return text;
}
