// SPDX-License-Identifier: MIT
#include "disk/state_copy.hpp"
#include "disk/state_files.hpp"

#include <optional>

namespace linstub::disk {
namespace {

using ::testing::HasSubstr;

class StateCopyTest : public ::testing::Test {
protected:
  void start(const StateFile &file, std::optional<StateCopy::Target> target = {}) {
    copy = StateCopy::start(*loop, file, std::move(target), [this](base::Result<uint64_t> length) {
      result = std::move(length);
      copy.reset();
      loop->stop();
    });
  }
  static StateCopy::Target target_of(const base::Fd &fd, SavedForm form) {
    return {.file = base::Fd(::dup(fd.get())), .form = form};
  }
  void run() { ASSERT_TRUE(loop->run_until(base::Deadline::after(base::Milliseconds(20'000)))); }
  std::string error() {
    run();
    return !result ? "no end" : *result ? "none" : result->error().message();
  }

  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  std::unique_ptr<StateCopy> copy;
  std::optional<base::Result<uint64_t>> result;
};

TEST_F(StateCopyTest, GivesQemusBytesBehindTheHeaderOrPlain) {
  const std::string state(3 * StateCopy::slice + 1, 'q');
  auto file = StateFile::fill(guest, memory(state));
  ASSERT_TRUE(file) << file.error().message();
  for (SavedForm form : {SavedForm::marked, SavedForm::plain}) {
    result.reset();
    base::Fd target = memory(std::string(2'000'000, 'x')); // longer, from a save before
    start(*file, target_of(target, form));
    EXPECT_EQ(error(), "none");
    EXPECT_EQ(result->value(), state.size());
    EXPECT_EQ(content_of(target), form == SavedForm::plain ? state : header() + state);
  }
}

TEST_F(StateCopyTest, WhatItGivesIsTakenBack) {
  auto file = StateFile::fill(guest, memory("device state"));
  ASSERT_TRUE(file);
  base::Fd target = memory("");
  start(*file, target_of(target, SavedForm::marked));
  run();
  auto again = StateFile::fill(guest, target);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(state_in(*again), "device state");
}

TEST_F(StateCopyTest, ChecksWithoutATarget) {
  auto file = StateFile::fill(guest, memory("device state"));
  ASSERT_TRUE(file);
  start(*file);
  EXPECT_EQ(error(), "none");
  EXPECT_EQ(result->value(), 12U);
}

TEST_F(StateCopyTest, RefusesWhatAStubDomainHasNotFinishedOrHasDamaged) {
  auto empty = StateFile::make(guest);
  ASSERT_TRUE(empty);
  start(*empty);
  EXPECT_THAT(error(), HasSubstr("no complete state"));

  auto file = StateFile::fill(guest, memory("device state"));
  ASSERT_TRUE(file);
  ASSERT_EQ(::pwrite(file->fd().get(), "X", 1, static_cast<off_t>(wire::state_offset) + 3), 1);
  base::Fd target = memory("");
  start(*file, target_of(target, SavedForm::marked));
  EXPECT_THAT(error(), HasSubstr("damaged"));
}

TEST_F(StateCopyTest, SaysThatTheTargetIsFull) {
  auto file = StateFile::fill(guest, memory("device state"));
  ASSERT_TRUE(file);
  auto full = base::open_file("/dev/full", O_WRONLY);
  ASSERT_TRUE(full);
  start(*file, StateCopy::Target{.file = std::move(*full)});
  EXPECT_THAT(error(), HasSubstr("copy the state"));
  EXPECT_EQ(result->error().code(), ENOSPC);
}

// The longest state, with a record that is right: as a hostile stub domain would make it.
TEST_F(StateCopyTest, LetsTheLoopGoOnAfterEachSlice) {
  auto file = StateFile::make(guest);
  ASSERT_TRUE(file);
  const std::string zeros(StateCopy::slice, '\0');
  base::Sha256 digest;
  for (uint64_t done = 0; done < wire::longest_state; done += zeros.size())
    digest.add(std::string_view(zeros).substr(0, wire::longest_state - done));
  const auto record =
      wire::encode(wire::StateRecord{.length = wire::longest_state, .digest = digest.digest()});
  ASSERT_EQ(::pwrite(file->fd().get(), record.data(), record.size(), 0),
            static_cast<ssize_t>(record.size()));
  uint64_t turns = 0;
  base::EventLoop::Handle next;
  std::function<void()> count = [&] {
    turns++;
    next = loop->soon(count);
  };
  count();
  start(*file);
  EXPECT_EQ(error(), "none");
  EXPECT_EQ(result->value(), wire::longest_state);
  EXPECT_GE(turns, wire::longest_state / StateCopy::slice);
}

TEST_F(StateCopyTest, EndsWithItsObject) {
  auto file = StateFile::fill(guest, memory(std::string(2 * StateCopy::slice, 'q')));
  ASSERT_TRUE(file);
  base::Fd target = memory("");
  start(*file, target_of(target, SavedForm::plain));
  auto look = loop->soon([this] { loop->stop(); });
  run();
  copy.reset();
  ASSERT_TRUE(loop->run_until(base::Deadline::after(base::Milliseconds(20))));
  EXPECT_FALSE(result);
  EXPECT_LT(content_of(target).size(), 2 * StateCopy::slice);
}

} // namespace
} // namespace linstub::disk
