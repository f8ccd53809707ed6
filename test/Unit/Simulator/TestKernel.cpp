//===- TestKernel.cpp - kernels written in C++ ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

using namespace peermla::sim;

static const SiteDescriptor *getTestSites() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> names;
    for (uint32_t i = 0; i < kNumTestSites; ++i)
      names.push_back("op" + std::to_string(i));
    return names;
  }();
  static const std::vector<SiteDescriptor> sites = [] {
    std::vector<SiteDescriptor> sites;
    for (const std::string &name : names)
      sites.push_back({name.c_str(), "test.mlir:1:2"});
    return sites;
  }();
  return sites.data();
}

TestKernel::TestKernel(uint32_t threads, uint32_t sharedBytes,
                       uint32_t blocks) {
  descriptor.abiVersion = kAbiVersion;
  descriptor.name = "test";
  descriptor.sites = getTestSites();
  descriptor.numSites = kNumTestSites;
  descriptor.staticShared = sharedBytes;
  descriptor.communicates = true;
  launch.block = {threads, 1, 1};
  launch.grid = {blocks, 1, 1};
}

uint32_t peermla::sim::getTid() {
  return peermla_sim_special_register(uint32_t(SpecialRegister::TidX));
}

uint32_t peermla::sim::getBlock() {
  return peermla_sim_special_register(uint32_t(SpecialRegister::CtaidX));
}

char *peermla::sim::shared(uint32_t offset) {
  return static_cast<char *>(peermla_sim_shared_base()) + offset;
}

std::string peermla::sim::summarize(const Result &result) {
  auto print = [](uint32_t site) {
    return site == kNoSite ? std::string("-") : std::to_string(site);
  };
  std::string text;
  for (const Report &report : result.reports) {
    if (!text.empty())
      text += "; ";
    text += getName(report.kind);
    text += " " + print(report.site);
    if (report.otherSite != kNoSite)
      text += " " + print(report.otherSite);
  }
  return text;
}

testing::AssertionResult peermla::sim::contains(const std::string &text,
                                                const std::string &part) {
  if (text.find(part) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "'" << part << "' is not in '" << text << "'";
}

std::vector<Options> peermla::sim::getAllModes() {
  std::vector<Options> modes;
  for (Async async : {Async::Eager, Async::Lazy, Async::Random})
    for (bool checks : {false, true})
      for (uint64_t seed = 0; seed < (async == Async::Random ? 5 : 1); ++seed) {
        Options options;
        options.async = async;
        options.checkRaces = options.checkInit = options.checkBounds = checks;
        options.countAccesses = checks;
        options.seed = seed;
        modes.push_back(options);
      }
  return modes;
}
