//===- ApiTests.cpp - sessions, contexts, calls ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"
#include "peermla/Runtime/ModelABI.h"
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

using namespace peermla;
using namespace peermla::test;

static std::atomic<size_t> numAllocations{0};

void *operator new(size_t size) {
  ++numAllocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

/// y = x w^T + u for x = t + 1 in all four columns.
static float expectForward(int64_t t, int64_t n) {
  static const float rowSums[] = {10, 26, 42}, u[] = {20, 40, 60};
  return static_cast<float>(t + 1) * rowSums[n] + u[n];
}

static std::vector<float> makeX(int64_t T) {
  std::vector<float> x(4 * T);
  for (int64_t i = 0; i < 4 * T; ++i)
    x[i] = static_cast<float>(i / 4 + 1);
  return x;
}

static void expectForwardOf(const Tensor<float> &y) {
  for (int64_t t = 0; t < y.shape[0]; ++t)
    for (int64_t n = 0; n < 3; ++n)
      ASSERT_EQ(y.values[3 * t + n], expectForward(t, n)) << t << ", " << n;
}

TEST(Api, KnowsItsVersionOnly) {
  EXPECT_EQ(
      peermla_rt_api(0, fakeMetadata, std::strlen(fakeMetadata), fakeFunctions),
      nullptr);
  EXPECT_EQ(peermla_rt_api(PEERMLA_API_VERSION + 1, fakeMetadata,
                           std::strlen(fakeMetadata), fakeFunctions),
            nullptr);
  EXPECT_EQ(&getFakeApi(), &getFakeApi());
}

TEST(Api, ServesSeveralModels) {
  static const char other[] = R"({"schema":1,"model":"Other","compiler":"c",
      "weights":[],"entries":[],"programs":[]})";
  auto *api = static_cast<const peermla_api *>(
      peermla_rt_api(PEERMLA_API_VERSION, other, std::strlen(other), nullptr));
  ASSERT_NE(api, &getFakeApi());
  const peermla_description *description = nullptr;
  ASSERT_EQ(api->describe(api->model, &description), PEERMLA_OK);
  EXPECT_STREQ(description->model, "Other");
  ASSERT_EQ(getFakeApi().describe(getFakeApi().model, &description),
            PEERMLA_OK);
  EXPECT_STREQ(description->model, "Fake");
}

TEST(Api, ReportsABrokenLibrary) {
  static const char broken[] = "{";
  auto *api = static_cast<const peermla_api *>(
      peermla_rt_api(PEERMLA_API_VERSION, broken, 1, nullptr));
  ASSERT_NE(api, nullptr);
  peermla_session *session = nullptr;
  EXPECT_EQ(api->session_create(api->model, nullptr, &session),
            PEERMLA_INVALID_LIBRARY);
  EXPECT_STREQ(api->last_message(), "metadata: invalid JSON");
  const peermla_description *description = nullptr;
  EXPECT_EQ(api->describe(api->model, &description), PEERMLA_INVALID_LIBRARY);
}

TEST(Api, DescribesTheModel) {
  const peermla_api &api = getFakeApi();
  const peermla_description *description = nullptr;
  ASSERT_EQ(api.describe(api.model, &description), PEERMLA_OK);
  EXPECT_STREQ(description->model, "Fake");
  EXPECT_STREQ(description->compiler, "by hand");
  ASSERT_EQ(description->num_entries, 3);
  const peermla_entry &step = description->entries[1];
  EXPECT_STREQ(step.name, "step");
  ASSERT_EQ(step.num_arguments, 7);
  const peermla_argument &cu = step.arguments[1];
  EXPECT_STREQ(cu.name, "cu_seqlens");
  EXPECT_EQ(cu.kind, PEERMLA_IN);
  EXPECT_EQ(cu.dtype.code, kDLInt);
  EXPECT_EQ(cu.dtype.bits, 32);
  ASSERT_EQ(cu.ndim, 1);
  EXPECT_STREQ(step.symbols[cu.shape[0].symbol], "B");
  EXPECT_EQ(cu.shape[0].extent, 1);
  EXPECT_EQ(step.arguments[3].kind, PEERMLA_INOUT);
  EXPECT_EQ(step.arguments[3].shape[2].symbol, -1);
  EXPECT_EQ(step.arguments[3].shape[2].extent, 2);
  ASSERT_EQ(description->num_weights, 2);
  EXPECT_STREQ(description->weights[0].name, "w");
  EXPECT_EQ(description->weights[0].shape[1], 4);
  ASSERT_EQ(description->num_levels, 3);
  EXPECT_STREQ(description->levels[1], "x86-64-v4");

  int32_t entry = -1;
  EXPECT_EQ(api.find_entry(api.model, "decode", &entry), PEERMLA_OK);
  EXPECT_EQ(entry, 2);
  EXPECT_EQ(api.find_entry(api.model, "nothing", &entry),
            PEERMLA_INVALID_ARGUMENT);
  EXPECT_STREQ(api.last_message(), "model 'Fake' has no entry 'nothing', only "
                                   "forward, step and decode");
}

