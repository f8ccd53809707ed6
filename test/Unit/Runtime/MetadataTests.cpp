//===- MetadataTests.cpp - reading a model's metadata ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"
#include "Metadata.h"
#include <cstring>
#include <random>

using namespace peermla;
using namespace peermla::runtime;
using namespace peermla::test;

/// The message for the fake model's metadata with `from` replaced by `to`.
static std::string parseWith(const std::string &from, const std::string &to) {
  std::string text = fakeMetadata;
  size_t position = text.find(from);
  EXPECT_NE(position, std::string::npos) << from;
  text.replace(position, from.size(), to);
  Metadata metadata;
  return metadata.parse(text.data(), text.size()).getMessage();
}

TEST(Metadata, ReadsRoles) {
  Metadata metadata;
  ASSERT_FALSE(metadata.parse(fakeMetadata, std::strlen(fakeMetadata)));
  ASSERT_EQ(metadata.entries.size(), 3u);
  const Entry &step = metadata.entries[1];
  EXPECT_EQ(step.cuSeqlens, 1);
  EXPECT_EQ(step.lengths, 2);
  EXPECT_EQ(step.cache, 3);
  EXPECT_EQ(step.blockTable, 4);
  EXPECT_EQ(step.checks[0].limit.extent, 100);
  EXPECT_EQ(step.checks[5].limit.symbol, step.tokens.symbol);
  EXPECT_STREQ(step.symbols[step.tokens.symbol], "T");
  ASSERT_EQ(metadata.programs.size(), 3u);
  // Programs list entries in any order.
  EXPECT_EQ(metadata.programs[0].entries[1].function, 2);
  EXPECT_EQ(metadata.programs[0].prepared[1].sources,
            (std::vector<int32_t>{1}));
}

TEST(Metadata, NamesWhatIsWrong) {
  EXPECT_EQ(parseWith("\"schema\": 1", "\"schema\": 2"),
            "metadata: expected an object with \"schema\": 1");
  EXPECT_EQ(parseWith("\"model\": \"Fake\"", "\"model\": 3"),
            "metadata: expected a string 'model'");
  EXPECT_EQ(parseWith("\"kind\": \"in\"", "\"kind\": \"into\""),
            "metadata: entry 'forward' argument 'x': expected kind in, inout "
            "or out, got 'into'");
  EXPECT_EQ(parseWith("\"dtype\": \"f32\", \"shape\": [\"T\", 4]",
                      "\"dtype\": \"f33\", \"shape\": [\"T\", 4]"),
            "metadata: entry 'forward' argument 'x': unknown dtype 'f33'");
  EXPECT_EQ(parseWith("[\"T\", 4]", "[\"T+\", 4]"),
            "metadata: entry 'forward' argument 'x': expected a dimension such "
            "as 64, 'T' or 'B+1', got 'T+'");
  EXPECT_EQ(parseWith("[\"T\", 4]", "[\"T\", -4]"),
            "metadata: entry 'forward' argument 'x': expected numbers and "
            "symbols in 'shape'");
  EXPECT_EQ(parseWith("\"name\": \"y\"", "\"name\": \"x\""),
            "metadata: entry 'forward' argument 'x': expected each name once");
  EXPECT_EQ(parseWith("tokens:100", "tokens:Q"),
            "metadata: entry 'step': check 'tokens:Q' expects a symbol of a "
            "shape");
  EXPECT_EQ(parseWith("tokens:100", "words:100"),
            "metadata: entry 'step': unknown check 'words:100'");
  EXPECT_EQ(parseWith("tokens:100", "lengths"),
            "metadata: entry 'step': expected each of cu_seqlens, lengths and "
            "block_table at most once");
  EXPECT_EQ(parseWith("\"kind\": \"inout\"", "\"kind\": \"out\""),
            "metadata: entry 'step': a block table expects lengths and an "
            "in-and-out cache of rank 3 or more");
  EXPECT_EQ(parseWith("\"shape\": [\"B+1\"]", "\"shape\": [\"B\"]"),
            "metadata: entry 'step': expected as many sequences in the block "
            "table, and one more in cu_seqlens, as there are lengths");
  EXPECT_EQ(parseWith("\"source\": 0", "\"source\": 2"),
            "metadata: level 'x86-64-v3' prepared weight 'w': expected a "
            "weight below 2, got 2");
  EXPECT_EQ(parseWith("\"source\": 0", "\"source\": 1"),
            "metadata: level 'x86-64-v3' prepared weight 'w': expected the "
            "bytes of its source, 12, got 48");
  EXPECT_EQ(parseWith("\"source\": 0", "\"rows\": [0, 2]"),
            "metadata: level 'x86-64-v3' prepared weight 'w': expected a "
            "weight below 2, got 2");
  EXPECT_EQ(parseWith("\"source\": 0", "\"rows\": []"),
            "metadata: level 'x86-64-v3' prepared weight 'w': expected weights "
            "in 'rows'");
  EXPECT_EQ(parseWith("\"source\": 0", "\"rows\": [0, 1]"),
            "metadata: level 'x86-64-v3' prepared weight 'w': expected the "
            "bytes of its rows, 60, got 48");
  EXPECT_EQ(parseWith("\"shape\": [3, 4], \"source\": 0",
                      "\"shape\": [5, 3], \"rows\": [0, 1]"),
            "metadata: level 'x86-64-v3' prepared weight 'w': expected rows of "
            "equal size, got 48 bytes of 'w' in 5 rows");
  EXPECT_EQ(parseWith("\"prepared\": [0, 1]", "\"prepared\": [0, 2]"),
            "metadata: level 'x86-64-v3' entry 'forward': expected a prepared "
            "weight below 2, got 2");
  EXPECT_EQ(parseWith("{\"name\": \"step\", \"function\": 2",
                      "{\"name\": \"step\", \"functions\": 2"),
            "metadata: level 'x86-64-v3': expected a function for entry "
            "'step'");
  EXPECT_EQ(parseWith("{\"name\": \"step\", \"function\"",
                      "{\"name\": \"stop\", \"function\""),
            "metadata: level 'x86-64-v3' entry 'stop': no such entry");
}

TEST(Metadata, MutationsEndInAMessage) {
  std::mt19937 random(4);
  std::string good = fakeMetadata;
  auto pick = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  unsigned accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    static const char *const tokens[] = {"[]", "{}", "-1", "1", "\"\"", "null"};
    size_t position = pick(text.size());
    if (pick(2))
      text.replace(position, 1 + pick(3), tokens[pick(std::size(tokens))]);
    else
      text[position] = static_cast<char>(pick(128));
    Metadata metadata;
    accepted += !metadata.parse(text.data(), text.size());
  }
  EXPECT_GT(accepted, 0u);
}
