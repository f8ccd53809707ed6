//===- FakeModel.cpp - a model written by hand ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"
#include "peermla/Runtime/ModelABI.h"
#include <cstring>

using namespace peermla;
using namespace peermla::test;

const char peermla::test::fakeMetadata[] = R"json({
 "schema": 1, "model": "Fake", "compiler": "by hand",
 "weights": [{"name": "w", "dtype": "f32", "shape": [3, 4]},
             {"name": "v", "dtype": "f32", "shape": [3]}],
 "entries": [
  {"name": "forward", "arguments": [
    {"name": "x", "kind": "in", "dtype": "f32", "shape": ["T", 4]},
    {"name": "y", "kind": "out", "dtype": "f32", "shape": ["T", 3]}]},
  {"name": "step", "arguments": [
    {"name": "tokens", "kind": "in", "dtype": "i32", "shape": ["T"],
     "check": "tokens:100"},
    {"name": "cu_seqlens", "kind": "in", "dtype": "i32", "shape": ["B+1"],
     "check": "cu_seqlens:T"},
    {"name": "past_lens", "kind": "in", "dtype": "i32", "shape": ["B"],
     "check": "lengths"},
    {"name": "cache", "kind": "inout", "dtype": "f32",
     "shape": ["num_blocks", "page", 2]},
    {"name": "block_table", "kind": "in", "dtype": "i32",
     "shape": ["B", "max_blocks"], "check": "block_table"},
    {"name": "logit_rows", "kind": "in", "dtype": "i32", "shape": ["R"],
     "check": "index:T"},
    {"name": "y", "kind": "out", "dtype": "f32", "shape": ["R"]}]},
  {"name": "decode", "arguments": [
    {"name": "tokens", "kind": "in", "dtype": "i32", "shape": ["T"],
     "check": "tokens:100"},
    {"name": "cache", "kind": "inout", "dtype": "f32",
     "shape": ["num_blocks", "page", 2]},
    {"name": "block_table", "kind": "in", "dtype": "i32",
     "shape": ["B", "max_blocks"], "check": "block_table"},
    {"name": "seq_lens", "kind": "in", "dtype": "i32", "shape": ["B"],
     "check": "lengths"},
    {"name": "y", "kind": "out", "dtype": "f32", "shape": ["T"]}]}],
 "programs": [
)json"
#define PROGRAM(LEVEL)                                                         \
  R"json({"level": ")json" LEVEL R"json(", "prepared": [
     {"name": "w", "dtype": "f32", "shape": [3, 4], "source": 0},
     {"name": "u", "dtype": "f32", "shape": [3], "function": 4,
      "workspace": 5, "sources": [1]}],
    "entries": [
     {"name": "step", "function": 2, "prepared": []},
     {"name": "decode", "function": 3, "prepared": []},
     {"name": "forward", "function": 0, "workspace": 1,
      "prepared": [0, 1]}]})json"
    PROGRAM("x86-64-v3") "," PROGRAM("x86-64-v4") "," PROGRAM("aarch64") "]}";

namespace {
/// Takes tensors from words.
class Words {
public:
  explicit Words(const int64_t *next) : next(next) {}

  template <typename T, size_t rank> struct View {
    T *data;
    const int64_t *sizes, *strides;
  };

  template <typename T, size_t rank> View<T, rank> take() {
    EXPECT_EQ(next[0], next[1]);
    EXPECT_EQ(next[2], 0);
    View<T, rank> view = {reinterpret_cast<T *>(next[1]), next + 3,
                          next + 3 + rank};
    int64_t stride = 1;
    for (size_t i = rank; i-- > 0; stride *= view.sizes[i])
      EXPECT_EQ(view.strides[i], stride);
    next += 3 + 2 * rank;
    return view;
  }
  int64_t takeWorkers() { return *next++; }

private:
  const int64_t *next;
};
} // namespace

/// A parallel-for on a lambda `body(begin, end, worker)`.
template <typename Body> static void parallelFor(int64_t n, Body body) {
  peermla_rt_parallel_for(
      n,
      [](int64_t begin, int64_t end, int64_t worker, void *ctx) {
        (*static_cast<Body *>(ctx))(begin, end, worker);
      },
      &body);
}

size_t peermla::test::getForwardWorkspace(int64_t T, int64_t workers) {
  return static_cast<size_t>(64 * workers + 16 * T);
}

std::atomic<int64_t> peermla::test::lastWorkspaceSize{0};

static int64_t forwardWorkspace(const int64_t *pointer) {
  Words words(pointer);
  auto x = words.take<float, 2>();
  auto y = words.take<float, 2>();
  EXPECT_EQ(y.sizes[0], x.sizes[0]);
  words.take<float, 2>();
  words.take<float, 1>();
  words.take<char, 1>();
  return static_cast<int64_t>(
      getForwardWorkspace(x.sizes[0], words.takeWorkers()));
}

static void forward(const int64_t *pointer) {
  Words words(pointer);
  auto x = words.take<float, 2>();
  auto y = words.take<float, 2>();
  auto w = words.take<float, 2>();
  auto u = words.take<float, 1>();
  auto workspace = words.take<char, 1>();
  int64_t workers = words.takeWorkers(), T = x.sizes[0];
  lastWorkspaceSize = workspace.sizes[0];
  EXPECT_GE(workspace.sizes[0],
            static_cast<int64_t>(getForwardWorkspace(T, workers)));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(workspace.data) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(w.data) % 64, 0u);
  parallelFor(T, [&](int64_t begin, int64_t end, int64_t worker) {
    auto *sums = reinterpret_cast<float *>(workspace.data + 64 * worker);
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t n = 0; n < 3; ++n) {
        sums[n] = u.data[n];
        for (int64_t k = 0; k < 4; ++k)
          sums[n] += x.data[4 * t + k] * w.data[4 * n + k];
      }
      auto *copy =
          reinterpret_cast<float *>(workspace.data + 64 * workers + 16 * t);
      std::memcpy(copy, sums, 12);
      std::memcpy(y.data + 3 * t, copy, 12);
    }
  });
}

