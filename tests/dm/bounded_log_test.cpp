// SPDX-License-Identifier: MIT
#include "base/log.hpp"
#include "dm/bounded_log.hpp"
#include "dm/model_process.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace linstub::dm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class Logged : public testing::Test {
protected:
  Logged() {
    base::set_log("linstub-dm", base::LogLevel::info);
    base::set_log_sink(
        [](void *context, std::string_view line) {
          auto *test = static_cast<Logged *>(context);
          test->bytes += line.size() + 1;
          test->said.emplace_back(line);
        },
        this);
  }
  ~Logged() override { base::set_log_sink(nullptr, nullptr); }

  std::vector<std::string> said;
  uint64_t bytes = 0;
};

TEST_F(Logged, WhatLinstubDmIsMadeToSayIsBounded) {
  {
    BoundedLog bounded;
    for (int i = 0; i < 100'000; i++)
      base::log_error("a CPU was plugged in: that is none");
    EXPECT_LT(bytes, BoundedLog::size.burst + 4096);
  }
  base::log_error("the guest has no device model any more");
  EXPECT_THAT(said.back(), HasSubstr("no device model any more")) << "the end is always logged";
}

class OfTheModel : public Logged {
protected:
  void write(std::string_view text) { ASSERT_TRUE(base::write_all(pipe.write, text)); }
  void serve() { ASSERT_TRUE(loop->run_until(base::Deadline::after(2 * ModelLog::interval))); }

  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  base::Pipe pipe = base::make_pipe().value();
  std::unique_ptr<ModelLog> log = ModelLog::open(*loop, std::move(pipe.read)).value();
};

TEST_F(OfTheModel, EachLineSaysWhoseItIs) {
  write("linstub-model: warning: vnc is slow\nlinstub-dm: error: forged\n\nhalf");
  serve();
  write(" a line\x1b[31m\n");
  serve();
  EXPECT_THAT(said, ElementsAre("linstub-model: warning: vnc is slow",
                                "linstub-model: linstub-dm: error: forged",
                                "linstub-model: ", "linstub-model: half a line?[31m"));
}

TEST_F(OfTheModel, WhatItHasSaidLastIsReadWhenItHasEnded) {
  write("linstub-model: error: one\nAssertion failed");
  pipe.write.reset();
  log.reset();
  EXPECT_THAT(said, ElementsAre("linstub-model: error: one", "linstub-model: Assertion failed"));
}

TEST_F(OfTheModel, AFloodDoesNotFillTheLogNorTheTime) {
  ASSERT_TRUE(base::set_nonblocking(pipe.write));
  const std::string flood(size_t{64} << 10, 'x');
  uint64_t taken = 0;
  const auto begun = base::Clock::now();
  while (taken < 2 * ModelLog::size.burst &&
         base::Clock::now() - begun < std::chrono::seconds(20)) {
    const ssize_t put = ::write(pipe.write.get(), flood.data(), flood.size());
    taken += put > 0 ? static_cast<uint64_t>(put) : 0;
    ASSERT_TRUE(loop->run_until(base::Deadline::after(base::Milliseconds(1))));
  }
  EXPECT_GE(taken, 2 * ModelLog::size.burst);
  const uint64_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(base::Clock::now() - begun).count() + 1;
  EXPECT_LT(bytes, ModelLog::size.burst + seconds * ModelLog::size.per_second + 8192);
  EXPECT_LT(taken / ModelLog::share, uint64_t{1000} * seconds / ModelLog::interval.count() + 8)
      << "so much of the event loop's time it gets";
}

// What it says itself goes through that: it has nothing of dom0's to write to.
TEST(ModelProcess, HasAPipeInPlaceOfTheLog) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "not root";
  base::Pipe pipe = base::make_pipe().value();
  auto link_of = [](pid_t pid, int fd) {
    std::error_code error;
    return std::filesystem::read_symlink(base::format("/proc/{}/fd/{}", pid, fd), error).string();
  };
  const std::string wanted = link_of(::getpid(), pipe.write.get());
  ASSERT_THAT(wanted, StartsWith("pipe:"));
  auto [ours, theirs] = broker::MessageSocket::make_pair().value();
  auto process = ModelProcess::start({.guest = xen::DomId{7}, .name = "sunny"}, std::move(theirs),
                                     std::move(pipe.write));
  ASSERT_TRUE(process);
  const auto deadline = base::Deadline::after(base::Milliseconds(20'000));
  std::string seen;
  do {
    seen = link_of(process->pid(), STDERR_FILENO);
    if (seen.empty())
      GTEST_SKIP() << "it could not be confined here, and has ended";
  } while (seen != wanted && !deadline.passed());
  EXPECT_EQ(seen, wanted);
  EXPECT_EQ(link_of(process->pid(), STDOUT_FILENO), wanted);
}

} // namespace
} // namespace linstub::dm
