//===- WeightsTests.cpp - checkpoints that do not fit ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"
#include "peermla/Runtime/ModelABI.h"
#include <cstring>
#include <numeric>

using namespace peermla;
using namespace peermla::test;

namespace {
class Weights : public testing::Test {
protected:
  TestFolder folder;
  std::vector<std::string> warnings;

  /// Creates a session with these tensors; returns the message without the
  /// folder, "" on success.
  std::string create(const std::vector<FloatTensor> &tensors) {
    return createFrom(writeFloats(folder, "f", tensors));
  }

  std::string createFrom(const std::string &path) {
    const peermla_api &api = getFakeApi();
    peermla_session_options options = {};
    options.struct_size = sizeof(options);
    options.weights = path.c_str();
    options.warn_state = this;
    options.warn = [](void *state, const char *message) {
      static_cast<Weights *>(state)->warnings.push_back(message);
    };
    peermla_session *session = nullptr;
    peermla_status status = api.session_create(api.model, &options, &session);
    if (status == PEERMLA_OK) {
      EXPECT_EQ(api.session_destroy(session), PEERMLA_OK);
      return "";
    }
    EXPECT_EQ(status, PEERMLA_INVALID_WEIGHTS);
    EXPECT_EQ(session, nullptr);
    std::string message = api.last_message();
    EXPECT_EQ(message.compare(0, path.size(), path), 0) << message;
    return message.substr(path.size());
  }
};
} // namespace

TEST_F(Weights, MayLieInAFolder) {
  std::vector<FloatTensor> tensors = getFakeWeights();
  writeFloats(folder, "one", {tensors[0]});
  writeFloats(folder, "two", {tensors[1]});
  folder.write("model.safetensors.index.json",
               R"({"weight_map":{"w":"one","v":"two"}})");
  EXPECT_EQ(createFrom(folder.getPath()), "");
  EXPECT_TRUE(warnings.empty());
}

TEST_F(Weights, NameMissingTensorsAndOtherShapes) {
  EXPECT_EQ(create({{"w", {4, 3}, std::vector<float>(12)}}),
            ": tensor 'w': expected F32 [3, 4], got F32 [4, 3]; tensor 'v': "
            "expected F32 [3], got no such tensor");
}

TEST_F(Weights, NameOtherTypes) {
  float data[12] = {};
  ASSERT_FALSE(writeSafetensors(folder.file("f"),
                                {{"w", SafetensorsDtype::F32, {3, 4}, data},
                                 {"v", SafetensorsDtype::BF16, {3}, data}}));
  EXPECT_EQ(createFrom(folder.file("f")),
            ": tensor 'v': expected F32 [3], got BF16 [3]");
}

TEST_F(Weights, MayHaveMoreTensors) {
  std::vector<FloatTensor> tensors = getFakeWeights();
  for (int i = 0; i < 10; ++i)
    tensors.push_back({"t" + std::to_string(i), {1}, {0}});
  EXPECT_EQ(create(tensors), "");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].substr(folder.file("f").size()),
            ": ignored tensors that the model does not use: 't0', 't1', 't2', "
            "'t3', 't4', 't5', 't6', 't7' and 2 more");
}

TEST_F(Weights, ReportUnreadableFiles) {
  EXPECT_EQ(createFrom(folder.file("none")),
            ": cannot open: No such file or directory");
  EXPECT_EQ(createFrom(folder.write("bad", "x")),
            ": expected a safetensors file of 8 bytes or more, got 1");
}

/// gather(rows [R]) -> y [R] from a table of 5 Mi numbers, its own indices.
static const char tableMetadata[] = R"json({
 "schema": 1, "model": "Table", "compiler": "by hand",
 "weights": [{"name": "small", "dtype": "i32", "shape": [3]},
             {"name": "table", "dtype": "i32", "shape": [5242880]}],
 "entries": [{"name": "gather", "arguments": [
    {"name": "rows", "kind": "in", "dtype": "i32", "shape": ["R"],
     "check": "index:5242880"},
    {"name": "y", "kind": "out", "dtype": "i32", "shape": ["R"]}]}],
 "programs": [
)json"
#define PROGRAM(LEVEL)                                                         \
  R"json({"level": ")json" LEVEL R"json(", "prepared": [
     {"name": "table", "dtype": "i32", "shape": [5242880], "source": 1},
     {"name": "small", "dtype": "i32", "shape": [3], "source": 0}],
    "entries": [{"name": "gather", "function": 0, "prepared": [0, 1]}]})json"
    PROGRAM("x86-64-v3") "," PROGRAM("aarch64") "]}";

static void gather(const int64_t *words) {
  auto *rows = reinterpret_cast<const int32_t *>(words[1]);
  auto *y = reinterpret_cast<int32_t *>(words[5 + 1]);
  auto *table = reinterpret_cast<const int32_t *>(words[10 + 1]);
  auto *small = reinterpret_cast<const int32_t *>(words[15 + 1]);
  // Gathers from a large table need huge pages.
  EXPECT_EQ(words[10 + 1] % (2 << 20), 0);
  EXPECT_EQ(words[15 + 1] % 64, 0);
  for (int64_t r = 0; r < words[3]; ++r)
    y[r] = table[rows[r]] + small[2];
}

