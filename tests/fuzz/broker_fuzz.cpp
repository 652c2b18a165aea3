// SPDX-License-Identifier: MIT
// What the device model process says to the broker, and what the broker makes of it: any bytes are
// either refused or a message that its rule allows, and that is encoded to the same bytes again.
// The first byte chooses the side and how many descriptors come.
#include "broker/message.hpp"
#include "broker/permissions.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace linstub::broker;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const auto sender = (data[0] & 1) != 0 ? Sender::broker : Sender::device_model;
  const size_t files = (data[0] >> 1) & 3;
  auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  auto message = decode(sender, bytes, files);
  if (!message)
    return 0;
  const auto rule = std::ranges::find(rules(), message->type, &Rule::type);
  if (rule == rules().end() || rule->sender != sender || message->value > rule->most_value ||
      message->first.size() > rule->first || message->second.size() > rule->second)
    std::abort();
  std::string again = encode(*message);
  if (again.size() != bytes.size() || std::memcmp(again.data(), bytes.data(), again.size()) != 0)
    std::abort();
  for (Stage stage : all_stages) {
    Verdict verdict =
        permits(*message,
                {.stage = stage, .has_run = (data[0] & 8) != 0, .upgrading = (data[0] & 16) != 0});
    if (sender == Sender::broker && verdict != Verdict::violation)
      std::abort();
  }
  return 0;
}
