// SPDX-License-Identifier: MIT
#include "display/rfb_message.hpp"
#include "display/rfb_reader.hpp"

#include <gmock/gmock.h>

#include <map>
#include <vector>

namespace linstub::display {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::IsEmpty;

// Keeps what it is told, as text.
class Seen final : public RfbReader::Listener {
public:
  void on_size(Size size) override {
    sizes.push_back(size);
    lines.clear();
  }
  void on_pixels(uint16_t line, size_t at, std::span<const std::byte> bytes) override {
    ASSERT_FALSE(sizes.empty());
    ASSERT_LT(line, sizes.back().height);
    const size_t across = sizes.back().width * bytes_per_pixel;
    ASSERT_LE(at + bytes.size(), across);
    std::string &text = lines[line];
    text.resize(across, '.');
    text.replace(at, bytes.size(), reinterpret_cast<const char *>(bytes.data()), bytes.size());
  }
  void on_update() override { updates++; }

  std::vector<Size> sizes;
  std::map<uint16_t, std::string> lines;
  int updates = 0;
};

const std::string version = "RFB 003.008\n";
const std::string security = "\x02\x02\x01"s; // VNC's and none
const std::string result = "\0\0\0\0"s;
std::string screen(Size size, const std::string &name = "QEMU") {
  std::string bytes;
  for (uint16_t number : {size.width, size.height})
    bytes += {static_cast<char>(number >> 8U), static_cast<char>(number)};
  bytes += std::string(16, 'f'); // its own format: ours comes next
  return bytes + std::string(3, '\0') + static_cast<char>(name.size()) + name;
}
std::string update(uint8_t rectangles) { return "\0\0\0"s + static_cast<char>(rectangles); }
std::string rectangle(Size at, Size size, int32_t encoding) {
  std::string bytes;
  for (uint16_t number : {at.width, at.height, size.width, size.height})
    bytes += {static_cast<char>(number >> 8U), static_cast<char>(number)};
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<uint32_t>(encoding) >> static_cast<unsigned>(shift));
  return bytes;
}

class RfbReaderTest : public testing::Test {
protected:
  // The error, if there is one.
  std::string feed(const std::string &bytes, size_t pieces_of = SIZE_MAX) {
    for (size_t at = 0; at < bytes.size(); at += std::min(pieces_of, bytes.size() - at)) {
      const auto piece = std::as_bytes(std::span(bytes).subspan(at));
      auto fed = reader.feed(piece.first(std::min(pieces_of, piece.size())));
      if (!fed)
        return fed.error().message();
    }
    return "";
  }
  void greet(Size size = {.width = 4, .height = 2}) {
    ASSERT_EQ(feed(version + security + result + screen(size)), "");
    reader.output().clear();
  }

  Seen seen;
  RfbReader reader{seen, 1 << 16};
};

TEST_F(RfbReaderTest, SaysWhatAVncServerHasToHear) {
  EXPECT_EQ(feed(version), "");
  EXPECT_EQ(std::exchange(reader.output(), {}), version);
  EXPECT_EQ(feed(security), "");
  EXPECT_EQ(std::exchange(reader.output(), {}), "\x01"s);
  EXPECT_EQ(feed(result), "");
  EXPECT_EQ(std::exchange(reader.output(), {}), "\x01"s); // shared
  EXPECT_FALSE(reader.ready());
  reader.request(); // of what there is not
  EXPECT_THAT(reader.output(), IsEmpty());
  EXPECT_EQ(feed(screen({.width = 4, .height = 2})), "");
  EXPECT_TRUE(reader.ready());
  EXPECT_EQ(std::exchange(reader.output(), {}),
            "\0\0\0\0\x20\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0"
            "\x02\0\0\x02\0\0\0\0\xff\xff\xff\x21"s);
  reader.request();
  EXPECT_EQ(reader.output(), "\x03\x01\0\0\0\0\0\x04\0\x02"s);
  EXPECT_THAT(seen.sizes, testing::ElementsAre(Size{.width = 4, .height = 2}));
}

