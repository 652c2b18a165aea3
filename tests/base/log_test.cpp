// SPDX-License-Identifier: MIT
#include "base/log.hpp"

#include <gmock/gmock.h>

namespace linstub::base {
namespace {

TEST(Log, KnowsItsLevelsByName) {
  LogLevel level = LogLevel::info;
  EXPECT_TRUE(parse_log_level("debug", level));
  EXPECT_EQ(level, LogLevel::debug);
  EXPECT_FALSE(parse_log_level("verbose", level));
  EXPECT_EQ(level, LogLevel::debug);
}

TEST(Log, WritesOneLineWithProgramAndLevel) {
  set_log("tester", LogLevel::info);
  ::testing::internal::CaptureStderr();
  log_warning("disk {} is slow", "xvda");
  log_info("ready");
  log_debug("not shown");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "tester: warning: disk xvda is slow\ntester: ready\n");
}

TEST(Log, SaysWhatHasFailedAndNothingOfWhatHasNot) {
  set_log("tester", LogLevel::info);
  ::testing::internal::CaptureStderr();
  log_failure(Result<int>(3));
  log_failure(Result<>());
  log_failure(Result<>(fail("open {}: no {{}}", "xvda")).transform_error(doing("plug")));
  log_failure(Result<int>(fail("slow")), LogLevel::warning);
  log_failure(Result<>(fail("not shown")), LogLevel::debug);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "tester: error: plug: open xvda: no {}\ntester: warning: slow\n");
}

TEST(Log, AGateDecidesWhatIsWrittenAndMaySpeakItself) {
  set_log("tester", LogLevel::info);
  ::testing::internal::CaptureStderr();
  int asked = 0;
  set_log_gate(
      [](void *context, std::string_view line) {
        ++*static_cast<int *>(context);
        log_info("asked about {}", line);
        return line.ends_with("one");
      },
      &asked);
  log_info("one");
  log_info("two");
  relay_log_line("other: three\x1b");
  set_log_gate(nullptr, nullptr);
  log_info("four");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "tester: asked about tester: one\ntester: one\ntester: asked about tester: two\n"
            "other: three?\ntester: four\n");
  EXPECT_EQ(asked, 2);
}

TEST(Log, ForeignTextCannotSteerATerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc\xff", 100), "a?[2Jb?c?");
  EXPECT_EQ(printable("abcdef", 3), "abc");
}

} // namespace
} // namespace linstub::base
