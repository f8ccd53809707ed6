//===- Request.cpp - what the user asks the simulator for -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Request.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;
using namespace peermla;
using namespace peermla::simulate;

/// Numbers with an `x` between them.
template <typename T>
static Error parseExtents(StringRef text, std::vector<T> &extents) {
  SmallVector<StringRef> parts;
  text.split(parts, 'x');
  for (StringRef part : parts) {
    T extent;
    if (part.getAsInteger(10, extent))
      return createStringError("expected extents such as 64x32, got '" + text +
                               "'");
    extents.push_back(extent);
  }
  return Error::success();
}

Expected<sim::Dim3> simulate::parseDim3(StringRef text) {
  std::vector<uint32_t> extents;
  if (Error error = parseExtents(text, extents))
    return std::move(error);
  if (extents.size() > 3)
    return createStringError("expected at most 3 extents, got '" + text + "'");
  extents.resize(3, 1);
  return sim::Dim3{extents[0], extents[1], extents[2]};
}

Error simulate::parseOutput(StringRef text, Request &request) {
  auto [name, rest] = text.split(':');
  auto [dtype, shape] = rest.split(':');
  OutputSpec spec;
  spec.dtype = dtype.str();
  if (name.empty() || dtype.empty())
    return createStringError("expected NAME:TYPE:SHAPE, got '" + text + "'");
  if (!shape.empty())
    if (Error error = parseExtents(shape, spec.shape))
      return error;
  for (int64_t extent : spec.shape)
    if (extent < 0)
      return createStringError("expected a shape, got '" + shape + "'");
  request.outputSpecs[name.str()] = std::move(spec);
  return Error::success();
}

static Error parseMapOption(StringRef option, TensorMapSpec &spec) {
  auto [key, value] = option.split('=');
  if (key == "box")
    return parseExtents(value, spec.box);
  if (key == "stride")
    return parseExtents(value, spec.elementStrides);
  if (key == "fill" && (value == "nan" || value == "zero")) {
    spec.fillNaN = value == "nan";
    return Error::success();
  }
  if (key == "swizzle" &&
      (value == "0" || value == "32" || value == "64" || value == "128")) {
    spec.swizzle = value == "0"    ? sim::Swizzle::None
                   : value == "32" ? sim::Swizzle::Bytes32
                   : value == "64" ? sim::Swizzle::Bytes64
                                   : sim::Swizzle::Bytes128;
    return Error::success();
  }
  return createStringError("expected box=, swizzle=0|32|64|128, "
                           "fill=zero|nan or stride=, got '" +
                           option + "'");
}

Error simulate::parseTensorMap(StringRef text, Request &request) {
  auto [name, rest] = text.split(':');
  TensorMapSpec spec;
  SmallVector<StringRef> options;
  rest.split(options, ',');
  for (StringRef option : options)
    if (Error error = parseMapOption(option, spec))
      return error;
  if (name.empty() || spec.box.empty())
    return createStringError("expected NAME:box=64x64, got '" + text + "'");
  request.tensorMaps[name.str()] = std::move(spec);
  return Error::success();
}

static Error parseChecks(StringRef text, sim::Options &options) {
  options.checkRaces = options.checkInit = options.checkBounds = false;
  if (text == "none")
    return Error::success();
  SmallVector<StringRef> names;
  text.split(names, '+');
  for (StringRef name : names) {
    bool all = name == "all";
    if (!all && name != "race" && name != "init" && name != "bounds")
      return createStringError("expected checks such as race+init+bounds, all "
                               "or none, got '" +
                               text + "'");
    options.checkRaces |= all || name == "race";
    options.checkInit |= all || name == "init";
    options.checkBounds |= all || name == "bounds";
  }
  return Error::success();
}

Error simulate::parseLaunch(StringRef text, LaunchSpec &spec) {
  SmallVector<StringRef> parts;
  text.split(parts, ',');
  for (StringRef part : parts) {
    auto [key, value] = part.split('=');
    auto async = StringSwitch<std::optional<sim::Async>>(value)
                     .Case("eager", sim::Async::Eager)
                     .Case("lazy", sim::Async::Lazy)
                     .Case("random", sim::Async::Random)
                     .Default(std::nullopt);
    bool isKnown = true;
    if (key == "async" && async)
      spec.options.async = *async;
    else if (part == "strict")
      spec.options.strict = true;
    else if (key == "seed")
      isKnown = !value.getAsInteger(10, spec.options.seed);
    else if (key == "runs")
      isKnown = !value.getAsInteger(10, spec.runs) && spec.runs > 0;
    else if (key != "check")
      isKnown = false;
    else if (Error error = parseChecks(value, spec.options))
      return error;
    if (!isKnown)
      return createStringError(
          "expected async=eager|lazy|random, check=race+init+bounds|all|none, "
          "strict, seed=N or runs=N of 1 or more, got '" +
          part + "'");
  }
  return Error::success();
}

Error simulate::parseScalar(StringRef text, Request &request) {
  auto [name, value] = text.split('=');
  if (name.empty() || value.empty())
    return createStringError("expected NAME=VALUE, got '" + text + "'");
  request.scalars[name.str()] = value.str();
  return Error::success();
}