// However the bytes come.
TEST_F(RfbReaderTest, TellsPixelsWhereTheyLie) {
  const std::string whole = version + security + result + screen({.width = 4, .height = 2}) +
                            update(2) + rectangle({1, 0}, {2, 2}, raw_encoding) +
                            "aaaabbbbccccdddd" + rectangle({3, 1}, {1, 1}, raw_encoding) + "eeee" +
                            "\x02" + update(0);
  for (size_t pieces_of : {size_t{1}, size_t{3}, size_t{7}, whole.size()}) {
    SCOPED_TRACE(pieces_of);
    Seen here;
    RfbReader other(here, 1 << 16);
    for (size_t at = 0; at < whole.size(); at += pieces_of) {
      const auto rest = std::as_bytes(std::span(whole).subspan(at));
      ASSERT_TRUE(other.feed(rest.first(std::min(pieces_of, rest.size()))));
    }
    EXPECT_EQ(here.lines.at(0), "....aaaabbbb....");
    EXPECT_EQ(here.lines.at(1), "....ccccddddeeee");
    EXPECT_EQ(here.updates, 2);
  }
}

TEST_F(RfbReaderTest, TellsAnotherSizeAndThenPixelsOfThat) {
  greet();
  EXPECT_EQ(feed(update(2) + rectangle({}, {8, 1}, size_encoding) +
                 rectangle({7, 0}, {1, 1}, raw_encoding) + "wxyz"),
            "");
  EXPECT_EQ(seen.sizes.back(), (Size{.width = 8, .height = 1}));
  EXPECT_EQ(seen.lines.at(0), std::string(28, '.') + "wxyz");
  reader.request();
  EXPECT_EQ(reader.output(), "\x03\x01\0\0\0\0\0\x08\0\x01"s);
}

TEST_F(RfbReaderTest, TakesARectangleWithoutPixelsForWhatItIs) {
  greet();
  EXPECT_EQ(feed(update(2) + rectangle({4, 2}, {0, 0}, raw_encoding) +
                 rectangle({0, 0}, {0, 2}, raw_encoding)),
            "");
  EXPECT_EQ(seen.updates, 1);
  EXPECT_THAT(seen.lines, IsEmpty());
}

TEST_F(RfbReaderTest, RefusesAGreetingThatIsNone) {
  EXPECT_THAT(feed("RFB 003.003\n"), HasSubstr("3.8"));
}

TEST_F(RfbReaderTest, RefusesAServerThatWantsAPassword) {
  EXPECT_THAT(feed(version + "\x01\x02"), HasSubstr("wants a password"));
}

TEST_F(RfbReaderTest, RefusesAServerThatLetsNobodyIn) {
  EXPECT_THAT(feed(version + "\0"s), HasSubstr("nobody"));
}

struct Bad {
  const char *name;
  std::string bytes; // after the greetings, of a screen of 4x2
  const char *why;
};
void PrintTo(const Bad &bad, std::ostream *out) { *out << bad.name; }

class Hostile : public RfbReaderTest, public testing::WithParamInterface<Bad> {};

TEST_P(Hostile, IsRefusedWithASentence) {
  greet();
  EXPECT_THAT(feed(GetParam().bytes + std::string(4096, 'x')), HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    All, Hostile,
    testing::Values(
        Bad{"ARectangleThatIsTooWide", update(1) + rectangle({1, 0}, {4, 1}, raw_encoding),
            "outside the screen of 4x2"},
        Bad{"ARectangleThatIsTooHigh", update(1) + rectangle({0, 2}, {1, 1}, raw_encoding),
            "outside the screen of 4x2"},
        Bad{"ARectangleThatWrapsRound", update(1) + rectangle({65535, 0}, {2, 1}, raw_encoding),
            "outside the screen of 4x2"},
        Bad{"AnEncodingThatWasNotAskedFor", update(1) + rectangle({0, 0}, {1, 1}, 7), "encoding 7"},
        Bad{"AScreenWithoutAnyPixel", update(1) + rectangle({0, 0}, {0, 1}, size_encoding),
            "screen of 0x1"},
        Bad{"AScreenThatIsTooLarge", update(1) + rectangle({0, 0}, {128, 129}, size_encoding),
            "screen of 128x129"},
        Bad{"AScreenThatIsTooWide", update(1) + rectangle({0, 0}, {8193, 1}, size_encoding),
            "screen of 8193x1"},
        Bad{"AColourMap", "\x01", "message 1"}, Bad{"AClipboard", "\x03", "message 3"}),
    [](const auto &test) { return test.param.name; });

TEST_F(RfbReaderTest, RefusesANameWithoutEnd) {
  std::string head = screen({.width = 4, .height = 2}, "");
  head.replace(20, 4, "\0\x01\0\0"s);
  EXPECT_THAT(feed(version + security + result + head), HasSubstr("65536 bytes"));
}

TEST_F(RfbReaderTest, RefusesAServerThatDoesNotLetItIn) {
  EXPECT_THAT(feed(version + security + "\0\0\0\x01"s), HasSubstr("does not let us in"));
}

} // namespace
} // namespace linstub::display
