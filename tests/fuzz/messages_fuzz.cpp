// SPDX-License-Identifier: MIT
// QEMU's side of a QMP conversation, by a QEMU that writes JSON: greeting, replies with right and
// wrong ids, events, values of any shape, cut into pieces of any size.
#include "fuzz/bytes.hpp"
#include "qmp/policy.hpp"
#include "qmp/session.hpp"

#include <array>
#include <cstdlib>
#include <string>

namespace {

using namespace linstub;

constexpr std::array<std::string_view, 14> words{
    "status", "running", "name",  "device", "desc",    "class",          "bus",
    "return", "error",   "event", "QMP",    "version", "DEVICE_DELETED", "\\u001b[2J"};

std::string text_of(fuzz::Bytes &input) {
  if (input.number(3) != 0)
    return std::string(words.at(input.number(words.size())));
  std::string text(input.piece(input.number(12)));
  for (char &c : text) {
    if (c == '"' || c == '\\' || (c >= 0 && c < 0x20))
      c = 'q'; // else it would be no JSON; the other target tries that
  }
  return text;
}

std::string value_of(fuzz::Bytes &input, int depth) {
  switch (input.number(depth > 3 ? 5 : 8)) {
  case 0:
    return "true";
  case 1:
    return "null";
  case 2:
    return std::to_string(input.number(65536));
  case 3:
    return "-1.5e300";
  case 4:
    return '"' + text_of(input) + '"';
  case 5: {
    std::string list = value_of(input, depth + 1);
    for (size_t i = input.number(4); i > 0; i--)
      list += ',' + value_of(input, depth + 1);
    return '[' + list + ']';
  }
  case 6:
    return "{}";
  default: {
    std::string object = '"' + text_of(input) + "\":" + value_of(input, depth + 1);
    for (size_t i = input.number(4); i > 0; i--)
      object += ",\"" + text_of(input) + "\":" + value_of(input, depth + 1);
    return '{' + object + '}';
  }
  }
}

std::string message_of(fuzz::Bytes &input) {
  const std::string id = std::to_string(input.number(8));
  switch (input.number(6)) {
  case 0:
    return R"({"QMP":{"version":{"qemu":{"major":10,"minor":0,"micro":)" + id + "}}}}";
  case 1:
  case 2:
    return R"({"return":)" + value_of(input, 0) + R"(,"id":)" + id + "}";
  case 3:
    return R"({"error":{"class":"GenericError","desc":")" + text_of(input) + R"("},"id":)" + id +
           "}";
  case 4:
    return R"({"event":")" + text_of(input) + R"(","data":)" + value_of(input, 0) + "}";
  default:
    return "\r\n" + value_of(input, 0) + ' ';
  }
}

// Nothing in it steers a terminal, whoever takes it out of its quotes.
void check(const std::string &json) {
  for (unsigned char c : json) {
    if (c < 0x20 || c > 0x7e)
      std::abort();
  }
  for (size_t at = json.find("\\u"); at != std::string::npos; at = json.find("\\u", at + 1)) {
    size_t slashes = 0;
    while (at >= slashes + 1 && json[at - slashes - 1] == '\\')
      slashes++;
    if (slashes % 2 == 0)
      std::abort(); // an escaped character: there is none among those that are left
  }
}

void answered(const qmp::Reply &reply) {
  if (reply.failed()) {
    check(reply.error);
    return;
  }
  check(reply.result);
  for (const qmp::Rule &rule : qmp::rules()) {
    if (qmp::check_shape(reply.result, rule.result) && reply.result.empty())
      std::abort();
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Bytes input(data, size);
  qmp::ClientSession *self = nullptr;
  qmp::ClientSession session({.on_ready =
                                  [&](qmp::Version) {
                                    for (int i = 0; i < 4; i++) {
                                      if (!self->execute("query-status", "{}", answered))
                                        std::abort();
                                    }
                                  },
                              .on_event =
                                  [](const qmp::Event &event) {
                                    check(event.text);
                                    if (!qmp::parse_from_qemu(event.text))
                                      std::abort();
                                  }});
  self = &session;
  std::string text =
      R"({"QMP":{"version":{"qemu":{"major":10,"minor":0,"micro":0}}}}{"return":{},"id":1})";
  bool good = true;
  for (int messages = 0; messages < 20 && good && !input.empty(); messages++) {
    text += message_of(input);
    const size_t cut = input.number(text.size() + 1);
    good = session.feed(std::as_bytes(std::span(text).first(cut))).has_value();
    text.erase(0, cut);
  }
  session.take_output();
  session.abandon("the end");
  return 0;
}
