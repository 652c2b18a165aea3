// SPDX-License-Identifier: MIT
#include "display/link.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

namespace linstub::display {
namespace {

class LinkTest : public testing::Test {
protected:
  LinkTest() {
    auto both = make_link().value();
    display = std::move(both.first);
    model = std::move(both.second);
  }
  base::Fd display;
  base::Fd model;
};

TEST_F(LinkTest, CarriesAStream) {
  base::Pipe pipe = base::make_pipe().value();
  EXPECT_FALSE(receive_stream(model).value());
  ASSERT_TRUE(send_stream(display, pipe.write));
  auto stream = receive_stream(model).value();
  ASSERT_TRUE(stream);
  ASSERT_TRUE(base::write_all(*stream, "x"));
  char byte = 0;
  EXPECT_EQ(::read(pipe.read.get(), &byte, 1), 1);
}

TEST_F(LinkTest, CarriesAPasswordAsFarAsItCounts) {
  ASSERT_TRUE(send_password(model, "secret"));
  ASSERT_TRUE(send_password(model, ""));
  ASSERT_TRUE(send_password(model, "much too long"));
  EXPECT_EQ(receive_password(display).value(), "secret");
  EXPECT_EQ(receive_password(display).value(), "");
  EXPECT_EQ(receive_password(display).value(), "much too");
  EXPECT_FALSE(receive_password(display).value());
}

TEST_F(LinkTest, EndsWithTheOtherSide) {
  model.reset();
  EXPECT_EQ(receive_password(display).error().code(), EPIPE);
  EXPECT_FALSE(send_stream(display, display));
}

TEST_F(LinkTest, RefusesWhatTheOtherSideDoesNotSay) {
  base::Pipe pipe = base::make_pipe().value();
  ASSERT_TRUE(send_password(display, "x")); // no descriptor
  EXPECT_FALSE(receive_stream(model));
  ASSERT_TRUE(send_stream(model, pipe.read)); // one too many
  EXPECT_FALSE(receive_password(display));
  const std::string long_one = "\x09"
                               "12345678";
  ASSERT_EQ(::send(model.get(), long_one.data(), long_one.size(), 0), 9);
  EXPECT_FALSE(receive_password(display));
  ASSERT_EQ(::send(model.get(), "x", 1, 0), 1);
  EXPECT_FALSE(receive_password(display));
  const std::string large(100, '\0');
  ASSERT_EQ(::send(model.get(), large.data(), large.size(), 0), 100);
  EXPECT_FALSE(receive_password(display));
}

} // namespace
} // namespace linstub::display
