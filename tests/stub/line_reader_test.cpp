// SPDX-License-Identifier: MIT
#include "stub/line_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace linstub::stub {
namespace {

using testing::ElementsAre;

class LineReaderTest : public testing::Test {
protected:
  std::vector<std::string> lines;
  LineReader reader{[this](std::string_view line) { lines.emplace_back(line); }};
};

TEST_F(LineReaderTest, JoinsWhatComesInPieces) {
  reader.feed("qemu: co");
  reader.feed("uld not\nopen ");
  reader.feed("disk\n\n");
  EXPECT_THAT(lines, ElementsAre("qemu: could not", "open disk"));
}

TEST_F(LineReaderTest, TheLastWordsNeedNoNewline) {
  reader.feed("abort");
  reader.finish();
  reader.finish();
  EXPECT_THAT(lines, ElementsAre("abort"));
}

TEST_F(LineReaderTest, CutsALineThatHasNoEnd) {
  reader.feed(std::string(LineReader::longest * 2 + 5, 'x') + "\nnext\n");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0].size(), LineReader::longest);
  EXPECT_EQ(lines[2], "xxxxx");
  EXPECT_EQ(lines[3], "next");
}

TEST_F(LineReaderTest, ALineOfExactlyTheLongestLengthIsOneLine) {
  reader.feed(std::string(LineReader::longest, 'x') + "\nnext\n");
  EXPECT_EQ(lines.size(), 2U);
}

} // namespace
} // namespace linstub::stub
