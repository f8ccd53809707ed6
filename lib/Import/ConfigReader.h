//===- ConfigReader.h - typed, checked access to a JSON object ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads keys of one JSON object. A wrong type or a value out of range is noted
// with file and key and a harmless value is returned, so that one run reports
// all mistakes. A key that is null counts as absent.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_IMPORT_CONFIGREADER_H
#define PEERMLA_LIB_IMPORT_CONFIGREADER_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <optional>
#include <string>
#include <vector>

namespace peermla::importer {

/// What was found wrong or strange so far.
struct Messages {
  std::vector<std::string> errors;
  std::vector<std::string> &warnings;

  /// All errors joined, or success.
  llvm::Error takeErrors();
};

/// The largest extent of a model dimension: beyond all models, and small enough
/// that the product of two never overflows.
constexpr int64_t maxExtent = int64_t(1) << 24;

class ConfigReader {
public:
  /// `prefix` precedes keys in messages: `peer.` for the object under `peer`.
  ConfigReader(const llvm::json::Object &object, llvm::StringRef file,
               llvm::StringRef prefix, Messages &messages)
      : object(object), file(file), prefix(prefix), messages(messages) {}

  /// The value of `key`, or null if it is absent or null.
  const llvm::json::Value *find(llvm::StringRef key);

  int64_t integer(llvm::StringRef key, int64_t min, int64_t max,
                  std::optional<int64_t> byDefault = std::nullopt);
  /// A finite number `>= min`, or `> min` if `isOpen`.
  double number(llvm::StringRef key, int64_t min, bool isOpen,
                std::optional<double> byDefault);
  std::optional<double> optionalNumber(llvm::StringRef key);
  bool boolean(llvm::StringRef key, bool byDefault);
  std::string string(llvm::StringRef key, llvm::StringRef byDefault);
  /// An extent of the model: an integer from 1.
  int64_t extent(llvm::StringRef key,
                 std::optional<int64_t> byDefault = std::nullopt) {
    return integer(key, 1, maxExtent, byDefault);
  }

  /// One of the names that `symbolize` knows; `names` lists them for messages.
  template <typename Enum>
  Enum
  choice(llvm::StringRef key, Enum byDefault, llvm::StringRef names,
         llvm::function_ref<std::optional<Enum>(llvm::StringRef)> symbolize) {
    const llvm::json::Value *value = find(key);
    if (!value)
      return byDefault;
    if (std::optional<llvm::StringRef> text = value->getAsString())
      if (std::optional<Enum> symbol = symbolize(*text))
        return *symbol;
    expected(key, "one of " + names, value);
    return byDefault;
  }

  /// Notes `'key': expected WHAT, got VALUE`.
  void expected(llvm::StringRef key, const llvm::Twine &what,
                const llvm::json::Value *value);
  /// Notes `'key': MESSAGE`.
  void error(llvm::StringRef key, const llvm::Twine &message);
  void warning(llvm::StringRef key, const llvm::Twine &message);

  /// Marks `key` as known without reading it.
  void acknowledge(llvm::StringRef key) { known.insert(key); }
  bool isKnown(llvm::StringRef key) const { return known.contains(key); }
  const llvm::json::Object &getObject() const { return object; }
  llvm::StringRef getFile() const { return file; }
  Messages &getMessages() { return messages; }
  bool hasErrors() const { return !messages.errors.empty(); }

private:
  const llvm::json::Object &object;
  std::string file, prefix;
  Messages &messages;
  llvm::StringSet<> known;
};

/// `value` as compact JSON, cut when long; `nothing` for null pointers.
std::string describe(const llvm::json::Value *value);

/// Parses the text of a JSON object. Errors carry line and column.
llvm::Expected<llvm::json::Value> parseJsonObject(llvm::StringRef text,
                                                  llvm::StringRef file);

} // namespace peermla::importer

#endif // PEERMLA_LIB_IMPORT_CONFIGREADER_H