TEST(Api, RefusesNullAndUnknownHandles) {
  const peermla_api &api = getFakeApi();
  EXPECT_NE(api.describe(nullptr, nullptr), PEERMLA_OK);
  EXPECT_NE(api.find_entry(api.model, nullptr, nullptr), PEERMLA_OK);
  EXPECT_NE(api.session_create(nullptr, nullptr, nullptr), PEERMLA_OK);
  EXPECT_NE(api.session_info(nullptr, nullptr), PEERMLA_OK);
  EXPECT_NE(api.read_error_word(nullptr, nullptr), PEERMLA_OK);
  EXPECT_NE(api.clear_error_word(nullptr), PEERMLA_OK);
  EXPECT_NE(api.workspace_size(nullptr, 0, nullptr, 0, nullptr), PEERMLA_OK);
  EXPECT_NE(api.context_create(nullptr, nullptr, nullptr), PEERMLA_OK);
  EXPECT_NE(api.context_reserve(nullptr, 0, nullptr, 0), PEERMLA_OK);
  EXPECT_NE(api.call(nullptr, 0, nullptr, 0), PEERMLA_OK);
  EXPECT_EQ(api.session_destroy(nullptr), PEERMLA_OK);
  EXPECT_EQ(api.context_destroy(nullptr), PEERMLA_OK);
}

/// The message of a session that must fail.
static std::string createSession(const peermla_session_options &options,
                                 peermla_status expected) {
  const peermla_api &api = getFakeApi();
  peermla_session *session = nullptr;
  EXPECT_EQ(api.session_create(api.model, &options, &session), expected);
  EXPECT_EQ(session, nullptr);
  return api.last_message();
}

TEST(Api, RefusesOtherOptions) {
  peermla_session_options options = {};
  EXPECT_EQ(createSession(options, PEERMLA_INVALID_ARGUMENT),
            "expected options with struct_size " +
                std::to_string(sizeof(options)) + ", got 0");
  options.struct_size = sizeof(options);
  EXPECT_EQ(createSession(options, PEERMLA_INVALID_WEIGHTS),
            "model 'Fake' has 2 weights, expected a file or folder with them");
  options.device = "cuda:1";
  EXPECT_EQ(createSession(options, PEERMLA_UNSUPPORTED),
            "device 'cuda:1' is not built into this library, only 'cpu' is");
  options.device = "sim";
  createSession(options, PEERMLA_UNSUPPORTED);
  options.device = "tpu";
  EXPECT_EQ(createSession(options, PEERMLA_INVALID_ARGUMENT),
            "unknown device 'tpu', expected cpu, cuda[:N] or sim[:TARGET]");
  options.device = "cpu";
  options.threads = -1;
  EXPECT_EQ(createSession(options, PEERMLA_INVALID_ARGUMENT),
            "expected 0 to 4096 threads, got -1");
  options.threads = 1;
  peermla_pool pool = {};
  options.pool = &pool;
  EXPECT_EQ(createSession(options, PEERMLA_INVALID_ARGUMENT),
            "expected 0 threads beside a pool, got 1");
  options.threads = 0;
  EXPECT_EQ(createSession(options, PEERMLA_INVALID_ARGUMENT),
            "expected a pool with a function and 1 to 4096 workers, got 0 and "
            "no function");
  options.pool = nullptr;
  options.level = "x86-64-v9";
  EXPECT_EQ(createSession(options, PEERMLA_INVALID_ARGUMENT)
                .rfind("level 'x86-64-v9': unknown CPU level", 0),
            0u);
  options.level = nullptr;
  setenv("PEERMLA_CPU_LEVEL", "amx", 1);
  EXPECT_EQ(createSession(options, PEERMLA_UNSUPPORTED),
            "PEERMLA_CPU_LEVEL 'amx': this library has no code for this CPU "
            "level, only for x86-64-v3, x86-64-v4 and aarch64");
  unsetenv("PEERMLA_CPU_LEVEL");
}

