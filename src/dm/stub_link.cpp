// SPDX-License-Identifier: MIT
#include "dm/stub_link.hpp"

#include <utility>

namespace linstub::dm {
namespace {

using base::Result;
using broker::StubWord;

constexpr base::Milliseconds last_hearing{5'000};

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
  return connect(*present_, std::move(transport));
}

Result<> StubLink::connect_next(std::unique_ptr<xen::Transport> transport) {
  return connect(*next_, std::move(transport));
}

Result<> StubLink::connect(Side &side, std::unique_ptr<xen::Transport> transport) {
  if (!side.stub || side.channel)
    return {};
  // Which of the two it is may change.
  auto failed = [this, &side](const std::string &why) {
    owner_.happened(&side == present_.get() ? Event::stub_failed : Event::next_failed, why);
  };
  side.channel = TRY(Channel::create(
      loop_, std::move(transport),
      {.on_ready =
           [this, &side, failed] {
             auto connected = &side == present_.get() ? owner_.on_channel(*side.channel)
                                                      : owner_.on_next_channel(*side.channel);
             if (!connected)
               failed(connected.error().message());
           },
       .on_broken =
           [failed](const std::string &why) {
             failed(base::format("the channel to the stub domain is broken: {}", why));
           }}));
  return {};
}

std::string StubLink::last_words(const std::string &name) const {
  return last_words(*present_, name + "-dm");
}

std::string StubLink::last_words_of_next(const std::string &name) const {
  return last_words(*next_, name + "-dm-next");
}

std::string StubLink::last_words(const Side &side, const std::string &domain) {
  if (!side.stub)
    return "it was still being made";
  if (side.word)
    return std::string(meaning(*side.word));
  return base::format("it has said nothing: is its kernel alive? (xl console {}, or "
                      "log-level=debug)",
                      domain);
}

void StubLink::rest() {
  if (rest_ != Rest::due || !present_->stub)
    return;
  host_.rest_stub();
  rest_ = Rest::taken;
}

void StubLink::wake() {
  if (std::exchange(rest_, Rest::none) == Rest::taken && present_->stub)
    host_.wake_stub();
}

// The former one still hears what was said last.
void StubLink::take_over() {
  std::swap(present_, next_);
  rest_ = Rest::none;
  forget_next();
  if (forget_channels_)
    forget_channels_ =
        loop_.at(base::Deadline::after(last_hearing), [this] { former_channels_.clear(); });
}

void StubLink::forget_next() { forget(*next_); }

void StubLink::forget() {
  forget(*present_);
  rest_ = Rest::none;
}

void StubLink::forget(Side &side) {
  if (side.channel) {
    side.channel->leave();
    former_channels_.push_back(std::move(side.channel));
    forget_channels_ = loop_.soon([this] { former_channels_.clear(); });
  }
  side.stub.reset();
  side.word.reset();
}

} // namespace linstub::dm
