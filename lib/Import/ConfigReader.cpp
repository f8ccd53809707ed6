//===- ConfigReader.cpp - typed, checked access to a JSON object ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigReader.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace llvm;
using namespace peermla::importer;

Error Messages::takeErrors() {
  // A checkpoint of another model can differ in thousands of tensors.
  constexpr size_t maxErrors = 20;
  if (errors.size() > maxErrors) {
    std::string rest =
        formatv("and {0} more errors", errors.size() - maxErrors);
    errors.resize(maxErrors);
    errors.push_back(rest);
  }
  Error all = Error::success();
  for (const std::string &message : errors)
    all = joinErrors(std::move(all), createStringError(message));
  errors.clear();
  return all;
}

std::string peermla::importer::describe(const json::Value *value) {
  if (!value)
    return "nothing";
  std::string text;
  raw_string_ostream(text) << *value;
  constexpr size_t longest = 60;
  if (text.size() > longest) {
    // Cut between characters: the rest of a message stays valid UTF-8.
    size_t length = longest;
    while (length > 0 && (text[length] & 0xC0) == 0x80)
      --length;
    text.resize(length);
    text += "...";
  }
  return text;
}

//===----------------------------------------------------------------------===//
// ConfigReader
//===----------------------------------------------------------------------===//

const json::Value *ConfigReader::find(StringRef key) {
  known.insert(key);
  const json::Value *value = object.get(key);
  return value && value->kind() != json::Value::Null ? value : nullptr;
}

void ConfigReader::error(StringRef key, const Twine &message) {
  messages.errors.push_back(
      formatv("{0}: '{1}{2}': {3}", file, prefix, key, message.str()));
}

void ConfigReader::warning(StringRef key, const Twine &message) {
  messages.warnings.push_back(
      formatv("{0}: '{1}{2}': {3}", file, prefix, key, message.str()));
}

void ConfigReader::expected(StringRef key, const Twine &what,
                            const json::Value *value) {
  error(key, "expected " + what + ", got " + describe(value));
}

int64_t ConfigReader::integer(StringRef key, int64_t min, int64_t max,
                              std::optional<int64_t> byDefault) {
  const json::Value *value = find(key);
  if (!value && byDefault)
    return *byDefault;
  if (value)
    if (std::optional<int64_t> integer = value->getAsInteger())
      if (*integer >= min && *integer <= max)
        return *integer;
  expected(key, formatv("an integer from {0} to {1}", min, max), value);
  return min;
}

double ConfigReader::number(StringRef key, int64_t min, bool isOpen,
                            std::optional<double> byDefault) {
  const json::Value *value = find(key);
  if (!value && byDefault)
    return *byDefault;
  if (value)
    if (std::optional<double> number = value->getAsNumber())
      if (std::isfinite(*number) &&
          (isOpen ? *number > double(min) : *number >= double(min)))
        return *number;
  expected(key, formatv("a finite number {0} {1}", isOpen ? ">" : ">=", min),
           value);
  return min + 1;
}

std::optional<double> ConfigReader::optionalNumber(StringRef key) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<double> number = value->getAsNumber();
  if (number && std::isfinite(*number))
    return number;
  expected(key, "a finite number", value);
  return std::nullopt;
}

bool ConfigReader::boolean(StringRef key, bool byDefault) {
  const json::Value *value = find(key);
  if (!value)
    return byDefault;
  if (std::optional<bool> boolean = value->getAsBoolean())
    return *boolean;
  expected(key, "true or false", value);
  return byDefault;
}

std::string ConfigReader::string(StringRef key, StringRef byDefault) {
  const json::Value *value = find(key);
  if (!value)
    return byDefault.str();
  if (std::optional<StringRef> string = value->getAsString())
    return string->str();
  expected(key, "a string", value);
  return byDefault.str();
}

//===----------------------------------------------------------------------===//
// JSON text
//===----------------------------------------------------------------------===//

/// The deepest nesting of arrays and objects in `text`. The parser recurses, so
/// it must not see more than the stack can take.
static unsigned getNestingDepth(StringRef text) {
  unsigned depth = 0, deepest = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

Expected<json::Value> peermla::importer::parseJsonObject(StringRef text,
                                                         StringRef file) {
  constexpr unsigned maxDepth = 64;
  if (unsigned depth = getNestingDepth(text); depth > maxDepth)
    return createStringError(
        formatv("{0}: expected at most {1} nested arrays and objects, got {2}",
                file, maxDepth, depth));

  Expected<json::Value> value = json::parse(text);
  if (!value) {
    // LLVM says `[line:column, byte=offset]: message`.
    std::string message = toString(value.takeError());
    StringRef rest = message;
    if (rest.consume_front("[")) {
      auto [position, text] = rest.split("]: ");
      return createStringError(formatv("{0}:{1}: invalid JSON: {2}", file,
                                       position.split(',').first,
                                       text.lower()));
    }
    return createStringError(formatv("{0}: invalid JSON: {1}", file, message));
  }
  if (!value->getAsObject())
    return createStringError(formatv("{0}: expected a JSON object, got {1}",
                                     file, describe(&*value)));
  return value;
}
