//===- WeightsTests.cpp - checkpoints that do not fit ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"

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
