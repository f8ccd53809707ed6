//===- CpuLevelsTests.cpp - choosing a level ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuLevels.h"
#include "gtest/gtest.h"

using namespace peermla::runtime;

/// A machine with AVX-512 and without bf16.
static bool hasUpToV4(const std::string &level) {
  return level == "x86-64-v3" || level == "x86-64-v4";
}
static bool hasNothing(const std::string &) { return false; }

static bool hasAll(const std::string &) { return true; }
static bool hasAllButTiles(const std::string &level) { return level != "amx"; }

static std::string select(const std::vector<std::string> &available,
                          const std::string &requested = "",
                          const Machine &machine = {hasUpToV4, ""}) {
  size_t selected = 0;
  Status status =
      selectLevel(available, requested, "PEERMLA_CPU_LEVEL", machine, selected);
  return status ? status.getMessage() : available[selected];
}

TEST(CpuLevels, PrefersTheBestUsable) {
  EXPECT_EQ(select({"x86-64-v3", "amx", "x86-64-v4"}), "x86-64-v4");
  EXPECT_EQ(select({"x86-64-v4", "x86-64-v3"}), "x86-64-v4");
  EXPECT_EQ(select({"amx", "x86-64-v3"}), "x86-64-v3");
}

TEST(CpuLevels, TakesPairProductsWhereTheyAreFaster) {
  const std::vector<std::string> all = {"x86-64-v3", "x86-64-v4",
                                        "x86-64-v4-bf16", "amx"};
  EXPECT_EQ(select(all, "", {hasAllButTiles, "AuthenticAMD"}),
            "x86-64-v4-bf16");
  EXPECT_EQ(select(all, "", {hasAllButTiles, "GenuineIntel"}), "x86-64-v4");
  EXPECT_EQ(select(all, "", {hasAll, "GenuineIntel"}), "amx");
  // Better than nothing, and what was asked for.
  EXPECT_EQ(select({"x86-64-v4-bf16"}, "", {hasAllButTiles, "GenuineIntel"}),
            "x86-64-v4-bf16");
  EXPECT_EQ(select(all, "x86-64-v4-bf16", {hasAllButTiles, "GenuineIntel"}),
            "x86-64-v4-bf16");
}

TEST(CpuLevels, ARequestOverrides) {
  EXPECT_EQ(select({"x86-64-v3", "x86-64-v4"}, "x86-64-v3"), "x86-64-v3");
}

TEST(CpuLevels, RefusesRequestsByTheirReason) {
  EXPECT_EQ(select({"x86-64-v3"}, "sse"),
            "PEERMLA_CPU_LEVEL 'sse': unknown CPU level, expected one of "
            "x86-64-v3, x86-64-v4, x86-64-v4-bf16, amx and aarch64");
  EXPECT_EQ(select({"x86-64-v3", "amx"}, "x86-64-v4"),
            "PEERMLA_CPU_LEVEL 'x86-64-v4': this library has no code for this "
            "CPU level, only for x86-64-v3 and amx");
  EXPECT_EQ(select({"x86-64-v3", "amx"}, "amx"),
            "PEERMLA_CPU_LEVEL 'amx': this machine does not have this CPU "
            "level");
}

TEST(CpuLevels, SaysWhenNothingIsUsable) {
  EXPECT_EQ(select({"x86-64-v3", "amx"}, "", {hasNothing, ""}),
            "this machine has none of the library's CPU levels: x86-64-v3 and "
            "amx");
}

TEST(CpuLevels, ThisMachineAgreesWithTheCompiler) {
  EXPECT_FALSE(isUsable("sse"));
#if defined(__x86_64__)
  EXPECT_EQ(getVendor().size(), 12u);
  EXPECT_EQ(getVendor() == "AuthenticAMD",
            static_cast<bool>(__builtin_cpu_is("amd")));
  EXPECT_EQ(getVendor() == "GenuineIntel",
            static_cast<bool>(__builtin_cpu_is("intel")));
  EXPECT_FALSE(isUsable("aarch64"));
  EXPECT_EQ(isUsable("x86-64-v3"),
            static_cast<bool>(__builtin_cpu_supports("x86-64-v3")));
  EXPECT_EQ(isUsable("x86-64-v4"),
            static_cast<bool>(__builtin_cpu_supports("x86-64-v4")));
  EXPECT_EQ(isUsable("x86-64-v4-bf16"),
            __builtin_cpu_supports("x86-64-v4") &&
                __builtin_cpu_supports("avx512bf16"));
  // Levels include those before them.
  EXPECT_LE(isUsable("amx"), isUsable("x86-64-v4-bf16"));
#elif defined(__aarch64__)
  EXPECT_TRUE(isUsable("aarch64"));
#endif
}
