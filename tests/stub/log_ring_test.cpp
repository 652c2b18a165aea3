// SPDX-License-Identifier: MIT
#include "stub/log_ring.hpp"

#include <gtest/gtest.h>

namespace linstub::stub {
namespace {

TEST(LogRing, GivesEachReaderAllLinesOnce) {
  LogRing ring(1024);
  ring.add("one");
  uint64_t first = 0;
  EXPECT_EQ(ring.read(first, 100), "one\n");
  ring.add("two");
  uint64_t second = 0;
  EXPECT_EQ(ring.read(first, 100), "two\n");
  EXPECT_EQ(ring.read(first, 100), "");
  EXPECT_EQ(ring.read(second, 100), "one\ntwo\n");
}

TEST(LogRing, GivesNoMoreThanIsAskedFor) {
  LogRing ring(1024);
  ring.add("abcdef");
  uint64_t position = 0;
  EXPECT_EQ(ring.read(position, 3), "abc");
  EXPECT_EQ(ring.read(position, 100), "def\n");
}

TEST(LogRing, TellsASlowReaderWhatItHasLost) {
  LogRing ring(64);
  for (int i = 0; i < 100; i++)
    ring.add("0123456789");
  uint64_t position = 0;
  std::string text = ring.read(position, 1000);
  EXPECT_EQ(position, ring.end());
  EXPECT_TRUE(text.starts_with("linstub-init: ")) << text;
  EXPECT_NE(text.find("bytes of log were lost\n0123456789\n"), std::string::npos) << text;
}

TEST(LogRing, KeepsItsBoundWhateverComes) {
  LogRing ring(64);
  ring.add(std::string(1000, 'x'));
  uint64_t position = 0;
  EXPECT_EQ(ring.read(position, 1000), std::string(63, 'x') + "\n");
  for (size_t size = 0; size < 200; size++) {
    ring.add(std::string(size, 'y'));
    uint64_t from = ring.end() - 1;
    EXPECT_EQ(ring.read(from, 10), "\n");
  }
}

TEST(LogRing, TheTailIsWholeLines) {
  LogRing ring(1024);
  ring.add("first line");
  ring.add("second");
  ring.add("third");
  EXPECT_EQ(ring.tail(14), "second | third");
  EXPECT_EQ(ring.tail(1000), "first line | second | third");
  EXPECT_EQ(LogRing(64).tail(10), "");
}

} // namespace
} // namespace linstub::stub
