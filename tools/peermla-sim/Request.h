//===- Request.h - what the user asks the simulator for -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_SIM_REQUEST_H
#define PEERMLA_SIM_REQUEST_H

#include "peermla/Simulator/Simulator.h"
#include "llvm/Support/Error.h"
#include <map>
#include <string>
#include <vector>

namespace peermla::simulate {

/// A buffer that the launch fills: `--output=NAME:f32:64x64`.
struct OutputSpec {
  std::string dtype;
  std::vector<int64_t> shape;
};

/// How a parameter describes its tensor to TMA: `--tensor-map=NAME:box=64x64`.
struct TensorMapSpec {
  /// Innermost dimension first, as the hardware counts.
  std::vector<uint32_t> box, elementStrides;
  sim::Swizzle swizzle = sim::Swizzle::None;
  bool fillNaN = false;
};

/// How a kernel is launched: `--launch=async=lazy,check=race,seed=3,runs=50`.
/// Each run has the seed after that of the run before.
struct LaunchSpec {
  sim::Options options;
  unsigned runs = 1;
};

/// The command line, understood. Parameters are named as in the kernel's text
/// or by their numbers.
struct Request {
  std::string kernel, arguments, outputs;
  sim::Dim3 grid, block, cluster;
  uint32_t shared = 0;
  std::map<std::string, OutputSpec> outputSpecs;
  std::map<std::string, TensorMapSpec> tensorMaps;
  /// Names of the parameters in their order; empty for those of the text.
  std::vector<std::string> parameters;
  /// Values of scalars, as text.
  std::map<std::string, std::string> scalars;
  /// Arguments of the file that are written out, too.
  std::vector<std::string> inouts;
  /// One or more, in their order.
  std::vector<LaunchSpec> launches;
  bool printsJson = false, prints = true, counts = false;
};

/// `4x2x1`; missing extents are 1.
llvm::Expected<sim::Dim3> parseDim3(llvm::StringRef text);
/// `NAME:f32:64x64`
llvm::Error parseOutput(llvm::StringRef text, Request &request);
/// `NAME:box=64x64,swizzle=128,fill=nan,stride=1x1`
llvm::Error parseTensorMap(llvm::StringRef text, Request &request);
/// `async=lazy,check=race+init,strict,seed=3,runs=50`, each over what `spec`
/// has.
llvm::Error parseLaunch(llvm::StringRef text, LaunchSpec &spec);
/// `NAME=VALUE`
llvm::Error parseScalar(llvm::StringRef text, Request &request);

} // namespace peermla::simulate

#endif // PEERMLA_SIM_REQUEST_H
