//===- ResourcesTests.cpp - what ptxas says of kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "peermla/Target/Binary/Ptx.h"
#include "gtest/gtest.h"

using namespace peermla;

TEST(Resources, AreReadPerKernel) {
  std::vector<KernelResources> kernels = parseResources(
      "ptxas info    : 8 bytes gmem\n"
      "ptxas info    : Compiling entry function 'first' for 'sm_90a'\n"
      "ptxas info    : Function properties for first\n"
      "    24 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads\n"
      "ptxas info    : Used 168 registers, used 4 barriers, 24 bytes "
      "cumulative "
      "stack size, 1024 bytes smem\n"
      "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async "
      "instructions are serialized due to insufficient register resources\n"
      "ptxas info    : Compiling entry function 'second' for 'sm_90a'\n"
      "ptxas info    : Function properties for second\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 12 registers, used 0 barriers\n");
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].name, "first");
  EXPECT_EQ(kernels[0].registers, 168);
  EXPECT_EQ(kernels[0].sharedBytes, 1024);
  EXPECT_EQ(kernels[0].stackBytes, 24);
  EXPECT_EQ(kernels[0].spillStoreBytes, 12);
  EXPECT_EQ(kernels[0].spillLoadBytes, 16);
  ASSERT_EQ(kernels[0].notes.size(), 1u);
  EXPECT_EQ(kernels[0].notes[0].rfind("(C7510) Potential", 0), 0u);
  EXPECT_EQ(kernels[1].name, "second");
  EXPECT_EQ(kernels[1].registers, 12);
  EXPECT_EQ(kernels[1].sharedBytes, 0);
  EXPECT_TRUE(kernels[1].notes.empty());
}

TEST(Resources, MayBeMissing) {
  EXPECT_TRUE(parseResources("").empty());
  EXPECT_TRUE(parseResources("ptxas fatal   : no input\n").empty());
}
