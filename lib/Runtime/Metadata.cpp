//===- Metadata.cpp - reading what a library says about its model ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metadata.h"
#include "Json.h"
#include "Text.h"
#include "peermla/Runtime/ModelABI.h"
#include <cstring>

using namespace peermla;
using namespace peermla::runtime;
using Json = nlohmann::json;

namespace peermla::runtime {
/// Reads one value after the other; the first failure sticks, and whatever is
/// read after it is empty.
class MetadataReader {
public:
  explicit MetadataReader(Metadata &metadata) : metadata(metadata) {}

  void readModel(const Json &json);
  std::string failure;

private:
  void readWeight(const Json &json);
  void readEntry(const Json &json);
  void readArgument(const Json &json, Entry &entry);
  void readCheck(const std::string &text, size_t argument, Entry &entry);
  void findRoles(Entry &entry);
  void readProgram(const Json &json);
  Kernel readKernel(const Json &json);
  void readRows(const Json &json, Prepared &prepared);
  Prepared readPrepared(const Json &json);

  void fail(const std::string &text) {
    if (failure.empty())
      failure = where + ": " + text;
  }

  /// The member `key` if it is an array, else an empty one.
  const Json &array(const Json &object, const char *key) {
    static const Json &empty = *new Json(Json::array()); // never destroyed
    auto found = object.is_object() ? object.find(key) : object.end();
    if (object.is_object() && found != object.end() && found->is_array())
      return *found;
    fail(std::string("expected an array '") + key + "'");
    return empty;
  }

  std::string string(const Json &object, const char *key) {
    if (object.is_object()) {
      auto found = object.find(key);
      if (found != object.end() && found->is_string())
        return found->get<std::string>();
    }
    fail(std::string("expected a string '") + key + "'");
    return std::string();
  }

  /// A value in [0, limit).
  int32_t number(const Json &value, int64_t limit, const char *what) {
    return static_cast<int32_t>(number64(value, limit, what));
  }
  int64_t number64(const Json &value, int64_t limit, const char *what) {
    if (value.is_number_unsigned() &&
        value.get<uint64_t>() < static_cast<uint64_t>(limit))
      return static_cast<int64_t>(value.get<uint64_t>());
    fail(std::string("expected ") + what + " below " + std::to_string(limit) +
         ", got " + value.dump(-1, ' ', true, Json::error_handler_t::replace));
    return 0;
  }

  /// The index of a function, -1 if there is no such member.
  int32_t function(const Json &object, const char *key) {
    if (!object.is_object() || !object.contains(key))
      return -1;
    return number(object[key], INT32_MAX, "the index of a function");
  }

  const Dtype *dtype(const Json &object) {
    std::string name = string(object, "dtype");
    const Dtype *dtype = Dtype::get(name);
    if (!dtype)
      fail("unknown dtype " + quote(name));
    return dtype ? dtype : Dtype::get("f32");
  }

  std::vector<int64_t> staticShape(const Json &object) {
    std::vector<int64_t> shape;
    for (const Json &extent : array(object, "shape")) {
      if (extent.is_number_unsigned() && extent.get<uint64_t>() <= INT64_MAX)
        shape.push_back(extent.get<int64_t>());
      else
        fail("expected non-negative extents in 'shape'");
    }
    return shape;
  }

  size_t countBytes(const Dtype &dtype, const std::vector<int64_t> &shape) {
    size_t bytes = dtype.size;
    for (int64_t extent : shape)
      if (__builtin_mul_overflow(bytes, static_cast<size_t>(extent), &bytes) ||
          bytes > static_cast<size_t>(INT64_MAX))
        fail("expected fewer than 2^63 bytes for shape " + formatShape(shape));
    return failure.empty() ? bytes : 0;
  }

  const char *keep(std::string text) {
    metadata.strings.push_back(std::move(text));
    return metadata.strings.back().c_str();
  }

  /// `SYM`, `SYM+N`, `SYM-N` or a number.
  peermla_dim dim(const std::string &text, Entry &entry);

