// SPDX-License-Identifier: MIT
#include "stub/guest_calls.hpp"

#include "base/log.hpp"
#include "sys/unix_socket.hpp"
#include "wire/guest_call.hpp"
#include "wire/paths.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace linstub::stub {

base::Result<std::unique_ptr<GuestCalls>> GuestCalls::open(base::EventLoop &loop,
                                                           xen::Xenstore &xenstore) {
  auto [ours, theirs] = TRY(sys::make_socket_pair(SOCK_SEQPACKET));
  std::unique_ptr<GuestCalls> calls(new GuestCalls(loop, xenstore));
  calls->ours_ = std::move(ours);
  calls->theirs_ = std::move(theirs);
  TRY(xenstore.watch(wire::answer_node, token));
  calls->watch_ = TRY(
      loop.watch(calls->ours_.get(), EPOLLIN, [self = calls.get()](uint32_t) { self->on_call(); }));
  return calls;
}

void GuestCalls::on_call() {
  std::array<char, wire::longest_guest_call> text{};
  const ssize_t got = ::recv(ours_.get(), text.data(), text.size(), MSG_DONTWAIT);
  if (got <= 0)
    return watch_.reset(); // QEMU has ended
  const auto call =
      wire::decode_guest_call(std::string_view(text.data(), static_cast<size_t>(got)));
  if (!call) {
    base::log_warning("QEMU asks for what nobody knows: {}", call.error().message());
    return answer(EINVAL);
  }
  if (asked_)
    return answer(EBUSY);
  const auto written = xenstore_.write(
      wire::call_node, wire::encode(wire::NumberedCall{.serial = ++serial_, .call = *call}));
  if (!written) {
    base::log_failure(written);
    return answer(EIO);
  }
  asked_ = true;
}

void GuestCalls::look() {
  if (!asked_)
    return;
  const auto text = xenstore_.read_if_there(wire::answer_node, wire::longest_guest_call);
  if (!text || !*text)
    return;
  const auto told = wire::decode_call_answer(**text);
  if (!told || told->serial != serial_)
    return;
  asked_ = false;
  answer(told->error);
}

void GuestCalls::answer(int error) {
  const std::string text = std::to_string(error);
  if (::send(ours_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    watch_.reset();
}

} // namespace linstub::stub
