//===- SafetensorsHeader.cpp - parsing and checking a header --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 1. A handler of JSON events collects entries. Events, not a tree: a tree has
//    lost a name that occurs twice.
// 2. Each entry's shape must account for its bytes.
// 3. Sorted by position, the entries must tile the data.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Text.h"
#include "peermla/Runtime/Safetensors.h"
#include <algorithm>
#include <tuple>
#include <unordered_set>

using namespace peermla;

namespace {
struct DtypeInfo {
  const char *name;
  size_t size;
};
} // namespace

/// In the order of SafetensorsDtype.
static const DtypeInfo dtypes[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
    {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
    {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};

const char *peermla::getName(SafetensorsDtype dtype) {
  return dtypes[static_cast<size_t>(dtype)].name;
}

size_t peermla::getSize(SafetensorsDtype dtype) {
  return dtypes[static_cast<size_t>(dtype)].size;
}

bool peermla::parseSafetensorsDtype(const std::string &name,
                                    SafetensorsDtype &dtype) {
  for (size_t i = 0; i < std::size(dtypes); ++i) {
    if (name != dtypes[i].name)
      continue;
    dtype = static_cast<SafetensorsDtype>(i);
    return true;
  }
  return false;
}

namespace {
/// Receives the events of the parser; false stops it, `message` says why.
class HeaderHandler {
public:
  using Json = nlohmann::json;

  explicit HeaderHandler(SafetensorsHeader &header) : header(header) {}

  std::string message;

  bool start_object(size_t) {
    switch (state) {
    case State::Start:
      state = State::Names;
      return true;
    case State::Entry:
      state = State::Fields;
      seen = 0;
      return true;
    case State::Metadata:
      state = State::MetadataKeys;
      return true;
    default:
      return unexpected("an object");
    }
  }

  bool end_object() {
    switch (state) {
    case State::Names:
      state = State::End;
      return true;
    case State::Fields:
      state = State::Names;
      if (seen != (HasDtype | HasShape | HasOffsets))
        return fail("tensor " + quote(name) +
                    ": expected 'dtype', 'shape' and 'data_offsets', got " +
                    (seen & HasDtype ? "'dtype'" : "no 'dtype'") +
                    (seen & HasShape ? ", 'shape'" : ", no 'shape'") +
                    (seen & HasOffsets ? " and 'data_offsets'"
                                       : " and no 'data_offsets'"));
      return true;
    case State::MetadataKeys:
      state = State::Names;
      return true;
    default:
      return unexpected("the end of an object");
    }
  }

  bool key(std::string &key) {
    switch (state) {
    case State::Names:
      name = std::move(key);
      if (!names.insert(name).second)
        return fail("expected each name once, got " + quote(name) + " twice");
      if (name == "__metadata__") {
        state = State::Metadata;
        return true;
      }
      header.entries.emplace_back();
      header.entries.back().name = name;
      state = State::Entry;
      return true;
    case State::Fields:
      return field(key);
    case State::MetadataKeys:
      header.metadata.emplace_back(std::move(key), std::string());
      state = State::MetadataValue;
      return true;
    default:
      return unexpected("a key");
    }
  }

  bool string(std::string &value) {
    if (state == State::MetadataValue) {
      header.metadata.back().second = std::move(value);
      state = State::MetadataKeys;
      return true;
    }
    if (state != State::Dtype)
      return unexpected("a string");
    state = State::Fields;
    if (!parseSafetensorsDtype(value, header.entries.back().dtype))
      return fail("tensor " + quote(name) + ": unknown dtype " + quote(value));
    return true;
  }

  bool start_array(size_t) {
    if (state == State::Shape)
      state = State::Extents;
    else if (state == State::Offsets)
      state = State::OffsetValues;
    else
      return unexpected("an array");
    return true;
  }

  bool end_array() {
    if (state == State::OffsetValues && numOffsets != 2)
      return fail("tensor " + quote(name) +
                  ": expected 2 numbers in 'data_offsets', got " +
                  std::to_string(numOffsets));
    if (state != State::Extents && state != State::OffsetValues)
      return unexpected("the end of an array");
    state = State::Fields;
    return true;
  }

  bool number_unsigned(uint64_t value) {
    SafetensorsEntry *entry =
        header.entries.empty() ? nullptr : &header.entries.back();
    if (state == State::Extents) {
      if (value > INT64_MAX)
        return fail("tensor " + quote(name) +
                    ": expected extents below 2^63, got " +
                    std::to_string(value));
      entry->shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (state == State::OffsetValues) {
      if (numOffsets < 2)
        (numOffsets == 0 ? entry->begin : entry->end) = value;
      ++numOffsets;
      return true;
    }
    return unexpected("a number");
  }

  bool number_integer(int64_t value) {
    return unexpected(std::to_string(value).c_str());
  }
  bool number_float(double, const std::string &text) {
    return unexpected(text.substr(0, 40).c_str());
  }
  bool null() { return unexpected("null"); }
  bool boolean(bool value) { return unexpected(value ? "true" : "false"); }
  bool binary(Json::binary_t &) { return unexpected("binary data"); }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &) {
    return fail("invalid JSON at byte " + std::to_string(position) +
                " of the header");
  }

private:
  enum class State {
    Start,
    Names,  // the keys of the header
    Entry,  // before the object of a tensor
    Fields, // in it
    Dtype,  // before the values of its fields
    Shape,
    Extents, // in the array
    Offsets,
    OffsetValues, // in the array
    Metadata,     // before the object of the metadata
    MetadataKeys,
    MetadataValue,
    End
  };
  enum { HasDtype = 1, HasShape = 2, HasOffsets = 4 };

  bool fail(std::string text) {
    message = std::move(text);
    return false;
  }

  bool unexpected(const char *what) {
    const char *expected = nullptr;
    switch (state) {
    case State::Start:
      return fail(std::string("expected an object as header, got ") + what);
    case State::Entry:
    case State::Metadata:
      expected = "an object";
      break;
    case State::Dtype:
    case State::MetadataValue:
      expected = "a string";
      break;
    case State::Shape:
    case State::Offsets:
      expected = "an array";
      break;
    case State::Extents:
    case State::OffsetValues:
      expected = "non-negative integers";
      break;
    default:
      expected = "a key";
      break;
    }
    return fail(quote(name) + ": expected " + expected + ", got " + what);
  }

  bool field(const std::string &key) {
    unsigned bit = 0;
    if (key == "dtype") {
      bit = HasDtype;
      state = State::Dtype;
    } else if (key == "shape") {
      bit = HasShape;
      state = State::Shape;
    } else if (key == "data_offsets") {
      bit = HasOffsets;
      state = State::Offsets;
      numOffsets = 0;
    } else {
      return fail("tensor " + quote(name) + ": unknown key " + quote(key));
    }
    if (seen & bit)
      return fail("tensor " + quote(name) + ": expected " + quote(key) +
                  " once, got it twice");
    seen |= bit;
    return true;
  }

  SafetensorsHeader &header;
  State state = State::Start;
  std::string name;
  std::unordered_set<std::string> names;
  unsigned seen = 0, numOffsets = 0;
};
} // namespace

/// Checks that the shape accounts for the bytes between the offsets.
static Failure checkEntry(const std::string &source,
                          const SafetensorsEntry &entry, uint64_t dataSize) {
  auto fail = [&](const std::string &text) {
    return Failure(source + ": tensor " + quote(entry.name) + ": " + text);
  };
  std::string offsets = "[" + std::to_string(entry.begin) + ", " +
                        std::to_string(entry.end) + "]";
  if (entry.begin > entry.end || entry.end > dataSize)
    return fail("expected data_offsets in order and within the " +
                std::to_string(dataSize) + " bytes of data, got " + offsets);
  // A zero anywhere makes the product zero, however large the rest.
  uint64_t bytes = getSize(entry.dtype);
  bool overflow = false;
  for (int64_t extent : entry.shape)
    overflow |=
        __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes);
  if (std::find(entry.shape.begin(), entry.shape.end(), 0) !=
      entry.shape.end()) {
    overflow = false;
    bytes = 0;
  }
  if (overflow)
    return fail("expected fewer than 2^64 bytes, got shape " +
                formatShape(entry.shape) + " of " + getName(entry.dtype));
  if (bytes != entry.getSizeInBytes())
    return fail("expected " + std::to_string(bytes) + " bytes for shape " +
                formatShape(entry.shape) + " of " + getName(entry.dtype) +
                ", got data_offsets " + offsets);
  return Failure();
}

Failure peermla::parseSafetensorsHeader(const std::string &source,
                                        const char *text, size_t size,
                                        uint64_t dataSize,
                                        SafetensorsHeader &header) {
  header = SafetensorsHeader();
  HeaderHandler handler(header);
  bool parsed = nlohmann::json::sax_parse(text, text + size, &handler);
  if (!parsed)
    return Failure(source + ": " + handler.message);

  for (const SafetensorsEntry &entry : header.entries)
    if (Failure failure = checkEntry(source, entry, dataSize))
      return failure;
  std::sort(header.entries.begin(), header.entries.end(),
            [](const SafetensorsEntry &a, const SafetensorsEntry &b) {
              return std::tie(a.begin, a.end, a.name) <
                     std::tie(b.begin, b.end, b.name);
            });
  uint64_t position = 0;
  const std::string *previous = nullptr;
  for (const SafetensorsEntry &entry : header.entries) {
    if (entry.begin != position)
      return Failure(
          source + ": tensor " + quote(entry.name) + ": expected to begin at " +
          std::to_string(position) +
          (previous ? ", where " + quote(*previous) + " ends" : "") + ", got " +
          std::to_string(entry.begin) +
          (entry.begin < position ? ": they overlap" : ": there is a gap"));
    position = entry.end;
    previous = &entry.name;
  }
  if (position != dataSize)
    return Failure(source + ": expected tensors to cover the " +
                   std::to_string(dataSize) + " bytes of data, got " +
                   std::to_string(position));
  return Failure();
}