  Metadata &metadata;
  std::string where = "metadata";
};
} // namespace peermla::runtime

/// A decimal number without a sign.
static bool parseNumber(const std::string &text, int64_t &value) {
  value = 0;
  for (char c : text)
    if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, c - '0', &value))
      return false;
  return !text.empty();
}

peermla_dim MetadataReader::dim(const std::string &text, Entry &entry) {
  peermla_dim result = {-1, 0};
  if (parseNumber(text, result.extent))
    return result;
  size_t plus = text.find('+');
  std::string name = text.substr(0, plus);
  if (name.empty() || (plus != std::string::npos &&
                       !parseNumber(text.substr(plus + 1), result.extent))) {
    fail("expected a dimension such as 64, 'T' or 'B+1', got " + quote(text));
    return {-1, 0};
  }
  for (size_t i = 0; i < entry.symbols.size(); ++i)
    if (name == entry.symbols[i])
      result.symbol = static_cast<int32_t>(i);
  if (result.symbol < 0) {
    result.symbol = static_cast<int32_t>(entry.symbols.size());
    entry.symbols.push_back(keep(name));
  }
  return result;
}

void MetadataReader::readCheck(const std::string &text, size_t argument,
                               Entry &entry) {
  using Kind = IndexCheck::Kind;
  size_t colon = text.find(':');
  std::string kind = text.substr(0, colon);
  IndexCheck &check = entry.checks[argument];
  int32_t rank = -1;
  bool hasLimit = true;
  if (kind == "tokens" || kind == "index") {
    check.kind = Kind::Range;
  } else if (kind == "cu_seqlens") {
    check.kind = Kind::CuSeqlens;
    rank = 1;
  } else if (kind == "lengths" || kind == "block_table") {
    check.kind = kind == "lengths" ? Kind::Lengths : Kind::BlockTable;
    rank = kind == "lengths" ? 1 : 2;
    hasLimit = false;
  }
  const peermla_argument &info = entry.arguments[argument];
  if (check.kind == Kind::None || hasLimit != (colon != std::string::npos))
    return fail("unknown check " + quote(text));
  if (entry.dtypes[argument] != Dtype::get("i32") || info.kind != PEERMLA_IN ||
      (rank >= 0 && info.ndim != rank))
    return fail("check " + quote(text) + " expects an input of i32" +
                (rank >= 0 ? " and rank " + std::to_string(rank) : ""));
  if (!hasLimit)
    return;
  size_t known = entry.symbols.size();
  check.limit = dim(text.substr(colon + 1), entry);
  if (entry.symbols.size() != known)
    fail("check " + quote(text) + " expects a symbol of a shape");
}

void MetadataReader::readArgument(const Json &json, Entry &entry) {
  peermla_argument argument = {};
  std::string name = string(json, "name");
  where += " argument " + quote(name);
  std::string kind = string(json, "kind");
  if (kind == "in")
    argument.kind = PEERMLA_IN;
  else if (kind == "inout")
    argument.kind = PEERMLA_INOUT;
  else if (kind == "out")
    argument.kind = PEERMLA_OUT;
  else
    fail("expected kind in, inout or out, got " + quote(kind));
  const Dtype *type = dtype(json);
  entry.shapes.emplace_back();
  for (const Json &extent : array(json, "shape")) {
    if (extent.is_string())
      entry.shapes.back().push_back(dim(extent.get<std::string>(), entry));
    else if (extent.is_number_unsigned() && extent.get<uint64_t>() <= INT64_MAX)
      entry.shapes.back().push_back({-1, extent.get<int64_t>()});
    else
      fail("expected numbers and symbols in 'shape'");
  }
  argument.name = keep(name);
  argument.dtype = type->dlpack;
  argument.ndim = static_cast<int32_t>(entry.shapes.back().size());
  argument.shape = entry.shapes.back().data();
  for (const peermla_argument &other : entry.arguments)
    if (name == other.name)
      fail("expected each name once");
  entry.arguments.push_back(argument);
  entry.dtypes.push_back(type);
  entry.checks.emplace_back();
}

