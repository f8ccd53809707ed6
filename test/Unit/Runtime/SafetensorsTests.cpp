//===- SafetensorsTests.cpp - files, indices, folders ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFolder.h"
#include "gtest/gtest.h"
#include <climits>

using namespace peermla;
using namespace peermla::test;

/// The message for a header in front of `dataSize` bytes; "" if it is fine.
static std::string parse(const std::string &text, uint64_t dataSize) {
  SafetensorsHeader header;
  return parseSafetensorsHeader("f", text.data(), text.size(), dataSize, header)
      .getMessage();
}

TEST(SafetensorsHeader, AcceptsTensorsInAnyOrder) {
  SafetensorsHeader header;
  std::string text =
      R"({"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},
      "__metadata__":{"format":"pt"},
      "a":{"shape":[],"data_offsets":[0,4],"dtype":"I32"},
      "empty":{"dtype":"F64","shape":[0,7],"data_offsets":[16,16]}}   )";
  Failure failure =
      parseSafetensorsHeader("f", text.data(), text.size(), 16, header);
  ASSERT_FALSE(failure) << failure.getMessage();
  ASSERT_EQ(header.entries.size(), 3u);
  EXPECT_EQ(header.entries[0].name, "a");
  EXPECT_TRUE(header.entries[0].shape.empty());
  EXPECT_EQ(header.entries[1].dtype, SafetensorsDtype::BF16);
  EXPECT_EQ(header.entries[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(header.entries[2].getSizeInBytes(), 0u);
  ASSERT_EQ(header.metadata.size(), 1u);
  EXPECT_EQ(header.metadata[0].second, "pt");
}

TEST(SafetensorsHeader, AcceptsNoTensors) { EXPECT_EQ(parse("{}", 0), ""); }

TEST(SafetensorsHeader, RefusesWhatIsNotJson) {
  EXPECT_EQ(parse(R"({"a":)", 0), "f: invalid JSON at byte 6 of the header");
  EXPECT_EQ(parse("{} x", 0), "f: invalid JSON at byte 4 of the header");
  EXPECT_NE(parse("{\"\xff\":{}}", 0).find("invalid JSON"), std::string::npos);
  EXPECT_NE(parse(std::string("{\0}", 3), 0).find("invalid JSON"),
            std::string::npos);
}

TEST(SafetensorsHeader, RefusesOtherStructure) {
  EXPECT_EQ(parse("[]", 0), "f: expected an object as header, got an array");
  EXPECT_EQ(parse("3", 0), "f: expected an object as header, got a number");
  EXPECT_EQ(parse(R"({"a":[]})", 0),
            "f: 'a': expected an object, got an array");
  EXPECT_EQ(parse(R"({"a":{"dtype":4}})", 0),
            "f: 'a': expected a string, got a number");
  EXPECT_EQ(parse(R"({"a":{"shape":{}}})", 0),
            "f: 'a': expected an array, got an object");
  EXPECT_EQ(parse(R"({"a":{"shape":["1"]}})", 0),
            "f: 'a': expected non-negative integers, got a string");
  EXPECT_EQ(parse(R"({"a":{"what":1}})", 0),
            "f: tensor 'a': unknown key 'what'");
  EXPECT_EQ(parse(R"({"__metadata__":{"k":1}})", 0),
            "f: '__metadata__': expected a string, got a number");
}

TEST(SafetensorsHeader, RefusesMissingFields) {
  EXPECT_EQ(parse(R"({"a":{"dtype":"F32","shape":[1]}})", 4),
            "f: tensor 'a': expected 'dtype', 'shape' and 'data_offsets', got "
            "'dtype', 'shape' and no 'data_offsets'");
}

TEST(SafetensorsHeader, RefusesDuplicates) {
  std::string a = R"("a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_EQ(parse("{" + a + "," + a + "}", 1),
            "f: expected each name once, got 'a' twice");
  EXPECT_EQ(parse(R"({"a":{"shape":[1],"shape":[1]}})", 0),
            "f: tensor 'a': expected 'shape' once, got it twice");
}

TEST(SafetensorsHeader, RefusesUnknownTypes) {
  EXPECT_EQ(
      parse(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4),
      "f: tensor 'a': unknown dtype 'F31'");
}

TEST(SafetensorsHeader, RefusesOtherNumbers) {
  EXPECT_EQ(parse(R"({"a":{"shape":[-2]}})", 0),
            "f: 'a': expected non-negative integers, got -2");
  EXPECT_EQ(parse(R"({"a":{"shape":[1.5]}})", 0),
            "f: 'a': expected non-negative integers, got 1.5");
  EXPECT_EQ(parse(R"({"a":{"shape":[9223372036854775808]}})", 0),
            "f: tensor 'a': expected extents below 2^63, got "
            "9223372036854775808");
  EXPECT_EQ(parse(R"({"a":{"data_offsets":[0,1,2]}})", 0),
            "f: tensor 'a': expected 2 numbers in 'data_offsets', got 3");
}

TEST(SafetensorsHeader, RefusesShapesThatDoNotFitTheirBytes) {
  EXPECT_EQ(
      parse(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}})", 20),
      "f: tensor 'a': expected 24 bytes for shape [2, 3] of F32, got "
      "data_offsets [0, 20]");
  EXPECT_EQ(parse(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],)"
                  R"("data_offsets":[0,0]}})",
                  0),
            "f: tensor 'a': expected fewer than 2^64 bytes, got shape "
            "[4294967296, 4294967296] of F32");
  // A zero makes the tensor empty, wherever it stands.
  EXPECT_EQ(parse(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,0],)"
                  R"("data_offsets":[0,0]}})",
                  0),
            "");
}