TEST_F(Weights, LargerThanOnePieceArriveWhole) {
  static void *const functions[] = {reinterpret_cast<void *>(gather)};
  auto &api = *static_cast<const peermla_api *>(
      peermla_rt_api(PEERMLA_API_VERSION, tableMetadata,
                     std::strlen(tableMetadata), functions));
  std::vector<int32_t> table(5242880);
  std::iota(table.begin(), table.end(), 0);
  int32_t small[] = {0, 0, 1000};
  std::string path = folder.file("table");
  ASSERT_FALSE(writeSafetensors(
      path, {{"small", SafetensorsDtype::I32, {3}, small},
             {"table", SafetensorsDtype::I32, {5242880}, table.data()}}));
  peermla_session_options options = {};
  options.struct_size = sizeof(options);
  options.weights = path.c_str();
  options.threads = 3;
  peermla_session *session = nullptr;
  ASSERT_EQ(api.session_create(api.model, &options, &session), PEERMLA_OK)
      << api.last_message();
  peermla_context *context = nullptr;
  ASSERT_EQ(api.context_create(session, nullptr, &context), PEERMLA_OK);
  Tensor<int32_t> rows({5242880}, table), y({5242880});
  DLTensor *tensors[] = {rows, y};
  EXPECT_EQ(api.call(context, 0, tensors, 2), PEERMLA_OK);
  for (int32_t i = 0; i < 5242880; ++i)
    ASSERT_EQ(y.values[i], i + 1000);
  EXPECT_EQ(api.context_destroy(context), PEERMLA_OK);
  EXPECT_EQ(api.session_destroy(session), PEERMLA_OK);
}

/// rows() -> y [N, 103]: the rows of `a` and `b`, and then those of `large` and
/// `one`.
static const char rowsMetadata[] = R"json({
 "schema": 1, "model": "Rows", "compiler": "by hand",
 "weights": [{"name": "a", "dtype": "i32", "shape": [40961, 100]},
             {"name": "b", "dtype": "i32", "shape": [40961, 3]},
             {"name": "large", "dtype": "i32", "shape": [3, 2, 20000]},
             {"name": "one", "dtype": "i32", "shape": [6]}],
 "entries": [{"name": "sum", "arguments": [
    {"name": "y", "kind": "out", "dtype": "i64", "shape": [2]}]}],
 "programs": [
)json"
#define ROWS_PROGRAM(LEVEL)                                                    \
  R"json({"level": ")json" LEVEL R"json(", "prepared": [
     {"name": "ab", "dtype": "i32", "shape": [40961, 103], "rows": [0, 1]},
     {"name": "lo", "dtype": "i32", "shape": [6, 20001], "rows": [3, 2]}],
    "entries": [{"name": "sum", "function": 0, "prepared": [0, 1]}]})json"
    ROWS_PROGRAM("x86-64-v3") "," ROWS_PROGRAM("aarch64") "]}";

/// Counts the elements that are where they should be.
static void countRows(const int64_t *words) {
  auto *y = reinterpret_cast<int64_t *>(words[1]);
  auto *ab = reinterpret_cast<const int32_t *>(words[5 + 1]);
  auto *lo = reinterpret_cast<const int32_t *>(words[12 + 1]);
  EXPECT_EQ(words[5 + 3], 40961);
  EXPECT_EQ(words[12 + 4], 20001);
  y[0] = y[1] = 0;
  for (int32_t n = 0; n < 40961; ++n)
    for (int32_t i = 0; i < 103; ++i)
      y[0] += *ab++ == (i < 100 ? 100 * n + i : -(3 * n + i - 100));
  for (int32_t n = 0; n < 6; ++n)
    for (int32_t i = 0; i < 20001; ++i)
      y[1] += *lo++ == (i < 1 ? -n : 20000 * n + i - 1);
}

TEST_F(Weights, AlternateRowByRow) {
  static void *const functions[] = {reinterpret_cast<void *>(countRows)};
  auto &api = *static_cast<const peermla_api *>(peermla_rt_api(
      PEERMLA_API_VERSION, rowsMetadata, std::strlen(rowsMetadata), functions));
  std::vector<int32_t> a(4096100), b(122883), large(120000), one(6);
  std::iota(a.begin(), a.end(), 0);
  std::iota(large.begin(), large.end(), 0);
  for (std::vector<int32_t> *values : {&b, &one})
    for (size_t i = 0; i < values->size(); ++i)
      (*values)[i] = -static_cast<int32_t>(i);
  std::string path = folder.file("rows");
  ASSERT_FALSE(writeSafetensors(
      path, {{"a", SafetensorsDtype::I32, {40961, 100}, a.data()},
             {"b", SafetensorsDtype::I32, {40961, 3}, b.data()},
             {"large", SafetensorsDtype::I32, {3, 2, 20000}, large.data()},
             {"one", SafetensorsDtype::I32, {6}, one.data()}}));
  peermla_session_options options = {};
  options.struct_size = sizeof(options);
  options.weights = path.c_str();
  options.threads = 3;
  peermla_session *session = nullptr;
  ASSERT_EQ(api.session_create(api.model, &options, &session), PEERMLA_OK)
      << api.last_message();
  peermla_context *context = nullptr;
  ASSERT_EQ(api.context_create(session, nullptr, &context), PEERMLA_OK);
  Tensor<int64_t> y({2});
  DLTensor *tensors[] = {y};
  EXPECT_EQ(api.call(context, 0, tensors, 1), PEERMLA_OK);
  EXPECT_EQ(y.values[0], 40961 * 103);
  EXPECT_EQ(y.values[1], 6 * 20001);
  EXPECT_EQ(api.context_destroy(context), PEERMLA_OK);
  EXPECT_EQ(api.session_destroy(session), PEERMLA_OK);
}