void MetadataReader::findRoles(Entry &entry) {
  using Kind = IndexCheck::Kind;
  for (size_t i = 0; i < entry.arguments.size(); ++i) {
    const peermla_argument &argument = entry.arguments[i];
    int32_t position = static_cast<int32_t>(i);
    int32_t *role = nullptr;
    switch (entry.checks[i].kind) {
    case Kind::CuSeqlens:
      role = &entry.cuSeqlens;
      break;
    case Kind::Lengths:
      role = &entry.lengths;
      break;
    case Kind::BlockTable:
      role = &entry.blockTable;
      break;
    case Kind::None:
    case Kind::Range:
      break;
    }
    if (role && *role >= 0)
      fail("expected each of cu_seqlens, lengths and block_table at most once");
    if (role)
      *role = position;
    // [..., num_blocks, page, row]
    if (argument.kind == PEERMLA_INOUT && argument.ndim >= 3 && entry.cache < 0)
      entry.cache = position;
  }
  if (entry.blockTable >= 0 && (entry.cache < 0 || entry.lengths < 0))
    fail("a block table expects lengths and an in-and-out cache of rank 3 or "
         "more");
  // One value per sequence, and one more for the cumulative lengths.
  auto counts = [&](int32_t argument, int64_t more) {
    if (argument < 0 || entry.lengths < 0)
      return true;
    peermla_dim dim = entry.arguments[argument].shape[0];
    peermla_dim sequences = entry.arguments[entry.lengths].shape[0];
    return dim.symbol == sequences.symbol &&
           dim.extent - more == sequences.extent;
  };
  if (!counts(entry.blockTable, 0) || !counts(entry.cuSeqlens, 1))
    fail("expected as many sequences in the block table, and one more in "
         "cu_seqlens, as there are lengths");
  if (!entry.arguments.empty() && entry.arguments[0].ndim > 0)
    entry.tokens = entry.arguments[0].shape[0];
  for (size_t i = 0; i < entry.symbols.size(); ++i)
    if (std::strcmp(entry.symbols[i], "T") == 0)
      entry.tokens = {static_cast<int32_t>(i), 0};
}

void MetadataReader::readEntry(const Json &json) {
  Entry &entry = metadata.entries.emplace_back();
  entry.name = string(json, "name");
  where = "metadata: entry " + quote(entry.name);
  for (const Entry &other : metadata.entries)
    if (&other != &entry && other.name == entry.name)
      fail("expected each entry once");
  const Json &arguments = array(json, "arguments");
  std::string outer = where;
  for (const Json &argument : arguments) {
    readArgument(argument, entry);
    where = outer;
  }
  for (size_t i = 0; i < entry.arguments.size() && failure.empty(); ++i)
    if (arguments[i].contains("check"))
      readCheck(string(arguments[i], "check"), i, entry);
  if (failure.empty())
    findRoles(entry);
  // The fields of an error word bound these.
  if (entry.arguments.size() > 256 || metadata.entries.size() > 256)
    fail("expected at most 256 entries and arguments");
  entry.description = {
      entry.name.c_str(), static_cast<int32_t>(entry.arguments.size()),
      entry.arguments.data(), static_cast<int32_t>(entry.symbols.size()),
      entry.symbols.data()};
}

void MetadataReader::readWeight(const Json &json) {
  Weight weight;
  weight.name = string(json, "name");
  where = "metadata: weight " + quote(weight.name);
  weight.dtype = dtype(json);
  weight.shape = staticShape(json);
  weight.bytes = countBytes(*weight.dtype, weight.shape);
  metadata.weights.push_back(std::move(weight));
}