TEST_F(FakeSession, TellsWhatItUses) {
  peermla_session_info info;
  ASSERT_EQ(api.session_info(session, &info), PEERMLA_OK);
  EXPECT_STREQ(info.device, "cpu");
  EXPECT_EQ(info.threads, 2);
  EXPECT_EQ(info.weight_bytes, 64u + 12u);
}

TEST_F(FakeSession, RunsAnEntry) {
  for (int64_t T : {7, 0, 1, 1000}) {
    Tensor<float> x({T, 4}, makeX(T)), y({T, 3});
    ASSERT_EQ(call("forward", {x, y}), "");
    expectForwardOf(y);
  }
}

TEST_F(FakeSession, RunsAnEntryOnAHostPool) {
  peermla_pool pool = {
      nullptr, 3,
      [](void *, int32_t n, void (*task)(int32_t, void *), void *argument) {
        for (int32_t i = n; i-- > 0;)
          task(i, argument);
      }};
  options.threads = 0;
  options.pool = &pool;
  peermla_session *other = nullptr;
  ASSERT_EQ(api.session_create(api.model, &options, &other), PEERMLA_OK);
  peermla_context *otherContext = nullptr;
  ASSERT_EQ(api.context_create(other, nullptr, &otherContext), PEERMLA_OK);
  Tensor<float> x({100, 4}, makeX(100)), y({100, 3});
  DLTensor *tensors[] = {x, y};
  EXPECT_EQ(api.call(otherContext, 0, tensors, 2), PEERMLA_OK);
  expectForwardOf(y);
  EXPECT_EQ(api.context_destroy(otherContext), PEERMLA_OK);
  EXPECT_EQ(api.session_destroy(other), PEERMLA_OK);
}

