// SPDX-License-Identifier: MIT
// What the broker notices in xenstore: the stub domain's words and end, the guest's end and name.
#include "base/log.hpp"
#include "broker/broker.hpp"

#include <utility>

namespace linstub::broker {
namespace {

using base::Result;

constexpr int most_events = 64; // that are taken at once: a stub domain can cause any number
constexpr const char *name_token = "name";

} // namespace

Result<> Broker::watch_xenstore() {
  TRY(context_.xenstore.watch("@releaseDomain", StubWatch::life_token));
  TRY(context_.xenstore.watch(xen::domain_path(guest_) + "/name", name_token));
  xenstore_watch_ = TRY(
      context_.loop.watch(context_.xenstore.fd(), EPOLLIN, [this](uint32_t) { xenstore_ready(); }));
  return {};
}

void Broker::xenstore_ready() {
  for (int i = 0; i < most_events; i++) {
    auto event = context_.xenstore.next_event();
    if (!event)
      return listener_.on_stub_failed(event.error().message());
    if (!*event)
      break;
    changed_.words = changed_.words || (*event)->token == StubWatch::words_token;
    changed_.domains = changed_.domains || (*event)->token == StubWatch::life_token;
    changed_.name = changed_.name || (*event)->token == name_token;
    changed_.backends = changed_.backends || (*event)->token == GuestBackends::token;
  }
  looks_.ask();
}

void Broker::look() {
  const auto [words, domains, name, backends] = std::exchange(changed_, {});
  // What the stub domain has said comes before that it has gone: it may say why.
  if (words || domains) {
    watch_.look();
    if (auto there = drives_.look())
      listener_.on_medium(*there);
  }
  Result<> looked;
  if (domains)
    looked = look_at_guest();
  if (looked && name)
    looked = look_at_name();
  if (looked && backends)
    looked = backends_.look();
  if (!looked)
    listener_.on_stub_failed(looked.error().message());
}

Result<> Broker::look_at_guest() {
  auto guest = TRY(context_.control.info(guest_));
  if (!guest || guest->dying) {
    base::log_info("the guest has gone");
    listener_.on_guest_gone();
    return {};
  }
  return watch_.look_whether_it_lives();
}

// After a migration, or xl rename, the guest has another name, and so have its stub domain and its
// status: the next guest of the former name must find neither.
Result<> Broker::look_at_name() {
  auto name = TRY(context_.xenstore.read_if_there(xen::domain_path(guest_) + "/name", 256));
  if (!name || name->empty() || *name == context_.plan.name)
    return {};
  base::log_info("the guest is called {} now", *name);
  run::remove_status(context_.plan.name);
  context_.plan.name = *name;
  context_.status.guest = *name;
  write_status();
  listener_.on_renamed(*name);
  if (!stub_)
    return {};
  stubdom_.rename(*stub_, *name + "-dm", task([](const Result<> &renamed) {
    if (!renamed)
      base::log_warning("rename the stub domain: {}", renamed.error().message());
  }));
  return {};
}

} // namespace linstub::broker
