// SPDX-License-Identifier: MIT
#include "base/process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

namespace linstub::base {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Deadline soon() { return Deadline::after(Milliseconds(5000)); }

TEST(Process, CollectsWhatAProgramPrints) {
  auto output = run({.argv = {"sh", "-c", "echo out; echo err >&2; exit 3"}}, soon());
  ASSERT_TRUE(output) << output.error().message();
  EXPECT_EQ(output->out, "out\n");
  EXPECT_EQ(output->err, "err\n");
  EXPECT_EQ(output->status.code, 3);
}

TEST(Process, GivesInput) {
  std::string input(300'000, 'x');
  auto output = run({.argv = {"wc", "-c"}}, soon(), input);
  ASSERT_TRUE(output);
  EXPECT_THAT(output->out, StartsWith("300000"));
}

TEST(Process, DropsOutputBeyondTheLimit) {
  auto output = run({.argv = {"sh", "-c", "yes | head -c 100000"}}, soon(), {}, 10);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out.size(), 10U);
  EXPECT_TRUE(output->status.success());
}

TEST(Process, ProgramThatIsNotThereIsAnErrorAtTheStart) {
  auto child = start({.argv = {"no-such-program"}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().message(), "start no-such-program: No such file or directory");
}

TEST(Process, RunThatTakesTooLongIsKilled) {
  auto output = run({.argv = {"sleep", "60"}}, Deadline::after(Milliseconds(50)));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code(), ETIMEDOUT);
}

TEST(Process, DoesNotWaitForWhatTheProgramLeftRunning) {
  Clock::time_point start = Clock::now();
  auto output = run({.argv = {"sh", "-c", "sleep 3 & echo done"}}, soon());
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "done\n");
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(2));
}

TEST(Process, ErrorOfACheckedRunQuotesTheProgram) {
  auto result = run_checked({.argv = {"sh", "-c", "echo no space >&2; exit 1"}}, soon());
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("exited with status 1: no space"));
}

TEST(Process, StatusTellsTheSignal) {
  auto child = start({.argv = {"sleep", "60"}});
  ASSERT_TRUE(child);
  child->kill(SIGTERM);
  auto status = child->wait(soon());
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGTERM);
  EXPECT_THAT(status->text(), HasSubstr("signal 15"));
}

TEST(Process, DestroyedChildIsGone) {
  pid_t pid = -1;
  {
    auto child = start({.argv = {"sleep", "60"}});
    ASSERT_TRUE(child);
    pid = child->pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Process, InheritsOnlyWhatItIsGiven) {
  Pipe kept = make_pipe().value();
  Pipe other = make_pipe().value();
  std::string script = std::format("[ -e /proc/self/fd/{} ] && [ ! -e /proc/self/fd/{} ]",
                                   kept.read.get(), other.read.get());
  auto child = start({.argv = {"sh", "-c", script}, .keep = {kept.read.get()}});
  ASSERT_TRUE(child);
  EXPECT_TRUE(child->wait(soon()).value().success());
}

TEST(Process, FailureBeforeExecIsReported) {
  auto child = start({.argv = {"true"}, .before_exec = [] { return EPERM; }});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code(), EPERM);
}

} // namespace
} // namespace linstub::base