void MetadataReader::readRows(const Json &json, Prepared &prepared) {
  int64_t numWeights = static_cast<int64_t>(metadata.weights.size());
  size_t numRows =
      prepared.shape.empty() ? 0 : static_cast<size_t>(prepared.shape[0]);
  size_t bytes = 0;
  for (const Json &source : json) {
    int32_t index = number(source, numWeights, "a weight");
    if (!failure.empty())
      return;
    const Weight &weight = metadata.weights[index];
    if (numRows == 0 || weight.bytes % numRows != 0)
      return fail("expected rows of equal size, got " +
                  std::to_string(weight.bytes) + " bytes of " +
                  quote(weight.name) + " in " + std::to_string(numRows) +
                  " rows");
    bytes += weight.bytes;
    prepared.rows.push_back(index);
  }
  if (prepared.rows.empty())
    return fail("expected weights in 'rows'");
  if (bytes != prepared.bytes)
    fail("expected the bytes of its rows, " + std::to_string(bytes) + ", got " +
         std::to_string(prepared.bytes));
}

Prepared MetadataReader::readPrepared(const Json &json) {
  int64_t numWeights = static_cast<int64_t>(metadata.weights.size());
  Prepared prepared;
  prepared.name = string(json, "name");
  where += " prepared weight " + quote(prepared.name);
  prepared.dtype = dtype(json);
  prepared.shape = staticShape(json);
  prepared.bytes = countBytes(*prepared.dtype, prepared.shape);
  if (json.is_object() && json.contains("source")) {
    prepared.source = number(json["source"], numWeights, "a weight");
    if (failure.empty() &&
        metadata.weights[prepared.source].bytes != prepared.bytes)
      fail("expected the bytes of its source, " +
           std::to_string(metadata.weights[prepared.source].bytes) + ", got " +
           std::to_string(prepared.bytes));
    return prepared;
  }
  if (json.is_object() && json.contains("rows")) {
    readRows(array(json, "rows"), prepared);
    return prepared;
  }
  prepared.function = function(json, "function");
  prepared.workspace = function(json, "workspace");
  if (prepared.function < 0)
    fail("expected 'source', 'rows' or 'function'");
  for (const Json &source : array(json, "sources"))
    prepared.sources.push_back(number(source, numWeights, "a weight"));
  return prepared;
}

Kernel MetadataReader::readKernel(const Json &json) {
  Kernel kernel;
  kernel.name = string(json, "name");
  where += " kernel " + quote(kernel.name);
  const Json &threads = array(json, "threads");
  for (size_t d = 0; d < 3 && d < threads.size(); ++d)
    kernel.threads[d] = number(threads[d], 1025, "a number of threads");
  kernel.operands = string(json, "operands");
  if (kernel.operands.find_first_not_of("rws") != std::string::npos)
    fail("expected r, w or s for each operand, got " + quote(kernel.operands));
  for (const Json &bytes : array(json, "parameters"))
    kernel.parameters.push_back(number(bytes, 4097, "bytes of a parameter"));
  if (kernel.parameters.size() < kernel.operands.size())
    fail("expected a parameter for each operand");
  if (!failure.empty())
    return kernel;
  if (json.contains("shared_bytes"))
    kernel.sharedBytes =
        number(json["shared_bytes"], INT32_MAX, "bytes of shared memory");
  if (json.contains("tensor_maps"))
    kernel.numTensorMaps = number(
        json["tensor_maps"], static_cast<int64_t>(kernel.parameters.size()) + 1,
        "a number of tensor maps");
  for (uint32_t i = 0; i < kernel.numTensorMaps && failure.empty(); ++i)
    if (kernel.parameters.rbegin()[i] != sizeof(peermla_rt_tensor_map))
      fail("expected the bytes of a tensor map, " +
           std::to_string(sizeof(peermla_rt_tensor_map)) + ", got " +
           std::to_string(kernel.parameters.rbegin()[i]));
  kernel.simulated = function(json, "simulated");
  for (const Json &image : array(json, "images")) {
    std::string kind = string(image, "kind");
    if (kind != "ptx" && kind != "cubin")
      fail("expected an image of kind ptx or cubin, got " + quote(kind));
    KernelImage &result = kernel.images.emplace_back();
    result.kind =
        kind == "ptx" ? KernelImage::Kind::Ptx : KernelImage::Kind::Cubin;
    result.data = function(image, "data");
    if (result.data < 0 || !image.contains("bytes"))
      fail("expected 'data' and 'bytes' of an image");
    else
      result.bytes = static_cast<size_t>(
          number64(image["bytes"], INT64_MAX, "bytes of an image"));
  }
  return kernel;
}