TEST(SafetensorsHeader, RefusesOffsetsOutsideTheData) {
  EXPECT_EQ(
      parse(R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})", 3),
      "f: tensor 'a': expected data_offsets in order and within the 3 "
      "bytes of data, got [0, 4]");
  EXPECT_EQ(
      parse(R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[4,0]}})", 9),
      "f: tensor 'a': expected data_offsets in order and within the 9 "
      "bytes of data, got [4, 0]");
}

TEST(SafetensorsHeader, RefusesOverlapsAndGaps) {
  auto two = [](const char *begin, const char *end) {
    return R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},)"
           R"("b":{"dtype":"I8","shape":[2],"data_offsets":[)" +
           std::string(begin) + "," + end + "]}}";
  };
  EXPECT_EQ(parse(two("4", "6"), 6), "");
  EXPECT_EQ(parse(two("3", "5"), 5),
            "f: tensor 'b': expected to begin at 4, where 'a' ends, got 3: "
            "they overlap");
  EXPECT_EQ(parse(two("5", "7"), 7),
            "f: tensor 'b': expected to begin at 4, where 'a' ends, got 5: "
            "there is a gap");
  EXPECT_EQ(parse(two("4", "6"), 8),
            "f: expected tensors to cover the 8 bytes of data, got 6");
}

TEST(SafetensorsHeader, KeepsMessagesReadable) {
  std::string message =
      parse("{\"a\\u0007" + std::string(1000, 'b') + "\":3}", 0);
  EXPECT_LT(message.size(), 300u);
  EXPECT_EQ(message.find('\a'), std::string::npos);
}

TEST(SafetensorsFile, RefusesBadLengths) {
  TestFolder folder;
  auto open = [](const std::string &path) {
    SafetensorsFile file;
    return file.open(path).getMessage();
  };
  std::string path = folder.write("short", "1234567");
  EXPECT_EQ(open(path),
            path + ": expected a safetensors file of 8 bytes or more, got 7");
  path = folder.write("zero", std::string(16, '\0'));
  EXPECT_EQ(open(path), path + ": expected a header of 1 to 8 bytes, got 0");
  path = folder.write("long", std::string("\x09\0\0\0\0\0\0\0{}      ", 16));
  EXPECT_EQ(open(path), path + ": expected a header of 1 to 8 bytes, got 9");
  path = folder.write("huge", std::string(8, '\xff') + "{}");
  EXPECT_EQ(open(path), path + ": expected a header of 1 to 2 bytes, got " +
                            std::to_string(UINT64_MAX));
  EXPECT_EQ(open(folder.getPath()),
            folder.getPath() + ": expected a regular file");
  EXPECT_NE(open(folder.file("none")).find("cannot open"), std::string::npos);
}

TEST(SafetensorsFile, ReturnsWhatWasWritten) {
  TestFolder folder;
  std::string path = writeFloats(
      folder, "x", {{"x", {2, 3}, {1, 2, 3, 4, 5, 6}}, {"\"\n", {0, 5}, {}}});
  SafetensorsFile file;
  ASSERT_FALSE(file.open(path));
  ASSERT_EQ(file.getHeader().entries.size(), 2u);
  const SafetensorsEntry &entry = file.getHeader().entries[0];
  EXPECT_EQ(entry.name, "x");
  EXPECT_EQ(entry.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file.getHeader().entries[1].name, "\"\n");
  float values[2];
  ASSERT_FALSE(file.read(entry, 8, 8, values));
  EXPECT_EQ(values[0], 3);
  EXPECT_EQ(values[1], 4);
  EXPECT_TRUE(file.read(entry, 20, 8, values));
  EXPECT_TRUE(file.read(entry, UINT64_MAX, 8, values));
}

TEST(SafetensorsFile, ReportsAFileThatShrinks) {
  TestFolder folder;
  std::string path = writeFloats(folder, "x", {{"x", {4}, {1, 2, 3, 4}}});
  SafetensorsFile file;
  ASSERT_FALSE(file.open(path));
  folder.write("x", "gone");
  float values[4];
  Failure failure = file.read(file.getHeader().entries[0], 0, 16, values);
  EXPECT_NE(failure.getMessage().find("got the end of the file"),
            std::string::npos);
}

