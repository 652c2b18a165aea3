// SPDX-License-Identifier: MIT
#include "dm/stub_link.hpp"

#include "base/log.hpp"
#include "wire/paths.hpp"
#include "xen/departure.hpp"

#include <algorithm>
#include <utility>

namespace linstub::dm {
namespace {

using base::Result;

constexpr size_t longest_word = 16;

// The words of linstub-init (wire/paths.hpp), and what it is doing meanwhile.
struct Word {
  std::string_view word;
  std::string_view meaning;
};
constexpr std::string_view failed = "failed";
constexpr std::array<Word, 5> words{{
    {"booting", "linstub-init was starting up"},
    {"devices", "it waited for its disks and network interfaces"},
    {"qemu", "QEMU was starting"},
    {"running", "QEMU ran, but its monitor did not answer"},
    {failed, "it had failed"},
}};

} // namespace

std::array<StubLink::Watched, 3> StubLink::watched() const {
  std::string home = xen::domain_path(*stub_);
  return {{{home + "/data/linstub", words_token},
           {home + "/device", life_token}, // the first to go when it is destroyed
           {base::format("{}/device-model/{}/state", home, guest_), words_token}}};
}

Result<> StubLink::follow() {
  followed_ = true;
  for (const Watched &one : watched())
    TRY(xenstore_.watch(one.path, one.token));
  return {};
}

Result<> StubLink::look() {
  if (!stub_)
    return {};
  std::string home = xen::domain_path(*stub_);
  auto word = xenstore_.read_if_there(base::format("{}/{}", home, wire::state_node), longest_word);
  if (word && *word && std::ranges::contains(words, **word, &Word::word) && **word != word_) {
    word_ = **word;
    base::log_debug("stub domain: {}", word_);
  }
  if (word_ == failed) {
    auto error = xenstore_.read_if_there(base::format("{}/{}", home, wire::error_node));
    std::string text =
        error && *error ? base::printable(**error, wire::longest_error) : "no reason";
    owner_.happened(Event::stub_failed, base::format("the stub domain has failed: {}", text));
    return {};
  }
  if (!qemu_runs_) {
    auto qemu = xenstore_.read_if_there(base::format("{}/device-model/{}/state", home, guest_),
                                        longest_word);
    qemu_runs_ = qemu && *qemu == "running";
    if (qemu_runs_)
      owner_.happened(Event::qemu_runs, {});
  }
  return channel_ || !stub_ ? Result<>() : connect();
}

Result<> StubLink::connect() {
  std::string path = base::format("{}/{}", xen::domain_path(*stub_), wire::channel_node);
  for (const char *node : {"ring-ref", "event-channel"}) {
    auto value = xenstore_.read_if_there(base::format("{}/{}", path, node), longest_word);
    if (!value || !*value)
      return {}; // not yet
  }
  channel_ = TRY(Channel::connect(
      loop_, *stub_,
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

Result<> StubLink::look_whether_it_lives() {
  if (!stub_)
    return {};
  auto stub = TRY(control_.info(*stub_));
  if (!stub || stub->dying)
    owner_.happened(Event::stub_gone, "the stub domain has been destroyed");
  else if (stub->shutdown)
    owner_.happened(Event::stub_gone, base::format("the stub domain has ended ({})",
                                                   xen::shutdown_text(*stub->shutdown)));
  else if (TRY(xen::is_being_destroyed(*stub_, control_, xenstore_)))
    owner_.happened(Event::stub_gone, "somebody destroys the stub domain");
  return {};
}

std::string StubLink::last_words(const std::string &name) const {
  if (!stub_)
    return "it was still being made";
  const auto *word = std::ranges::find(words, word_, &Word::word);
  if (word != words.end())
    return std::string(word->meaning);
  return base::format("it has said nothing: is its kernel alive? (xl console {}-dm, or "
                      "log-level=debug)",
                      name);
}

void StubLink::rest() {
  if (rest_ != Rest::due || !stub_)
    return;
  if (auto paused = control_.pause(*stub_); !paused)
    return base::log_failure(paused, base::LogLevel::warning);
  rest_ = Rest::taken;
}

void StubLink::wake() {
  if (std::exchange(rest_, Rest::none) != Rest::taken || !stub_)
    return;
  base::log_failure(control_.unpause(*stub_));
}

void StubLink::forget() {
  if (channel_) {
    channel_->leave();
    former_channels_.push_back(std::move(channel_));
    forget_channels_ = loop_.soon([this] { former_channels_.clear(); });
  }
  // One that could not be made, or was never followed, has no watches.
  if (std::exchange(followed_, false) && stub_) {
    for (const Watched &one : watched()) {
      base::log_failure(xenstore_.unwatch(one.path, one.token), base::LogLevel::warning);
    }
  }
  stub_.reset();
  word_.clear();
  qemu_runs_ = false;
  rest_ = Rest::none;
}

} // namespace linstub::dm