static void append(Words::View<float, 3> cache,
                   Words::View<int32_t, 2> blockTable, int64_t b,
                   int64_t position, int32_t token) {
  int64_t page = cache.sizes[1];
  int64_t block = blockTable.data[b * blockTable.sizes[1] + position / page];
  float *row = cache.data + 2 * (block * page + position % page);
  row[0] = static_cast<float>(token);
  row[1] = -row[0];
}

static void step(const int64_t *pointer) {
  Words words(pointer);
  auto tokens = words.take<int32_t, 1>();
  auto cu = words.take<int32_t, 1>();
  auto past = words.take<int32_t, 1>();
  auto cache = words.take<float, 3>();
  auto blockTable = words.take<int32_t, 2>();
  auto rows = words.take<int32_t, 1>();
  auto y = words.take<float, 1>();
  for (int64_t b = 0; b < past.sizes[0]; ++b)
    for (int64_t t = cu.data[b]; t < cu.data[b + 1]; ++t)
      append(cache, blockTable, b, past.data[b] + t - cu.data[b],
             tokens.data[t]);
  for (int64_t r = 0; r < rows.sizes[0]; ++r)
    y.data[r] = static_cast<float>(tokens.data[rows.data[r]]);
}

static void decode(const int64_t *pointer) {
  Words words(pointer);
  auto tokens = words.take<int32_t, 1>();
  auto cache = words.take<float, 3>();
  auto blockTable = words.take<int32_t, 2>();
  auto lengths = words.take<int32_t, 1>();
  auto y = words.take<float, 1>();
  int64_t B = lengths.sizes[0], each = B ? tokens.sizes[0] / B : 0;
  for (int64_t b = 0; b < B; ++b) {
    for (int64_t i = 0; i < each; ++i) {
      int32_t token = tokens.data[b * each + i];
      append(cache, blockTable, b, lengths.data[b] + i, token);
      int64_t first = blockTable.data[b * blockTable.sizes[1]];
      y.data[b * each + i] =
          static_cast<float>(token) + cache.data[2 * first * cache.sizes[1]];
    }
  }
}

static int64_t prepareWorkspace(const int64_t *pointer) {
  Words words(pointer);
  auto v = words.take<float, 1>();
  auto u = words.take<float, 1>();
  EXPECT_EQ(v.sizes[0], 3);
  EXPECT_EQ(u.sizes[0], 3);
  return 12;
}

static void prepare(const int64_t *pointer) {
  Words words(pointer);
  auto v = words.take<float, 1>();
  auto u = words.take<float, 1>();
  auto workspace = words.take<float, 1>();
  EXPECT_EQ(workspace.sizes[0], 12);
  std::memcpy(workspace.data, v.data, 12);
  parallelFor(3, [&](int64_t begin, int64_t end, int64_t) {
    for (int64_t i = begin; i < end; ++i)
      u.data[i] = 2 * workspace.data[i];
  });
}

void *const peermla::test::fakeFunctions[] = {
    reinterpret_cast<void *>(forward),
    reinterpret_cast<void *>(forwardWorkspace),
    reinterpret_cast<void *>(step),
    reinterpret_cast<void *>(decode),
    reinterpret_cast<void *>(prepare),
    reinterpret_cast<void *>(prepareWorkspace)};

const peermla_api &peermla::test::getFakeApi() {
  const void *api = peermla_rt_api(PEERMLA_API_VERSION, fakeMetadata,
                                   std::strlen(fakeMetadata), fakeFunctions);
  EXPECT_NE(api, nullptr);
  return *static_cast<const peermla_api *>(api);
}

std::vector<FloatTensor> peermla::test::getFakeWeights() {
  return {{"w", {3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
          {"v", {3}, {10, 20, 30}}};
}

void FakeSession::SetUp() {
  weights = writeFloats(folder, "weights", getFakeWeights());
  options.struct_size = sizeof(options);
  options.weights = weights.c_str();
  options.threads = 2;
  ASSERT_EQ(api.session_create(api.model, &options, &session), PEERMLA_OK)
      << api.last_message();
  ASSERT_EQ(api.context_create(session, nullptr, &context), PEERMLA_OK);
}

void FakeSession::TearDown() {
  EXPECT_EQ(api.context_destroy(context), PEERMLA_OK);
  EXPECT_EQ(api.session_destroy(session), PEERMLA_OK) << api.last_message();
}

std::string FakeSession::call(const char *entry,
                              std::initializer_list<DLTensor *> tensors) {
  int32_t index = -1;
  EXPECT_EQ(api.find_entry(api.model, entry, &index), PEERMLA_OK);
  status = api.call(context, index, tensors.begin(),
                    static_cast<int32_t>(tensors.size()));
  return status == PEERMLA_OK ? "" : api.last_message();
}

uint64_t FakeSession::readErrorWord() const {
  uint64_t word = 0;
  EXPECT_EQ(api.read_error_word(session, &word), PEERMLA_OK);
  return word;
}