void MetadataReader::readProgram(const Json &json) {
  Program program;
  bool isForGpu = json.is_object() && json.contains("target");
  if (isForGpu)
    program.target = string(json, "target");
  if (!isForGpu || json.contains("level"))
    program.level = string(json, "level");
  std::string outer = isForGpu ? "metadata: target " + quote(program.target)
                               : "metadata: level " + quote(program.level);
  where = outer;
  if (isForGpu)
    for (const Json &kernel : array(json, "kernels")) {
      program.kernels.push_back(readKernel(kernel));
      where = outer;
    }
  for (const Json &prepared : array(json, "prepared")) {
    program.prepared.push_back(readPrepared(prepared));
    where = outer;
  }
  program.entries.resize(metadata.entries.size());
  for (const Json &code : array(json, "entries")) {
    std::string name = string(code, "name");
    where = outer + " entry " + quote(name);
    Program::EntryCode *entry = nullptr;
    for (size_t i = 0; i < metadata.entries.size(); ++i)
      if (metadata.entries[i].name == name)
        entry = &program.entries[i];
    if (!entry)
      return fail("no such entry");
    entry->function = function(code, "function");
    entry->workspace = function(code, "workspace");
    for (const Json &position : array(code, "prepared"))
      entry->prepared.push_back(
          number(position, static_cast<int64_t>(program.prepared.size()),
                 "a prepared weight"));
    where = outer;
  }
  for (size_t i = 0; i < program.entries.size(); ++i)
    if (program.entries[i].function < 0)
      fail("expected a function for entry " + quote(metadata.entries[i].name));
  (isForGpu ? metadata.gpuPrograms : metadata.programs)
      .push_back(std::move(program));
}

void MetadataReader::readModel(const Json &json) {
  if (!json.is_object() || !json.contains("schema") ||
      !json["schema"].is_number_unsigned() ||
      json["schema"].get<uint64_t>() != 1)
    return fail("expected an object with \"schema\": 1");
  metadata.model = string(json, "model");
  metadata.compiler = string(json, "compiler");
  for (const Json &weight : array(json, "weights"))
    readWeight(weight);
  where = "metadata";
  for (const Json &entry : array(json, "entries"))
    readEntry(entry);
  where = "metadata";
  if (!failure.empty())
    return;
  metadata.simulator = function(json, "simulator");
  for (const Json &program : array(json, "programs"))
    readProgram(program);
}

void Metadata::describe() {
  for (const Entry &entry : entries)
    entryDescriptions.push_back(entry.description);
  for (const Weight &weight : weights)
    weightDescriptions.push_back({weight.name.c_str(), weight.dtype->dlpack,
                                  static_cast<int32_t>(weight.shape.size()),
                                  weight.shape.data()});
  for (const Program &program : programs)
    levels.push_back(program.level.c_str());
  description = {model.c_str(),
                 compiler.c_str(),
                 static_cast<int32_t>(entryDescriptions.size()),
                 entryDescriptions.data(),
                 static_cast<int32_t>(weightDescriptions.size()),
                 weightDescriptions.data(),
                 static_cast<int32_t>(levels.size()),
                 levels.data()};
}

Failure Metadata::parse(const char *text, size_t size) {
  Json json = Json::parse(text, text + size, nullptr, false);
  if (json.is_discarded())
    return Failure("metadata: invalid JSON");
  MetadataReader reader(*this);
  reader.readModel(json);
  if (!reader.failure.empty())
    return Failure(reader.failure);
  describe();
  return Failure();
}