TEST_F(FakeSession, ContextsRunAtTheSameTime) {
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < 4; ++i)
    threads.emplace_back([this, i] {
      peermla_context *own = nullptr;
      ASSERT_EQ(api.context_create(session, nullptr, &own), PEERMLA_OK);
      for (int round = 0; round < 50; ++round) {
        int64_t T = 10 * i + round;
        Tensor<float> x({T, 4}, makeX(T)), y({T, 3});
        DLTensor *tensors[] = {x, y};
        ASSERT_EQ(api.call(own, 0, tensors, 2), PEERMLA_OK);
        expectForwardOf(y);
        // Messages belong to threads.
        std::string text = "got " + std::to_string(100 + i);
        EXPECT_NE(api.call(own, static_cast<int32_t>(100 + i), tensors, 2),
                  PEERMLA_OK);
        EXPECT_NE(std::string(api.last_message()).find(text),
                  std::string::npos);
      }
      EXPECT_EQ(api.context_destroy(own), PEERMLA_OK);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(FakeSession, StaysWhileItHasContexts) {
  EXPECT_EQ(api.session_destroy(session), PEERMLA_INVALID_ARGUMENT);
  EXPECT_STREQ(api.last_message(),
               "expected a session without contexts, got 1");
}

TEST_F(FakeSession, TellsTheWorkspaceOfACall) {
  int64_t T = 50;
  size_t size = 0;
  ASSERT_EQ(api.workspace_size(session, 0, &T, 1, &size), PEERMLA_OK);
  EXPECT_EQ(size, getForwardWorkspace(50, 2));
  // Entries without a workspace function.
  int64_t five[] = {1, 2, 3, 4, 5};
  ASSERT_EQ(api.workspace_size(session, 2, five, 5, &size), PEERMLA_OK);
  EXPECT_EQ(size, 0u);
}

TEST_F(FakeSession, RefusesOtherSymbols) {
  size_t size = 0;
  int64_t T = -1;
  EXPECT_EQ(api.workspace_size(session, 0, &T, 2, &size),
            PEERMLA_INVALID_ARGUMENT);
  EXPECT_STREQ(api.last_message(),
               "entry 'forward' expects values of 1 symbols (T), got 2");
  EXPECT_EQ(api.workspace_size(session, 0, nullptr, 1, &size),
            PEERMLA_INVALID_ARGUMENT);
  EXPECT_EQ(api.workspace_size(session, 0, &T, 1, &size),
            PEERMLA_INVALID_ARGUMENT);
  EXPECT_STREQ(api.last_message(),
               "entry 'forward' expects T of 0 or more, got -1");
  T = INT64_MAX / 8;
  EXPECT_EQ(api.workspace_size(session, 0, &T, 1, &size),
            PEERMLA_INVALID_ARGUMENT);
  EXPECT_EQ(api.workspace_size(session, 7, &T, 1, &size),
            PEERMLA_INVALID_ARGUMENT);
  EXPECT_STREQ(api.last_message(), "expected an entry in [0, 3), got 7");
}

TEST_F(FakeSession, UsesAGivenWorkspace) {
  alignas(PEERMLA_WORKSPACE_ALIGNMENT) static char workspace[4096];
  peermla_context_options given = {sizeof(given), workspace,
                                   getForwardWorkspace(20, 2),
                                   /*stream=*/nullptr};
  peermla_context *own = nullptr;
  ASSERT_EQ(api.context_create(session, &given, &own), PEERMLA_OK);
  Tensor<float> x({20, 4}, makeX(20)), y({20, 3});
  DLTensor *tensors[] = {x, y};
  EXPECT_EQ(api.call(own, 0, tensors, 2), PEERMLA_OK);
  expectForwardOf(y);
  EXPECT_EQ(workspace[given.workspace_size], 0);
  int64_t T = 20;
  EXPECT_EQ(api.context_reserve(own, 0, &T, 1), PEERMLA_OK);
  T = 21;
  EXPECT_EQ(api.context_reserve(own, 0, &T, 1), PEERMLA_WORKSPACE_TOO_SMALL);
  Tensor<float> longer({21, 4}), result({21, 3}, {5});
  DLTensor *longerTensors[] = {longer, result};
  EXPECT_EQ(api.call(own, 0, longerTensors, 2), PEERMLA_WORKSPACE_TOO_SMALL);
  EXPECT_STREQ(api.last_message(), "entry 'forward' expects a workspace of 464 "
                                   "bytes, got 448");
  EXPECT_EQ(result.values[0], 5);
  EXPECT_EQ(api.context_destroy(own), PEERMLA_OK);

  given.workspace = workspace + 16;
  EXPECT_EQ(api.context_create(session, &given, &own),
            PEERMLA_INVALID_ARGUMENT);
  EXPECT_STREQ(api.last_message(), "expected a workspace aligned to 64 bytes, "
                                   "got an address 16 beyond that");
  given.workspace = nullptr;
  EXPECT_EQ(api.context_create(session, &given, &own),
            PEERMLA_INVALID_ARGUMENT);
}

TEST_F(FakeSession, GrowsItsWorkspaceByHalf) {
  auto run = [&](int64_t T) -> size_t {
    Tensor<float> x({T, 4}, makeX(T)), y({T, 3});
    EXPECT_EQ(call("forward", {x, y}), "");
    expectForwardOf(y);
    return lastWorkspaceSize;
  };
  size_t first = getForwardWorkspace(100, 2);
  EXPECT_EQ(run(100), first);
  EXPECT_EQ(run(50), first);
  EXPECT_EQ(run(101), first + first / 2);
  EXPECT_EQ(run(1000), getForwardWorkspace(1000, 2));
}

TEST_F(FakeSession, CallsAllocateNothing) {
  int64_t T = 300;
  ASSERT_EQ(api.context_reserve(context, 0, &T, 1), PEERMLA_OK);
  Tensor<float> x({T, 4}, makeX(T)), y({T, 3});
  DLTensor *tensors[] = {x, y};
  size_t before = numAllocations;
  peermla_status status = api.call(context, 0, tensors, 2);
  EXPECT_EQ(numAllocations, before);
  EXPECT_EQ(status, PEERMLA_OK);
  expectForwardOf(y);
}