TEST(SafetensorsWriter, ReportsWhatItCannotWrite) {
  float value = 1;
  std::vector<SafetensorsTensor> tensors = {
      {"x", SafetensorsDtype::F32, {1}, &value}};
  EXPECT_NE(writeSafetensors("/nowhere/x", tensors)
                .getMessage()
                .find("/nowhere/x: cannot write"),
            std::string::npos);
  tensors.push_back(tensors[0]);
  TestFolder folder;
  EXPECT_EQ(writeSafetensors(folder.file("x"), tensors).getMessage(),
            folder.file("x") + ": expected each name once, got 'x' twice");
}

static std::string openCheckpoint(const std::string &path) {
  SafetensorsCheckpoint checkpoint;
  return checkpoint.open(path).getMessage();
}

TEST(SafetensorsCheckpoint, OpensFilesIndicesAndFolders) {
  TestFolder folder;
  EXPECT_EQ(openCheckpoint(folder.getPath()),
            folder.getPath() + ": expected model.safetensors or "
                               "model.safetensors.index.json in this folder");
  std::string single =
      writeFloats(folder, "model.safetensors", {{"a", {1}, {1}}});
  for (const std::string &path : {folder.getPath(), single}) {
    SafetensorsCheckpoint checkpoint;
    ASSERT_FALSE(checkpoint.open(path));
    EXPECT_NE(checkpoint.find("a"), nullptr);
    EXPECT_EQ(checkpoint.find("b"), nullptr);
  }
  // An index comes before a single file.
  writeFloats(folder, "one", {{"b", {1}, {1}}, {"d", {1}, {2}}});
  writeFloats(folder, "two", {{"c", {2}, {3, 4}}});
  std::string index =
      folder.write("model.safetensors.index.json",
                   R"({"metadata":{"total_size":[1,{"weight_map":2}]},
          "weight_map":{"b":"one","c":"two","d":"one"}})");
  for (const std::string &path : {folder.getPath(), index}) {
    SafetensorsCheckpoint checkpoint;
    Failure failure = checkpoint.open(path);
    ASSERT_FALSE(failure) << failure.getMessage();
    EXPECT_EQ(checkpoint.getTensors().size(), 3u);
    EXPECT_EQ(checkpoint.find("a"), nullptr);
    ASSERT_NE(checkpoint.find("c"), nullptr);
    EXPECT_EQ(checkpoint.find("c")->file->getPath(), folder.file("two"));
  }
}

TEST(SafetensorsCheckpoint, NamesWhatIsWrongWithAnIndex) {
  TestFolder folder;
  writeFloats(folder, "one", {{"a", {1}, {1}}, {"b", {1}, {2}}});
  writeFloats(folder, "two", {{"b", {1}, {3}}, {"c", {1}, {3}}});
  auto open = [&](const std::string &text) {
    std::string path = folder.write("index.json", text);
    std::string message = openCheckpoint(path);
    size_t at = message.find(folder.getPath());
    while (at != std::string::npos) {
      message.erase(at, folder.getPath().size() + 1);
      at = message.find(folder.getPath());
    }
    return message;
  };
  EXPECT_EQ(open(R"({"weight_map":{"a":"one"}})"), "");
  EXPECT_EQ(open(""), "index.json: invalid JSON at byte 1");
  EXPECT_EQ(open("[1]"), "index.json: expected an object, got an array");
  EXPECT_EQ(open("{}"), "index.json: expected an object with 'weight_map'");
  EXPECT_EQ(open(R"({"weight_map":[]})"),
            "index.json: expected an object as 'weight_map', got an array");
  EXPECT_EQ(open(R"({"weight_map":{"a":{}}})"),
            "index.json: expected the name of a file for 'a', got an object");
  EXPECT_EQ(open(R"({"weight_map":{"a":3}})"),
            "index.json: expected the name of a file for 'a', got a number");
  EXPECT_EQ(open(R"({"weight_map":{"a":"one","a":"one"}})"),
            "index.json: expected each name once, got 'a' twice");
  EXPECT_EQ(open(R"({"weight_map":{},"weight_map":{}})"),
            "index.json: expected 'weight_map' once, got it twice");
  EXPECT_EQ(open(R"({"weight_map":{"a":"../one"}})"),
            "index.json: expected the name of a file in the same folder for "
            "'a', got '../one'");
  EXPECT_EQ(open(R"({"weight_map":{"a":"six","b":"five","c":"six"}})"),
            "index.json: expected the files it lists beside it, found no "
            "'five' and 'six'");
  EXPECT_EQ(open(R"({"weight_map":{"c":"one"}})"),
            "index.json: tensor 'c': expected it in 'one', which has no such "
            "tensor");
  EXPECT_EQ(open(R"({"weight_map":{"a":"one","c":"two"}})"),
            "two: tensor 'b': expected it in one file, got it also in one");
}
