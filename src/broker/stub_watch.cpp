// SPDX-License-Identifier: MIT
#include "broker/stub_watch.hpp"

#include "base/log.hpp"
#include "wire/paths.hpp"
#include "xen/departure.hpp"
#include "xen/vbd.hpp"

#include <algorithm>
#include <utility>

namespace linstub::broker {
namespace {

using base::Result;

constexpr size_t longest_word = 16;

constexpr std::array<std::pair<std::string_view, StubWord>, 5> words{{
    {"booting", StubWord::booting},
    {"devices", StubWord::devices},
    {"qemu", StubWord::qemu},
    {"running", StubWord::running},
    {"failed", StubWord::failed},
}};

Result<std::string> read_disks(xen::Xenstore &xenstore, xen::DomId stub) {
  return TRY(xenstore.read_if_there(base::format("{}/{}", xen::domain_path(stub), wire::disks_node),
                                    wire::longest_disks))
      .value_or("");
}

} // namespace

Result<bool> has_disk(xen::Xenstore &xenstore, xen::DomId stub, const std::string &vdev) {
  return base::format(" {} ", TRY(read_disks(xenstore, stub))).contains(base::format(" {} ", vdev));
}

Result<std::optional<std::string>> damaged_disk(xen::Xenstore &xenstore, xen::DomId stub) {
  const std::string disks = TRY(read_disks(xenstore, stub));
  const size_t end = disks.find('!');
  if (end == std::string::npos)
    return std::nullopt;
  const size_t start = disks.rfind(' ', end) + 1; // 0 for the first
  std::string name = disks.substr(start, end - start);
  return xen::is_disk_name(name) ? std::optional(std::move(name)) : std::nullopt;
}

std::array<StubWatch::Watched, 3> StubWatch::watched(xen::DomId stub, xen::DomId guest) {
  std::string home = xen::domain_path(stub);
  return {{{home + "/data/linstub", words_token},
           {home + "/device", life_token}, // the first to go when it is destroyed
           {base::format("{}/device-model/{}/state", home, guest), words_token}}};
}

Result<> StubWatch::follow(xen::DomId stub) {
  forget();
  stub_ = stub;
  for (const Watched &one : watched(stub, guest_))
    TRY(xenstore_.watch(one.path, one.token));
  return {};
}

// The watches stay: they have the same tokens.
void StubWatch::continue_as(StubWatch &other) {
  forget();
  stub_ = std::exchange(other.stub_, std::nullopt);
  word_ = std::exchange(other.word_, std::nullopt);
  qemu_runs_ = std::exchange(other.qemu_runs_, false);
  serves_channel_ = std::exchange(other.serves_channel_, false);
}

// What it tells may have it forgotten.
void StubWatch::look() {
  if (!stub_)
    return;
  const std::string home = xen::domain_path(*stub_);
  look_at_word(home);
  if (!stub_ || word_ == StubWord::failed)
    return;
  if (!qemu_runs_) {
    auto qemu = xenstore_.read_if_there(base::format("{}/device-model/{}/state", home, guest_),
                                        longest_word);
    qemu_runs_ = qemu && *qemu == "running";
    if (qemu_runs_)
      owner_.qemu_runs();
  }
  if (stub_ && !serves_channel_)
    look_at_channel(home);
}

void StubWatch::look_at_word(const std::string &home) {
  auto text = xenstore_.read_if_there(base::format("{}/{}", home, wire::state_node), longest_word);
  if (!text || !*text)
    return;
  const auto *known = std::ranges::find(words, **text, &decltype(words)::value_type::first);
  if (known == words.end() || word_ == known->second)
    return;
  word_ = known->second;
  base::log_debug("stub domain: {}", known->first);
  owner_.said(known->second);
  if (!stub_ || word_ != StubWord::failed)
    return;
  auto error = xenstore_.read_if_there(base::format("{}/{}", home, wire::error_node));
  owner_.failed(
      base::format("the stub domain has failed: {}",
                   error && *error ? base::printable(**error, wire::longest_error) : "no reason"));
}

void StubWatch::look_at_channel(const std::string &home) {
  for (const char *node : {"ring-ref", "event-channel"}) {
    auto value = xenstore_.read_if_there(base::format("{}/{}/{}", home, wire::channel_node, node),
                                         longest_word);
    if (!value || !*value)
      return; // not yet
  }
  serves_channel_ = true;
  owner_.serves_channel();
}

Result<> StubWatch::look_whether_it_lives() {
  if (!stub_)
    return {};
  auto stub = TRY(control_.info(*stub_));
  if (!stub || stub->dying)
    owner_.gone("the stub domain has been destroyed");
  else if (stub->shutdown)
    owner_.gone(
        base::format("the stub domain has ended ({})", xen::shutdown_text(*stub->shutdown)));
  else if (TRY(xen::is_being_destroyed(*stub_, control_, xenstore_)))
    owner_.gone("somebody destroys the stub domain");
  return {};
}

void StubWatch::forget() {
  if (auto stub = std::exchange(stub_, std::nullopt)) {
    for (const Watched &one : watched(*stub, guest_))
      base::log_failure(xenstore_.unwatch(one.path, one.token), base::LogLevel::warning);
  }
  word_.reset();
  qemu_runs_ = false;
  serves_channel_ = false;
}

} // namespace linstub::broker
