//===- IndexCheckTests.cpp - values out of range --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"

using namespace peermla;
using namespace peermla::test;

namespace {
/// Two sequences with 2 and 1 new tokens after 3 and 0 old ones, pages of 2,
/// and room for 6 tokens each.
class Step : public FakeSession {
protected:
  Tensor<int32_t> tokens{{3}, {7, 8, 9}}, cu{{3}, {0, 2, 3}}, past{{2}, {3, 0}};
  Tensor<float> cache{{5, 2, 2}};
  Tensor<int32_t> table{{2, 3}, {4, 0, 2, 1, -1, 99}}, rows{{2}, {2, 0}};
  Tensor<float> y{{2}, {-1, -1}};

  std::string step() {
    std::string message =
        call("step", {tokens, cu, past, cache, table, rows, y});
    if (!message.empty()) {
      // A call that fails has changed nothing.
      EXPECT_EQ(y.values[0], -1);
      for (float value : cache.values)
        EXPECT_EQ(value, 0);
    }
    return message;
  }
  /// Checks the error word, then clears it.
  void expectWord(unsigned kind, unsigned argument, uint64_t position) {
    EXPECT_EQ(status, PEERMLA_INDEX_OUT_OF_RANGE);
    uint64_t word = readErrorWord();
    EXPECT_EQ(word & 0xff, kind);
    EXPECT_EQ(word >> 8 & 0xff, 1u); // step
    EXPECT_EQ(word >> 16 & 0xff, argument);
    EXPECT_EQ(word >> 24, position);
    EXPECT_EQ(api.clear_error_word(session), PEERMLA_OK);
    EXPECT_EQ(readErrorWord(), 0u);
  }
};

/// Two sequences with 2 new tokens each.
class Decode : public FakeSession {
protected:
  Tensor<int32_t> tokens{{4}, {1, 2, 3, 4}};
  Tensor<float> cache{{4, 2, 2}};
  Tensor<int32_t> table{{2, 2}, {3, 0, 1, 99}}, lengths{{2}, {1, 0}};
  Tensor<float> y{{4}};

  std::string decode() {
    return call("decode", {tokens, cache, table, lengths, y});
  }
};
} // namespace

TEST_F(Step, AcceptsUnusedBlocks) {
  EXPECT_EQ(step(), "");
  EXPECT_EQ(y.values, (std::vector<float>{9, 7}));
  // Tokens 3 and 4 of the first sequence: second row of block 0, first of 2.
  EXPECT_EQ(cache.values[2 * (0 * 2 + 1)], 7);
  EXPECT_EQ(cache.values[2 * (2 * 2 + 0)], 8);
  EXPECT_EQ(cache.values[2 * (1 * 2 + 0)], 9);
  EXPECT_EQ(readErrorWord(), 0u);
}

TEST_F(Step, ChecksTokens) {
  tokens.values[1] = 100;
  EXPECT_EQ(step(), "argument 'tokens' expects values in [0, 100), got 100 at "
                    "position [1]");
  expectWord(PEERMLA_ERROR_RANGE, 0, 1);
  tokens.values[1] = -1;
  EXPECT_EQ(step(), "argument 'tokens' expects values in [0, 100), got -1 at "
                    "position [1]");
}

TEST_F(Step, ChecksIndicesAgainstASymbol) {
  rows.values[1] = 3;
  EXPECT_EQ(step(), "argument 'logit_rows' expects values in [0, 3), got 3 at "
                    "position [1]");
  expectWord(PEERMLA_ERROR_RANGE, 5, 1);
}

TEST_F(Step, ChecksCumulativeLengths) {
  cu.values = {1, 2, 3};
  cu.tensor.data = cu.values.data();
  EXPECT_EQ(step(), "argument 'cu_seqlens' expects 0 as first value, got 1 at "
                    "position [0]");
  expectWord(PEERMLA_ERROR_CU_SEQLENS, 1, 0);
  cu.values[0] = 0;
  cu.values[1] = 4;
  EXPECT_EQ(step(), "argument 'cu_seqlens' expects values that do not decrease,"
                    " 4 or more here, got 3 at position [2]");
  expectWord(PEERMLA_ERROR_CU_SEQLENS, 1, 2);
  cu.values[1] = cu.values[2] = 2;
  EXPECT_EQ(step(), "argument 'cu_seqlens' expects T = 3 as last value, got 2 "
                    "at position [2]");
  expectWord(PEERMLA_ERROR_CU_SEQLENS, 1, 2);
}

