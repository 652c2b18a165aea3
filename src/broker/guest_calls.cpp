// SPDX-License-Identifier: MIT
#include "broker/guest_calls.hpp"

#include "base/log.hpp"
#include "wire/paths.hpp"

#include <algorithm>
#include <cerrno>

namespace linstub::broker {
namespace {

using base::Result;

constexpr uint64_t pages_of_mebibyte = 256;
constexpr uint64_t usual_video_memory = 16; // MiB
// ROMs of cards, those that are plugged in later too: 256 KiB each.
constexpr uint64_t other_memory = 16; // MiB
// Frames that an x86 guest can have: 52 bits of address.
constexpr uint64_t frames = uint64_t{1} << 40;
constexpr uint64_t awake = 0;
constexpr uint64_t asleep = 3; // S3, the only one that QEMU sets

// The errno that QEMU is told.
int number_of(const base::Error &error) {
  return error.code() > 0 && error.code() < 4096 ? error.code() : EPERM;
}

} // namespace

PageBudget::PageBudget(uint32_t video_memory)
    : left_((std::max<uint64_t>(video_memory, usual_video_memory) + other_memory) *
            pages_of_mebibyte) {}

Result<> PageBudget::spend(uint64_t first, uint64_t count) {
  if (count == 0 || count >= frames || first >= frames - count)
    return std::unexpected(base::Error("a guest has no such frames", EINVAL));
  if (count > left_)
    return std::unexpected(base::Error(
        base::format("it has {} pages left of what its cards may have", left_), ENOMEM));
  left_ -= count;
  return {};
}

Result<> GuestCalls::serve(xen::DomId stub) {
  const std::string home = xen::domain_path(stub);
  const auto text = TRY(xenstore_.read_if_there(base::format("{}/{}", home, wire::call_node),
                                                wire::longest_guest_call));
  if (!text)
    return {};
  const auto call = wire::decode_numbered_call(*text);
  if (!call)
    return {}; // linstub-init writes no such thing, and who does gets no answer
  const std::string answer_node = base::format("{}/{}", home, wire::answer_node);
  const auto before = TRY(xenstore_.read_if_there(answer_node, wire::longest_guest_call));
  const auto answered = before ? wire::decode_call_answer(*before) : wire::CallAnswer{};
  if (answered && call->serial <= answered->serial)
    return {};
  const Result<> done = perform(call->call);
  if (!done)
    base::log_warning("stub domain {} asks for what it does not get ({}): {}", stub,
                      wire::encode(call->call), done.error().message());
  else
    base::log_debug("stub domain {}: {}", stub, wire::encode(call->call));
  return xenstore_.write(
      answer_node, wire::encode(wire::CallAnswer{.serial = call->serial,
                                                 .error = done ? 0 : number_of(done.error())}));
}

Result<> GuestCalls::perform(const wire::GuestCall &call) {
  switch (call.kind) {
  case wire::GuestCall::Kind::populate:
    TRY(budget_.spend(call.first, call.count));
    return control_.populate(guest_, call.first, call.count);
  case wire::GuestCall::Kind::s_state:
    if (call.first != awake && call.first != asleep)
      return std::unexpected(base::Error("a guest is awake (0) or asleep (3)", EINVAL));
    return control_.set_sleep_state(guest_, call.first == asleep);
  }
  return {};
}

} // namespace linstub::broker
