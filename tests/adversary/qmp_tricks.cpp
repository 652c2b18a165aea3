// SPDX-License-Identifier: MIT
// What can be said in QEMU's place.
#include "base/format.hpp"
#include "tricks.hpp"

namespace linstub::adversary {
namespace {

using base::Milliseconds;
using wire::Service;

[[noreturn]] void say_for_ever(Adversary &adversary, std::string_view message, size_t times) {
  const wire::StreamId monitor = adversary.stream_to(Service::qmp);
  std::string text;
  for (size_t i = 0; i < times; i++)
    text += message;
  for (;;)
    adversary.send_all(monitor, text);
}

} // namespace

void reply_to_nothing(Adversary &adversary) {
  adversary.send_all(adversary.stream_to(Service::qmp), "{\"return\":{},\"id\":987654321}\r\n");
}

// One that is passed on to libxl, and so has to wait there for who reads slowly.
void flood_events(Adversary &adversary) {
  say_for_ever(adversary,
               "{\"timestamp\":{\"seconds\":1,\"microseconds\":2},\"event\":\"RTC_CHANGE\","
               "\"data\":{\"offset\":1,\"qom-path\":\"/machine\"}}\r\n",
               64);
}

// Of a device that there never was.
void flood_deletions(Adversary &adversary) {
  say_for_ever(adversary,
               "{\"timestamp\":{\"seconds\":1,\"microseconds\":2},\"event\":\"DEVICE_DELETED\","
               "\"data\":{\"device\":\"pci-pt-00_1f.0\",\"path\":\"/machine/peripheral/x\"}}\r\n",
               64);
}

void send_endless_message(Adversary &adversary) {
  const wire::StreamId monitor = adversary.stream_to(Service::qmp);
  adversary.send_all(monitor, "{\"event\":\"");
  const std::string more(4096, 'A');
  while (adversary.streams().contains(monitor))
    adversary.send_all(monitor, more);
}

// Later than libxl, or anybody else, waits.
void answer_late(Adversary &adversary) { adversary.manners.delay = Milliseconds(20'000); }

} // namespace linstub::adversary
