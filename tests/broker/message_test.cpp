// SPDX-License-Identifier: MIT
#include "broker/message.hpp"
#include "broker/message_socket.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

namespace linstub::broker {
namespace {

base::Result<Message> decode_text(Sender sender, std::string_view bytes, size_t files = 0) {
  return decode(sender, std::as_bytes(std::span(bytes)), files);
}

// One of each type, with all that it may have.
Message largest(const Rule &rule) {
  return {.type = rule.type,
          .number = rule.answered ? 7U : 0U,
          .value = rule.most_value,
          .first = std::string(rule.first, 'a'),
          .second = std::string(rule.second, 'b'),
          .files = {}};
}

TEST(Message, OfEachTypeIsDecodedToWhatItWas) {
  for (const Rule &rule : rules()) {
    Message message = largest(rule);
    auto decoded = decode_text(rule.sender, encode(message), rule.files);
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_EQ(decoded->type, message.type);
    EXPECT_EQ(decoded->number, message.number);
    EXPECT_EQ(decoded->value, message.value);
    EXPECT_EQ(decoded->first, message.first);
    EXPECT_EQ(decoded->second, message.second);
  }
}

TEST(Message, HasTheBytesOfItsHeader) {
  Message message{.type = Type::attach_pci, .number = 2, .value = 0, .first = "nic", .second = "x"};
  EXPECT_EQ(encode(message), std::string("\x10\0\3\0\1\0\0\0\2\0\0\0\0\0\0\0nicx", 20));
}

TEST(Message, IsRefusedWithMoreThanItsTypeMayHave) {
  for (const Rule &rule : rules()) {
    std::string good = encode(largest(rule));
    auto other = rule.sender == Sender::broker ? Sender::device_model : Sender::broker;
    EXPECT_FALSE(decode_text(other, good, rule.files)) << "of the wrong side";
    EXPECT_FALSE(decode_text(rule.sender, good, rule.files + 1U));
    EXPECT_FALSE(decode_text(rule.sender, good + "x", rule.files));
    EXPECT_FALSE(decode_text(rule.sender, good.substr(0, good.size() - 1), rule.files));
    if (rule.most_value != UINT32_MAX) {
      Message more = largest(rule);
      more.value++;
      EXPECT_FALSE(decode_text(rule.sender, encode(more), rule.files));
    }
    Message number = largest(rule);
    number.number = rule.answered ? 0 : 1;
    EXPECT_FALSE(decode_text(rule.sender, encode(number), rule.files));
    std::string longer = good.substr(0, header_size) + std::string(rule.first + 1U, 'a') +
                         std::string(rule.second, 'b');
    longer[2] = static_cast<char>((rule.first + 1U) & 0xff);
    longer[3] = static_cast<char>((rule.first + 1U) >> 8);
    EXPECT_FALSE(decode_text(rule.sender, longer, rule.files));
  }
}

TEST(Message, OfNoTypeAndWithoutAHeaderIsRefused) {
  EXPECT_FALSE(decode_text(Sender::device_model, ""));
  EXPECT_FALSE(decode_text(Sender::device_model, std::string(15, '\0')));
  EXPECT_FALSE(decode_text(Sender::device_model, std::string(16, '\0')));
  EXPECT_FALSE(decode_text(Sender::device_model, std::string(16, '\xff')));
}

TEST(Message, TextsThatAreTooLongAreCut) {
  Message message{.type = Type::tell_status, .second = std::string(longest_text + 100, 'x')};
  auto decoded = decode_text(Sender::device_model, encode(message));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->second.size(), longest_text);
}

class MessageSocketTest : public testing::Test {
protected:
  std::pair<MessageSocket, MessageSocket> ends = MessageSocket::make_pair().value();
  MessageSocket &broker = ends.first;
  MessageSocket &model = ends.second;
};

TEST_F(MessageSocketTest, CarriesMessagesAndTheirDescriptorsBothWays) {
  EXPECT_FALSE(broker.receive().value());
  ASSERT_TRUE(model.send({.type = Type::create, .number = 1, .value = 1}));
  auto request = broker.receive().value();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->type, Type::create);

  Message answer{.type = Type::answer, .number = 1};
  answer.files.push_back(base::open_file("/dev/null", O_RDONLY).value());
  ASSERT_TRUE(broker.send(answer));
  auto got = model.receive().value();
  ASSERT_TRUE(got);
  ASSERT_EQ(got->files.size(), 1U);
  EXPECT_EQ(::fcntl(got->files[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(MessageSocketTest, TellsTheEndOfTheOtherSide) {
  model.release().reset();
  auto ended = broker.receive();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code(), EPIPE);
}

TEST_F(MessageSocketTest, WhatIsTooLongOrHasTooManyDescriptorsIsRefusedAndNothingIsLeftOpen) {
  std::string bytes(longest_message + 100, 'x');
  ASSERT_GT(::send(model.fd().get(), bytes.data(), bytes.size(), 0), 0);
  auto received = broker.receive();
  ASSERT_FALSE(received);
  EXPECT_NE(received.error().code(), EPIPE);

  // A request without any descriptor that comes with one.
  Message stray{.type = Type::remove, .number = 1};
  base::Fd null = base::open_file("/dev/null", O_RDONLY).value();
  const int next = ::dup(null.get());
  ::close(next);
  stray.files.push_back(std::move(null));
  ASSERT_TRUE(model.send(stray));
  EXPECT_FALSE(broker.receive());
  EXPECT_EQ(::fcntl(next, F_GETFD), -1) << "it was closed again";
}

TEST_F(MessageSocketTest, TheBrokerDoesNotWaitForWhoDoesNotRead) {
  base::Result<> sent;
  for (int i = 0; i < 100'000 && sent; i++)
    sent = broker.send({.type = Type::stub_failed, .first = std::string(2000, 'x')});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), EAGAIN);
}

} // namespace
} // namespace linstub::broker
