//===- SafetensorsFuzzTests.cpp - damaged headers -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Mutations of a good header: each ends in success or in a message, and in case
// of success all entries lie in the data. The seed is fixed; set
// PEERMLA_FUZZ_ROUNDS for a long run.
//
//===----------------------------------------------------------------------===//

#include "Support/Fuzzing.h"
#include "TestFolder.h"
#include "gtest/gtest.h"

using namespace peermla;
using namespace peermla::test;

static const char goodHeader[] =
    R"({"__metadata__":{"format":"pt","note":"\u00e9"},)"
    R"("layers.0.w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("layers.1.w":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},)"
    R"("empty":{"dtype":"I64","shape":[0,9],"data_offsets":[32,32]}})";
static constexpr uint64_t goodDataSize = 32;

/// Pieces that mean something to the parser.
static const char *const tokens[] = {
    "{",       "}",    "[",         "]",         ",",
    ":",       "\"",   "-1",        "1e999",     "18446744073709551615",
    "null",    "true", "\"dtype\"", "\"shape\"", "\"data_offsets\"",
    "\"F64\"", "0",    "\\u0000",   "\xff",      "9223372036854775807"};

static std::string mutate(std::string text, std::mt19937 &random) {
  auto pick = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  for (size_t i = 0, count = 1 + pick(4); i < count && !text.empty(); ++i) {
    size_t position = pick(text.size());
    switch (pick(6)) {
    case 0:
      text[position] = static_cast<char>(pick(256));
      break;
    case 1:
      text.erase(position, 1 + pick(8));
      break;
    case 2:
      text.insert(position, tokens[pick(std::size(tokens))]);
      break;
    case 3:
      text.resize(position);
      break;
    case 4: {
      std::string piece = text.substr(pick(text.size()), pick(64));
      text.insert(position, piece);
      break;
    }
    case 5: {
      const char *token = tokens[pick(std::size(tokens))];
      text.replace(position, 1 + pick(3), token);
      break;
    }
    }
  }
  return text;
}

TEST(SafetensorsFuzz, MutatedHeadersEndInAMessage) {
  std::mt19937 random(1);
  unsigned accepted = 0, rounds = fuzzing::getNumRounds(20000);
  for (unsigned i = 0; i < rounds; ++i) {
    std::string text = mutate(goodHeader, random);
    SafetensorsHeader header;
    Failure failure = parseSafetensorsHeader("f", text.data(), text.size(),
                                             goodDataSize, header);
    if (failure) {
      ASSERT_EQ(failure.getMessage().compare(0, 3, "f: "), 0) << text;
      continue;
    }
    ++accepted;
    for (const SafetensorsEntry &entry : header.entries)
      ASSERT_LE(entry.end, goodDataSize) << text;
  }
  // Most mutations do damage, some only touch a name.
  EXPECT_GT(accepted, 0u);
  EXPECT_LT(accepted, rounds / 2);
}

TEST(SafetensorsFuzz, MutatedFilesEndInAMessage) {
  TestFolder folder;
  std::string good = folder.writeRaw("good", goodHeader, goodDataSize);
  SafetensorsFile file;
  ASSERT_FALSE(file.open(good));
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(sizeof(goodHeader) - 1);
  bytes += goodHeader + std::string(goodDataSize, '\1');
  std::mt19937 random(2);
  for (unsigned i = 0; i < 500; ++i) {
    std::string path = folder.write("mutated", mutate(bytes, random));
    SafetensorsCheckpoint checkpoint;
    if (Failure failure = checkpoint.open(path))
      ASSERT_EQ(failure.getMessage().compare(0, path.size(), path), 0);
  }
}

TEST(SafetensorsFuzz, MutatedIndicesEndInAMessage) {
  TestFolder folder;
  writeFloats(folder, "one", {{"a", {1}, {1}}, {"b", {1}, {2}}});
  std::mt19937 random(3);
  for (unsigned i = 0; i < 2000; ++i) {
    std::string path = folder.write(
        "index.json",
        mutate(R"({"metadata":{"n":[1]},"weight_map":{"a":"one","b":"one"}})",
               random));
    SafetensorsCheckpoint checkpoint;
    if (Failure failure = checkpoint.open(path))
      ASSERT_EQ(failure.getMessage().compare(0, folder.getPath().size(),
                                             folder.getPath()),
                0);
  }
}

TEST(SafetensorsFuzz, DeepNestingDoesNotRecurse) {
  SafetensorsHeader header;
  std::string text(1 << 20, '[');
  EXPECT_TRUE(parseSafetensorsHeader("f", text.data(), text.size(), 0, header));
  TestFolder folder;
  std::string deep = "{\"metadata\":" + std::string(1 << 20, '[');
  SafetensorsCheckpoint checkpoint;
  EXPECT_TRUE(checkpoint.open(folder.write("index.json", deep)));
}