TEST_F(Step, ChecksLengths) {
  past.values[0] = 5;
  EXPECT_EQ(step(),
            "argument 'past_lens' expects 0 or more and, with 2 new tokens, at "
            "most the 6 that the block table has room for, got 5 at position "
            "[0]");
  expectWord(PEERMLA_ERROR_LENGTH, 2, 0);
  past.values[0] = INT32_MAX;
  EXPECT_NE(step(), "");
  past.values[0] = 3;
  past.values[1] = -1;
  EXPECT_NE(step(), "");
  expectWord(PEERMLA_ERROR_LENGTH, 2, 0);
}

TEST_F(Step, ChecksBlocksInUse) {
  table.values[3] = 5;
  EXPECT_EQ(step(), "argument 'block_table' expects values in [0, 5) for the 1 "
                    "blocks that the sequence uses, got 5 at position [1, 0]");
  expectWord(PEERMLA_ERROR_BLOCK, 4, 3);
  table.values[3] = 1;
  table.values[2] = -1;
  EXPECT_NE(step(), "");
  expectWord(PEERMLA_ERROR_BLOCK, 4, 2);
}

TEST_F(Step, KeepsTheFirstError) {
  tokens.values[2] = 100;
  EXPECT_NE(step(), "");
  tokens.values[1] = 100;
  EXPECT_NE(step(), "");
  tokens.values[1] = tokens.values[2] = 1;
  EXPECT_EQ(step(), "");
  status = PEERMLA_INDEX_OUT_OF_RANGE;
  expectWord(PEERMLA_ERROR_RANGE, 0, 2);
}

TEST_F(Step, AcceptsSequencesWithoutTokens) {
  cu.values = {0, 3, 3};
  cu.tensor.data = cu.values.data();
  past.values[1] = 6;
  table.values[3] = 99;
  EXPECT_EQ(step(), "");
}

TEST_F(Step, AcceptsNothing) {
  Tensor<int32_t> none({0}), zero({1}, {0}), noTable({0, 3});
  Tensor<float> nothing({0});
  EXPECT_EQ(call("step", {none, zero, none, cache, noTable, none, nothing}),
            "");
  // A cache without pages has room for no token.
  Tensor<float> noCache({5, 0, 2});
  EXPECT_EQ(call("step", {none, zero, none, noCache, noTable, none, nothing}),
            "");
  EXPECT_NE(call("step", {tokens, cu, past, noCache, table, rows, y}), "");
}

TEST_F(Decode, DividesTokensAmongSequences) {
  EXPECT_EQ(decode(), "");
  EXPECT_EQ(y.values, (std::vector<float>{1, 2, 6, 7}));
  Tensor<int32_t> three({3});
  Tensor<float> result({3});
  EXPECT_EQ(call("decode", {three, cache, table, lengths, result}),
            "entry 'decode' expects the same number of tokens for each of 2 "
            "sequences, got 3 tokens in all");
  EXPECT_EQ(status, PEERMLA_INVALID_ARGUMENT);
  EXPECT_EQ(readErrorWord(), 0u);
}

TEST_F(Decode, AcceptsNothing) {
  Tensor<int32_t> none({0}), noTable({0, 2}), one({1});
  Tensor<float> nothing({0}), result({1});
  EXPECT_EQ(call("decode", {none, cache, noTable, none, nothing}), "");
  EXPECT_EQ(call("decode", {none, cache, table, lengths, nothing}), "");
  EXPECT_EQ(call("decode", {one, cache, noTable, none, result}),
            "entry 'decode' expects the same number of tokens for each of 0 "
            "sequences, got 1 tokens in all");
}

TEST_F(Decode, ChecksRoomForAllNewTokens) {
  lengths.values[0] = 3;
  EXPECT_EQ(decode(),
            "argument 'seq_lens' expects 0 or more and, with 2 new tokens, at "
            "most the 4 that the block table has room for, got 3 at position "
            "[0]");
  lengths.values[0] = 2;
  EXPECT_EQ(decode(), "");
  lengths.values[1] = 1;
  EXPECT_EQ(decode(), "argument 'block_table' expects values in [0, 4) for the "
                      "2 blocks that the sequence uses, got 99 at position "
                      "[1, 1]");
}
