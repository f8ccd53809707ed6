//===- Symbols.cpp - addresses of all functions ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Simulator/Simulator.h"

using namespace peermla::sim;

// Only addresses are wanted; HostMath.cpp has the types.
extern "C" {
#define PEERMLA_SIM_HOST_SYMBOL(Symbol) void Symbol();
#include "peermla/Simulator/Abi.def"
}

const std::vector<Symbol> &peermla::sim::getSymbols() {
  static const std::vector<Symbol> symbols = {
#define PEERMLA_SIM_FUNCTION(Name, Effect, Result, ...)                        \
  {"peermla_sim_" #Name, reinterpret_cast<void *>(&abi::peermla_sim_##Name)},
#define PEERMLA_SIM_HOST_SYMBOL(Symbol)                                        \
  {#Symbol, reinterpret_cast<void *>(&Symbol)},
#include "peermla/Simulator/Abi.def"
  };
  return symbols;
}
