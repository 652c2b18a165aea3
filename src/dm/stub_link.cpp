// SPDX-License-Identifier: MIT
#include "dm/stub_link.hpp"

#include <utility>

namespace linstub::dm {
namespace {

using base::Result;
using broker::StubWord;

// What linstub-init is doing when it has said that (wire/paths.hpp).
std::string_view meaning(StubWord word) {
  switch (word) {
  case StubWord::booting:
    return "linstub-init was starting up";
  case StubWord::devices:
    return "it waited for its disks and network interfaces";
  case StubWord::qemu:
    return "QEMU was starting";
  case StubWord::running:
    return "QEMU ran, but its monitor did not answer";
  case StubWord::failed:
    break;
  }
  return "it had failed";
}

} // namespace

Result<> StubLink::connect(std::unique_ptr<xen::Transport> transport) {
  if (!stub_ || channel_)
    return {};
  channel_ = TRY(Channel::create(
      loop_, std::move(transport),
      {.on_ready =
           [this] {
             if (auto connected = owner_.on_channel(*channel_); !connected)
               owner_.happened(Event::stub_failed, connected.error().message());
           },
       .on_broken =
           [this](const std::string &why) {
             owner_.happened(Event::stub_failed,
                             base::format("the channel to the stub domain is broken: {}", why));
           }}));
  return {};
}

std::string StubLink::last_words(const std::string &name) const {
  if (!stub_)
    return "it was still being made";
  if (word_)
    return std::string(meaning(*word_));
  return base::format("it has said nothing: is its kernel alive? (xl console {}-dm, or "
                      "log-level=debug)",
                      name);
}

void StubLink::rest() {
  if (rest_ != Rest::due || !stub_)
    return;
  host_.rest_stub();
  rest_ = Rest::taken;
}

void StubLink::wake() {
  if (std::exchange(rest_, Rest::none) == Rest::taken && stub_)
    host_.wake_stub();
}

void StubLink::forget() {
  if (channel_) {
    channel_->leave();
    former_channels_.push_back(std::move(channel_));
    forget_channels_ = loop_.soon([this] { former_channels_.clear(); });
  }
  stub_.reset();
  word_.reset();
  rest_ = Rest::none;
}

} // namespace linstub::dm
