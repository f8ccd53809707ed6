//===- FaultTests.cpp - signals of a kernel's own code --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"
#include <csignal>

using namespace peermla::sim;

namespace {

/// The one report of a launch.
Report getReport(const Result &result) {
  EXPECT_FALSE(result.completed);
  EXPECT_EQ(result.reports.size(), 1u);
  return result.reports.empty() ? Report() : result.reports.front();
}

TEST(FaultTest, divisionByZeroIsAReport) {
  for (uint32_t threads : {1u, 2u}) {
    TestKernel kernel(3, 0, 2);
    kernel.options.catchFaults = true;
    kernel.options.threads = threads;
    kernel.descriptor.communicates = false;
    volatile int zero = 0, quotient = 0;
    Result result = kernel.run([&] {
      if (getTid() == 2 && getBlock() == 1)
        quotient = 7 / zero;
    });
    Report report = getReport(result);
    EXPECT_EQ(report.kind, ReportKind::Trap);
    EXPECT_EQ(report.thread, 2u);
    EXPECT_EQ(report.block.x, 1u);
    EXPECT_NE(report.message.find("division by zero"), std::string::npos);
  }
}

TEST(FaultTest, memoryThatDoesNotExistIsAReport) {
  TestKernel kernel(1);
  kernel.options.catchFaults = true;
  // Twice: the handler works again after it was used.
  for (int i = 0; i < 2; ++i) {
    Result result =
        kernel.run([] { *reinterpret_cast<volatile int *>(0x48) = 1; });
    Report report = getReport(result);
    EXPECT_EQ(report.kind, ReportKind::OutOfBounds);
    EXPECT_NE(report.message.find("0x48"), std::string::npos) << report.message;
  }
}

TEST(FaultTest, handlersOfTheProcessComeBack) {
  struct sigaction before, after;
  auto ignore = [](int) {};
  struct sigaction own = {};
  own.sa_handler = ignore;
  sigaction(SIGFPE, &own, &before);
  TestKernel kernel(1);
  kernel.options.catchFaults = true;
  EXPECT_TRUE(kernel.run([] {}).completed);
  sigaction(SIGFPE, &before, &after);
  EXPECT_EQ(after.sa_handler, own.sa_handler);
}

} // namespace
