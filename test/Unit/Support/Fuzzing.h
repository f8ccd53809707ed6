//===- Fuzzing.h - rounds of mutated input --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounds are numbered and deterministic: PEERMLA_FUZZ_FIRST,
// PEERMLA_FUZZ_ROUNDS and PEERMLA_FUZZ_SEED in the environment choose others
// than the default ones. After a crash the round and its input are printed.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_TEST_UNIT_SUPPORT_FUZZING_H
#define PEERMLA_TEST_UNIT_SUPPORT_FUZZING_H

#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <random>
#include <string>

namespace peermla::fuzzing {

/// What the handlers of crashes print while it lives.
class PrintRound : public llvm::PrettyStackTraceEntry {
public:
  PrintRound(unsigned round, const std::string &text)
      : round(round), text(text) {}

  void print(llvm::raw_ostream &os) const override {
    os << "round " << round << ":\n" << text << "\n";
  }

private:
  unsigned round;
  const std::string &text;
};

/// Installs the handlers of crashes.
inline void printRoundsAfterCrashes() {
  llvm::sys::PrintStackTraceOnErrorSignal("");
  llvm::EnablePrettyStackTrace();
}

inline unsigned getNumber(const char *variable, unsigned byDefault) {
  const char *text = std::getenv(variable);
  return text ? std::strtoul(text, nullptr, 10) : byDefault;
}

inline unsigned getFirstRound() { return getNumber("PEERMLA_FUZZ_FIRST", 0); }

inline unsigned getNumRounds(unsigned byDefault) {
  return getNumber("PEERMLA_FUZZ_ROUNDS", byDefault);
}

/// The random numbers of one round.
inline std::mt19937 getRandom(unsigned round) {
  return std::mt19937(getNumber("PEERMLA_FUZZ_SEED", 1) * 1000003 + round);
}

} // namespace peermla::fuzzing

#endif // PEERMLA_TEST_UNIT_SUPPORT_FUZZING_H
