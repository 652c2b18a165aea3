// SPDX-License-Identifier: MIT
#include "dm/outbox.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

namespace linstub::dm {
namespace {

struct Ends {
  base::Pipe pipe = base::make_pipe().value();
  Ends() {
    ::signal(SIGPIPE, SIG_IGN);
    EXPECT_TRUE(base::set_nonblocking(pipe.write));
    EXPECT_TRUE(base::set_nonblocking(pipe.read));
  }
  // What has come, at most 1 MiB.
  [[nodiscard]] std::string read() const {
    std::string all;
    std::string part(4096, '\0');
    for (ssize_t got = 0; (got = ::read(pipe.read.get(), part.data(), part.size())) > 0;)
      all.append(part, 0, static_cast<size_t>(got));
    return all;
  }
};

TEST(Outbox, WritesWhatWasAddedInItsOrder) {
  Ends ends;
  Outbox outbox;
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.write_to(ends.pipe.write).value(), 0U);
  outbox.add("text, ");
  outbox.add(std::as_bytes(std::span(std::string_view("bytes"))));
  EXPECT_EQ(outbox.size(), 11U);
  EXPECT_EQ(outbox.write_to(ends.pipe.write).value(), 11U);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(ends.read(), "text, bytes");
}

TEST(Outbox, KeepsWhatTheDescriptorDoesNotTakeNow) {
  Ends ends;
  Outbox outbox;
  std::string text;
  for (int i = 0; text.size() < 300'000; i++)
    text += base::format("{} ", i);
  outbox.add(text);
  size_t written = outbox.write_to(ends.pipe.write).value();
  EXPECT_GT(written, 0U);
  EXPECT_LT(written, text.size());
  EXPECT_EQ(outbox.size(), text.size() - written);
  EXPECT_EQ(outbox.write_to(ends.pipe.write).value(), 0U) << "the pipe is full";
  std::string read = ends.read();
  while (!outbox.empty()) {
    ASSERT_TRUE(outbox.write_to(ends.pipe.write));
    read += ends.read();
  }
  EXPECT_EQ(read, text);
}

TEST(Outbox, SaysThatNobodyReadsAnyMoreAndKeepsTheRest) {
  Ends ends;
  Outbox outbox;
  outbox.add("lost");
  ends.pipe.read.reset();
  auto written = outbox.write_to(ends.pipe.write);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), EPIPE);
  EXPECT_EQ(outbox.size(), 4U);
  outbox.clear();
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, DropsTheOldestBytes) {
  Ends ends;
  Outbox outbox;
  outbox.add("0123456789");
  outbox.keep_newest(20);
  EXPECT_EQ(outbox.size(), 10U);
  outbox.keep_newest(3);
  ASSERT_TRUE(outbox.write_to(ends.pipe.write));
  EXPECT_EQ(ends.read(), "789");
}

} // namespace
} // namespace linstub::dm
